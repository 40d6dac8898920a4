"""The image's entry point: `python -m unet_image WORD …`; docs/images.md says all of it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from unet.cli.main import report_error
from unet.system.errors import DiskError, UnetError, UsageError
from unet_image import account, check, rendezvous, stage, worker

LAUNCH_ARGUMENTS = Path("/etc/unet/config/launch.json")
OWN = {"rendezvous": rendezvous, "check": check, "stage": stage}


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
        if word in OWN:
            if word != "check":  # the worker that is asked has its account
                account.prepare()
            parser = argparse.ArgumentParser(prog=word, description=OWN[word].__doc__)
            OWN[word].add_arguments(parser)
            return OWN[word].run(parser.parse_args(rest))
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
        return _fail(word, DiskError.from_os(error.filename or word, error))


def _fail(word: str, error: UnetError) -> int:
    log = os.environ.get("UNET_TERMINATION_LOG")
    if log and Path(log).exists() and not Path(log).stat().st_size:
        fields = {"where": error.where, "cause": error.found, "remedy": error.remedy}
        message = {"kind": word, "code": int(error.code)}
        Path(log).write_text(json.dumps(message | {k: v[:400] for k, v in fields.items()}))
    return report_error(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
