"""Training voxels per CPU second of one step: ours, plain PyTorch, MONAI's DynUNet.

    python bench/training_step.py --peer-python PEER/bin/python [--patch 96,96,96 --batch 1]

PEER is an environment with torch and monai, never the project's.  PyTorch gets the very same
network: filters, levels, instance norm, transposed convolutions, deep supervision, Dice plus
cross-entropy, clipping, AdamW.  DynUNet is MONAI's closest; it has one convolution more in
each decoder level, so its rate is multiplied by its FLOPs over ours.  The better peer is the
fastest of their memory layouts, of eager and torch.compile, and of bfloat16 autocast where
ours computes in bfloat16.  Every side's allocator keeps what a step frees, and every side
holds one batch in memory from the start.

Each side is a process; they take turns, and a round's ratio compares steps that met the same
load.  Also measured: the machine's float32 GEMM rate, and each side's share of it, counting
a backward pass as two forward ones.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from common import (
    PYTHON,
    ROOT,
    Worker,
    answer,
    bars,
    flags,
    forward_flops,
    numbers,
    parser,
    ratios,
    spread,
)

OUTPUTS, SUPERVISED = 3, 3


def serve(args: argparse.Namespace) -> None:
    """Our side."""
    from unet.parallel.solo import Solo
    from unet.planning.network import NetworkSpec
    from unet.planning.plan import StepShape
    from unet.system.malloc import keep_freed_memory
    from unet.system.threads import use_threads
    from unet.training.step import Trainer

    keep_freed_memory()
    use_threads(args.threads)
    network = NetworkSpec(
        channels=1,
        outputs=OUTPUTS,
        filters=args.filters,
        strides=((2, 2, 2),) * (len(args.filters) - 1),
        supervised_levels=SUPERVISED,
    )
    precision = "bfloat16" if args.bfloat16 else "float32"
    trainer = Trainer(
        StepShape(
            network=network,
            patch_size=args.patch,
            batch_size=args.batch,
            activation="softmax",
            threads=args.threads,
            precision=precision,
        ),
        Solo(),
        seed=0,
    )
    rng = np.random.default_rng(0)
    image = rng.standard_normal((args.batch, *args.patch, 1), dtype=np.float32)
    target = np.eye(OUTPUTS, dtype=np.uint8)[rng.integers(0, OUTPUTS, (args.batch, *args.patch))]
    answer(lambda: trainer.step(image, target, 1e-3, stop=False).loss)


def gemm_rate(threads: int) -> float:
    """FLOP per CPU second of a large float32 matrix product in TensorFlow; the best of five."""
    # Before TensorFlow: importing the package sets TensorFlow's environment.
    from unet.system.threads import use_threads

    use_threads(threads)
    import tensorflow as tf

    size = 2048
    matrix = tf.random.normal((size, size))
    product = tf.function(lambda a: tf.reduce_sum(a @ a))
    float(product(matrix))
    best = math.inf
    for _ in range(5):
        began = time.process_time()
        for _ in range(4):
            float(product(matrix))
        best = min(best, time.process_time() - began)
    return 4 * 2 * size**3 / best


@dataclass
class Turns:
    """What the sides took: CPU seconds of a step in every round, and bytes at their peak."""

    seconds: dict[str, list[float]]
    peak_bytes: dict[str, int] = field(default_factory=dict)


def sides_of(args: argparse.Namespace) -> dict[str, list[str]]:
    """The command of each side, ours first."""
    common = flags(
        {
            "--patch": ",".join(map(str, args.patch)),
            "--batch": args.batch,
            "--filters": ",".join(map(str, args.filters)),
            "--threads": args.threads,
        }
    )
    ours = [PYTHON, __file__, "--serve", *common]
    commands = {"ours": [*ours, "--bfloat16"] if args.bfloat16 else ours}
    if not args.peer_python:
        return commands
    peer = [args.peer_python, str(ROOT / "bench/peers/training_step.py"), *common]
    networks, layouts = ("pytorch", "monai"), ("contiguous", "channels_last_3d")
    precisions = ("float32", "bfloat16") if args.bfloat16 else ("float32",)
    ways = ("eager", "compiled")
    for network, layout, precision, way in itertools.product(networks, layouts, precisions, ways):
        own = {"--network": network, "--layout": layout, "--precision": precision, "--compile": way}
        commands[f"{network}, {layout}, {precision}, {way}"] = [*peer, *flags(own)]
    return commands


def take_turns(args: argparse.Namespace, commands: dict[str, list[str]]) -> Turns:
    """Lets the sides take turns."""
    turns = Turns(seconds={name: [] for name in commands})
    with ExitStack() as stack:
        sides = {n: stack.enter_context(Worker(c, args.threads)) for n, c in commands.items()}
        for side in sides.values():
            side.ask(steps=1)
        for number in range(args.rounds):
            for name in list(sides)[:: 1 if number % 2 else -1]:
                took = sides[name].ask(steps=args.steps)
                turns.seconds[name].append(statistics.median(took["cpu"]))
                turns.peak_bytes[name] = took["peak_bytes"]
    return turns


def rates_of(args: argparse.Namespace, turns: Turns) -> dict[str, list[float]]:
    """Voxels per CPU second of each side's rounds, at our network's FLOPs."""
    voxels = args.batch * math.prod(args.patch)
    share = {
        name: _flops(args, 2 if name.startswith("monai") else 1) / _flops(args, 1)
        for name in turns.seconds
    }
    return {name: [voxels / s * share[name] for s in v] for name, v in turns.seconds.items()}


def compare(args: argparse.Namespace, turns: Turns) -> dict[str, object]:
    """What is printed."""
    rates, gemm = rates_of(args, turns), gemm_rate(args.threads)
    flops_per_voxel = 3 * _flops(args, 1) / (args.batch * math.prod(args.patch))
    result: dict[str, object] = {
        "patch": args.patch,
        "batch": args.batch,
        "filters": args.filters,
        "threads": args.threads,
        "rounds": args.rounds,
        "steps_per_round": args.steps,
        "cpu_seconds_per_step": {name: spread(s) for name, s in turns.seconds.items()},
        "voxels_per_cpu_second_at_our_flops": {name: spread(r) for name, r in rates.items()},
        "gemm_gflop_per_cpu_second": round(gemm / 1e9, 1),
        "share_of_gemm": {
            name: spread([flops_per_voxel * r / gemm for r in values], 3)
            for name, values in rates.items()
        },
        "peak_bytes": turns.peak_bytes,
    }
    peers = [name for name in rates if name != "ours"]
    if peers:
        better = max(peers, key=lambda name: statistics.median(rates[name]))
        result |= {"better_peer": better, "ratio": ratios(rates["ours"], rates[better])}
    return result


def _flops(args: argparse.Namespace, decoder_convolutions: int) -> float:
    """Of one forward pass of a batch."""
    batch: int = args.batch
    return batch * forward_flops(
        args.filters, args.patch, 1, OUTPUTS, decoder_convolutions, SUPERVISED
    )


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--peer-python", help="python with torch and monai; without it ours alone is measured")
    add("--patch", type=numbers, default=(40, 56, 40), help="default: 40,56,40")
    add("--batch", type=int, default=2)
    add("--filters", type=numbers, default=(16, 32, 64, 128), help="per level")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    add("--rounds", type=int, default=5)
    add("--steps", type=int, default=2, help="steps of a side's turn (default: 2)")
    add("--bfloat16", action="store_true", help="ours in bfloat16, peers with autocast as well")
    add("--figure", type=Path, metavar="PNG", help="draw the rates, e.g. docs/training_step.png")
    add("--serve", action="store_true", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.serve:
        serve(args)
        return
    turns = take_turns(args, sides_of(args))
    print(json.dumps(compare(args, turns), indent=1))
    if args.figure:
        rates = {name: spread(values) for name, values in rates_of(args, turns).items()}
        bars(args.figure, "Training, one step", "voxels per CPU second, at equal FLOPs", rates)


if __name__ == "__main__":
    main()
