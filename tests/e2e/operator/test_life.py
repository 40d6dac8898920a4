"""One training from apply to Dice, looked at from every side; it runs once for all tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.operator_fixtures import (
    ACCOUNT,
    TASK,
    RecordedTraining,
    TrainingNamespace,
    changes_besides_progress,
)

pytestmark = pytest.mark.e2e

READ_PREDICTIONS = """
import json, sys, nibabel, numpy
from pathlib import Path
data, folder = map(Path, sys.argv[1:])
for file in sorted((folder / "predictions_directory").glob("*_pred.nii.gz")):
    case = file.name.removesuffix("_pred.nii.gz")
    said, truth = nibabel.load(file), nibabel.load(data / "labelsTr" / f"{case}.nii.gz")
    ours, actual = numpy.asarray(said.dataobj), numpy.asarray(truth.dataobj)
    both = int(((ours > 0) & (actual > 0)).sum())
    print(json.dumps({
        "case": case,
        "same_grid": said.shape == truth.shape and numpy.allclose(said.affine, truth.affine),
        "axes": ["".join(nibabel.aff2axcodes(image.affine)) for image in (said, truth)],
        "values": sorted(map(int, numpy.unique(ours))),
        "dice": 2 * both / int((ours > 0).sum() + (actual > 0).sum()),
    }))
"""


@dataclass(frozen=True)
class Life:
    """A training that succeeded, and what is gone by now."""

    trainings: TrainingNamespace
    recorded: RecordedTraining
    nodes: list[str]
    """Where its workers ran."""

    @property
    def status(self) -> dict:
        """The last status."""
        return self.recorded.statuses[-1]

    def log(self, job: str) -> list[str]:
        """The lines of a Job's log."""
        return self.trainings.kubectl("logs", f"job/{job}").splitlines()

    def predictions(self) -> list[dict]:
        """The predictions on the output claim, read beside their labels."""
        folder = f"{self.recorded.folder}/evaluation-1"
        lines = self.trainings.python(READ_PREDICTIONS, f"/data/{TASK}", folder).splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def life(trainings: TrainingNamespace) -> Iterator[Life]:
    recorded = trainings.start("life")
    recorded.until_phase("Training", 1)
    nodes = [pod["spec"]["nodeName"] for pod in recorded.pods("worker", 1)]
    recorded.until("it succeeds", lambda status: status.get("phase") == "Succeeded", 400)
    yield Life(trainings, recorded, nodes)
    recorded.close()
    trainings.kubectl("delete", "unettraining", "life", "--wait=false")


def test_phases_follow_one_another(life: Life):
    phases = [status["phase"] for status in life.recorded.statuses if "phase" in status]
    assert list(dict.fromkeys(phases)) == ["Starting", "Training", "Evaluating", "Succeeded"]


def test_workers_are_on_two_nodes(life: Life):
    assert len(set(life.nodes)) == 2


def test_dice_is_the_same_in_log_status_and_files(life: Life):
    last = life.log("life-report-1")[-1]
    logged = float(re.match(r"mean Dice = ([0-9.]+)", last)[1])
    found = [case["dice"] for case in life.predictions()]
    assert len(found) == 2
    assert sum(found) / len(found) == pytest.approx(logged, abs=6e-5)
    reported = life.status["evaluation"]
    assert reported["meanDice"] == pytest.approx(logged, abs=6e-5)
    assert reported["dicePerRegion"] == {"whole-tumour": reported["meanDice"]}
    assert reported["cases"] == 2
    assert life.status["dice"] == reported["meanDice"]
    assert f"{reported['meanDice']:.4f}" in life.status["message"]


def test_predictions_lie_in_each_case_own_grid(life: Life):
    for case in life.predictions():
        assert case["same_grid"], case
        assert case["axes"] == ["LPS", "LPS"], case
        assert set(case["values"]) <= {0, 1}, case


def test_report_and_pictures_are_on_the_claim(life: Life):
    folder = f"{life.recorded.folder}/evaluation-1"
    assert life.status["evaluation"]["report"] == f"{folder}/report.html".removeprefix("/output/")
    listed = life.trainings.kubectl(
        "exec", "files", "--", "find", folder, "-type", "f"
    ).splitlines()
    files = {name.removeprefix(f"{folder}/") for name in listed}
    cases = {case["case"] for case in life.predictions()}
    assert {"report.html", "results.json", "results.csv"} <= files
    assert {f"overlays/{case}.png" for case in cases} <= files
    page = life.trainings.kubectl("exec", "files", "--", "cat", f"{folder}/report.html")
    assert all(case in page for case in cases)


def test_status_says_what_was_planned_and_where_the_logs_are(life: Life):
    status = life.status
    assert status["plan"]["patchSize"] == "32,32,32"
    assert (status["plan"]["batchSize"], status["plan"]["globalBatchSize"]) == (2, 4)
    assert status["plan"]["memoryEstimate"] < 2 * 2**30
    progress = status["training"]
    assert (progress["epoch"], progress["epochs"], progress["checkpointEpoch"]) == (3, 3, 3)
    assert 0 < progress["loss"] < 10
    assert 0 <= progress["validationDice"] <= 1
    assert progress["samplesPerSecond"] > 0
    assert status["logs"] == {"launcher": "job/life-launcher-1", "results": "job/life-report-1"}
    assert status["startTime"] < status["completionTime"]


def test_the_table_has_the_promised_columns(life: Life):
    head, row = life.trainings.kubectl("get", "unet", "life").splitlines()
    assert head.split() == ["NAME", "PHASE", "WORKERS", "EPOCH", "LOSS", "DICE", "ETA", "AGE"]
    assert row.split()[:2] == ["life", "Succeeded"]
    wide = life.trainings.kubectl("get", "unet", "life", "-o", "wide").splitlines()
    assert life.status["message"] in wide[1]


def test_the_launcher_log_reads_as_a_training(life: Life):
    lines = life.log("life-launcher-1")
    assert lines[0].startswith("mpirun ")
    assert "-n 2 -machinefile /etc/unet/config/hostfile -ppn 1 python -m unet train" in lines[0]
    epochs = [line for line in lines if re.match(r"epoch=\d/3 loss=", line)]
    told = [line.split()[0] for line in epochs]
    assert (told[0], told[-1]) == ("epoch=1/3", "epoch=3/3")  # between them at a human pace
    known = r"(event|stage|epoch)="
    assert [line for line in lines[1:] if not re.match(known, line)] == []


def test_workers_leave_and_logs_stay(life: Life):
    kubectl = life.trainings.kubectl
    kubectl.wait_until("the workers are gone", lambda: not life.recorded.pods("worker", 1))
    jobs = {
        job["metadata"]["name"]
        for job in kubectl.get("jobs")["items"]
        if job["metadata"]["labels"].get("unet.dev/training") == "life"
    }
    assert jobs == {"life-worker-1", "life-launcher-1", "life-evaluate-1", "life-report-1"}


def test_a_life_costs_few_writes(life: Life):
    asked = [r for r in life.recorded.requests() if r.user == ACCOUNT and r.writes]
    kinds = [request.resource for request in asked]
    children = [
        f"{request.verb} {request.resource}"
        for request in asked
        if request.resource not in ("unettrainings/status", "events")
    ]
    assert len(children) <= 12, children
    assert kinds.count("events") <= 8
    statuses = life.recorded.statuses
    lasting = changes_besides_progress(statuses)
    print(
        f"{len(children)} child writes, {kinds.count('events')} events, "
        f"{len(lasting)} status patches besides progress, "
        f"{kinds.count('unettrainings/status')} in all"
    )
    # The watch saw the creation and every patch, so each patch changed something.
    assert kinds.count("unettrainings/status") == len(statuses) - 1
    assert len(lasting) <= 8, [status["conditions"] for status in lasting]


def test_the_operator_is_refused_nothing_and_reads_no_secret(life: Life):
    asked = [r for r in life.recorded.requests() if r.user == ACCOUNT]
    assert [r for r in asked if r.code == 403] == []
    assert {r.verb for r in asked if r.resource == "secrets"} == {"create"}
