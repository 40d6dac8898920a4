"""Experiments: arms and cells as typed, folds made once, scores pooled and paired."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import experiments
import pytest
from experiments import Arm, Cell, Score, lay_aside, rows


def keep(store: Path, arm: str, fold: int, dice: dict[str, float]) -> None:
    file = experiments.file_of(store, arm, Cell("Task", "5m", fold))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(Score(dice, cpu=60.0, wall=61.0, evaluation=2.0))))


def test_an_arm_is_a_checkout_with_flags(tmp_path: Path):
    (tmp_path / "unet").mkdir()
    assert Arm.of(f"wide={tmp_path}:--filters=32 --keep=best") == Arm(
        "wide", tmp_path, ("--filters=32", "--keep=best")
    )
    assert Arm.of(f"plain={tmp_path}").flags == ()


@pytest.mark.parametrize("text", ["before", "=.", "before=/nowhere"])
def test_an_arm_without_a_name_or_checkout_is_refused(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=CHECKOUT"):
        Arm.of(text)


def test_a_cell_names_one_fold_or_several():
    assert Cell.some("LGG:15m:2") == [Cell("LGG", "15m", 2)]
    assert [cell.fold for cell in Cell.some("LGG:15m:0-2")] == [0, 1, 2]


def test_the_table_pools_folds_and_pairs_cases_with_the_first_arm(tmp_path: Path):
    for fold in range(2):
        cases = {f"case{fold}{i}": 0.5 + 0.1 * i for i in range(3)}
        keep(tmp_path, "before", fold, cases)
        keep(tmp_path, "after", fold, {case: value + 0.1 for case, value in cases.items()})
    before, after = sorted(rows(tmp_path), key=lambda row: row["arm"] != "before")
    assert before["beside_first"] is None
    assert (after["cases"], after["folds"], after["cpu_minutes_a_fold"]) == (6, 2, 1.0)
    assert after["dice"]["mean"] == pytest.approx(0.7)
    assert after["beside_first"]["mean"] == pytest.approx(0.1)
    assert after["worst"] == pytest.approx(0.6)


def test_a_fold_is_laid_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def hold_out(data: Path, folder: Path, fold: int, folds: int) -> experiments.HeldOut:
        calls.append(fold)
        folder.mkdir(parents=True)
        return experiments.HeldOut(folder, ("a", "b"))

    monkeypatch.setattr(experiments, "hold_out", hold_out)
    first = lay_aside(tmp_path, Path("/data/Task"), 1)
    assert lay_aside(tmp_path, Path("/data/Task"), 1) == first
    assert calls == [1]


def test_what_is_in_the_store_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ran = []

    def measure(arm: Arm, cell: Cell, *_: object) -> Score:
        ran.append((arm.name, cell.fold))
        return Score({f"case{cell.fold}": 0.5}, 1.0, 1.0, 1.0)

    monkeypatch.setattr(experiments, "measure", measure)
    monkeypatch.setattr(experiments, "lay_aside", lambda *_: None)
    keep(tmp_path, "before", 0, {"case0": 0.4})

    class Asked:
        store, data, core = tmp_path, tmp_path, None
        arm = (Arm("before", tmp_path), Arm("after", tmp_path))
        cells = (Cell("Task", "5m", 0), Cell("Task", "5m", 1))

    experiments.run_all(Asked)
    assert ran == [("after", 0), ("before", 1), ("after", 1)]
