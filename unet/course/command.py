"""What the course's commands have in common: flags, errors, notes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from unet.cli.arguments import add_flags, settings_from
from unet.cli.main import guarded
from unet.cli.parser import Parser
from unet.course.flags import REMEDIES, CourseFlags
from unet.course.words import in_course_words
from unet.system.errors import UnetError
from unet.system.logfmt import format_line


def run_command(
    prog: str, about: str, argv: Sequence[str] | None, action: Callable[[CourseFlags], int]
) -> int:
    """Reads the flags, runs the action and returns the exit code."""

    def run() -> int:
        flags = parse_flags(prog, about, argv)
        try:
            return action(flags)
        except UnetError as error:
            raise in_course_words(error) from error

    return guarded(prog, run)


def parse_flags(prog: str, about: str, argv: Sequence[str] | None = None) -> CourseFlags:
    """Reads the command line.  Flags may be shortened, as they could be.

    Raises:
        UsageError: a flag is unknown or its value makes no sense.
    """
    parser = Parser(
        prog=prog, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_flags(parser, CourseFlags)
    given = vars(parser.parse_args(argv))
    return settings_from(CourseFlags, given, f"see `python {prog} --help`", REMEDIES)


def print_note(text: str) -> None:
    """Prints a note as an event."""
    print(format_line({"event": "reason", "text": text}), flush=True)
