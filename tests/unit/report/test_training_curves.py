import json
from pathlib import Path

from unet.evaluation.folder import Folder
from unet.report.training_curves import read_log, training_curves


def test_the_curves_skip_torn_lines_and_count_a_repeated_epoch_once(tmp_path):
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}, {"epoch": 2, "loss": 1.0}]
    text = "\n".join(map(json.dumps, lines)) + '\n{"epoch": 3, "lo'
    (tmp_path / "log.jsonl").write_text(text)
    epochs = read_log(Folder(tmp_path / "evaluation-1"), Path("/nowhere/model.hdf5"))
    assert epochs == [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]


def test_a_figure_that_is_not_finite_or_alone_is_no_curve():
    epochs = [{"epoch": 1.0, "loss": 2.0}, {"epoch": 2.0, "loss": 1.0}, {"epoch": 3.0, "loss": 0.5}]
    epochs[2] |= {"loss": float("nan"), "val_dice": 0.8}
    (curve,) = training_curves(epochs)
    assert curve.caption == "Training loss by epoch: 1.000 at the end"
