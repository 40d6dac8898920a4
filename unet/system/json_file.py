"""Pydantic models in JSON files: absent, whole or an error that says what to do."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from unet.system.atomic_file import write_text
from unet.system.errors import DataError
from unet.system.os_error import while_reading, while_writing

M = TypeVar("M", bound=BaseModel)


def read_model(file: Path, kind: type[M], *, remedy: str) -> M | None:
    """Reads a model from a JSON file.

    Args:
        file: to read; it need not exist.
        kind: the model's class.
        remedy: what the user can do about a damaged file, an imperative clause.

    Returns:
        The model, or None if there is no such file.

    Raises:
        DataError: the file cannot be read, is not JSON, or is not a `kind`. The error names
            the file, the first field at fault and `remedy`.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise while_reading(file, error) from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        where = f"{file}: {field}" if field else str(file)
        raise DataError(where, first["msg"], remedy) from None


def write_model(file: Path, model: BaseModel, *, exclude: Set[str] = frozenset()) -> None:
    """Writes a model as indented JSON, whole or not at all.

    Args:
        file: to write; its folder must exist.
        model: to write.
        exclude: fields to leave out.

    Raises:
        DiskError: the disk is full or cannot be written; an older file stays as it was.
    """
    try:
        write_text(file, model.model_dump_json(indent=1, exclude=set(exclude)) + "\n")
    except OSError as error:
        raise while_writing(file, error) from error
