"""`worker`: an unprivileged sshd under which the launcher starts ranks.

sshd passes TERM on to none of its sessions, so this process does: a worker that is
evicted gives its ranks the time to checkpoint together with all others.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from unet.system.errors import ExitCode, UsageError
from unet.system.logfmt import format_line
from unet_image import processes

KEYS = Path("/etc/unet/ssh")
SSHD = ("/usr/sbin/sshd", "-D", "-e")
FLUSH_SECONDS = 15.0

# A TCP probe connects and hangs up: every few seconds, and it says nothing.
PROBE_NOISE = re.compile(
    r"kex_exchange_identification: (Connection closed|read: Connection reset)"
    r"|^(Connection (closed|reset) by|Server listening on) "
)


class _Stop(Exception):
    """TERM or INT came."""


def grace_seconds() -> float:
    """How long ranks may take to checkpoint.

    Raises:
        UsageError: UNET_GRACE_SECONDS is not a number.
    """
    text = os.environ.get("UNET_GRACE_SECONDS", "100")
    try:
        return max(0.0, float(text))
    except ValueError as error:
        raise UsageError("UNET_GRACE_SECONDS", repr(text), "give a number of seconds") from error


def install_keys(home: Path, keys: Path = KEYS) -> None:
    """Puts the public key where sshd accepts it: in a folder that nobody else can write.

    The mounted Secret's own folder is writable for its group, which sshd rightly mistrusts.
    The private host key is read where it is mounted.

    Raises:
        UsageError: a key is missing or cannot be read.
    """
    for name in ("ssh_host_ed25519_key", "authorized_keys"):
        if not os.access(keys / name, os.R_OK):
            raise UsageError(
                str(keys / name), "missing or not readable", "mount the attempt's Secret there"
            )
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / "authorized_keys"
    target.write_text((keys / "authorized_keys").read_text())
    target.chmod(0o600)


def run(home: Path) -> int:
    """Serves until sshd dies (1) or a signal comes (143)."""
    grace = grace_seconds()
    install_keys(home)
    server = subprocess.Popen(SSHD, stderr=subprocess.PIPE)
    assert server.stderr is not None
    threading.Thread(target=_relay, args=(server.stderr,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        code = server.wait()
    except _Stop:
        finish_ranks(grace)
        server.terminate()
        server.wait()
        return int(ExitCode.TERMINATED)
    _say({"event": "worker", "state": "failed", "cause": f"sshd ended with code {code}"})
    return 1


def finish_ranks(grace: float) -> None:
    """Tells the ranks of this pod to stop, and waits until what they said is delivered."""
    ranks = processes.find(processes.is_rank)
    _say({"event": "worker", "state": "terminating", "ranks": len(ranks)})
    processes.send(ranks, signal.SIGTERM)
    done = processes.wait_gone(ranks, grace)
    # The ranks' last lines travel through Hydra's proxies.
    processes.wait_gone(processes.find(processes.is_hydra), FLUSH_SECONDS if done else 0)
    _say({"event": "worker", "state": "stopped", "ranks": 0 if done else len(ranks)})


def _stop(_number: int, _frame: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise _Stop


def _relay(stream: IO[bytes]) -> None:
    for line in stream:
        text = line.decode(errors="replace").rstrip()
        if text and not PROBE_NOISE.search(text):
            print(f"sshd: {text}", file=sys.stderr, flush=True)


def _say(fields: dict[str, object]) -> None:
    print(format_line(fields), flush=True)
