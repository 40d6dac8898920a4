"""argparse's parser, with errors of one line."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn

from unet.system.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` with the nearest known flag instead of printing the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Raises instead of exiting."""
        remedy = f"see `{self.prog} --help`"
        if message.startswith("unrecognized arguments:"):
            given = message.split(":", 1)[1].split()[0].split("=")[0]
            near = difflib.get_close_matches(given, self._option_string_actions, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]}?" if near else remedy
        raise UsageError(self.prog, message, remedy)
