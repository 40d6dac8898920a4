"""Kills a writer of checkpoints before each of its file operations, one after the other.

    python killed_writer.py FOLDER

For every scenario and every operation a forked child begins the same work and is killed by
SIGKILL right before that operation.  What it leaves must hold a whole checkpoint, the old or
the new one, and must not stand in the way of the next.  Prints the kills per scenario as JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unet.parallel.fence import Fence
from unet.training.checkpoint import CheckpointStore
from unet.training.position import Position

# Events of the interpreter's own audit log that come before it touches the file system.
TOUCHES = {
    "open",
    "os.chmod",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "shutil.rmtree",
    "tempfile.mkdtemp",
    "tempfile.mkstemp",
}


def position(step: int, epochs: int) -> Position:
    return Position(
        epoch=0,
        step=step,
        global_step=step,
        steps_per_epoch=10,
        epochs=epochs,
        ranks=1,
        batch_size=1,
        threads=1,
    )


def save(store: CheckpointStore, step: int, epochs: int = 1) -> Path:
    return store.save(position(step, epochs), {"weights": np.full(1000, step + epochs / 10)})


def first(store: CheckpointStore) -> None:
    save(store, 1)


def next_of_many(store: CheckpointStore) -> None:
    save(store, 5)


def same_step_again(store: CheckpointStore) -> None:
    save(store, 4, epochs=2)


def next_and_best(store: CheckpointStore) -> None:
    store.mark_best(save(store, 5))


# Work, and the steps saved before it; the first of them is the best.
SCENARIOS: dict[Callable[[CheckpointStore], None], tuple[int, ...]] = {
    first: (),
    next_of_many: (1, 3, 4),
    same_step_again: (1, 3, 4),
    next_and_best: (1, 3, 4),
}


def killed_before(
    operation: int, work: Callable[[CheckpointStore], None], store: CheckpointStore
) -> bool:
    """Whether the child that did the work was killed; it was done before that otherwise."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = operation

    def count(event: str, _arguments: object) -> None:
        nonlocal left
        if event in TOUCHES:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work(store)
    os._exit(0)


def check(store: CheckpointStore, before: tuple[int, ...]) -> None:
    store.clean()
    damaged: list[str] = []
    found = store.newest_sound(lambda path, fault: damaged.append(f"{path}: {fault}"))
    assert not damaged, damaged
    if before:
        assert found is not None, "no checkpoint is left"
        assert found.position.global_step >= before[-1]
        assert store.best() is not None, "the best one is lost"
    if found is not None:
        at = found.position
        assert (found.arrays["weights"] == at.global_step + at.epochs / 10).all()
    save(store, 9)
    left = sorted(path.name for path in store.folder.iterdir() if not path.name.isdigit())
    assert left in ([], ["best"]), left


def main(root: Path) -> None:
    kills = {}
    for work, before in SCENARIOS.items():
        template = CheckpointStore(root / work.__name__, Fence(root / work.__name__, 0))
        template.run.mkdir()
        for step in before:
            path = save(template, step)
            if step == before[0]:
                template.mark_best(path)
        for operation in itertools.count(1):
            run = root / f"{work.__name__}-{operation}"
            shutil.copytree(template.run, run)
            store = CheckpointStore(run, Fence(run, 0))
            if not killed_before(operation, work, store):
                break
            check(store, before)
            kills[work.__name__] = operation
            shutil.rmtree(run)
    print(json.dumps(kills))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
