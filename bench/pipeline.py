"""The whole pipeline's rate against the bare step's: patches cut and augmented while it runs.

    python bench/pipeline.py --data_path DIR [--minutes 20]

The data set is planned and prepared as `unet train` does.  Then the same trainer takes turns:
some steps fed by `Feed`, some on one batch again and again.  The goal is a ratio of at least
0.9.  The feed shares the cores with the step, so the CPU ratio tells what making the patches
costs and the wall ratio what is not overlapped.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from common import parser, ratios, spread

if TYPE_CHECKING:
    from unet.training.feed import Feed
    from unet.training.step import Trainer

SIDES = ("bare", "pipeline")


@dataclass
class Turns:
    """Seconds per step of every round, of the bare step and of the pipeline.

    Attributes:
        wall: by the clock.
        cpu: of the processors.
        waits: the share of the pipeline's time in which the step waited for its feed.
    """

    wall: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SIDES})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SIDES})
    waits: list[float] = field(default_factory=list)


def take_turns(trainer: Trainer, feed: Feed, rounds: int, steps: int) -> Turns:
    """Lets the trainer take steps on one batch again and again, and on the feed's."""
    same = next(iter(feed.batches(0, 1)))
    turns = Turns()
    trainer.step(same.image, same.target, 1e-4, stop=False)
    for number in range(rounds + 1):
        for name in SIDES:
            waited, wall, cpu = feed.waited, time.perf_counter(), time.process_time()
            batches = [same] * steps if name == "bare" else feed.batches(number, steps)
            for batch in batches:
                trainer.step(batch.image, batch.target, 1e-4, stop=False)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if number:  # the first round opens the cache's files
                turns.wall[name].append(wall / steps)
                turns.cpu[name].append(cpu / steps)
                if name == "pipeline":
                    turns.waits.append((feed.waited - waited) / wall)
    return turns


def measure(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    """See the module."""
    from unet.parallel.solo import Solo
    from unet.planning.settings import TrainSettings
    from unet.system.malloc import keep_freed_memory
    from unet.system.progress import Reporter
    from unet.system.threads import use_threads
    from unet.training.feed import Feed
    from unet.training.pipeline import prepare
    from unet.training.step import Trainer

    use_threads(args.threads)
    keep_freed_memory()
    config = TrainSettings(
        data_path=args.data_path,
        output=folder,
        time_budget=args.minutes * 60,
        threads=args.threads,
        patch_size=args.patch,
    )
    ready = prepare(config, Solo(), Reporter.silent())
    plan = ready.plan
    trainer = Trainer(plan.shape, Solo(), seed=0)
    feed = Feed(
        ready.cache, ready.split.training, plan.target, plan.patch_size, plan.batch_size, seed=0
    )
    turns = take_turns(trainer, feed, args.rounds, args.steps)
    return {
        "data_set": ready.dataset.name,
        "patch": plan.patch_size,
        "batch": plan.batch_size,
        "threads": args.threads,
        "rounds": args.rounds,
        "steps_per_round": args.steps,
        "seconds_per_step": {
            name: {"wall": spread(turns.wall[name]), "cpu": spread(turns.cpu[name])}
            for name in SIDES
        },
        "rate_ratio_wall": ratios(turns.wall["bare"], turns.wall["pipeline"]),
        "rate_ratio_cpu": ratios(turns.cpu["bare"], turns.cpu["pipeline"]),
        "feed_wait_share": spread(turns.waits, 3),
    }


def _patch(text: str) -> tuple[int, int, int]:
    d, h, w = (int(part) for part in text.split(","))
    return d, h, w


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--data_path", "--data-path", type=Path, required=True, metavar="DIR")
    add("--minutes", type=float, default=20, help="time budget of the plan (default: 20)")
    add("--patch", type=_patch, metavar="D,H,W", help="default: as planned")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    add("--rounds", type=int, default=3)
    add("--steps", type=int, default=20, help="steps of a turn (default: 20)")
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(args, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
