"""Flags from settings: a model's fields become flags, and what is given becomes the model."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args, get_origin

from pydantic import BeforeValidator, ValidationError
from pydantic.fields import FieldInfo

from unet.system.errors import UsageError
from unet.system.settings import Flag, Settings, flag_of, help_of
from unet.system.settings_file import read_settings_file

SettingsT = TypeVar("SettingsT", bound=Settings)
Place = argparse.ArgumentParser | argparse._ArgumentGroup


def add_flags(parser: argparse.ArgumentParser, model: type[Settings]) -> None:
    """Adds a flag for each setting, in groups; what is not given stays absent."""
    parser.argument_default = argparse.SUPPRESS
    places: dict[str, Place] = {"": parser}
    for name, field in model.model_fields.items():
        flag = flag_of(field)
        if flag is None:
            continue
        if flag.group not in places:
            places[flag.group] = parser.add_argument_group(flag.group)
        _add_flag(places[flag.group], name, field, flag, judged_later=model.from_file)
    if model.from_file:
        text = "YAML or JSON of these settings; flags win"
        list(places.values())[-1].add_argument("--config", type=Path, metavar="FILE", help=text)


def settings_from(
    model: type[SettingsT],
    given: Mapping[str, object],
    remedy: str,
    remedies: Mapping[str, str] | None = None,
) -> SettingsT:
    """The settings that were given, flags over the configuration file.

    Args:
        model: their kind.
        given: by name, only what was given; `config` is the path of a configuration file.
        remedy: what to do about a wrong value.
        remedies: the same by setting, where there is more to say.

    Raises:
        UsageError: a value is out of range, of a wrong type, or contradicts another.
    """
    flags = {name: value for name, value in given.items() if name != "config"}
    file = cast("Path | None", given.get("config"))
    merged = (read_settings_file(file, model) if file else {}) | flags
    for name, field in model.model_fields.items():
        if field.is_required() and merged.get(name) is None:
            raise UsageError(f"--{name}", "not given", "name a folder")
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        flag = flag_of(model.model_fields[name])
        where = flag.spellings(name)[0] if flag else name
        if name not in flags:
            where = f"--config {file}: {name}"
        expected = str(first["msg"]).removeprefix("Value error, ").replace("Input", "it")
        expected = expected.partition(", unable to parse")[0]
        found = f"{first['input']}, but {expected}"
        raise UsageError(where, found, (remedies or {}).get(name, remedy)) from None


def _add_flag(place: Place, name: str, field: FieldInfo, flag: Flag, *, judged_later: bool) -> None:
    """Adds one flag, or the argument without a name that the setting is."""
    spellings, text = flag.spellings(name), help_of(field)
    if flag.count:
        place.add_argument(name, nargs=flag.count, metavar=flag.metavar, help=text)
    elif field.annotation is bool and field.default and not flag.names:
        action = argparse.BooleanOptionalAction
        place.add_argument(*spellings, dest=name, action=action, help=text)
    elif field.annotation is bool:
        switch = "store_false" if spellings[0].startswith("--no-") else "store_true"
        place.add_argument(*spellings, dest=name, action=switch, help=text)
    else:
        place.add_argument(
            *spellings,
            dest=name,
            action="append" if flag.repeated else "store",
            type=str if judged_later else _reader(field),
            choices=get_args(field.annotation) if get_origin(field.annotation) is Literal else None,
            required=field.is_required() and not judged_later,
            metavar=flag.metavar,
            help=text,
        )


def _reader(field: FieldInfo) -> Callable[[str], object]:
    """What reads the flag's value, so that a wrong one is refused with all its spellings."""
    for item in field.metadata:
        if isinstance(item, BeforeValidator):
            return _refusing(cast("Callable[[object], object]", item.func))
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in (int, float) if kind in kinds), str)


def _refusing(read: Callable[[object], object]) -> Callable[[str], object]:
    def checked(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked
