"""Inference against MONAI's sliding_window_inference: same network, weights, windows, cases.

    python bench/inference.py --data_path DIR --saved_model RUN --peer-python PEER/bin/python

PEER is an environment with torch and monai (`pip install torch monai`), never the project's.
Each side lives in a process of its own and both take turns case by case, so that whatever
else the machine does meets both. Measured is the processor time from a prepared volume to
its logits; the first case of each round warms up nothing: both have run it once before.
The peer takes the fastest of its own settings (memory layout, windows at once, bfloat16).

Prints JSON: voxels of volume per CPU second of both, their ratio with its spread over rounds,
and both mean Dice on the prepared grid.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


class Worker:
    """A process that answers each line of JSON with one."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(HERE.parent)},
        )  # fmt: skip

    def ask(self, **request: object) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"{self.process.args[1]} ended with code {self.process.wait()}")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def serve(args: argparse.Namespace) -> None:
    """Our side: prepared volume → logits."""
    from unet.network.bundle import load_bundle
    from unet.result.infer import Predictor, window_size
    from unet.result.window import sliding_window

    bundle = load_bundle(args.saved_model)
    predictor = Predictor(bundle, backend=args.backend, overlap=args.overlap)
    for line in sys.stdin:
        request = json.loads(line)
        image = np.load(request["image"])
        window = bundle.plan.patch_size
        if args.own_windows:
            window = window_size(bundle.plan.network, window, image.shape)
        engine = predictor.backend(window)
        cpu, wall = time.process_time(), time.perf_counter()
        logits = sliding_window(engine, image, window, args.overlap, engine.batch)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        np.save(request["logits"], logits)
        answer = {"cpu": cpu, "wall": wall, "engine": engine.name, "batch": engine.batch}
        print(json.dumps(answer), flush=True)


def prepare(args: argparse.Namespace, folder: Path) -> tuple[list[str], object]:
    """Writes the network, its weights and the prepared cases where the peer can read them."""
    from unet.data.msd import load_dataset
    from unet.data.preprocess import prepare_image, prepare_label
    from unet.data.volume import read_image, read_label
    from unet.network.bundle import load_bundle
    from unet.result.evaluate import channels_for, target_for
    from unet.result.evaluation import select_cases

    bundle, dataset = load_bundle(args.saved_model), load_dataset(args.data_path)
    model = bundle.model()
    arrays = {
        f"{layer.name}/{index}": value
        for layer in model.layers
        for index, value in enumerate(layer.get_weights())
    }
    np.savez(folder / "weights.npz", **arrays)
    spec = bundle.plan.network.model_dump() | {"patch": bundle.plan.patch_size}
    (folder / "spec.json").write_text(json.dumps(spec))
    ids = [use.id for use in select_cases(dataset, bundle.split, args.cases)][: args.count]
    picked, target = channels_for(bundle, dataset), target_for(bundle, dataset)
    recipe = bundle.recipe.model_copy(update={"channels": picked})
    for case in (dataset.case(name) for name in ids):
        volume = read_image(case.image, len(dataset.channels), picked)
        image, record = prepare_image(volume.array, volume.affine, volume.spacing, recipe, case.id)
        label = prepare_label(read_label(case.label, volume, tuple(dataset.labels)), record)
        np.save(folder / f"{case.id}.npy", image)
        np.save(folder / f"{case.id}_truth.npy", target.region_masks(label))
    return ids, target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_path", type=Path, required=True)
    parser.add_argument("--saved_model", type=Path, required=True)
    parser.add_argument("--peer-python", required=True, help="python with torch and monai")
    parser.add_argument("--cases", default="validation")
    parser.add_argument("--count", type=int, default=6, help="cases, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--own-windows", action="store_true",
                        help="ours chooses its window, as evaluate does")  # fmt: skip
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args)
        return
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    sys.path.insert(0, str(HERE.parent))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ids, target = prepare(args, folder)
        sides = {
            "ours": Worker([sys.executable, __file__, *sys.argv[1:], "--serve"]),
            "peer": Worker([args.peer_python, str(HERE / "inference_peer.py"), name,
                            str(args.overlap), str(args.threads)]),
        }  # fmt: skip
        print(json.dumps(measure(sides, ids, folder, target, args.rounds), indent=1))
        for side in sides.values():
            side.close()


def measure(
    sides: dict[str, Worker], ids: list[str], folder: Path, target: object, rounds: int
) -> dict:
    from unet.result.infer import activate
    from unet.result.metrics import dice

    rates: dict[str, list[float]] = {side: [] for side in sides}
    walls: dict[str, list[float]] = {side: [] for side in sides}
    scores: dict[str, list[float]] = {side: [] for side in sides}
    notes: dict[str, dict] = {}
    voxels = sum(np.load(folder / f"{case}.npy", mmap_mode="r")[..., 0].size for case in ids)
    for number in range(rounds + 1):  # the first round warms up and gives the Dice
        spent = {side: [0.0, 0.0] for side in sides}
        for position, case in enumerate(ids):
            order = list(sides) if (position + number) % 2 else list(sides)[::-1]
            for side in order:
                files = {"image": str(folder / f"{case}.npy"), "logits": str(folder / "out.npy")}
                answer = sides[side].ask(**files)
                spent[side][0] += answer.pop("cpu")
                spent[side][1] += answer.pop("wall")
                notes[side] = answer
                if number == 0:
                    probabilities = activate(np.load(folder / "out.npy"), target)
                    masks, truth = target.decode(probabilities), folder / f"{case}_truth.npy"
                    truth = np.load(truth)
                    scores[side] += [
                        dice(masks[..., r], truth[..., r]) for r in range(truth.shape[-1])
                    ]
        if number:
            for side, (cpu, wall) in spent.items():
                rates[side].append(voxels / cpu)
                walls[side].append(voxels / wall)
    ratios = [ours / peer for ours, peer in zip(rates["ours"], rates["peer"], strict=True)]
    means = {side: float(np.mean(values)) for side, values in scores.items()}
    return {
        "cases": len(ids),
        "volume_voxels": voxels,
        "rounds": rounds,
        "voxels_per_cpu_second": {s: round(statistics.median(r)) for s, r in rates.items()},
        "voxels_per_second": {s: round(statistics.median(r)) for s, r in walls.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "mean_dice": {side: round(mean, 4) for side, mean in means.items()},
        "dice_difference": round(abs(means["ours"] - means["peer"]), 5),
        "settings": notes,
    }


if __name__ == "__main__":
    main()
