"""What is lost in mid-training ends an attempt, and the next one resumes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator

import pytest
from support.cluster_fixtures import CHECKOUT, throwaway_name
from support.operator_fixtures import RELEASE, SYSTEM, RecordedTraining, TrainingNamespace, small

pytestmark = pytest.mark.e2e

ENDLESS = small(100_000, "--validate-every", "100000")
WITHOUT_EVALUATION = {"enabled": False}


@pytest.fixture
def start(trainings: TrainingNamespace) -> Iterator[Callable[..., RecordedTraining]]:
    """Starts a training that does not end by itself; it is deleted with the test."""
    begun: list[RecordedTraining] = []

    def begin(name: str, **spec: object) -> RecordedTraining:
        spec = {"training": ENDLESS, "evaluation": WITHOUT_EVALUATION, **spec}
        begun.append(trainings.start(name, **spec))
        return begun[-1]

    yield begin
    for recorded in begun:
        recorded.close()
        trainings.kubectl("delete", "unettraining", recorded.name, "--ignore-not-found")
        children_gone(recorded)


def children_gone(recorded: RecordedTraining) -> None:
    """Waits until nothing that belongs to the training is left."""
    kinds = "jobs,pods,services,networkpolicies,secrets,configmaps,podgroups"
    mine = ("-l", f"unet.dev/training={recorded.name}")
    recorded.kubectl.wait_until(
        f"nothing of {recorded.name} is left", lambda: not recorded.kubectl.exists(kinds, *mine)
    )


def trained_an_epoch(recorded: RecordedTraining, attempt: int) -> None:
    """Waits until the attempt has made an epoch of its own, and a checkpoint of it."""
    recorded.until_phase("Training", attempt)
    recorded.log_line(attempt, r"^epoch=\d+/\d+ loss=")


def ended(recorded: RecordedTraining, attempt: int, seconds: float = 240) -> dict:
    """Waits until the attempt has ended and the next one is due."""
    return recorded.until(
        f"attempt {attempt} has ended",
        lambda s: s.get("attempt") == attempt and "nextAttemptTime" in s,
        seconds,
    )


def resumed(recorded: RecordedTraining, attempt: int) -> int:
    """The epoch that the attempt resumed from; fails if it began anew."""
    recorded.until_phase("Training", attempt)
    line = recorded.log_line(attempt, r"^(event=resume|epoch=)")
    assert line.startswith("event=resume"), line
    return int(re.search(r"epoch=(\d+)", line)[1])


def condition(status: dict, kind: str) -> dict:
    return next(c for c in status["conditions"] if c["type"] == kind)


def test_a_killed_worker_and_a_killed_launcher_cost_no_epoch(
    trainings: TrainingNamespace, start: Callable[..., RecordedTraining]
):
    kubectl, lost = trainings.kubectl, start("lost")
    trained_an_epoch(lost, 1)
    worker = lost.pods("worker", 1)[1]["metadata"]["name"]
    kubectl("delete", "pod", worker, "--grace-period=0", "--force")
    status = ended(lost, 1)
    assert condition(status, "WorkersReady")["reason"] == "WorkerDeleted"
    assert re.search(r"^worker 1 was deleted.*; attempt 2 resumes from epoch \d", status["message"])
    assert status.get("failures", 0) == 0
    first = resumed(lost, 2)
    assert first >= 1
    trained_an_epoch(lost, 2)
    launcher = lost.pods("launcher", 2)[0]["metadata"]["name"]
    kubectl("delete", "pod", launcher, "--grace-period=0", "--force")
    status = ended(lost, 2)
    assert condition(status, "WorkersReady")["reason"].startswith("Launcher")
    assert re.search(r"launcher.*; attempt 3 resumes from epoch \d", status["message"])
    assert resumed(lost, 3) > first

    kubectl("delete", "unettraining", "lost")
    children_gone(lost)
    assert kubectl.exists("persistentvolumeclaim", "results")
    kubectl("exec", "files", "--", "test", "-d", f"{lost.folder}/checkpoints")


def test_suspension_stops_every_pod_and_resuming_goes_on(
    trainings: TrainingNamespace, start: Callable[..., RecordedTraining]
):
    kubectl, paused = trainings.kubectl, start("paused")
    trained_an_epoch(paused, 1)
    patch = '{"spec": {"runPolicy": {"suspend": %s}}}'
    kubectl("patch", "unet", "paused", "--type=merge", "-p", patch % "true")
    paused.until_phase("Suspended", 1)
    assert [
        p["metadata"]["name"]
        for role in ("worker", "launcher")
        for p in paused.pods(role, 1)
        if p["status"]["phase"] in ("Pending", "Running")
    ] == []
    kubectl("patch", "unet", "paused", "--type=merge", "-p", patch % "false")
    assert resumed(paused, 2) >= 1
    assert paused.statuses[-1].get("failures", 0) == 0


def test_too_little_memory_halves_the_batch(start: Callable[..., RecordedTraining]):
    much = {**small(1, "--filters", "64"), "batchSize": 4, "patchSize": "64,64,48"}
    limits = {"limits": {"cpu": "1", "memory": "1536Mi"}}
    tight = start("tight", training=much, workers={"replicas": 1, "resources": limits})
    status = ended(tight, 1)
    assert condition(status, "WorkersReady")["reason"] == "OutOfMemory"
    assert status["reduced"] == {"batchSize": 2}
    assert "attempt 2 starts with batch 2" in status["message"]
    assert status.get("failures", 0) == 0
    tight.until_phase("Training", 2)
    assert "--batch-size 2 --patch-size 64,64,48" in tight.log_line(2, "^mpirun ")


def test_a_lost_node_is_replaced(
    trainings: TrainingNamespace, start: Callable[..., RecordedTraining]
):
    kubectl = trainings.kubectl
    if not (name := throwaway_name(kubectl)):
        pytest.skip("only a node of the throwaway cluster may be killed")
    kube = [str(CHECKOUT / "cluster/kube"), "--name", name]
    cut = start("cut")
    trained_an_epoch(cut, 1)
    node = node_to_kill(cut)
    subprocess.run([*kube, "kill-node", node.removeprefix("node-")], check=True)
    try:
        status = ended(cut, 1)
        # mpiexec may notice before Kubernetes does.
        assert condition(status, "WorkersReady")["reason"] in ("NodeLost", "PeerLost")
        assert status.get("failures", 0) == 0
        assert resumed(cut, 2) >= 1
        homes = {p["spec"]["nodeName"] for r in ("worker", "launcher") for p in cut.pods(r, 2)}
        assert node not in homes
    finally:
        subprocess.run([*kube, "start-node", node.removeprefix("node-")], check=True)


def node_to_kill(cut: RecordedTraining) -> str:
    """A node with a worker and, if it can be, the launcher too, but not the operator."""
    system = cut.kubectl.within(SYSTEM)
    selector = f"app.kubernetes.io/instance={RELEASE}"
    spared = {p["spec"]["nodeName"] for p in system.get("pods", "-l", selector)["items"]}
    launcher = cut.pods("launcher", 1)[0]["spec"]["nodeName"]
    homes = [p["spec"]["nodeName"] for p in cut.pods("worker", 1)]
    return next(n for n in sorted(homes, key=lambda n: n != launcher) if n not in spared)
