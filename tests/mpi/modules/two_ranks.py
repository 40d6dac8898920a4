"""What two ranks do together: steps, and whole runs that end or go on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from unet.network.saved_model import load_model
from unet.parallel.comm import Comm
from unet.parallel.engine import open_comm
from unet.parallel.solo import Solo
from unet.planning.plan import StepShape
from unet.system.errors import UnetError
from unet.system.threads import use_threads
from unet.training.feed import Feed
from unet.training.loop import train
from unet.training.step import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from support import tiny


def run(folder: Path) -> int:
    """Does all of it; rank 0 prints what came out as one line of JSON."""
    comm = open_comm()
    use_threads(1)
    answers = {
        "gradients_apart": gradients_apart(comm),
        "step_with_nan": step_with_nan(comm),
        "resumed": weights(folder / "killed"),
        "undisturbed": two_rank_run(comm, folder, "undisturbed"),
        "from_one_rank_until_told_to_stop": from_one_rank_until_told_to_stop(comm, folder),
        "to_one_rank": to_one_rank(comm, folder),
        "rolled_back": rolled_back(comm, folder),
    }
    if comm.rank == 0:
        print("answers=" + json.dumps(answers).replace(" ", ""), flush=True)
    comm.barrier()
    comm.shutdown()
    return 0


def trainer(comm: Comm, batch: int, normalisation: str = "instance") -> Trainer:
    network = tiny.network(
        outputs=2,
        filters=(4, 6, 8),
        strides=((2, 2, 2),) * 2,
        supervised_levels=2,
        normalisation=normalisation,
    )
    shape = StepShape(
        network=network,
        patch_size=tiny.PATCH,
        batch_size=batch,
        activation="sigmoid",
        threads=1,
        precision="float32",
    )
    return Trainer(shape, comm, seed=1)


def gradients_apart(comm: Comm) -> float:
    """Two ranks of one patch against one rank of both, relative to the gradient's norm."""
    image, target = tiny.random_batch(2, outputs=2)
    target[1] //= 2  # the second patch is empty: its own Dice is nothing like the batch's
    own = slice(comm.rank, comm.rank + 1)
    together, _ = trainer(comm, 1).gradients(
        tf.constant(image[own]), tf.constant(target[own]), tf.constant(0.0)
    )
    alone, _ = trainer(Solo(), 2).gradients(
        tf.constant(image), tf.constant(target), tf.constant(0.0)
    )
    one, other = (np.concatenate([np.ravel(g) for g in found]) for found in (together, alone))
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def digest(arrays: Iterator[np.ndarray]) -> str:
    return hashlib.sha256(b"".join(np.asarray(array).tobytes() for array in arrays)).hexdigest()


def step_with_nan(comm: Comm) -> dict[str, object]:
    """One rank's patch holds NaN, then none does; batch norm keeps statistics of its own."""
    one = trainer(comm, 1, "batch")
    one.share_state()
    image, target = tiny.random_batch(1, outputs=2, seed=comm.rank)
    image = image * (1 + comm.rank) + comm.rank  # unlike moments
    before = digest(one.state().values())
    spoilt = image * (np.nan if comm.rank == 1 else 1)
    skipped = one.step(spoilt, target, 1e-3, stop=False)
    unmoved = digest(one.state().values()) == before
    taken = one.step(image, target, 1e-3, stop=False)
    states = comm.gather_objects(digest(one.state().values()))
    return {
        "finite": comm.gather_objects([skipped.finite, taken.finite]),
        "unmoved": comm.gather_objects(unmoved),
        "moved": states[0] != before,
        "equal": states[0] == states[1],
    }


def weights(run: Path) -> str:
    return digest(iter(load_model(run).weights))


def two_rank_run(comm: Comm, folder: Path, name: str, **changes: object) -> str:
    train(tiny.train_config(folder / "data", folder / name, **changes), comm)
    return weights(folder / name)


def from_one_rank_until_told_to_stop(comm: Comm, folder: Path) -> list[object]:
    """One rank stops after an epoch; two go on, until rank 1 is told to stop in step 3."""
    run = folder / "from-one"
    if comm.rank == 0:
        train(tiny.train_config(folder / "data", run, epochs=1), Solo())
    comm.barrier()
    plain, steps = Trainer.step, []

    def step(self, *given, **named):
        steps.append(None)
        if len(steps) == 3 and comm.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, *given, **named)

    Trainer.step = step
    code, _ = raised(lambda: two_rank_run(comm, folder, "from-one", epochs=3))
    Trainer.step = plain
    return comm.gather_objects([code, len(steps)])


def to_one_rank(comm: Comm, folder: Path) -> str:
    """One rank goes on with what two have left when one of them was killed."""
    if comm.rank == 0:
        train(tiny.train_config(folder / "data", folder / "to-one"), Solo())
    comm.barrier()
    return weights(folder / "to-one")


def raised(call: Callable[[], object]) -> list[object]:
    try:
        call()
    except UnetError as error:
        return [int(error.code), error.found]
    return [0, ""]


def rolled_back(comm: Comm, folder: Path) -> list[object]:
    """Rank 1's patches hold NaN from the second step on."""
    plain, spoilt = Feed.batches, set()

    def batches(self, epoch, steps, first=0):
        for index, batch in enumerate(plain(self, epoch, steps, first), start=first):
            if index >= 1 and comm.rank == 1:
                batch.image[:] = np.nan
                spoilt.update(batch.cases)
            yield batch

    Feed.batches = batches
    ends = raised(lambda: two_rank_run(comm, folder, "rolled-back"))
    Feed.batches = plain
    cases = sorted(comm.gather_objects(sorted(spoilt))[1])
    return comm.gather_objects([ends[0], all(case in ends[1] for case in cases)])
