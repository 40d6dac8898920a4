"""The course's own two lines, as it prints them, on a data set of its form."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from unet.data.msd import load_dataset
from unet.data.phantom import make_phantom
from unet.data.split import make_split
from unet.network.saved_model import About

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

TRAIN = (
    "mpirun -genv I_MPI_DEBUG=10 -n 3 -hostfile nodelist -ppn 1 -print-rank-map "
    "-genv I_MPI_PIN_DOMAIN=socket -genv OMP_NUM_THREADS=8 -genv OMP_PROC_BIND=true "
    "-genv KMP_BLOCKTIME=1 python train_horovod.py --bz=4 --patch_height=16 --patch_width=16 "
    "--patch_depth=16 --epochs=1 --data_path ./Task01_BrainTumour/"
)
EVALUATE = (
    "python evaluate_model.py --data_path ./Task01_BrainTumour/ "
    "--saved_model ./saved_model/3d_unet_decathlon.hdf5"
)

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(
        not (BIN / "mpirun").exists() or importlib.util.find_spec("horovod") is None,
        reason="Intel MPI's mpirun or Horovod is not beside this Python: make setup",
    ),
]


def run(line: str, folder: Path) -> str:
    """Runs a line as typed, with this Python's programs first; returns what it printed."""
    done = subprocess.run(
        line.split(),
        executable=shutil.which(line.split()[0], path=str(BIN)),
        cwd=folder,
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_courses_lines_run_verbatim(tmp_path):
    make_phantom(tmp_path / "Task01_BrainTumour", "Task01_BrainTumour", 7, 0)
    for script in ("train_horovod.py", "evaluate_model.py"):
        shutil.copy(ROOT / script, tmp_path)
    (tmp_path / "nodelist").write_text("localhost\n" * 3)  # three nodes without ssh

    said = run(TRAIN, tmp_path)
    assert "(localhost:0,1,2)" in said  # -print-rank-map
    assert "MPI startup(): Rank" in said  # I_MPI_DEBUG
    assert "8 threads per rank, from OMP_NUM_THREADS" in said
    assert "global_batch_size=12" in said
    assert said.count("Args = ") == 1  # only rank 0 speaks
    assert "epoch=1/1 loss=" in said
    split = make_split(load_dataset(tmp_path / "Task01_BrainTumour"), "course")
    for name, cases in (("train", split.training), ("validate", split.validation)):
        assert len((tmp_path / f"{name}.csv").read_text().splitlines()) == len(cases)
    with h5py.File(tmp_path / "saved_model" / "3d_unet_decathlon.hdf5") as file:
        about = About.model_validate_json(file.attrs["unet"])
    assert about.split == split
    assert (about.plan.patch_size, about.plan.batch_size, about.plan.ranks) == ((16, 16, 16), 4, 3)

    said = run(EVALUATE, tmp_path)
    for case in split.validation:
        assert f"{case}, Dice = " in said
        for kind in ("img", "msk", "pred"):
            assert (tmp_path / "predictions_directory" / f"{case}_{kind}.nii.gz").is_file()
    assert "mean Dice = " in said
