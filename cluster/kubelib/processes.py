"""Starts the cluster's long-running processes and knows them again later."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import cgroups, files
from .report import KubeError, tail
from .settings import Cluster


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
            env={**os.environ, "PATH": f"{cluster.bin}:{os.environ['PATH']}", "HOME": "/root"},
        )
    files.write_atomic(_pid_file(cluster, name), str(process.pid))
    return process.pid


def pid(cluster: Cluster, name: str) -> int:
    """Returns the pid of the process started as `name`, 0 if it no longer runs.

    The control group is compared, because the kernel gives old pids to new processes.
    """
    try:
        number = int(_pid_file(cluster, name).read_text())
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        group = Path(f"/proc/{number}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return 0
    return number if state != "Z" and f"/{cluster.name}/" in group else 0


def started(cluster: Cluster, name: str) -> float:
    """When the process `name` was last started, in seconds since 1970."""
    return _pid_file(cluster, name).stat().st_mtime


def stop(cluster: Cluster, name: str, patience: float = 10.0) -> None:
    """Ends one process: TERM, then KILL after `patience` seconds."""
    number = pid(cluster, name)
    if number:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while pid(cluster, name):
            if time.monotonic() > deadline:
                os.kill(number, signal.SIGKILL)
            time.sleep(0.05)
    _pid_file(cluster, name).unlink(missing_ok=True)


def log_file(cluster: Cluster, name: str) -> Path:
    """Where the process started as `name` writes."""
    return cluster.logs / f"{name}.log"


def _pid_file(cluster: Cluster, name: str) -> Path:
    return cluster.run / f"{name}.pid"
