"""Why a launcher failed, whether it counts, whether it is the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.failures import COUNTED, FINAL, FREE, LESS, means_of
from support.operator.making import NOW, after, ended, failed_launcher, launcher_pod, pod
from unet_operator.failure.failed_launcher import finished_at, launcher_failure, names_itself


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
        failure = launcher_failure(pod_, "job failed")
        assert (failure.reason, means_of(failure)) == (reason, means)
        assert failure.message


def test_the_message_s_code_wins_over_the_container_s():
    """A launcher that was killed while it told why is judged by what it told."""
    failure = launcher_failure(launcher_pod(exits={"launch": ended(137, code=10, cause="x")}), "")
    assert failure.reason == "BadData"


def test_where_cause_and_remedy_are_told_in_one_line():
    said = {"where": "case_07/label", "cause": "has 3 voxels of label 9", "remedy": "drop the case"}
    failure = launcher_failure(failed_launcher(10, **said), "")
    assert failure.message == "case_07/label: has 3 voxels of label 9; drop the case"


def test_a_place_that_the_cause_names_already_is_not_told_twice():
    failure = launcher_failure(failed_launcher(10, where="case_07", cause="case_07 is empty"), "")
    assert failure.message.startswith("case_07 is empty; ")


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
    failure = launcher_failure(starved, "")
    assert (failure.reason, means_of(failure)) == ("LauncherOutOfMemory", COUNTED)
    assert "launcher.resources.limits.memory" in failure.message


def test_rendezvous_that_fails_says_who_did_not_answer():
    unmet = pod(
        "launcher",
        exits={"rendezvous": ended(13, code=13, cause="no answer", where="worker 1 (brain-1)")},
    )
    failure = launcher_failure(unmet, "")
    assert (failure.reason, means_of(failure)) == ("WorkersUnreachable", COUNTED)
    assert failure.message == "worker 1 (brain-1): no answer"


@pytest.mark.parametrize(("code", "reason"), [(10, "BadData"), (12, "DiskFull"), (2, "UsageError")])
def test_rendezvous_may_find_what_is_final(code, reason):
    """An absent task, an output that cannot be written."""
    unmet = pod("launcher", exits={"rendezvous": ended(code, code=code, cause="c")})
    assert launcher_failure(unmet, "").reason == reason


@pytest.mark.parametrize(
    "missing", [None, launcher_pod(exits={}), launcher_pod(exits={"a": ended(0)})]
)
def test_a_launcher_whose_end_nobody_saw_is_counted_with_the_job_s_words(missing):
    failure = launcher_failure(missing, "pod was deleted")
    assert (failure.reason, means_of(failure)) == ("LauncherLost", COUNTED)
    assert "pod was deleted" in failure.message


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
    failure = launcher_failure(taken, "")
    assert (failure.reason, means_of(failure)) == ("LauncherEvicted", FREE)
    assert words in failure.message


@pytest.mark.parametrize("code", [2, 10, 11, 12, 14])
def test_a_code_that_names_the_fault_counts_even_when_the_pod_was_taken_away(code):
    taken = replace(failed_launcher(code), disruption="EvictionByEvictionAPI")
    assert means_of(launcher_failure(taken, "")) in (FINAL, LESS)


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
