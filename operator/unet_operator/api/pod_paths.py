"""Where a pod of a training finds what: mount paths, the run folder, the port of sshd."""

from __future__ import annotations

from unet_operator.api.names import uid8

DATA, OUTPUT = "/data", "/output"
"""Mount paths of the two volumes: the data set and what the training writes."""
CONFIG = "/etc/unet/config"
"""Mount path of the attempt's ConfigMap in the launcher."""
SSH = "/etc/unet/ssh"
"""Mount path of a role's part of the attempt's Secret."""
SSH_PORT = 2222
"""Port of sshd in a worker: above 1023, since no pod runs as root."""


def run_folder(name: str, uid: str) -> str:
    """Path of the run folder in a pod: a re-created resource never resumes silently."""
    return f"{OUTPUT}/{name}-{uid8(uid)}"


def evaluation_folder(name: str, uid: str, round_: int) -> str:
    """Where a round's predictions and report go, as a path in a pod."""
    return f"{run_folder(name, uid)}/evaluation-{round_}"
