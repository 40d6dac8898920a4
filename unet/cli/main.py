"""`python -m unet COMMAND`: finds the command, turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from unet import __version__
from unet.system.errors import ExitCode, MemoryShortError, UnetError, UsageError
from unet.system.logfmt import format_line
from unet.system.os_error import of_either

if TYPE_CHECKING:
    from unet.cli.command import Command
    from unet.system.settings import Settings

COMMANDS = {
    "preflight": "read every byte of a data set and list what is damaged",
    "fingerprint": "measure shapes, spacings, intensities and labels of a data set",
    "plan": "decide patch, batch, network and time from data, memory and cores",
    "train": "train a 3D U-Net; plans and prepares first when that was not done",
    "evaluate": "score a trained model: Dice, HD95, NSD, predictions, report",
    "predict": "write predictions for images that have no label",
    "report": "merge evaluation shards into one table and one HTML page",
    "export": "write ONNX and OpenVINO models and check that they agree",
    "phantom": "make a small synthetic data set for a first try",
    "launch": "start ranks on several hosts with Intel MPI",
    "rank": "run one rank and report how it ended (used by launch)",
}

EXTRAS = {
    **dict.fromkeys(
        ("tensorflow", "keras", "numpy", "scipy", "nibabel", "h5py", "psutil"), "train"
    ),
    **dict.fromkeys(("jinja2", "safetensors", "rich", "matplotlib"), "train"),
    "openvino": "openvino",
    **dict.fromkeys(("tf2onnx", "onnx", "onnxruntime"), "export"),
}
"""Module → the extra of pyproject.toml that brings it."""


def build_parser(name: str) -> argparse.ArgumentParser:
    """Returns the parser of one command; only that command's module is imported."""
    return _load(name)[1]


def _load(name: str) -> tuple[Command[Settings], argparse.ArgumentParser]:
    module = importlib.import_module(f"unet.cli.{name}")
    command: Command[Settings] = module.COMMAND
    return command, command.parser(name, module.__doc__ or "")


def usage() -> str:
    """Returns the overview that `python -m unet --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m unet COMMAND [flags]      python -m unet COMMAND --help | --version",
            "",
            "Train and evaluate a 3D U-Net on Medical Segmentation Decathlon data.",
            "",
            *lines,
            "",
            "A first try without data, about five minutes:",
            "  python -m unet phantom  --output phantom",
            "  python -m unet train    --data_path phantom --output run --time-budget 2m",
            "  python -m unet evaluate --data_path phantom --saved_model run --output run/scores",
            "",
            "Exit codes: 0 done, 1 machine or network failed, 2 usage, 10 data, 11 NaN, 12 disk,",
            "13 peer lost, 14 memory, 143 terminated after a checkpoint.",
        ]
    )


def report_error(error: UnetError, events: TextIO | None = None) -> int:
    """Prints the one line for people and the event for programs; returns the exit code.

    Args:
        error: what went wrong.
        events: where the event goes, stdout by default.
    """
    print(f"error: {error}", file=sys.stderr)
    if sys.stderr.isatty() and (events or sys.stdout).isatty():
        return int(error.code)  # a person reads both
    fields = {"where": error.where, "found": error.found, "remedy": error.remedy}
    line = format_line({"event": "error", "code": int(error.code), **fields})
    print(line, file=events, flush=True)
    return int(error.code)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--version"]:
        print(f"unet {__version__}")
        return int(ExitCode.DONE)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return int(ExitCode.DONE if arguments else ExitCode.USAGE)
    # With --json nothing but the result goes to stdout.
    events = sys.stderr if "--json" in arguments else None
    return guarded(arguments[0], lambda: _run(arguments[0], arguments[1:]), events)


def _run(name: str, arguments: Sequence[str]) -> int:
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.0)[0]
        raise UsageError(name, "no such command", f"did you mean {near}?")
    command, parser = _load(name)
    return command.execute(parser, arguments)


def guarded(command: str, action: Callable[[], int], events: TextIO | None = None) -> int:
    """Runs a command's action; turns whatever it raises into one line and an exit code."""
    try:
        return action()
    except UnetError as error:
        return report_error(error, events)
    except MemoryError as error:
        found = str(error) or "allocation failed"
        remedy = "lower --batch-size or --patch-size"
        return report_error(MemoryShortError(command, found, remedy), events)
    except BrokenPipeError:  # the reader of stdout has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return report_error(of_either(error.filename or command, error), events)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in EXTRAS:
            raise
        extra = EXTRAS[error.name.partition(".")[0]]
        remedy = f"run: pip install 'unet-operator[{extra}]'"
        return report_error(UsageError(command, f"needs {error.name}", remedy), events)
    except KeyboardInterrupt:
        return 130
