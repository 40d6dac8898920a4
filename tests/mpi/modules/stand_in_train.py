"""A `train` that steps for ever over real collectives and checkpoints by touching a file.

In the mode `runs` it is the real one, several times over: see two_ranks.py.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field

from unet.cli.command import Command
from unet.parallel.engine import open_comm
from unet.parallel.horovod_engine import as_peer_lost
from unet.system.errors import DataError, Terminated
from unet.system.settings import Flag, Settings


class StandInSettings(Settings):
    mode: Annotated[str, Flag()]
    at: Annotated[int, Flag()] = Field(1, description="the rank that does it")
    folder: Annotated[Path | None, Flag()] = None


def run(args: StandInSettings, _as_json: bool) -> int:
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))
    if args.mode == "runs":
        import two_ranks

        return two_ranks.run(args.folder)
    if args.mode == "names":
        comm = open_comm()
        names = comm.gather_objects({"rank": comm.rank, "local": comm.local_rank})
        if comm.rank == 0:
            print(f"names={len(names)} local={max(n['local'] for n in names)}", flush=True)
        comm.shutdown()
        return 0
    import tensorflow as tf

    comm = open_comm()
    weights = tf.Variable([1.0 + comm.rank, 2.0])
    comm.broadcast_variables([weights])

    @tf.function
    def step(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = comm.allreduce_tensor(tf.reduce_sum(weights * x)) ** 2
        return comm.allreduce_gradients([tape.gradient(loss, weights), tf.fill([3], x)])

    if args.mode == "collectives":
        return _collectives(comm, step, weights)
    try:
        for number in range(1, 10_000_000):
            step(tf.constant(1.0))
            if comm.agree_any(bool(stop)):
                (args.folder / f"checkpoint-{comm.rank}").write_text(str(number))
                raise Terminated("signal 15", "answered with a checkpoint", "resume")
            if number == 3 and comm.rank == 0:
                print("epoch=1/40 loss=0.5 val_dice=0.25", flush=True)
                (args.folder / "running").touch()
            if number == 20 and comm.rank == args.at:
                _misbehave(args.mode)
    except (tf.errors.OpError, RuntimeError) as error:
        raise (as_peer_lost(error) or error) from error
    return 0


def _misbehave(mode: str) -> None:
    if mode == "data":
        raise DataError("imagesTr/a.nii.gz", "truncated", "download it again")
    if mode == "crash":
        sys.exit("a bug")
    if mode == "hog":
        hoard = [b"\1" * (16 << 20) for _ in range(4096)]  # touched, unlike zeros
        print(len(hoard))


def _collectives(comm, step, weights) -> int:
    import numpy as np

    gradient, filled = step(float(comm.rank + 1))
    said = [
        f"size={comm.size}",
        f"weights={weights.numpy().tolist()}",
        f"gradient={gradient.numpy().tolist()}",
        f"mean={filled.numpy().tolist()}",
        f"sum={comm.allreduce_sum(np.array([comm.rank + 1, 10])).tolist()}",
        f"average={comm.allreduce_mean(float(comm.rank))}",
        f"any={comm.agree_any(comm.rank == 1)}",
        f"none={comm.agree_any(False)}",
        f"items={comm.gather_objects({'rank': comm.rank, 'text': 'é' * comm.rank})}",
    ]
    comm.barrier()
    print(f"rank-{comm.rank} " + " ".join(said).replace("'", ""), flush=True)
    comm.shutdown()
    return 0


COMMAND = Command(StandInSettings, run)
