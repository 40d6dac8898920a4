"""status.message: the cause in one line, where it happened, and what comes next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import decided, failed_launcher, running, seen, two_workers
from support.operator.moments import LAUNCHER_FAILED, SETTLED
from unet_operator.api.status import Reduced, Status, TrainingProgress
from unet_operator.failure.failure import Failure
from unet_operator.lifecycle import message

LOST = Failure("WorkerDeleted", "worker 1 was deleted", counted=False)


def test_the_message_tells_where_training_was_and_where_it_resumes():
    subject = running()
    progress = TrainingProgress(epoch=7, epochs=40, checkpoint_epoch=6)
    status = subject.status.model_copy(update={"training": progress})
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(255, cause="rank 1: killed"))
    decision = decided(replace(subject, status=status), observed, SETTLED)
    assert decision.status.message == ("rank 1: killed at epoch 7; attempt 2 resumes from epoch 6")


@pytest.mark.parametrize(
    ("reduced", "words"),
    [
        (None, "attempt 3 starts"),
        (Reduced(batch_size=2), "attempt 3 starts with batch 2"),
        (Reduced(patch_size="64,64,48"), "attempt 3 starts with patch 64,64,48"),
        (
            Reduced(batch_size=1, patch_size="64,64,48"),
            "attempt 3 starts with batch 1 and patch 64,64,48",
        ),
    ],
)
def test_the_next_attempt_s_reduced_sizes_are_told(reduced, words):
    told = message.next_attempt(LOST, Status(attempt=2, reduced=reduced))
    assert told == f"worker 1 was deleted; {words}"


def test_while_other_ranks_run_it_says_what_is_waited_for():
    told = message.worker_lost(LOST)
    assert told == "worker 1 was deleted; waiting for the other ranks to end"


def test_a_final_failure_is_told_in_its_own_words():
    failure = Failure("BadData", "case_07 is empty; repair the data set", final=True)
    assert message.no_retry("BadData", failure, Status(attempt=1), "brain") == failure.message
