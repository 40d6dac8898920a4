"""`rendezvous`: waits until every worker can do its part, and says which cannot and why."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unet.parallel.hostfile import Host, parse_hostfile
from unet.parallel.network_interface import address_towards
from unet.system.errors import DataError, DiskError, PeerLostError, UnetError, UsageError
from unet.system.logfmt import format_line

RETRY_SECONDS = 2.0
SSH_SECONDS = 60.0

# What ssh says, and what it means to a person; the first match holds.
SSH_CAUSES = (
    ("Could not resolve hostname", "name does not resolve"),
    ("Connection refused", "connection refused"),
    ("Host key verification failed", "host key differs"),
    ("No ED25519 host key is known", "host key differs"),
    ("Permission denied", "key refused"),
    ("timed out", "no answer"),
    ("No route to host", "no answer"),
    ("Network is unreachable", "no answer"),
)


@dataclass(frozen=True)
class Answer:
    """What one try at one worker gave.

    Attributes:
        cause: why it is not ready; None when it is.
        error: set when no further try can help.
    """

    cause: str | None
    error: UnetError | None = None


@dataclass
class Roll:
    """Who is ready; the threads of the hosts write into it."""

    hosts: tuple[Host, ...]
    causes: dict[int, str | None] = field(default_factory=dict)
    error: tuple[int, UnetError] | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def ready(self) -> int:
        """The number of hosts that are ready."""
        return sum(cause is None for cause in self.causes.values())


def ssh_cause(stderr: str) -> str:
    """Names why ssh failed."""
    for phrase, cause in SSH_CAUSES:
        if phrase in stderr:
            return cause
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "ssh failed without a word"


def read_answer(rank: int, host: str, output: str, data: Path, folder: Path) -> Answer:
    """Reads what `check` printed on a worker."""
    try:
        complaints = json.loads(output)
    except ValueError:
        return Answer(f"check said {output[:100]!r}")
    where = f"worker of rank {rank} ({host})"
    if complaints.get("callback"):
        return Answer(f"cannot reach the launcher: {complaints['callback']}")
    if complaints.get("data"):
        found = f"cannot read {data / 'dataset.json'}: {complaints['data']}"
        return Answer(
            found, DataError(where, found, "check dataset.volume and dataset.task, and fsGroup")
        )
    if complaints.get("output"):
        found = f"cannot write {folder}: {complaints['output']}"
        return Answer(
            found, DiskError(where, found, "use a volume all nodes can write, with fsGroup set")
        )
    return Answer(None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line of the rendezvous."""
    parser.add_argument("--hostfile", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds")


def run(args: argparse.Namespace) -> int:
    """Returns 0 once all workers are ready; raises the error of the first that never will be."""
    hosts = parse_hostfile(args.hostfile.read_text(), str(args.hostfile))
    with listening() as port:
        roll = Roll(hosts)
        end = time.monotonic() + args.timeout
        for index in range(len(hosts)):
            threading.Thread(
                target=_watch, args=(roll, index, args.data, args.output, port), daemon=True
            ).start()
        with roll.changed:
            roll.changed.wait_for(
                lambda: roll.error or roll.ready == len(hosts), max(0.0, end - time.monotonic())
            )
            return _finish(roll, args.timeout)


def _finish(roll: Roll, timeout: float) -> int:
    said = f"{roll.ready}/{len(roll.hosts)}"
    print(format_line({"event": "rendezvous", "ready": said}), flush=True)
    if roll.ready == len(roll.hosts):
        return 0
    if roll.error is not None:
        rank, error = roll.error
    else:
        index = next(i for i in range(len(roll.hosts)) if roll.causes.get(i, "") is not None)
        rank = first_rank(roll.hosts, index)
        cause = roll.causes.get(index) or "no answer"
        error = PeerLostError(
            f"worker of rank {rank} ({roll.hosts[index].name})",
            f"{cause} after {timeout:.0f} s",
            "see that pod's events and log",
        )
    _write_message(roll, rank, error)
    raise error


def _write_message(roll: Roll, rank: int, error: UnetError) -> None:
    log = os.environ.get("UNET_TERMINATION_LOG")
    if not log:
        return
    message = {
        "kind": "rendezvous",
        "code": int(error.code),
        "cause": error.found[:400],
        "where": error.where[:400],
        "remedy": error.remedy[:400],
        "rank": rank,
        "ready": roll.ready,
        "hosts": len(roll.hosts),
    }
    Path(log).write_text(json.dumps(message))


def first_rank(hosts: tuple[Host, ...], index: int) -> int:
    """The number of the first rank that runs on a host."""
    return sum(host.slots for host in hosts[:index])


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A port that accepts connections and closes them, while the context lasts."""
    with socket.create_server(("", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(server.getsockname()[1])
        finally:
            # Closing alone would go on listening while the thread waits in accept.
            server.shutdown(socket.SHUT_RDWR)


def _watch(roll: Roll, index: int, data: Path, output: Path, port: int) -> None:
    host, rank = roll.hosts[index].name, first_rank(roll.hosts, index)
    while True:
        answer = ask(host, rank, data, output, port)
        with roll.changed:
            if roll.causes.get(index, "") != answer.cause:
                state = "ready" if answer.cause is None else "waiting"
                line = {"event": "rendezvous", "rank": rank, "host": host, "state": state}
                print(format_line(line | {"cause": answer.cause}), flush=True)
            roll.causes[index] = answer.cause
            if roll.error is None and answer.error is not None:
                roll.error = (rank, answer.error)
            roll.changed.notify_all()
        if answer.cause is None or answer.error:
            return
        time.sleep(RETRY_SECONDS)


def ask(
    host: str,
    rank: int,
    data: Path,
    output: Path,
    port: int,
    run_command: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run,
) -> Answer:
    """Asks one worker once."""
    address = address_towards(host)
    if address is None:
        return Answer("name does not resolve")
    check = [sys.executable, "-m", "unet_image", "check", "--data", str(data)]
    check += ["--output", str(output), "--callback", f"{address}:{port}"]
    try:
        done = run_command(
            ["ssh", host, shlex.join(check)],
            capture_output=True,
            text=True,
            timeout=SSH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer("no answer")
    except FileNotFoundError as error:
        return Answer(None, UsageError("ssh", "not found", f"use the training image ({error})"))
    if done.returncode == 255:
        return Answer(ssh_cause(done.stderr))
    return read_answer(rank, host, done.stdout, data, output)
