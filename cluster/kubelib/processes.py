"""Starts the cluster's long-running processes and knows them again later."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import cgroups, files
from .report import KubeError, tail
from .settings import Cluster

_PROXIES = {"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"}


def wait_for(
    what: str, condition: Callable[[], bool], seconds: float, log: Path | None = None
) -> None:
    """Returns once `condition` holds.

    Raises:
        KubeError: it did not within `seconds`; the end of `log` is shown.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            shown = f":\n{tail(log)}" if log else ""
            raise KubeError(what, f"not so after {seconds:.0f} s{shown}", "see the log", log)
        time.sleep(0.1)


def start(cluster: Cluster, name: str, command: list[str], group: str, namespace: str = "") -> int:
    """Starts `command` detached, once, and returns its pid.

    It gets a session of its own, its output goes to ``log/NAME.log``, its working folder
    is ``run/``, its control group is `group` and its network namespace is `namespace`.
    """
    running = pid(cluster, name)
    if running:
        return running
    if namespace:
        command = ["nsenter", f"--net=/run/netns/{namespace}", *command]
    cluster.run.mkdir(parents=True, exist_ok=True)
    cluster.logs.mkdir(parents=True, exist_ok=True)
    with log_file(cluster, name).open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=cluster.run,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=cgroups.joiner(f"{cluster.name}/{group}"),
            env=environment() | {"PATH": f"{cluster.bin}:{os.environ['PATH']}", "HOME": "/root"},
        )
    files.write_atomic(_pid_file(cluster, name), f"{process.pid} {start_time(process.pid)}")
    return process.pid


def environment() -> dict[str, str]:
    """This process' environment without proxies: no part of a cluster asks for anything outside.

    A proxy of the environment would be asked even for 127.0.0.1, and could not answer.
    """
    return {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}


def pid(cluster: Cluster, name: str) -> int:
    """Returns the pid of the process started as `name`, 0 if it no longer runs.

    The kernel gives old pids to new processes: the start time and the control group tell.
    """
    try:
        number, began = map(int, _pid_file(cluster, name).read_text().split())
    except (FileNotFoundError, ValueError):
        return 0
    same = cgroups.is_within(number, cluster.name) and start_time(number) == began
    return number if same else 0


def start_time(number: int) -> int:
    """When the process of this pid began, in clock ticks since boot; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def send(cluster: Cluster, name: str, sent: signal.Signals) -> bool:
    """Sends a signal to the process started as `name`; returns whether it still ran."""
    number = pid(cluster, name)
    if not number:
        return False
    try:
        handle = os.pidfd_open(number)
    except ProcessLookupError:
        return False
    try:
        # Only now is it sure that the process looked at is the one that is signalled.
        if pid(cluster, name) != number:
            return False
        signal.pidfd_send_signal(handle, sent)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def started(cluster: Cluster, name: str) -> float:
    """When the process `name` was last started, in seconds since 1970."""
    return _pid_file(cluster, name).stat().st_mtime


def stop(cluster: Cluster, name: str, patience: float = 10.0) -> None:
    """Ends one process: TERM, then KILL after `patience` seconds."""
    deadline = time.monotonic() + patience
    if send(cluster, name, signal.SIGTERM):
        while pid(cluster, name) and time.monotonic() < deadline:
            time.sleep(0.05)
    while send(cluster, name, signal.SIGKILL):
        time.sleep(0.05)
    _pid_file(cluster, name).unlink(missing_ok=True)


def log_file(cluster: Cluster, name: str) -> Path:
    """Where the process started as `name` writes."""
    return cluster.logs / f"{name}.log"


def _pid_file(cluster: Cluster, name: str) -> Path:
    return cluster.run / f"{name}.pid"
