"""What settings are made of: frozen models whose fields also say how they are written as flags.

A field's description is the help of its flag and its limits are the flag's limits, so that a
program, the command line and a configuration file ask for the same thing by the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Flag:
    """How a setting is written on the command line; a field without one is no flag.

    Attributes:
        metavar: stands for the value in the help; None for choices and switches.
        group: title in the help under which the flag is listed; "" for none.
        names: every spelling; by default the field's name with dashes and with underscores.
        underscores_first: the help names the spelling with underscores first.
        count: of an argument without a name: "+" for one or more, "..." for all that follows.
        repeated: may be given several times.
    """

    metavar: str | None = None
    group: str = ""
    names: tuple[str, ...] = ()
    underscores_first: bool = False
    count: str | None = None
    repeated: bool = False

    def spellings(self, field: str) -> tuple[str, ...]:
        """All spellings of the flag, the one that messages use first."""
        if self.names:
            return self.names
        spellings = [f"--{field.replace('_', '-')}", f"--{field}"]
        if self.underscores_first:
            spellings.reverse()
        return tuple(dict.fromkeys(spellings))


class Settings(BaseModel):
    """Base of everything that a command or a function of `unet.api` may be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_file: ClassVar[bool] = False
    """Whether `--config FILE` may hold them too; then values are judged after the merge."""


def flag_of(field: FieldInfo) -> Flag | None:
    """The flag of a setting, None for one that only programs set."""
    return next((item for item in field.metadata if isinstance(item, Flag)), None)


def help_of(field: FieldInfo) -> str:
    """The description, with the default where it says `{default}`."""
    default = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    return (field.description or "").replace("{default}", default)
