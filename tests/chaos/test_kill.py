"""kill -9 at any moment costs time since the last checkpoint, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from support import tiny

from unet.system.logfmt import parse_line

ROOT = Path(__file__).resolve().parents[2]
EPOCHS, STEPS = 5, 8
KILLS = 5  # of one run, one after the other
RUNS = 10  # of `make chaos`; the first is part of every test run


def start(data: Path, run: Path) -> subprocess.Popen[str]:
    """The training itself, as a user starts it; it checkpoints after every step."""
    words = ["train", "--data_path", str(data), "--output", str(run), "--threads", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "unet", *words, "--checkpoint-minutes", "1e-9"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def to_the_end(data: Path, run: Path) -> str:
    life = start(data, run)
    said, complaints = life.communicate()
    assert life.returncode == 0, said + complaints
    return said


def killed(data: Path, run: Path, checkpoints: int | None, seconds: float) -> list[dict[str, str]]:
    """Kills a life so long after so many checkpoints; returns what it had said.

    Without a number of checkpoints it is killed after the last epoch, when the model is written.
    """
    life = start(data, run)
    assert life.stdout is not None
    said: list[dict[str, str]] = []
    for line in life.stdout:
        said.append(parse_line(line) or {})
        last = said[-1].get("epoch") == f"{EPOCHS}/{EPOCHS}" and "val_dice" in said[-1]
        if last if checkpoints is None else len(steps(said, "checkpoint")) >= checkpoints:
            break
    try:
        life.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        life.kill()
    rest, complaints = life.communicate()
    assert life.returncode == -9, f"it ended before it was killed: {complaints}"
    return said + [parse_line(line) or {} for line in rest.splitlines()]


def weights(run: Path) -> str:
    """A hash of every weight of the final model."""
    digest = hashlib.sha256()

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + np.asarray(item).tobytes())

    with h5py.File(run / "model" / "3d_unet_decathlon.hdf5") as file:
        file.visititems(add)
    return digest.hexdigest()


def steps(said: list[dict[str, str]], event: str) -> list[int]:
    return [int(fields["step"]) for fields in said if fields.get("event") == event]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_dataset(tmp_path_factory.mktemp("chaos") / "data")


def plan(data: Path, run: Path) -> Path:
    return tiny.make_run(data, run, epochs=EPOCHS, steps_per_epoch=STEPS)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    run = plan(data, tmp_path_factory.mktemp("undisturbed"))
    to_the_end(data, run)
    return weights(run)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(1, RUNS))]
)
def test_killed_again_and_again_it_ends_with_the_same_weights(seed, data, tmp_path, undisturbed):
    chance = random.Random(seed)
    run = plan(data, tmp_path / "run")
    saved = 0
    for number in range(KILLS):
        checkpoints = chance.randrange(8) if number < KILLS - 1 else None
        seconds = chance.uniform(0, 0.1)
        said = killed(data, run, checkpoints, seconds)
        print(f"life {number}: step {saved}, {checkpoints} checkpoints, {seconds:.3f} s, killed")
        assert all(step >= saved for step in steps(said, "resume")), "steps were lost"
        saved = max([saved, *steps(said, "checkpoint")])
    said = [parse_line(line) or {} for line in to_the_end(data, run).splitlines()]
    assert steps(said, "resume") >= [saved]
    assert weights(run) == undisturbed
    left = [path.name for path in (run / "checkpoints").iterdir() if not path.name.isdigit()]
    assert left == ["best"]


def test_killed_before_any_file_operation_of_a_save_it_leaves_a_whole_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_writer.py")), str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert min(json.loads(done.stdout).values()) > 20, "a save touches more files than that"
