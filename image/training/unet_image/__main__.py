"""The image's entry point: `python -m unet_image WORD …`; docs/images.md says all of it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Protocol

from unet.cli.main import report_error
from unet.system.errors import UnetError, UsageError
from unet.system.os_error import while_writing
from unet_image import account, check, rendezvous, stage, worker


class Command(Protocol):
    """What a module offers that is a word of the entry point."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds its command line."""

    def run(self, args: argparse.Namespace) -> int:
        """Does it; returns the exit code or raises `UnetError`."""


LAUNCH_ARGUMENTS = Path("/etc/unet/config/launch.json")
COMMANDS: dict[str, Command] = {"rendezvous": rendezvous, "check": check, "stage": stage}


def launch_arguments(path: Path = LAUNCH_ARGUMENTS) -> list[str]:
    """The launcher's arguments from the attempt's ConfigMap.

    Raises:
        UsageError: the file is missing or is not an array of strings.
    """
    try:
        words = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(str(path), error.strerror or str(error), "give arguments") from error
    except ValueError as error:
        raise UsageError(str(path), "no JSON", "write an array of strings") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(str(path), "no array of strings", "write one")
    return words


def main(arguments: list[str]) -> int:
    """Prepares the account and runs one entry point, or hands over to `python -m unet`."""
    word, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    try:
        if word in COMMANDS:
            command = COMMANDS[word]
            if word != "check":  # the worker that is asked has its account
                account.prepare()
            parser = argparse.ArgumentParser(prog=word, description=command.__doc__)
            command.add_arguments(parser)
            return command.run(parser.parse_args(rest))
        home = account.prepare()
        if word == "worker":
            if rest:
                raise UsageError("worker", " ".join(rest), "it takes no arguments")
            return worker.run(home)
        if word == "launch" and not rest:
            rest = launch_arguments()
        os.execv(sys.executable, [sys.executable, "-m", "unet", word, *rest])
    except UnetError as error:
        return _fail(word, error)
    except OSError as error:
        return _fail(word, while_writing(error.filename or word, error))


def _fail(word: str, error: UnetError) -> int:
    log = os.environ.get("UNET_TERMINATION_LOG")
    if log and Path(log).exists() and not Path(log).stat().st_size:
        fields = {"where": error.where, "cause": error.found, "remedy": error.remedy}
        message = {"kind": word, "code": int(error.code)}
        Path(log).write_text(json.dumps(message | {k: v[:400] for k, v in fields.items()}))
    return report_error(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
