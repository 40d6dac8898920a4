"""Two checkouts beside each other: each runs its own code, or the comparison ends."""

import shutil
import subprocess
import sys
from pathlib import Path

import common
import compare
import numpy as np
import pytest


def test_a_side_imports_its_own_packages_with_python_m_too(tmp_path: Path) -> None:
    package = tmp_path / "unet"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("print('the other one')")
    done = common.run([sys.executable, "-m", "unet"], 1, tree=tmp_path)
    assert done.output == "the other one\n"
    compare.require_own_packages(compare.Sides(tmp_path))


def test_a_checkout_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="before"):
        compare.require_own_packages(compare.Sides(tmp_path))


def write(folder: Path, **arrays: np.ndarray) -> Path:
    newest = folder / "checkpoints/000002"
    newest.mkdir(parents=True)
    np.savez(newest / "state.npz", **arrays)
    return folder


def test_weights_are_the_same_only_bit_by_bit(tmp_path: Path) -> None:
    one = np.ones(3, np.float32)
    runs = {"before": write(tmp_path / "a", w=one), "after": write(tmp_path / "b", w=one)}
    assert compare.weights(runs)["identical"]
    shutil.rmtree(tmp_path / "b")
    write(tmp_path / "b", w=np.nextafter(one, np.float32(2)))
    found = compare.weights(runs)
    assert not found["identical"]
    assert found["largest_difference"] > 0


def test_other_arrays_are_no_comparison(tmp_path: Path) -> None:
    one = np.ones(3)
    runs = {"before": write(tmp_path / "a", w=one), "after": write(tmp_path / "b", v=one)}
    with pytest.raises(SystemExit, match="other arrays"):
        compare.weights(runs)


def test_the_ratio_is_before_over_after_within_rounds() -> None:
    found = compare.compared({"before": [2.0, 30.0], "after": [1.0, 10.0]})
    assert found["ratio"] == {"min": 2.0, "median": 2.5, "max": 3.0}


def test_this_checkout_beside_itself_takes_the_same_steps() -> None:
    command = [sys.executable, str(common.ROOT / "bench/compare.py"), "--before", common.ROOT]
    asked = ["--only", "training_step", "--quick", "--rounds", "1", "--steps", "1"]
    done = subprocess.run([*command, *asked], capture_output=True, text=True, check=True)
    assert '"same_losses": true' in done.stdout
