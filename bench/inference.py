"""Inference against MONAI's sliding_window_inference: same network, weights, windows, cases.

    python bench/inference.py --data_path DIR [--saved_model RUN] --peer-python PEER/bin/python

PEER is an environment with torch and monai (`pip install torch monai`), never the project's.
Each side, our two engines and the peer, is a process of its own, and they take turns case by
case, so that whatever else the machine does meets all. Measured is the processor time from a
prepared volume to its logits, without mirroring; a first round warms up and gives the Dice.
Without --saved_model one is trained for --train-for first.  The peer takes the fastest of its
own settings (memory layout, windows at once, eager or torch.compile).  All sides compute in
the same precision, which is printed: that of the model's training; bfloat16 is open to a
peer only where it is open to our engines, which try it for a bfloat16-trained model alone.

Prints JSON: voxels of volume per CPU second of each, the ratio of the default engine to the
peer and of our engines to each other, and every mean Dice on the prepared grid.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from common import (
    PYTHON,
    ROOT,
    Worker,
    bars,
    given,
    parser,
    ratios,
    require,
    run,
    spread,
    unet,
)

if TYPE_CHECKING:
    from unet.data.regions import Target

OURS = ("openvino", "tensorflow")  # the default first
PEER = "monai"


def serve(args: argparse.Namespace) -> None:
    """One of our engines: prepared volume → logits."""
    from unet.system.start_tensorflow import start_tensorflow

    start_tensorflow()
    from unet.inference.predictor import Predictor, window_size
    from unet.inference.sliding_window import sliding_window
    from unet.network.saved_model import load_model

    saved = load_model(args.saved_model)
    predictor = Predictor(saved, backend=args.serve, overlap=args.overlap)
    for line in sys.stdin:
        request = json.loads(line)
        image = np.load(request["image"])
        window = saved.plan.patch_size
        if args.own_windows:
            window = window_size(saved.plan.network, window, image.shape)
        engine = predictor.engine(window)
        cpu, wall = time.process_time(), time.perf_counter()
        logits = sliding_window(engine, image, window, args.overlap, engine.batch)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        np.save(request["logits"], logits)
        notes = {"windows_at_once": engine.batch, "precision": engine.precision}
        print(json.dumps({"cpu": cpu, "wall": wall, **notes}), flush=True)


def train(args: argparse.Namespace, folder: Path) -> Path:
    """A model for the comparison."""
    options = {"--data_path": args.data_path, "--output": folder, "--time-budget": args.train_for}
    require(run(unet("train", options), args.threads), "unet train")
    return folder


def prepare(args: argparse.Namespace, folder: Path) -> tuple[list[str], Target]:
    """Writes the network, its weights and the prepared cases where the peer can read them."""
    from unet.system.start_tensorflow import start_tensorflow

    start_tensorflow()
    from unet.data.msd import load_dataset
    from unet.data.preparation import prepare_image, prepare_label
    from unet.data.volume import read_image, read_label
    from unet.evaluation.evaluator import channels_for, target_for
    from unet.evaluation.select_cases import select_cases
    from unet.network.saved_model import load_model

    saved, dataset = load_model(args.saved_model), load_dataset(args.data_path)
    model = saved.model()
    arrays = {
        f"{layer.name}/{index}": value
        for layer in model.layers
        for index, value in enumerate(layer.get_weights())
    }
    np.savez(folder / "weights.npz", **arrays)
    bfloat16 = saved.plan.precision == "bfloat16"
    spec = saved.plan.network.model_dump()
    spec |= {"patch": saved.plan.patch_size, "bfloat16": bfloat16}
    (folder / "spec.json").write_text(json.dumps(spec))
    ids = [use.id for use in select_cases(dataset, saved.split, args.cases)][: args.count]
    picked, target = channels_for(saved, dataset), target_for(saved, dataset)
    recipe = saved.recipe.model_copy(update={"channels": picked})
    for case in (dataset.case(name) for name in ids):
        volume = read_image(case.image, len(dataset.channels), picked)
        image, record = prepare_image(volume.array, volume.affine, volume.spacing, recipe, case.id)
        label = prepare_label(
            read_label(given(case.label, f"{case.id}: label"), volume, tuple(dataset.labels)),
            record,
        )
        np.save(folder / f"{case.id}.npy", image)
        np.save(folder / f"{case.id}_truth.npy", target.region_masks(label))
    return ids, target


@dataclass
class Turns:
    """What the sides did, by side.

    Attributes:
        voxels: of all volumes together.
        rates: voxels per CPU second, a round each.
        walls: voxels per second, a round each.
        scores: Dice of every case and region.
        notes: the settings that a side has chosen.
    """

    voxels: int
    rates: dict[str, list[float]] = field(default_factory=dict)
    walls: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, dict[str, object]] = field(default_factory=dict)


def take_turns(
    sides: dict[str, Worker], ids: list[str], folder: Path, target: Target, rounds: int
) -> Turns:
    """Lets the sides take turns; the first round warms up and gives the Dice."""
    voxels = sum(np.load(folder / f"{case}.npy", mmap_mode="r")[..., 0].size for case in ids)
    turns = Turns(voxels)
    for number in range(rounds + 1):
        spent = {side: np.zeros(2) for side in sides}
        for position, case in enumerate(ids):
            for side in list(sides)[:: 1 if (position + number) % 2 else -1]:
                logits = folder / "logits.npy"
                answer = sides[side].ask(image=str(folder / f"{case}.npy"), logits=str(logits))
                spent[side] += answer.pop("cpu"), answer.pop("wall")
                turns.notes[side] = answer
                if number == 0:
                    truth = np.load(folder / f"{case}_truth.npy")
                    dice = region_dice(np.load(logits), truth, target)
                    turns.scores.setdefault(side, []).extend(dice)
        for side, (cpu, wall) in spent.items():
            if number:
                turns.rates.setdefault(side, []).append(voxels / cpu)
                turns.walls.setdefault(side, []).append(voxels / wall)
    return turns


def compare(turns: Turns, cases: int, rounds: int) -> dict[str, object]:
    """What is printed."""
    means = {side: float(np.mean(values)) for side, values in turns.scores.items()}
    rates, walls = turns.rates, turns.walls
    first, second = OURS
    return {
        "cases": cases,
        "volume_voxels": turns.voxels,
        "rounds": rounds,
        "voxels_per_cpu_second": {side: spread(values) for side, values in rates.items()},
        "voxels_per_second": {side: spread(values) for side, values in walls.items()},
        "ratio": ratios(rates[first], rates[PEER]),
        f"{first}_over_{second}": ratios(rates[first], rates[second]),
        "mean_dice": {side: round(mean, 4) for side, mean in means.items()},
        "dice_difference": round(abs(means[first] - means[PEER]), 5),
        "settings": turns.notes,
    }


def region_dice(
    logits: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_], target: Target
) -> list[float]:
    """Dice of each region of one case."""
    from unet.evaluation.metrics import dice
    from unet.inference.predictor import activate

    masks = target.decode(activate(logits, target))
    return [dice(masks[..., r], truth[..., r]) for r in range(truth.shape[-1])]


def read_arguments() -> argparse.Namespace:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--data_path", type=Path, required=True)
    add("--saved_model", type=Path)
    add("--train-for", default="4m", help="without --saved_model (default: 4m)")
    add("--peer-python", required=True, help="python with torch and monai")
    add("--cases", default="validation")
    add("--count", type=int, default=10, help="cases, at most")
    add("--rounds", type=int, default=5)
    add("--overlap", type=float, default=0.5)
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    add("--own-windows", action="store_true", help="ours chooses its window, as evaluate does")
    add("--figure", type=Path, metavar="PNG", help="draw the rates, e.g. docs/inference.png")
    add("--serve", choices=OURS, help=argparse.SUPPRESS)
    return arguments.parse_args()


def main() -> None:
    args = read_arguments()
    if args.serve:
        serve(args)
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        args.saved_model = args.saved_model or train(args, folder / "run")
        ids, target = prepare(args, folder)
        served = [*sys.argv[1:], "--saved_model", str(args.saved_model)]
        commands = {engine: [PYTHON, __file__, *served, "--serve", engine] for engine in OURS}
        peer = [args.peer_python, str(ROOT / "bench/peers/inference.py"), name]
        commands[PEER] = [*peer, str(args.overlap), str(args.threads)]
        sides = {n: stack.enter_context(Worker(c, args.threads)) for n, c in commands.items()}
        turns = take_turns(sides, ids, folder, target, args.rounds)
    print(json.dumps(compare(turns, len(ids), args.rounds), indent=1))
    if args.figure:
        rates = {side: spread(values) for side, values in turns.rates.items()}
        bars(args.figure, "Inference", "voxels per CPU second", rates)


if __name__ == "__main__":
    main()
