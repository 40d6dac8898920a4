"""What follows a failed attempt: another one, a smaller one, or the end."""

from __future__ import annotations

import pytest
from support.operator.making import spec
from unet_operator.api.status import Plan, Reduced, Status, TrainingProgress
from unet_operator.failure.failure import Failure
from unet_operator.failure.what_follows import NoRetry, Retry, what_follows

CRASH = Failure("Crashed", "x")
STARVED = Failure("OutOfMemory", "x", counted=False, memory=True)


def limited(limit: int):
    """A spec with that limit of failures."""
    return spec(runPolicy={"backoffLimit": limit})


def test_a_crash_is_tried_again_later_and_counts():
    status = Status(attempt=3, failures=1, stalled_attempts=2)
    assert what_follows(CRASH, status, limited(3)) == Retry(
        delay=20, failures=2, peer_lost_epoch=None, reduced=None, stalled=3
    )


def test_after_a_later_checkpoint_the_wait_is_the_first_again():
    status = Status(
        attempt=40,
        stalled_attempts=6,
        stalled_epoch=8,
        training=TrainingProgress(checkpoint_epoch=9),
    )
    preempted = Failure("WorkerEvicted", "x", counted=False)
    follows = what_follows(preempted, status, limited(0))
    assert isinstance(follows, Retry)
    assert (follows.delay, follows.stalled) == (5, 1)


def test_what_does_not_count_is_tried_again_for_ever():
    evicted = Failure("WorkerEvicted", "x", counted=False)
    follows = what_follows(evicted, Status(attempt=99, stalled_attempts=98), limited(0))
    assert follows == Retry(delay=300, failures=0, peer_lost_epoch=None, reduced=None, stalled=99)


def test_one_failure_more_than_the_limit_is_the_end():
    assert isinstance(what_follows(CRASH, Status(attempt=1), limited(1)), Retry)
    end = what_follows(CRASH, Status(attempt=2, failures=1), limited(1))
    assert end == NoRetry("BackoffLimitExceeded", 2, None, None)


def test_what_no_retry_can_mend_is_the_end_under_its_own_name():
    hopeless = Failure("BadData", "x", final=True)
    assert what_follows(hopeless, Status(attempt=1), limited(9)) == NoRetry(
        "BadData", 0, None, None
    )


def test_a_lack_of_memory_is_followed_by_a_smaller_attempt():
    status = Status(attempt=1, plan=Plan(batch_size=2))
    follows = what_follows(STARVED, status, limited(0))
    assert follows == Retry(
        delay=5, failures=0, peer_lost_epoch=None, reduced=Reduced(batch_size=1), stalled=1
    )


def test_a_lack_of_memory_with_nothing_left_to_reduce_is_the_end():
    follows = what_follows(STARVED, Status(attempt=1), limited(9))
    assert follows == NoRetry("OutOfMemory", 0, None, None)


@pytest.mark.parametrize(("before", "failures"), [(None, 0), (2, 0), (4, 1)])
def test_the_epoch_at_which_peers_were_lost_is_kept_for_the_next_time(before, failures):
    lost = Failure("PeerLost", "x", counted=False)
    progress = TrainingProgress(checkpoint_epoch=4)
    status = Status(attempt=1, peer_lost_epoch=before, training=progress)
    follows = what_follows(lost, status, limited(3))
    assert (follows.failures, follows.peer_lost_epoch) == (failures, 4)
