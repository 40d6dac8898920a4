"""Settings from a YAML or JSON file."""

from __future__ import annotations

import difflib
from pathlib import Path

from unet.system.errors import UsageError
from unet.system.settings import Settings


def read_settings_file(path: Path, model: type[Settings]) -> dict[str, object]:
    """Reads a configuration file and refuses unknown keys; values are the model's to judge.

    Raises:
        UsageError: the file is missing, not a mapping, or has an unknown key;
            the message proposes the nearest known one.
    """
    import yaml  # most commands are given none

    try:
        loaded = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UsageError(f"--config {path}", error.strerror or str(error), "check it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise UsageError(f"--config {path}", line, "write it as YAML or JSON") from error
    if not isinstance(loaded, dict):
        raise UsageError(f"--config {path}", "not a mapping", "write it as `key: value` lines")
    settings: dict[str, object] = {}
    for key, value in loaded.items():
        name = str(key).replace("-", "_")
        if name not in model.model_fields:
            near = difflib.get_close_matches(str(key), model.model_fields, n=1, cutoff=0.0)[0]
            raise UsageError(f"--config {path}: {key}", "unknown key", f"did you mean {near}?")
        settings[name] = value
    return settings
