"""`check`: run on a worker by the rendezvous; says what the worker itself can reach."""

from __future__ import annotations

import argparse
import json
import os
import socket
import tempfile
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line of the check."""
    parser.add_argument("--data", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--callback", help="ADDRESS:PORT of the launcher")


def run(args: argparse.Namespace) -> int:
    """Prints one JSON object: a complaint for each of data, output, callback, or null."""
    complaints = {
        "data": args.data and data_complaint(args.data),
        "output": args.output and output_complaint(args.output),
        "callback": args.callback and callback_complaint(args.callback),
    }
    print(json.dumps(complaints))
    return 0


def data_complaint(folder: Path) -> str | None:
    """Why the data set in `folder` cannot be read, None if it can."""
    try:
        json.loads((folder / "dataset.json").read_text(errors="replace"))
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "dataset.json is no JSON"
    return None


def output_complaint(folder: Path) -> str | None:
    """Why nothing can be written in `folder`, which is made if missing; None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-") as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return None


def callback_complaint(address: str) -> str | None:
    """Why the launcher cannot be reached at ADDRESS:PORT, None if it can."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        return error.strerror or str(error)
    return None
