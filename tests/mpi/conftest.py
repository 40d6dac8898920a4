"""A real sshd on loopback addresses, with keys of its own, and mpiexec over it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubelib.settings import cache_folder
from machinelib.sshd import server
from machinelib.text import Problem

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).parent / "modules"

# As root, sshd insists on a root-owned /run/sshd and on a user of its own; it is given both
# where only it sees them.
IN_A_VIEW_OF_ITS_OWN = (
    'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && mount --bind "$1" /etc/passwd '
    '&& shift && exec "$@"'
)
SSHD_USER = "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin"


@dataclass(frozen=True)
class Cluster:
    """Loopback addresses that answer ssh, and how to reach them."""

    folder: Path
    ssh: Path

    def hostfile(self, hosts: int, slots: int = 1) -> Path:
        """A hostfile of the addresses 127.0.0.2 and up."""
        path = self.folder / f"hostfile-{hosts}-{slots}"
        path.write_text("".join(f"127.0.0.{i + 2}:{slots}\n" for i in range(hosts)))
        return path

    def launch(
        self,
        *command: str,
        hosts: int = 2,
        slots: int = 1,
        options: tuple[str, ...] = (),
        under: tuple[str, ...] = (),
        modules: bool = True,
    ) -> subprocess.Popen[str]:
        """Starts `python -m unet launch` for `command` on `hosts` addresses.

        `under` is a program that starts the launcher in its turn.  With `modules` the command
        `train` is the stand-in among them.
        """
        words = [*under, sys.executable, "-m", "unet", "launch", "--ssh", str(self.ssh)]
        words += ["--hostfile", str(self.hostfile(hosts, slots)), *options, "--", *command]
        path = [str(MODULES), str(ROOT)] if modules else [str(ROOT)]
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(path),
                "UNET_TERMINATION_LOG": str(self.folder / "termination-log"),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def as_root(command: list[str], folder: Path) -> list[str]:
    """The command that runs `command` with a user `sshd`, in a mount namespace."""
    users = Path("/etc/passwd").read_text().splitlines()
    if not any(line.startswith("sshd:") for line in users):
        users.append(SSHD_USER)
    passwd = folder / "passwd"
    passwd.write_text("".join(f"{line}\n" for line in users))
    return ["unshare", "--mount", "sh", "-c", IN_A_VIEW_OF_ITS_OWN, "sh", str(passwd), *command]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        sshd = server(cache_folder())
    except Problem as error:
        pytest.fail(str(error))
    if not (Path(sys.executable).parent / "mpiexec.hydra").exists():
        pytest.skip("mpiexec.hydra is not beside this Python: make setup")
    folder = tmp_path_factory.mktemp("mpi")
    port = free_port()
    for key in ("host", "client"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True
        )
    (folder / "authorized").write_text((folder / "client.pub").read_text())
    host = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.*]:{port} {host}\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 0.0.0.0\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nMaxStartups 100\n"
    )
    ssh = folder / "ssh"
    ssh.write_text(
        f"#!/bin/sh\nexec ssh -F none -p {port} -i {folder / 'client'} -o BatchMode=yes "
        f"-o UserKnownHostsFile={folder / 'known'} -o StrictHostKeyChecking=yes "
        '-o IdentitiesOnly=yes -o LogLevel=ERROR "$@"\n'
    )
    ssh.chmod(0o755)
    command = [str(sshd.program), "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log:
        daemon = subprocess.Popen(
            as_root(command, folder) if os.geteuid() == 0 else command,
            env=os.environ | sshd.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        while True:
            answer = subprocess.run([ssh, "127.0.0.2", "true"], capture_output=True, check=False)
            if answer.returncode == 0:
                break
            if daemon.poll() is not None or b"refused" not in answer.stderr:
                pytest.fail(f"{answer.stderr.decode()}{(folder / 'sshd.log').read_text()}")
        yield Cluster(folder, ssh)
    finally:
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(timeout=10)
