"""What decisions take for granted of Jobs and their pods, each as a scenario that can fail.

Put to the simulated cluster by tests/unit/operator/simulator and to a real one by
tests/integration/operator/test_statements.py: so the first cannot promise what the second does
not keep.
"""

from __future__ import annotations

from support.operator.job_change_statements import CHANGES
from support.operator.kubernetes.clock import read
from support.operator.kubernetes.job_pods import INDEX, TRACKED
from support.operator.kubernetes.objects import condition, ended, going, holds
from support.operator.subject import ApiError
from support.operator.yard import RETRIED, Statement, Yard, names, said, suspend


def pods_carry_their_job_and_their_index(yard: Yard) -> None:
    """That is how a pod is known for what it is."""
    yard.make("marked")
    yard.until("it has two pods", lambda: len(yard.pods("marked")) == 2)
    job = yard.job("marked")
    for number, pod in enumerate(yard.pods("marked")):
        meta = pod["metadata"]
        assert meta["name"].startswith(f"marked-{number}-")
        assert meta["annotations"][INDEX] == meta["labels"][INDEX] == str(number)
        assert meta["labels"]["batch.kubernetes.io/job-name"] == "marked"
        assert meta["labels"]["unet.dev/role"] == "worker"
        assert meta["finalizers"] == [TRACKED]
        assert pod["spec"]["hostname"] == f"marked-{number}"
        (owner,) = meta["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (job["metadata"]["uid"], True)


def counts_follow_the_pods(yard: Yard) -> None:
    """Active once they are made, ready once they are."""
    yard.make("counted")
    yard.until("two are active", lambda: yard.job("counted")["status"].get("active") == 2)
    assert yard.job("counted")["status"].get("ready", 0) == 0
    yard.run("counted")
    yard.until("two are ready", lambda: yard.job("counted")["status"].get("ready") == 2)
    assert "startTime" in yard.job("counted")["status"]


def a_job_without_retries_fails_with_its_first_pod_and_sweeps_up_the_rest(yard: Yard) -> None:
    """No pod of an attempt is ever replaced."""
    yard.make("first")
    one, two = yard.run("first")
    yard.end(one, 1)
    found = said(yard, "first", "Failed")
    assert found["reason"] == "PodFailurePolicy"
    assert f"{one} failed with exit code 1 matching FailJob rule at index 1" in found["message"]
    yard.until(
        "the other is swept up",
        lambda: all(ended(p) for p in yard.pods("first") if p["metadata"]["name"] == two),
    )
    assert {p["metadata"]["annotations"][INDEX] for p in yard.pods("first")} <= {"0", "1"}


def a_job_says_that_it_will_fail_before_it_has(yard: Yard) -> None:
    """FailureTarget at once, Failed when the last pod has ended."""
    yard.make("falls")
    one, two = yard.run("falls")
    with yard.kubelet_at_rest():
        yard.end(one, 1)
        target = said(yard, "falls", "FailureTarget")
        yard.until("the other is told to go", lambda: _is_going(yard, "falls", two))
        assert not holds(yard.job("falls")["status"], "Failed")
        assert yard.job("falls")["status"].get("terminating") == 1
    failed = said(yard, "falls", "Failed")
    assert (failed["reason"], failed["message"]) == (target["reason"], target["message"])


def a_job_is_complete_when_every_index_is_done(yard: Yard) -> None:
    """And says so in two conditions, with a time."""
    yard.make("done")
    one, two = yard.run("done")
    yard.end(one, 0)
    yard.until("one is done", lambda: yard.job("done")["status"].get("completedIndexes") == "0")
    assert condition(yard.job("done")["status"], "Complete") is None
    yard.end(two, 0)
    found = said(yard, "done", "Complete")
    status = yard.job("done")["status"]
    assert found["reason"] == "CompletionsReached"
    assert holds(status, "SuccessCriteriaMet")
    assert (status["succeeded"], status["completedIndexes"]) == (2, "0,1")
    assert "completionTime" in status
    assert not status.get("active")


def a_finished_job_is_left_in_peace(yard: Yard) -> None:
    """Whatever the API server says of it, nothing runs again and nothing is undone."""
    yard.make("peace")
    for pod in yard.run("peace"):
        yard.end(pod, 0)
    said(yard, "peace", "Complete")
    try:
        suspend(yard, "peace")
    except ApiError as error:
        assert error.status in (409, 422)  # noqa: PT017 - both are taken for an answer
    yard.settle()
    assert holds(yard.job("peace")["status"], "Complete")


def suspending_ends_the_pods_of_an_attempt(yard: Yard) -> None:
    """Whether the Job has failed by it depends on whom its controller looks at first."""
    yard.make("ends")
    yard.run("ends")
    suspend(yard, "ends")
    yard.until("none is live", lambda: all(map(ended, yard.pods("ends"))))
    yard.until("the Job has seen it", lambda: not yard.job("ends")["status"].get("active"))
    assert yard.job("ends")["spec"]["suspend"]


def what_is_tried_again_is_suspended_and_resumed_without_a_failure(yard: Yard) -> None:
    """Evaluation and staging pause so."""
    yard.make("rests", **RETRIED, backoffLimit=0)
    for _ in range(2):
        yard.run("rests")
        suspend(yard, "rests")
        yard.until("its pods have gone", lambda: yard.pods("rests") == [])
        found = said(yard, "rests", "Suspended")
        assert found["reason"] == "JobSuspended"
        status = yard.job("rests")["status"]
        assert (status.get("active", 0), status.get("failed", 0)) == (0, 0)
        suspend(yard, "rests", False)
    yard.until("they come again", lambda: len(yard.pods("rests")) == 2)
    resumed = condition(yard.job("rests")["status"], "Suspended")
    assert resumed is not None
    assert (resumed["status"], resumed["reason"]) == ("False", "JobResumed")


def a_job_made_suspended_makes_no_pod(yard: Yard) -> None:
    """A queue may hold it until there is room."""
    yard.make("queued", suspend=True)
    said(yard, "queued", "Suspended")
    assert yard.pods("queued") == []
    assert "startTime" not in yard.job("queued")["status"]
    suspend(yard, "queued", False)
    yard.until("released, it runs", lambda: len(yard.pods("queued")) == 2)


def a_pod_that_is_going_is_in_no_condition_of_its_job(yard: Yard) -> None:
    """So losses are read from pods: the Job says nothing while a pod's grace runs."""
    yard.make("losing")
    one, _ = yard.run("losing")
    with yard.kubelet_at_rest():
        yard.delete_pod(one)
        yard.until("it is told to go", lambda: _is_going(yard, "losing", one))
        yard.until("and seen", lambda: yard.job("losing")["status"].get("terminating") == 1)
        assert condition(yard.job("losing")["status"], "FailureTarget") is None
    assert "failed with exit code 143" in said(yard, "losing", "Failed")["message"]


def an_evicted_pod_carries_its_reason_and_fails_its_job_by_it(yard: Yard) -> None:
    """The condition outranks the code that the pod ends with."""
    yard.make("drained")
    one, _ = yard.run("drained")
    with yard.kubelet_at_rest():
        yard.evict(one)
        yard.until("it is told to go", lambda: _is_going(yard, "drained", one))
        (pod,) = [p for p in yard.pods("drained") if p["metadata"]["name"] == one]
        found = condition(pod["status"], "DisruptionTarget")
        assert found is not None
        assert (found["status"], found["reason"]) == ("True", "EvictionByEvictionAPI")
    message = said(yard, "drained", "Failed")["message"]
    assert "has condition DisruptionTarget matching FailJob rule at index 0" in message


def a_pod_with_no_room_says_so(yard: Yard) -> None:
    """With the scheduler's own words."""
    yard.make("huge", cpu="500")
    yard.crowd("huge")

    def told() -> bool:
        found = [condition(pod["status"], "PodScheduled") for pod in yard.pods("huge")]
        return any(c and "Insufficient cpu" in c.get("message", "") for c in found)

    yard.until("the scheduler says why", told)
    (reason, *_) = [condition(pod["status"], "PodScheduled") for pod in yard.pods("huge")]
    assert reason is not None
    assert (reason["status"], reason["reason"]) == ("False", "Unschedulable")


def an_ignored_failure_is_replaced_and_not_counted(yard: Yard) -> None:
    """Evictions and suspending cost nothing."""
    yard.make("again", **RETRIED, backoffLimit=0)
    one, two = yard.run("again")
    yard.end(one, 143)
    yard.until("another takes its place", lambda: set(names(yard, "again")) - {one, two})
    status = yard.job("again")["status"]
    assert not status.get("failed")
    assert condition(status, "FailureTarget") is None
    taken = {p["metadata"]["annotations"][INDEX] for p in yard.pods("again") if not ended(p)}
    assert taken == {"0", "1"}


def a_failed_pod_is_replaced_after_ten_seconds(yard: Yard) -> None:
    """What crashes is not started at once anew."""
    yard.make("later", **RETRIED, backoffLimit=3)
    one, two = yard.run("later")
    yard.end(one, 1)
    yard.until("another takes its place", lambda: set(names(yard, "later")) - {one, two})
    pods = {str(p["metadata"]["name"]): p for p in yard.pods("later")}
    (new,) = pods.keys() - {one, two}
    ended_at = pods[one]["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"]
    waited = read(pods[new]["metadata"]["creationTimestamp"]) - read(ended_at)
    assert 9 <= waited.total_seconds() <= 15
    assert yard.job("later")["status"]["failed"] == 1


def failures_beyond_the_limit_fail_the_job(yard: Yard) -> None:
    """Each counts that no rule names."""
    yard.make("limit", **RETRIED, backoffLimit=0)
    yard.end(yard.run("limit")[0], 1)
    assert said(yard, "limit", "Failed")["reason"] == "BackoffLimitExceeded"


def a_code_of_the_policy_fails_the_job_below_its_limit(yard: Yard) -> None:
    """What trying again cannot mend ends at once."""
    yard.make("final", **RETRIED, backoffLimit=6)
    yard.end(yard.run("final")[0], 10)
    found = said(yard, "final", "Failed")
    assert found["reason"] == "PodFailurePolicy"
    assert "failed with exit code 10 matching FailJob rule at index 2" in found["message"]


def a_deadline_of_its_own_fails_the_job(yard: Yard) -> None:
    """None of ours has one; another controller may set it."""
    yard.make("short", activeDeadlineSeconds=2)
    assert said(yard, "short", "Failed")["reason"] == "DeadlineExceeded"


def _is_going(yard: Yard, job: str, pod: str) -> bool:
    return any(going(p) for p in yard.pods(job) if p["metadata"]["name"] == pod)


JOB_STATEMENTS: list[Statement] = [
    *CHANGES,
    pods_carry_their_job_and_their_index,
    counts_follow_the_pods,
    a_job_without_retries_fails_with_its_first_pod_and_sweeps_up_the_rest,
    a_job_says_that_it_will_fail_before_it_has,
    a_job_is_complete_when_every_index_is_done,
    a_finished_job_is_left_in_peace,
    suspending_ends_the_pods_of_an_attempt,
    what_is_tried_again_is_suspended_and_resumed_without_a_failure,
    a_job_made_suspended_makes_no_pod,
    a_pod_that_is_going_is_in_no_condition_of_its_job,
    an_evicted_pod_carries_its_reason_and_fails_its_job_by_it,
    a_pod_with_no_room_says_so,
    an_ignored_failure_is_replaced_and_not_counted,
    a_failed_pod_is_replaced_after_ten_seconds,
    failures_beyond_the_limit_fail_the_job,
    a_code_of_the_policy_fails_the_job_below_its_limit,
    a_deadline_of_its_own_fails_the_job,
]
