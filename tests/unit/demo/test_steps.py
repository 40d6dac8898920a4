"""The demo on a cluster that is there: its steps, in order, with stand-ins for kubectl and helm."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[3] / "demo" / "run"
KUBECTL = r"""#!/bin/bash
echo "kubectl $*" >> "$CALLS"
case "$*" in
  *"apply -f -") cat > /dev/null ;;
  *"get storageclass"*) echo "shared other" ;;
  *"get unettraining"*"--watch"*) cat "$STATUSES" ;;
  *"{.metadata.uid}"*) printf 1a2b3c4d-5e6f ;;
  *"exec files -- cat"*) exit 1 ;;
  *"exec -i files"*) cat > "$CALLS.copied" ;;
  *"exec files -- tar"*) tar -C "$RESULTS" -cf - . ;;
  *logs*) echo "mean Dice = 0.8610" ;;
esac
"""
HELM = '#!/bin/bash\necho "helm $*" >> "$CALLS"\n'
TRAINING = {"phase": "Training", "training": {"epoch": 1, "epochs": 3, "loss": 0.5}}
LOGS = {"launcher": "job/brain-tumour-launcher-1", "results": "job/brain-tumour-report-1"}


class Stage:
    """A folder in which the demo runs, and what it called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls_file = folder, folder / "calls"
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("kubectl", KUBECTL), ("helm", HELM)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (folder / "results/overlays").mkdir(parents=True)
        (folder / "results/report.html").write_text("page")
        (folder / "results/overlays/a.png").write_text("picture")

    def run(self, *statuses: dict, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the demo while the training's status changes like this."""
        (self.folder / "statuses").write_text("".join(f"{json.dumps(s)}\n" for s in statuses))
        known = {
            "CLUSTER": "current",
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.calls_file),
            "STATUSES": str(self.folder / "statuses"),
            "RESULTS": str(self.folder / "results"),
        }
        unset = ("DATA", "STORAGE_CLASS", "TRAINING_IMAGE", "OPERATOR_IMAGE")
        inherited = {k: v for k, v in os.environ.items() if k not in unset}
        return subprocess.run(
            [DEMO],
            cwd=self.folder,
            env=inherited | known | environment,
            capture_output=True,
            text=True,
        )

    def called(self) -> list[str]:
        return self.calls_file.read_text().splitlines()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_training_that_succeeds_leaves_page_and_picture(stage: Stage):
    done = stage.run(TRAINING, TRAINING, {"phase": "Succeeded", "logs": LOGS})
    assert done.returncode == 0, done.stderr
    assert (stage.folder / "demo-output/report.html").read_text() == "page"
    assert (stage.folder / "demo-output/overlay.png").read_text() == "picture"
    assert done.stdout.count("epoch 1/3  loss 0.5") == 1
    assert "mean Dice = 0.8610" in done.stdout
    steps = [line for line in done.stdout.splitlines() if line.startswith("==")]
    assert [step.split()[1] for step in steps] == ["operator", "claims", "data", "results"]


def test_a_phantom_is_made_once_and_real_cases_are_copied(stage: Stage):
    stage.run({"phase": "Succeeded", "logs": LOGS})
    assert any("python -m unet phantom" in call for call in stage.called())
    stage.calls_file.unlink()
    data = stage.folder / "Task01_BrainTumour"
    data.mkdir()
    (data / "dataset.json").write_text("{}")
    done = stage.run({"phase": "Succeeded", "logs": LOGS}, DATA=str(data))
    assert done.returncode == 0, done.stderr
    assert not any("phantom" in call for call in stage.called())
    assert b"dataset.json" in Path(f"{stage.calls_file}.copied").read_bytes()


def test_a_training_that_fails_shows_its_end_and_fails_the_demo(stage: Stage):
    done = stage.run({"phase": "Failed", "message": "bad data", "logs": LOGS})
    assert done.returncode == 1
    assert "error: the training ended as Failed: bad data" in done.stderr
    assert "logs job/brain-tumour-launcher-1 --tail=20" in stage.called()[-1]
    assert not (stage.folder / "demo-output").exists()


def test_a_missing_storage_class_is_said_before_a_claim_waits(stage: Stage):
    done = stage.run(STORAGE_CLASS="fast")
    assert done.returncode == 1
    assert "no storage class fast in the cluster (shared other" in done.stderr


def test_data_that_is_no_task_is_refused_before_anything_starts(stage: Stage):
    done = stage.run(DATA=str(stage.folder))
    assert done.returncode == 1
    assert "no dataset.json there" in done.stderr
    assert not stage.calls_file.exists()
