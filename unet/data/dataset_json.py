"""Reads the JSON object of a dataset.json: whatever bytes it holds, one line says what is wrong."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from unet.system.errors import DataError
from unet.system.os_error import while_reading

MOST_BYTES = 2**28  # of a dataset.json; ten thousand cases take a few megabytes
SYNONYMS = {"modality": ("channel_names", "modalities")}
KNOWN = frozenset(
    [
        "name",
        "description",
        "reference",
        "training",
        "test",
        "labels",
        "modality",
        "licence",
        "release",
        "tensorimagesize",
        "numtraining",
        "numtest",
        "validation",
        "numvalidation",
        "channel_names",
        "file_ending",
        "regions_class_order",
        "overwrite_image_reader_writer",
    ]
)


def read_json(file: Path) -> tuple[dict[str, object], tuple[str, ...]]:
    """The object in `file`, and notes of keys that are given twice.

    Of a key that is given twice the last value counts, as in every reader of JSON.

    Raises:
        DataError: the file is missing, is not JSON, or holds no object.
    """
    twice: list[str] = []

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        content = dict(pairs)
        if len(content) < len(pairs):
            keys = [key for key, _ in pairs]
            repeated = sorted({key for key in keys if keys.count(key) > 1})
            twice.extend(f"key {key!r} is given twice: the last counts" for key in repeated)
        return content

    try:
        if file.is_file() and file.stat().st_size > MOST_BYTES:
            raise DataError(str(file), "larger than any dataset.json", "give the right file")
        content = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=noted)
        json.dumps(content, ensure_ascii=False).encode()
    except FileNotFoundError:
        raise DataError(str(file), "no such file", _path_hint(file)) from None
    except NotADirectoryError:
        remedy = "give the folder that holds dataset.json"
        raise DataError(str(file.parent), "is not a folder", remedy) from None
    except OSError as error:
        raise while_reading(file, error) from None
    except UnicodeDecodeError as error:
        raise DataError(str(file), f"not UTF-8 ({error.reason})", "save it as UTF-8") from None
    except json.JSONDecodeError as error:
        found = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise DataError(str(file), found, "correct it or unpack the data set again") from None
    except (ValueError, RecursionError) as error:  # half a character, endless digits or brackets
        found = f"not JSON: {str(error).splitlines()[0][:100]}"
        raise DataError(str(file), found, "correct it or unpack the data set again") from None
    if not isinstance(content, dict):
        remedy = "use the dataset.json of the Medical Segmentation Decathlon's format"
        raise DataError(str(file), f"a JSON {type(content).__name__}, not an object", remedy)
    return content, tuple(dict.fromkeys(twice))


def value_of(content: dict[str, object], key: str) -> object | None:
    """The value of `key`, of its nnU-Net name, or of its only near misspelling."""
    for name in (key, *SYNONYMS.get(key, ())):
        if name in content:
            return content[name]
    lower = {name.strip().lower(): name for name in content}
    candidates = [name for name in lower if name == key or name not in KNOWN]
    near = difflib.get_close_matches(key, candidates, n=1, cutoff=0.8)
    return content[lower[near[0]]] if near else None


def _path_hint(file: Path) -> str:
    """What to give instead: the parent of a task, given by mistake, holds it one folder deeper."""
    deeper = sorted(file.parent.glob("*/dataset.json")) if file.parent.is_dir() else []
    if deeper:
        return f"give --data_path {deeper[0].parent}"
    return "give the folder that holds dataset.json as --data_path"
