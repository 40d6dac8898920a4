"""Two ranks of one thread against one rank of one thread, under real mpiexec.hydra.

    python bench/scaling.py [--patch 40,56,40 --batch 2]

Weak scaling: every rank keeps its batch, so with perfect scaling a step takes as long as
alone.  First as shipped: the package's own settings and nothing else, by TCP as between two
pods, and by shared memory as within one.  Then, over shared memory, settings of how Intel
MPI waits, in turns, because Horovod's thread waits on a core that TensorFlow needs.

Efficiency by wall is what a user feels, but on a machine with other work it also counts
that work; efficiency by CPU (seconds of one rank alone over the mean of two) shows what
communication itself burns.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path

import numpy as np
from common import PYTHON, ROOT, bars, flags, numbers, parser, ratios, require, run, spread

SHM = {"I_MPI_FABRICS": "shm"}
# Ranks of one host would share memory: TCP has to be asked for, and runs over loopback.
TCP = {"I_MPI_FABRICS": "ofi", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": "lo"}
SHIPPED = {"as shipped, tcp": TCP, "as shipped, shared memory": SHM}
WAITS = {
    "spin": {"I_MPI_THREAD_YIELD": "0", "I_MPI_THREAD_SLEEP": "0"},
    "yield": {"I_MPI_THREAD_YIELD": "2", "I_MPI_THREAD_SLEEP": "0"},
    "yield, sleep 100 us": {"I_MPI_THREAD_YIELD": "3", "I_MPI_THREAD_SLEEP": "100"},
    "wait mode": {"I_MPI_WAIT_MODE": "1"},
}


SETTINGS = SHIPPED | {name: SHM | wait for name, wait in WAITS.items()}
"""What the ranks' environment holds besides the package's own defaults, by setting."""


def rank(args: argparse.Namespace) -> None:
    """What every rank runs: steps on random data, timed; rank 0 prints."""
    import time

    from unet.parallel.engine import open_comm
    from unet.planning.network import NetworkSpec
    from unet.planning.plan import StepShape
    from unet.system.malloc import keep_freed_memory
    from unet.system.threads import use_threads
    from unet.training.step import Trainer

    comm = open_comm()
    keep_freed_memory()
    use_threads(1)
    levels = len(args.filters)
    network = NetworkSpec(
        channels=1,
        outputs=3,
        filters=args.filters,
        strides=((2, 2, 2),) * (levels - 1),
        supervised_levels=min(3, levels - 1),
    )
    shape = StepShape(
        network=network,
        patch_size=args.patch,
        batch_size=args.batch,
        activation="softmax",
        threads=1,
        precision="float32",
    )
    trainer = Trainer(shape, comm, seed=0)
    trainer.share_state()
    rng = np.random.default_rng(comm.rank)
    size = (args.batch, *args.patch)
    image = rng.standard_normal((*size, 1), dtype=np.float32)
    target = np.eye(3, dtype=np.uint8)[rng.integers(0, 3, size)]
    for _ in range(2):
        trainer.step(image, target, 1e-3, stop=False)
    comm.barrier()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(args.steps):
        trainer.step(image, target, 1e-3, stop=False)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    cpu = float(comm.allreduce_mean(cpu)) / args.steps
    if comm.rank == 0:
        print(json.dumps({"cpu": cpu, "wall": wall / args.steps, "ranks": comm.size}), flush=True)
    comm.shutdown()


def launch(args: argparse.Namespace, ranks: int, wait: dict[str, str]) -> dict[str, float]:
    """Starts ranks and returns rank 0's answer."""
    options = {
        "--steps": args.steps,
        "--batch": args.batch,
        "--patch": ",".join(map(str, args.patch)),
        "--filters": ",".join(map(str, args.filters)),
    }
    own = [PYTHON, __file__, "--rank", *flags(options)]
    mpi = Path(PYTHON).parent / "mpiexec.hydra"
    fixed = {
        "I_MPI_PIN": "0",
        "I_MPI_ROOT": str(mpi.parent.parent),
        "LD_LIBRARY_PATH": str(mpi.parent.parent / "lib"),
    } | wait
    done = run([mpi, "-n", str(ranks), *own], threads=1, extra=fixed)
    require(done, f"{ranks} ranks")
    line = next(text for text in done.output.splitlines() if text.startswith('{"cpu"'))
    answer: dict[str, float] = json.loads(line)
    return answer


Seconds = dict[str, list[float]]
"""Seconds per step of every round, by setting."""


def measure(args: argparse.Namespace) -> tuple[Seconds, Seconds]:
    """Every setting once a round, each beside a rank alone; by wall and by CPU."""
    wall: Seconds = {name: [] for name in (*SETTINGS, "one rank")}
    cpu: Seconds = {name: [] for name in wall}
    for number in range(args.rounds):
        for name in list(wall)[:: 1 if number % 2 else -1]:
            alone = name == "one rank"
            found = launch(args, 1 if alone else 2, {} if alone else SETTINGS[name])
            assert found["ranks"] == (1 if alone else 2), "not as many ranks as were asked for"
            wall[name].append(found["wall"])
            cpu[name].append(found["cpu"])
    return wall, cpu


def result(args: argparse.Namespace, wall: Seconds, cpu: Seconds) -> dict[str, object]:
    """What is printed."""
    return {
        "patch": args.patch,
        "batch_per_rank": args.batch,
        "filters": args.filters,
        "rounds": args.rounds,
        "steps": args.steps,
        "voxels_per_rank_and_step": args.batch * math.prod(args.patch),
        "wall_seconds_per_step": {name: spread(s) for name, s in wall.items()},
        "cpu_seconds_per_rank_and_step": {name: spread(s) for name, s in cpu.items()},
        "efficiency_wall": {n: ratios(wall["one rank"], wall[n]) for n in SETTINGS},
        "efficiency_cpu": {n: ratios(cpu["one rank"], cpu[n]) for n in SETTINGS},
    }


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--patch", type=numbers, default=(40, 56, 40))
    add("--batch", type=int, default=2, help="patches per rank")
    add("--filters", type=numbers, default=(16, 32, 64, 128))
    add("--rounds", type=int, default=3)
    add("--steps", type=int, default=10)
    add("--figure", type=Path, metavar="PNG", help="draw the efficiencies")
    add("--rank", action="store_true", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.rank:
        rank(args)
        return
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    wall, cpu = measure(args)
    print(json.dumps(result(args, wall, cpu), indent=1))
    if args.figure:
        efficiency = {name: ratios(wall["one rank"], wall[name]) for name in SETTINGS}
        bars(args.figure, "Two ranks against one", "scaling efficiency by wall time", efficiency)


if __name__ == "__main__":
    main()
