"""A checkpoint, one of whose files is changed, with a manifest that agrees with the change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from unet.parallel.fence import Fence
from unet.system.errors import DataError
from unet.training.checkpoint import CheckpointStore, describe, read_checkpoint
from unet.training.position import Position

FILES = ("state.npz", "state.json", "manifest.json")
POSITION = Position(
    epoch=2,
    step=1,
    global_step=9,
    steps_per_epoch=4,
    epochs=5,
    ranks=1,
    batch_size=1,
    threads=1,
    best_dice=0.5,
    best_epoch=1,
    settings={"seed": 816, "channels": ["FLAIR"]},
)


def _sound() -> dict[str, bytes]:
    arrays = {"model/0000": np.ones((3, 3), np.float32), "ema/0000": np.array(7)}
    folder = Path(mkdtemp())
    try:
        path = CheckpointStore(folder, Fence(folder, 0)).save(POSITION, arrays)
        return {name: (path / name).read_bytes() for name in FILES}
    finally:
        shutil.rmtree(folder)


SOUND = _sound()
SEEDS = tuple(bytes([number]) + SOUND[name] for number, name in enumerate(FILES))
"""The number of the file that is changed, and its content."""


def read(path: Path) -> None:
    """Lays the checkpoint out and reads it; what is damaged is refused with a reason."""
    content = path.read_bytes()
    changed = FILES[content[0] % len(FILES)] if content else FILES[0]
    folder = path.parent / "000009"
    folder.mkdir()
    try:
        for name, sound in SOUND.items():
            (folder / name).write_bytes(content[1:] if name == changed else sound)
        if changed != "manifest.json":
            manifest = {name: describe(folder / name) for name in FILES[:2]}
            (folder / "manifest.json").write_text(json.dumps(manifest))
        checkpoint, fault = read_checkpoint(folder)
    finally:
        shutil.rmtree(folder)
    if checkpoint is None:
        assert fault
        assert "\n" not in fault
        raise DataError(str(folder), fault, "the checkpoint before it is used")
    assert checkpoint.position.steps_left is not None
