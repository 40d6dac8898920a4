"""What becomes of a Job that is edited, suspended, held or deleted; see `job_statements`."""

from __future__ import annotations

import pytest

from support.operator.kubernetes.objects import Object, condition, ended, going, phase
from support.operator.kubernetes.others import HOLD
from support.operator.subject import ApiError
from support.operator.yard import RETRIED, Statement, Yard, names, said, suspend


def refused(yard: Yard, job: str, patch: Object) -> int:
    """The code with which the API server refuses a patch."""
    with pytest.raises(ApiError) as told:
        yard.patch(job, patch)
    return told.value.status


def a_lower_parallelism_takes_pods_away(yard: Yard) -> None:
    """An administrator may do that to any Job; the policy then judges how the pod ended."""
    yard.make("fewer", **RETRIED, backoffLimit=0)
    yard.run("fewer")
    yard.patch("fewer", {"spec": {"parallelism": 1}})
    yard.until("one is left", lambda: len([p for p in yard.pods("fewer") if not ended(p)]) == 1)
    assert condition(yard.job("fewer")["status"], "FailureTarget") is None


def what_a_job_was_made_of_stays(yard: Yard) -> None:
    """Neither template, completions nor policy of a running Job change."""
    yard.make("fixed")
    yard.run("fixed")
    selector = {"template": {"spec": {"nodeSelector": {"example.com/fast": "yes"}}}}
    fields: list[Object] = [selector, {"completions": 3}, {"podFailurePolicy": {"rules": []}}]
    for field in fields:
        assert refused(yard, "fixed", {"spec": field}) == 422
    assert yard.job("fixed")["spec"]["completions"] == 2


def of_a_suspended_job_a_queue_may_say_where_its_pods_go(yard: Yard) -> None:
    """Flavours are kept so."""
    yard.make("placed", suspend=True)
    said(yard, "placed", "Suspended")
    selector = {"template": {"spec": {"nodeSelector": {"example.com/fast": "yes"}}}}
    yard.patch("placed", {"spec": selector})
    suspend(yard, "placed", False)
    yard.until("it runs", lambda: len(yard.pods("placed")) == 2)
    assert yard.pods("placed")[0]["spec"]["nodeSelector"]["example.com/fast"] == "yes"


def its_generation_counts_changes_of_its_spec_alone(yard: Yard) -> None:
    """Labels and annotations are anybody's."""
    yard.make("aged")
    first = yard.job("aged")["metadata"]["generation"]
    yard.patch("aged", {"metadata": {"labels": {"example.com/seen": "yes"}}})
    assert yard.job("aged")["metadata"]["generation"] == first
    yard.patch("aged", {"spec": {"parallelism": 1}})
    assert yard.job("aged")["metadata"]["generation"] == first + 1


def a_status_is_written_through_its_subresource_alone(yard: Yard) -> None:
    """Neither writes the other's part."""
    yard.make("apart", suspend=True)
    said(yard, "apart", "Suspended")
    yard.patch("apart", {"status": {"failed": 7}})
    assert not yard.job("apart")["status"].get("failed")


def a_deleted_job_takes_its_pods_along(yard: Yard) -> None:
    """In the background: the Job goes first."""
    yard.make("leaves")
    yard.run("leaves")
    yard.delete("leaves")
    yard.until("nothing is left", lambda: not yard.exists("leaves") and not yard.pods("leaves"))


def a_finalizer_holds_a_job_and_the_pods_of_it(yard: Yard) -> None:
    """It is going, and goes when nobody holds it any more."""
    yard.make("held")
    yard.run("held")
    yard.patch("held", {"metadata": {"finalizers": [HOLD]}})
    yard.delete("held")
    yard.settle()
    assert going(yard.job("held"))
    assert [phase(pod) for pod in yard.pods("held")] == ["Running", "Running"]
    yard.patch("held", {"metadata": {"finalizers": None}})
    yard.until("nothing is left", lambda: not yard.exists("held") and not yard.pods("held"))


def another_uid_suspends_nothing(yard: Yard) -> None:
    """A namesake is never hit."""
    yard.make("guarded")
    other = {"uid": "11111111-2222-3333-4444-555555555555"}
    assert refused(yard, "guarded", {"metadata": other, "spec": {"suspend": True}}) == 422
    assert not yard.job("guarded")["spec"].get("suspend")


def a_pod_without_a_node_that_somebody_deletes_has_failed(yard: Yard) -> None:
    """The pod garbage collector says so for it, and no rule of the policy names that end."""
    yard.make("homeless", **RETRIED, backoffLimit=0, nodeSelector={"example.com/none": "here"})
    yard.until("it has pods", lambda: len(yard.pods("homeless")) == 2)
    yard.delete_pod(names(yard, "homeless")[0])
    assert said(yard, "homeless", "Failed")["reason"] == "BackoffLimitExceeded"


def a_pod_without_a_node_costs_nothing_when_its_job_is_suspended(yard: Yard) -> None:
    """It is gone at once, and is not counted."""
    yard.make("unplaced", **RETRIED, backoffLimit=0, nodeSelector={"example.com/none": "here"})
    yard.until("it has pods", lambda: len(yard.pods("unplaced")) == 2)
    suspend(yard, "unplaced")
    said(yard, "unplaced", "Suspended")
    yard.until("they have gone", lambda: yard.pods("unplaced") == [])
    yard.settle()
    assert condition(yard.job("unplaced")["status"], "FailureTarget") is None


CHANGES: list[Statement] = [
    a_lower_parallelism_takes_pods_away,
    what_a_job_was_made_of_stays,
    of_a_suspended_job_a_queue_may_say_where_its_pods_go,
    its_generation_counts_changes_of_its_spec_alone,
    a_status_is_written_through_its_subresource_alone,
    a_deleted_job_takes_its_pods_along,
    a_finalizer_holds_a_job_and_the_pods_of_it,
    another_uid_suspends_nothing,
    a_pod_without_a_node_that_somebody_deletes_has_failed,
    a_pod_without_a_node_costs_nothing_when_its_job_is_suspended,
]
