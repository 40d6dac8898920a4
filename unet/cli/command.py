"""A command: what it may be told, and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from unet.cli.arguments import add_flags, settings_from
from unet.cli.parser import Parser
from unet.system.settings import Settings

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Command(Generic[S]):
    """One command of `python -m unet`.

    Attributes:
        settings: the model whose fields are the command's flags.
        run: does it and returns the exit code; its second argument is whether JSON was asked for.
        json: help of the flag `--json`; "" for a command without.
    """

    settings: type[S]
    run: Callable[[S, bool], int]
    json: str = ""

    def parser(self, name: str, description: str) -> argparse.ArgumentParser:
        """The command's parser."""
        parser = Parser(
            prog=f"python -m unet {name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_flags(parser, self.settings)
        if self.json:
            parser.add_argument("--json", action="store_true", default=False, help=self.json)
        return parser

    def execute(self, parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
        """Reads the arguments and runs the command; returns the exit code.

        Raises:
            UnetError: whatever goes wrong.
        """
        given = vars(parser.parse_args(arguments))
        as_json = bool(given.pop("json", False))
        settings = settings_from(self.settings, given, f"see `{parser.prog} --help`")
        return self.run(settings, as_json)
