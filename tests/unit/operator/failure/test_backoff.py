"""Back-off: how long attempts wait, and what counts."""

from __future__ import annotations

import pytest
from unet_operator.api.status import Status, TrainingProgress
from unet_operator.failure.backoff import counts, delay_after, stalled
from unet_operator.failure.failure import Failure


def test_the_wait_doubles_up_to_five_minutes():
    waits = [delay_after(attempt) for attempt in range(1, 12)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits == sorted(waits)
    assert waits[-1] == 300


@pytest.mark.parametrize(
    ("before", "saved", "in_a_row"), [(None, 0, 4), (None, 3, 4), (3, 3, 4), (3, 4, 1), (3, 2, 4)]
)
def test_a_later_checkpoint_begins_the_row_anew(before, saved, in_a_row):
    progress = TrainingProgress(checkpoint_epoch=saved)
    assert stalled(Status(stalled_attempts=3, stalled_epoch=before, training=progress)) == in_a_row


@pytest.mark.parametrize("counted", [True, False])
def test_a_failure_counts_if_its_kind_does(counted):
    assert counts(Failure("Crashed", "x", counted=counted), Status()) is counted


@pytest.mark.parametrize(
    ("before", "saved", "counted"),
    [(None, 0, False), (None, 4, False), (4, 5, False), (4, 4, True), (0, 0, True), (4, 3, True)],
)
def test_lost_peers_count_when_no_later_checkpoint_lies_between(before, saved, counted):
    progress = TrainingProgress(checkpoint_epoch=saved)
    status = Status(peer_lost_epoch=before, training=progress)
    assert counts(Failure("PeerLost", "x", counted=False), status) is counted
