"""Runs programs, kubectl above all, and says what begins and how long it took."""

from __future__ import annotations

import subprocess
import sys
import time

from .settings import NAMESPACE


class Failed(Exception):
    """The demo cannot go on; the message says why, and what to do.

    Args:
        message: that.
        code: what the demo ends with: 1, or 2 for what is missing before it begins.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class step:
    """Says what begins, and how long it took."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __enter__(self) -> None:
        print(f"== {self.title}", flush=True)
        self.began = time.monotonic()

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            print(f"   {duration(time.monotonic() - self.began)}", flush=True)


def duration(seconds: float) -> str:
    """1m05s."""
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


def run(*command: str, code: int = 1) -> None:
    """Runs a command, whose output the user sees; `code` is the demo's if it fails.

    Raises:
        Failed: it did.
    """
    if subprocess.run(command, check=False).returncode:
        raise Failed(f"{' '.join(command)} failed; its own lines are above", code)


def kubectl(
    *arguments: str, namespace: str = NAMESPACE, stdin: str | None = None, check: bool = True
) -> str:
    """Runs kubectl and returns its output.

    Args:
        *arguments: what it is to do.
        namespace: where; the empty string names none.
        stdin: its input.
        check: whether a failure ends the demo.

    Raises:
        Failed: it did, and `check` is set; its own words were printed.
    """
    command = ["kubectl", *(["-n", namespace] if namespace else []), *arguments]
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
    if check and done.returncode:
        print(done.stderr or "", file=sys.stderr)
        raise Failed(f"{' '.join(command)} failed")
    return done.stdout


def show(*arguments: str) -> bool:
    """Runs kubectl in the demo's namespace for the user to see; whether it went well."""
    return subprocess.run(["kubectl", "-n", NAMESPACE, *arguments], check=False).returncode == 0
