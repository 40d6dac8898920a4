"""Peak memory of one training step at the course's size, 144 x 144 x 144, batch 8.

    python bench/memory.py [--side 144 --batch 8] [--limit-gib 12]

Each variant is a process of its own that takes two steps of the course's network (16 feature
maps, five levels, batch norm) and tells its peak RSS.  A variant that wants more address
space than --limit-gib is ended and reported as such, so that the machine stays usable.  The
goal for the default is at most 16 GiB; the course's own program needs 40 GB and more.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from common import PYTHON, Finished, bars, parser, run, spread


def shape_of(args: argparse.Namespace, network: str, micro: int | None, precision: str) -> str:
    """The probe's argument."""
    from unet.planning.network import NetworkSpec, course_spec
    from unet.planning.plan import StepShape

    spec = course_spec(1, 1, args.filters, upsampling=False)
    if network == "planned":
        spec = NetworkSpec(
            channels=1, outputs=1, filters=spec.filters, strides=spec.strides, supervised_levels=3
        )
    return StepShape(
        network=spec,
        patch_size=(args.side,) * 3,
        batch_size=args.batch,
        micro_batch=micro,
        activation="sigmoid",
        threads=args.threads,
        precision=precision,
    ).model_dump_json()


def outcome(failed: Finished) -> str:
    last_line = (failed.output.splitlines() or [""])[-1]
    return f"code {failed.code}: {last_line[:200]}"


def attempt(args: argparse.Namespace, shape: str) -> dict[str, object]:
    """Takes the steps of one variant, each round in a process of its own."""
    command = [PYTHON, "-m", "unet.training.trial_step", shape]
    runs = [run(command, args.threads, args.limit_gib * 2**30) for _ in range(args.rounds)]
    well = [r for r in runs if r.code == 0]
    peaks = [json.loads(r.output.strip().splitlines()[-1])["peak_bytes"] / 2**30 for r in well]
    return {
        "peak_gib": spread(peaks) if peaks else None,
        "wall_seconds": spread([r.wall for r in runs]),
        "outcome": "done" if len(well) == len(runs) else outcome(runs[-1]),
    }


def measure(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """Every variant's outcome, by its name."""
    from unet.system.machine import this_machine

    precisions = ["float32", "bfloat16"] if this_machine().bfloat16 else ["float32"]
    slices = sorted(set(args.micro_batch) | ({args.batch} if args.whole else set()))
    found = {}
    for network in args.network:
        for precision in precisions:
            for micro in slices:
                shape = shape_of(args, network, micro if micro < args.batch else None, precision)
                found[f"{network}, {precision}, slices of {micro}"] = attempt(args, shape)
    return found


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--side", type=int, default=144)
    add("--batch", type=int, default=8)
    add("--filters", type=int, default=16)
    add("--network", nargs="+", choices=("course", "planned"), default=["course"])
    add("--micro-batch", type=int, nargs="+", default=[1], help="patches computed at a time")
    add("--whole", action="store_true", help="also the batch in one piece")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    add("--rounds", type=int, default=1)
    add("--limit-gib", type=float, default=12.0, help="address space of a variant")
    add("--figure", type=Path, metavar="PNG")
    args = arguments.parse_args()
    variants = measure(args)
    asked = {name: getattr(args, name) for name in ("side", "batch", "filters", "limit_gib")}
    print(json.dumps({**asked, "variants": variants}, indent=1))
    if args.figure:
        spreads = {name: variant["peak_gib"] for name, variant in variants.items()}
        peaks = {name: peak for name, peak in spreads.items() if isinstance(peak, dict)}
        bars(args.figure, f"One step at {args.side}^3, batch {args.batch}", "peak RSS, GiB", peaks)


if __name__ == "__main__":
    main()
