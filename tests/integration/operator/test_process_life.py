"""Whole lives under the operator's own process: killed, replaced, doubled, deleted under it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from support.hand_node import now
from support.operator import lives
from support.operator_process import OperatorProcess
from support.process_stage import ProcessStage

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def cost(ground, operator) -> dict[str, float]:
    """What the straight life of the training `whole` took: writes by what they are about."""
    before = operator.writes()
    lives.from_apply_to_the_dice_table(ProcessStage(ground, operator, "whole"))
    after = operator.writes()
    return {kind: after[kind] - before[kind] for kind in after}


def test_from_apply_to_the_dice_table_within_the_budget_of_writes(cost):
    assert cost["children"] <= 12, cost
    assert cost["status"] <= 8, cost
    assert cost["events"] <= 8, cost


def test_columns_show_where_it_is(ground, cost):
    head, line = ground.kubectl("get", "unet", "whole").splitlines()
    assert head.split() == ["NAME", "PHASE", "WORKERS", "EPOCH", "LOSS", "DICE", "ETA", "AGE"]
    assert line.split()[:2] == ["whole", "Succeeded"]
    assert "0.861" in line


@pytest.mark.parametrize("phase", ["Starting", "Training", "Evaluating"])
def test_killed_and_restarted_in_mid_life_it_goes_on_where_it_was(ground, operator, phase):
    lives.killed_and_restarted(ProcessStage(ground, operator, f"killed-{phase.lower()}"), phase)


def test_what_happened_while_no_operator_ran_is_found_out(ground, operator):
    name = "unseen"
    lives.what_happened_while_no_operator_ran_is_found_out(ProcessStage(ground, operator, name))
    secrets = ground.kubectl("get", "secrets", "-o", "name")
    uid = ground.kubectl.get("unettraining", name)["metadata"]["uid"][:8]
    assert f"secret/{name}-ssh-{uid}-1" in secrets
    assert f"secret/{name}-ssh-{uid}-2" in secrets


def test_a_deleted_training_takes_its_children_along_and_a_namesake_starts_clean(ground, operator):
    name = "again"
    ground.apply(name)
    ground.to_training(name)
    ground.node.answers = False  # its pods stay a while, as those that checkpoint do
    first = ground.kubectl.get("unettraining", name)["metadata"]["uid"]
    try:
        ground.kubectl("delete", "unettraining", name, "--timeout=60s")
        ground.apply(name)
        ground.kubectl.wait_until(
            "the first one's Job is gone and the second's is there",
            lambda: any(
                owner["uid"] != first
                for body in ground.kubectl.get("jobs", "-l", f"unet.dev/training={name}")["items"]
                for owner in body["metadata"]["ownerReferences"]
            ),
            180,
        )
    finally:
        ground.node.answers = True
    mine = f"unet.dev/training={name},unet.dev/training-uid={first}"
    ground.kubectl.wait_until(
        "the first one's pods end", lambda: not ground.kubectl.get("pods", "-l", mine)["items"]
    )
    ground.to_training(name)
    status = ground.status(name)
    assert (status["attempt"], status["failures"]) == (1, 0)
    assert "WorkerDeleted" not in [event["reason"] for event in ground.events(name)]
    ground.kubectl("delete", "unettraining", name, "--timeout=60s")
    ground.kubectl.wait_until(
        "nothing of it is left",
        lambda: (
            not ground.kubectl.get(
                "jobs,pods,services,configmaps,networkpolicies,secrets",
                "-l",
                f"unet.dev/training={name}",
            )["items"]
        ),
    )


def test_suspended_and_resumed_over_the_real_jobs(ground, operator):
    lives.suspended_resumed_and_evaluated_again(ProcessStage(ground, operator, "paused"))


def test_its_time_to_live_deletes_the_training_and_all_that_it_owned(ground, operator):
    name = "brief"
    template = {
        "claimName": None,
        "volumeClaimTemplate": {"size": "1Gi", "storageClassName": "shared"},
    }
    ground.apply(
        name,
        runPolicy={"ttlSecondsAfterFinished": 1},
        evaluation={"enabled": False},
        output=template,
    )
    ground.to_training(name)
    ground.end(name, "launcher", said=lives.TRAINED)
    ground.kubectl.wait_until(
        "it is gone", lambda: not ground.kubectl.exists("unettraining", name), 180
    )
    ground.kubectl.wait_until(
        "and so are its Jobs",
        lambda: not ground.kubectl.get("jobs", "-l", f"unet.dev/training={name}")["items"],
    )
    assert ground.kubectl.exists("pvc", f"{name}-output"), "the model must outlive it"


@pytest.fixture
def pair(ground, operator, tmp_path: Path) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """Two replicas that elect a leader, in place of the one that does not."""
    operator.kill()
    # Left by a replica that was killed; waiting for its end is one test's subject, not three's.
    ground.kubectl("delete", "lease", "unet-operator", "--ignore-not-found")
    names = (f"one-{uuid4().hex[:4]}", f"two-{uuid4().hex[:4]}")
    short = {"UNET_OPERATOR_LEASE_SECONDS": "9"}
    one, two = (OperatorProcess(ground.kubectl, tmp_path, name, short) for name in names)
    try:
        yield one, two
    finally:
        one.close()
        two.close()
        operator.start()


def holder(ground) -> str:
    """Who holds the Lease."""
    if not ground.kubectl.exists("lease", "unet-operator"):
        return ""
    return ground.kubectl.get("lease", "unet-operator")["spec"].get("holderIdentity", "")


def test_of_two_replicas_one_acts_and_the_other_takes_over_from_a_killed_one(ground, pair):
    one, two = pair
    one.start()
    ground.kubectl.wait_until("the first leads", lambda: one.leads)
    two.start()
    assert not two.leads
    name = "handed-over"
    ground.apply(name)
    ground.to_training(name)
    assert set(two.writes().values()) == {0}, "the one that waits must not write"
    stage = ProcessStage(ground, two, name)
    before = stage.jobs()
    assert holder(ground) == one.name
    one.kill()
    ground.kubectl.wait_until("the second leads", lambda: two.leads, 120)
    assert holder(ground) == two.name
    status = lives.to_the_end(stage)
    assert (status["attempt"], status["failures"]) == (1, 0)
    after = stage.jobs()
    assert {job: after[job] for job in before} == before


def test_a_leader_that_is_asked_to_end_gives_the_lead_away(ground, pair):
    one, two = pair
    one.start()
    ground.kubectl.wait_until("the first leads", lambda: one.leads)
    two.start()
    assert one.stop() == 0
    ground.kubectl.wait_until("the second leads", lambda: two.leads, 120)
    said = [line["message"] for line in one.log()]
    assert not [line for line in one.log() if line["level"] == "error"], said


def test_a_leader_whose_lease_another_takes_stops_by_itself(ground, pair):
    one, _ = pair
    one.start()
    ground.kubectl.wait_until("it leads", lambda: one.leads)
    stolen = {"spec": {"holderIdentity": "thief", "renewTime": now("%Y-%m-%dT%H:%M:%S.%fZ")}}
    ground.kubectl("patch", "lease", "unet-operator", "--type=merge", "-p", json.dumps(stolen))
    assert one.process.wait(60) == 0
    assert "the lease is lost" in one.log_file.read_text()
    assert holder(ground) == "thief"
    ground.kubectl("delete", "lease", "unet-operator")
