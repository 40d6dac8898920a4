"""The demo on a cluster that is there: its steps, in order, with stand-ins for kubectl and helm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
  "config view"*) echo "$CONFIG" ;;
  *"get namespace unet-demo"*) printf "$THERE" ;;
  *"exec files -- tar"*) tar -C "$RESULTS" -cf - . ;;
  *logs*) echo "mean Dice = 0.8610" ;;
esac
"""
HELM = r"""#!/bin/bash
echo "helm $*" >> "$CALLS"
case "$*" in
  list*) cat "$RELEASES" ;;
  "get values"*) echo '{"training": {"image": "registry/mine:7"}}' ;;
esac
"""
CONFIG = {"current-context": "mine", "clusters": [{"cluster": {"server": "https://a:1"}}]}
TRAINING = {"phase": "Training", "training": {"epoch": 1, "epochs": 3, "loss": 0.5}}
LOGS = {"launcher": "job/brain-tumour-launcher-1", "results": "job/brain-tumour-report-1"}


class Stage:
    """A folder in which the demo runs, and what it called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls_file, self.output = folder, folder / "calls", folder / "out"
        (folder / "releases").write_text("[]")
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
            "CLUSTER": "mine",
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.calls_file),
            "STATUSES": str(self.folder / "statuses"),
            "RESULTS": str(self.folder / "results"),
            "RELEASES": str(self.folder / "releases"),
            "DEMO_OUTPUT": str(self.output),
            "THERE": "",
            "CONFIG": json.dumps(CONFIG),
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

    def touched(self) -> bool:
        """Whether more was done than to read the kubeconfig."""
        return any(not call.startswith("kubectl config view") for call in self.called())

    def called(self) -> list[str]:
        return self.calls_file.read_text().splitlines()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_training_that_succeeds_leaves_page_and_picture(stage: Stage):
    done = stage.run(TRAINING, TRAINING, {"phase": "Succeeded", "logs": LOGS})
    assert done.returncode == 0, done.stderr
    assert (stage.output / "report.html").read_text() == "page"
    assert (stage.output / "overlay.png").read_text() == "picture"
    assert done.stdout.count("epoch 1/3  loss 0.5") == 1
    assert "mean Dice = 0.8610" in done.stdout
    steps = [line for line in done.stdout.splitlines() if line.startswith("==")]
    assert [step.split()[1] for step in steps] == [
        "operator",
        "claims",
        "data",
        "training,",
        "results",
    ]


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
    assert not stage.output.exists()


def test_a_missing_storage_class_is_said_before_a_claim_waits(stage: Stage):
    done = stage.run(STORAGE_CLASS="fast")
    assert done.returncode == 1
    assert "no storage class fast in the cluster (shared other" in done.stderr


def test_data_that_is_no_task_is_refused_before_anything_starts(stage: Stage):
    done = stage.run(DATA=str(stage.folder))
    assert done.returncode == 1
    assert "no dataset.json there" in done.stderr
    assert not stage.touched()


def test_a_cluster_that_is_not_named_rightly_is_not_touched(stage: Stage):
    done = stage.run(CLUSTER="current")
    assert done.returncode == 2
    assert "current context is mine at https://a:1; CLUSTER=mine uses that" in done.stderr
    assert not stage.touched()


def test_an_operator_that_is_installed_keeps_its_values(stage: Stage):
    release = {"name": "seg", "namespace": "ops", "chart": "unet-operator-0.1.0"}
    (stage.folder / "releases").write_text(json.dumps([release]))
    done = stage.run({"phase": "Succeeded", "logs": LOGS})
    assert done.returncode == 0, done.stderr
    assert "yours, unet-operator-0.1.0 in ops, is left as it is" in done.stdout
    changing = ("helm upgrade", "helm install", "helm uninstall", "helm rollback")
    assert not any(call.startswith(changing) for call in stage.called())


def test_an_operator_of_another_version_is_for_its_owner_to_upgrade(stage: Stage):
    release = {"name": "seg", "namespace": "ops", "chart": "unet-operator-0.0.9"}
    (stage.folder / "releases").write_text(json.dumps([release]))
    done = stage.run({"phase": "Succeeded", "logs": LOGS})
    assert done.returncode == 1
    assert "helm upgrade --reuse-values -n ops seg" in done.stderr
    assert not any(call.startswith("helm upgrade") for call in stage.called())


def test_a_namespace_that_no_demo_made_is_left_alone(stage: Stage):
    done = stage.run({"phase": "Succeeded", "logs": LOGS}, THERE="unet-demo ")
    assert done.returncode == 1
    assert "no demo made it" in done.stderr
    assert not any(" apply " in call for call in stage.called())
    again = stage.run({"phase": "Succeeded", "logs": LOGS}, THERE="unet-demo true")
    assert again.returncode == 0, again.stderr


def test_no_folder_that_another_made_is_replaced(stage: Stage):
    stage.output.mkdir()
    (stage.output / "thesis").write_text("mine")
    done = stage.run({"phase": "Succeeded", "logs": LOGS})
    assert done.returncode == 1
    assert "was not made by this demo" in done.stderr
    assert (stage.output / "thesis").read_text() == "mine"
    assert not stage.touched()


def test_results_replace_those_of_the_demo_before(stage: Stage):
    stage.run({"phase": "Succeeded", "logs": LOGS})
    (stage.output / "report.html").write_text("old")
    (stage.output / "first-look").mkdir()
    (stage.output / "old").mkdir()
    done = stage.run({"phase": "Succeeded", "logs": LOGS})
    assert done.returncode == 0, done.stderr
    assert (stage.output / "report.html").read_text() == "page"
    assert (stage.output / "first-look").is_dir()
    assert not (stage.output / "old").exists()


def test_results_that_cannot_be_read_leave_the_old_ones(stage: Stage):
    stage.run({"phase": "Succeeded", "logs": LOGS})
    done = stage.run({"phase": "Succeeded", "logs": LOGS}, RESULTS="/nowhere")
    assert done.returncode == 1
    assert "could not be read" in done.stderr
    assert (stage.output / "report.html").read_text() == "page"
    assert not (stage.output / ".new").exists()


def test_its_end_says_what_changed_on_the_machine(stage: Stage):
    done = stage.run({"phase": "Succeeded", "logs": LOGS})
    end = done.stdout.partition("Changed on this machine:")[2]
    assert "Debian packages   none" in end
    assert str(stage.output) in end


def test_a_relative_folder_is_the_project_s(stage: Stage):
    script = "from demolib.settings import OUTPUT; print(OUTPUT)"
    path = os.pathsep.join([str(DEMO.parent), str(DEMO.parents[1] / "setup")])
    environment = os.environ | {"PYTHONPATH": path, "DEMO_OUTPUT": "here"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=stage.folder, env=environment, capture_output=True
    )
    assert done.stdout.decode().strip() == str(DEMO.parents[1] / "here")
