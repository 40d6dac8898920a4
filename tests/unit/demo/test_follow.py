"""The demo's line for each change of a training's status."""

import json

import pytest
from demolib.follow import Status, describe


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({}, "Pending      "),
        (
            {"phase": "Starting", "message": "waits for 2 workers"},
            "Starting     waits for 2 workers",
        ),
        (
            {"phase": "Training", "workers": "2/2"},
            "Training     workers 2/2  ranks start, data is read and planned",
        ),
        (
            {"phase": "Training", "workers": "2/2", "training": {"stage": "preprocess"}},
            "Training     workers 2/2  preprocess",
        ),
        (
            {
                "phase": "Training",
                "workers": "2/2",
                "training": {
                    "epoch": 0,
                    "epochs": 12,
                    "loss": 0,
                    "eta": "",
                    "validationDice": None,
                },
            },
            "Training     workers 2/2  epoch 0/12  loss 0",
        ),
        (
            {
                "phase": "Training",
                "training": {"epoch": 3, "loss": 0.41, "validationDice": 0.71, "eta": "18m"},
            },
            "Training     epoch 3/?  loss 0.41  Dice 0.71  left 18m",
        ),
    ],
    ids=["new", "before training", "first", "stage", "first epoch", "all figures"],
)
def test_a_line_says_what_is_known(status: dict, line: str):
    assert describe(Status.from_json(json.dumps(status))) == line


def test_the_jobs_to_read_are_named():
    text = json.dumps({"phase": "Failed", "logs": {"launcher": "job/a-launcher-1"}})
    assert Status.from_json(text).logs == {"launcher": "job/a-launcher-1"}
