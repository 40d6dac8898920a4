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
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, ratios, spread

sys.path.insert(0, str(ROOT))


def measure(args: argparse.Namespace, folder: Path) -> dict:
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
    same = next(iter(feed.batches(0, 1)))
    seconds: dict[str, dict[str, list[float]]] = {
        name: {"wall": [], "cpu": []} for name in ("bare", "pipeline")
    }
    waits = []
    trainer.step(same.image, same.target, 1e-4, stop=False)
    for number in range(args.rounds + 1):
        for name in ("bare", "pipeline"):
            waited, wall, cpu = feed.waited, time.perf_counter(), time.process_time()
            batches = [same] * args.steps if name == "bare" else feed.batches(number, args.steps)
            for batch in batches:
                trainer.step(batch.image, batch.target, 1e-4, stop=False)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if number:  # the first round opens the cache's files
                seconds[name]["wall"].append(wall / args.steps)
                seconds[name]["cpu"].append(cpu / args.steps)
                if name == "pipeline":
                    waits.append((feed.waited - waited) / wall)
    return {
        "data_set": ready.dataset.name,
        "patch": plan.patch_size,
        "batch": plan.batch_size,
        "threads": args.threads,
        "rounds": args.rounds,
        "steps_per_round": args.steps,
        "seconds_per_step": {n: {k: spread(v) for k, v in s.items()} for n, s in seconds.items()},
        "rate_ratio_wall": ratios(seconds["bare"]["wall"], seconds["pipeline"]["wall"]),
        "rate_ratio_cpu": ratios(seconds["bare"]["cpu"], seconds["pipeline"]["cpu"]),
        "feed_wait_share": spread(waits, 3),
    }


def _patch(text: str) -> tuple[int, int, int]:
    d, h, w = (int(part) for part in text.split(","))
    return d, h, w


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data_path", "--data-path", type=Path, required=True, metavar="DIR")
    add("--minutes", type=float, default=20, help="time budget of the plan (default: 20)")
    add("--patch", type=_patch, metavar="D,H,W", help="default: as planned")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    add("--rounds", type=int, default=3)
    add("--steps", type=int, default=20, help="steps of a turn (default: 20)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(args, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
