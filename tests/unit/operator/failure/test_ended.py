"""The table of failures: what ended an attempt, whether it counts, whether it is the end.

docs/contract.md has the exit codes, docs/operator.md the reasons.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.operator.making import NOW, after, ended, failed_launcher, launcher_pod, pod, seen
from unet_operator.api.status import LOST, UNCOUNTED
from unet_operator.failure.ended import (
    Cause,
    finished_at,
    launcher_failure,
    lost_worker,
    names_itself,
    shard_failure,
)
from unet_operator.observe.progress import Code

ROOT = Path(__file__).resolve().parents[4]
FINAL, COUNTED, FREE, LESS = "final", "counted", "uncounted", "less memory"


def kind(cause: Cause) -> str:
    """What a cause means for the next attempt."""
    if cause.final:
        return FINAL
    if cause.memory:
        return LESS
    return COUNTED if cause.counted else FREE


@pytest.mark.parametrize(
    ("code", "reason", "means"),
    [
        (1, "Crashed", COUNTED),
        (2, "UsageError", FINAL),
        (10, "BadData", FINAL),
        (11, "NotANumber", FINAL),
        (12, "DiskFull", FINAL),
        (13, "PeerLost", FREE),
        (14, "OutOfMemory", LESS),
        (15, "Crashed", COUNTED),
        (126, "Crashed", COUNTED),
        (127, "Crashed", COUNTED),
        (134, "Crashed", COUNTED),
        (137, "Crashed", COUNTED),
        (139, "Crashed", COUNTED),
        (143, "Terminated", FREE),
        (255, "Crashed", COUNTED),
    ],
)
def test_a_launcher_s_code_says_what_follows(code, reason, means):
    for pod_ in (failed_launcher(code), launcher_pod(exits={"launch": ended(code)})):
        cause = launcher_failure(pod_, "job failed")
        assert (cause.reason, kind(cause)) == (reason, means)
        assert cause.message


@pytest.mark.parametrize("code", list(Code))
def test_every_code_of_the_contract_is_in_its_table(code):
    text = (ROOT / "docs/contract.md").read_text()
    known_elsewhere = code == Code.KILLED
    assert known_elsewhere or f"| {int(code)} |" in text


def test_the_message_s_code_wins_over_the_container_s():
    """A launcher that was killed while it told why is judged by what it told."""
    cause = launcher_failure(launcher_pod(exits={"launch": ended(137, code=10, cause="x")}), "")
    assert cause.reason == "BadData"


def test_where_cause_and_remedy_are_told_in_one_line():
    said = {"where": "case_07/label", "cause": "has 3 voxels of label 9", "remedy": "drop the case"}
    cause = launcher_failure(failed_launcher(10, **said), "")
    assert cause.message == "case_07/label: has 3 voxels of label 9; drop the case"


def test_a_place_that_the_cause_names_already_is_not_told_twice():
    cause = launcher_failure(failed_launcher(10, where="case_07", cause="case_07 is empty"), "")
    assert cause.message.startswith("case_07 is empty; ")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"rank": 2, "cause": "out of memory"}, "rank 2: out of memory"),
        ({"rank": 2, "cause": "rank 2: out of memory"}, "rank 2: out of memory"),
        ({"cause": "out of memory"}, "out of memory"),
    ],
)
def test_the_rank_is_named_once(said, message):
    assert launcher_failure(failed_launcher(14, **said), "").message == message


def test_a_launcher_killed_for_its_own_memory_is_not_the_ranks_lack_of_it():
    starved = launcher_pod(exits={"launch": ended(137, reason="OOMKilled")})
    cause = launcher_failure(starved, "")
    assert (cause.reason, kind(cause)) == ("LauncherOutOfMemory", COUNTED)
    assert "launcher.resources.limits.memory" in cause.message


def test_rendezvous_that_fails_says_who_did_not_answer():
    unmet = pod(
        "launcher",
        exits={"rendezvous": ended(13, code=13, cause="no answer", where="worker 1 (brain-1)")},
    )
    cause = launcher_failure(unmet, "")
    assert (cause.reason, kind(cause)) == ("WorkersUnreachable", COUNTED)
    assert cause.message == "worker 1 (brain-1): no answer"


@pytest.mark.parametrize(("code", "reason"), [(10, "BadData"), (12, "DiskFull"), (2, "UsageError")])
def test_rendezvous_may_find_what_is_final(code, reason):
    """An absent task, an output that cannot be written."""
    unmet = pod("launcher", exits={"rendezvous": ended(code, code=code, cause="c")})
    assert launcher_failure(unmet, "").reason == reason


@pytest.mark.parametrize(
    "missing", [None, launcher_pod(exits={}), launcher_pod(exits={"a": ended(0)})]
)
def test_a_launcher_whose_end_nobody_saw_is_counted_with_the_job_s_words(missing):
    cause = launcher_failure(missing, "pod was deleted")
    assert (cause.reason, kind(cause)) == ("LauncherLost", COUNTED)
    assert "pod was deleted" in cause.message


DISRUPTIONS = [
    ("PreemptionByScheduler", "preempted"),
    ("EvictionByEvictionAPI", "evicted"),
    ("TerminationByKubelet", "evicted by its node"),
    ("DeletionByTaintManager", "taint"),
    ("DeletionByPodGC", "node that is gone"),
]


@pytest.mark.parametrize(("disruption", "words"), DISRUPTIONS)
@pytest.mark.parametrize("code", [None, 1, 13, 137, 143, 255])
def test_a_launcher_that_the_cluster_took_away_does_not_count(disruption, words, code):
    exits = {} if code is None else {"launch": ended(code)}
    taken = launcher_pod(disruption=disruption, exits=exits, running=frozenset())
    cause = launcher_failure(taken, "")
    assert (cause.reason, kind(cause)) == ("LauncherEvicted", FREE)
    assert words in cause.message


@pytest.mark.parametrize("code", [2, 10, 11, 12, 14])
def test_a_code_that_names_the_fault_counts_even_when_the_pod_was_taken_away(code):
    taken = replace(failed_launcher(code), disruption="EvictionByEvictionAPI")
    assert kind(launcher_failure(taken, "")) in (FINAL, LESS)


@pytest.mark.parametrize(
    ("code", "itself"), [(2, True), (10, True), (14, True), (1, False), (13, False), (143, False)]
)
def test_only_codes_that_name_the_fault_need_no_news_of_the_workers(code, itself):
    assert names_itself(launcher_failure(failed_launcher(code), "")) is itself


def test_when_the_launcher_ended_is_read_from_the_container_that_failed():
    exits = {"rendezvous": ended(0, finished=NOW), "launch": ended(1, finished=after(60))}
    assert finished_at(launcher_pod(exits=exits)) == after(60)
    assert finished_at(launcher_pod()) is None
    assert finished_at(None) is None


@pytest.mark.parametrize(
    ("fields", "reason", "means", "words"),
    [
        ({"disruption": "PreemptionByScheduler"}, "WorkerPreempted", FREE, "preempted"),
        ({"disruption": "EvictionByEvictionAPI"}, "WorkerEvicted", FREE, "drain"),
        ({"disruption": "TerminationByKubelet"}, "WorkerEvicted", FREE, "its node"),
        ({"disruption": "DeletionByTaintManager"}, "WorkerEvicted", FREE, "taint"),
        (
            {"disruption": "DeletionByTaintManager", "ready": False},
            "NodeLost",
            FREE,
            "stopped answering",
        ),
        ({"disruption": "DeletionByPodGC"}, "NodeLost", FREE, "node that is gone"),
        ({"deleting_until": after(120)}, "WorkerDeleted", FREE, "deleted"),
        (
            {"phase": "Failed", "exits": {"worker": ended(137, reason="OOMKilled")}},
            "WorkerOutOfMemory",
            LESS,
            "ran out of memory",
        ),
        ({"phase": "Failed", "exits": {"worker": ended(1)}}, "WorkerFailed", COUNTED, "code 1"),
        (
            {"phase": "Failed", "exits": {"worker": ended(2, cause="no host key")}},
            "WorkerFailed",
            COUNTED,
            "code 2: no host key",
        ),
        ({"phase": "Failed"}, "WorkerFailed", COUNTED, "ended"),
        ({"phase": "Succeeded", "exits": {"worker": ended(0)}}, "WorkerFailed", COUNTED, "code 0"),
    ],
)
def test_what_befell_a_worker_says_what_follows(fields, reason, means, words):
    cause = lost_worker((pod("worker", 1, 0), pod("worker", 1, 3, **fields)))
    assert (cause.reason, kind(cause)) == (reason, means)
    assert cause.message.startswith("worker 3 ")
    assert words in cause.message
    assert reason in LOST
    assert (reason in UNCOUNTED) is (means == FREE)


def test_a_node_evicted_for_its_memory_is_not_a_worker_out_of_memory():
    """The kubelet evicts whom it likes when the node, not the pod, lacks memory."""
    evicted = pod(
        "worker",
        1,
        0,
        phase="Failed",
        disruption="TerminationByKubelet",
        exits={"worker": ended(137)},
    )
    assert lost_worker((evicted,)).reason == "WorkerEvicted"


def test_workers_that_serve_are_not_lost():
    starting = pod("worker", 1, 1, phase="Pending", ready=False, running=frozenset())
    assert lost_worker((pod("worker", 1, 0), starting)) is None
    assert lost_worker(()) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"phase": "Failed", "exits": {"worker": ended(1)}}, "WorkerFailed"),
        ({"exits": {"worker": ended(137, reason="OOMKilled")}}, "WorkerOutOfMemory"),
        ({"disruption": "EvictionByEvictionAPI"}, "WorkerEvicted"),
    ],
)
def test_the_pods_that_a_failed_job_deletes_do_not_hide_why_it_failed(fields, reason):
    swept = [pod("worker", 1, index, deleting_until=after(120)) for index in (0, 1, 3)]
    culprit = pod("worker", 1, 2, **fields)
    cause = lost_worker((*swept[:2], culprit, swept[2]))
    assert cause.reason == reason
    assert cause.message.startswith("worker 2 ")


def test_a_pod_swept_up_that_has_ended_is_still_only_deleted():
    swept = pod(
        "worker", 1, 0, phase="Failed", deleting_until=after(1), exits={"worker": ended(143)}
    )
    assert lost_worker((swept,)).reason == "WorkerDeleted"


@pytest.mark.parametrize(
    ("fields", "silent"),
    [
        ({"disruption": "DeletionByTaintManager", "ready": False}, True),
        ({"disruption": "DeletionByTaintManager", "ready": True}, False),
        (
            {
                "disruption": "DeletionByTaintManager",
                "ready": False,
                "running": frozenset(),
                "phase": "Failed",
            },
            False,
        ),
        ({"disruption": "DeletionByPodGC"}, True),
        ({"disruption": "EvictionByEvictionAPI", "ready": False}, False),
        ({"ready": False}, False),
    ],
)
def test_a_node_is_silent_when_it_was_tainted_and_its_pod_s_news_is_stale(fields, silent):
    assert pod("worker", 1, 0, **fields).silent is silent


@pytest.mark.parametrize(
    ("fields", "seconds", "gone"),
    [
        ({}, 9e9, False),
        ({"phase": "Failed"}, 0, True),
        ({"phase": "Succeeded"}, 0, True),
        ({"disruption": "DeletionByPodGC"}, 0, True),
        ({"deleting_until": after(120)}, 120, False),
        ({"deleting_until": after(120)}, 125, False),
        ({"deleting_until": after(120)}, 127, True),
        ({"disruption": "EvictionByEvictionAPI", "deleting_until": after(120)}, 60, False),
    ],
)
def test_a_pod_is_gone_when_nothing_can_be_awaited_of_it(fields, seconds, gone):
    assert pod("worker", 1, 0, **fields).gone(after(seconds)) is gone


def shard(index: int, code: int, **said: object):
    """An evaluation pod that failed."""
    reason = said.pop("reason", "")
    return pod(
        "evaluate", 2, index, phase="Failed", exits={"evaluate": ended(code, reason=reason, **said)}
    )


@pytest.mark.parametrize(
    ("failed", "reason", "words"),
    [
        (shard(1, 1), "Crashed", "kubectl logs brain-evaluate-2-1"),
        (shard(1, 10, cause="damaged", where="case_3"), "BadData", "case_3: damaged"),
        (shard(1, 10, cause="damaged", remedy="drop it"), "BadData", "damaged; drop it"),
        (shard(1, 12), "DiskFull", "code 12"),
        (shard(1, 137, reason="OOMKilled"), "OutOfMemory", "evaluation.resources.limits.memory"),
        (shard(1, 14), "OutOfMemory", "evaluation.resources.limits.memory"),
    ],
)
def test_an_evaluation_s_failure_is_told_by_the_pod_that_failed(failed, reason, words):
    cause = shard_failure(seen(shard(0, 0), failed), "evaluate", 2, "backoff")
    assert (cause.reason, cause.final) == (reason, True)
    assert cause.message.startswith("evaluate pod 1")
    assert words in cause.message


def test_without_a_failed_pod_the_job_s_words_are_told():
    cause = shard_failure(seen(shard(0, 0)), "evaluate", 2, "backoff limit exceeded")
    assert cause.message == "backoff limit exceeded"


def test_a_pod_of_a_plain_job_is_named_by_its_role():
    bad = pod("stage", 0, phase="Failed", exits={"stage": ended(1, cause="404")})
    assert shard_failure(seen(bad), "stage", 0, "x").message.startswith("the stage pod: 404")


def test_another_round_s_failure_is_not_this_one_s():
    assert shard_failure(seen(shard(0, 10, cause="old")), "evaluate", 3, "new").message == "new"
