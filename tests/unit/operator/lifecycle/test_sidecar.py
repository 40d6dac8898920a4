"""A container that somebody put into the launcher's pod: the end of `launch` decides."""

from __future__ import annotations

import pytest
from support.operator.making import (
    after,
    decided,
    ended,
    job,
    launcher_pod,
    running,
    seen,
    two_workers,
)
from unet_operator.lifecycle.actions import SuspendJob
from unet_operator.lifecycle.attempt_view import LAST_WORDS

LATER = after(LAST_WORDS.total_seconds())
REPORTED = {"epoch": 40, "epochs": 40}


def outlived(code: int, **said: object):
    """A launcher's pod whose sidecar still runs after `launch` has ended with that code."""
    exits = {"rendezvous": ended(0), "launch": ended(code, code=code, **said)}
    return launcher_pod(exits=exits, running=frozenset({"istio-proxy"}))


def test_a_training_that_is_done_does_not_wait_for_a_sidecar():
    decision = decided(
        running(), seen(*two_workers(), job("launcher"), outlived(0, **REPORTED)), LATER
    )
    assert decision.status.holds("Trained")
    assert decision.status.training.epoch == 40
    stopped = [action.name for action in decision.actions if isinstance(action, SuspendJob)]
    assert stopped == ["brain-launcher-1"]


@pytest.mark.parametrize(("code", "phase"), [(10, "Failed"), (13, "Restarting"), (1, "Restarting")])
def test_a_failed_launcher_is_judged_though_its_sidecar_runs(code, phase):
    observed = seen(*two_workers(), job("launcher"), outlived(code, cause="x"))
    assert decided(running(), observed, LATER).status.phase == phase


def test_what_ends_by_itself_at_once_is_left_to_its_job():
    observed = seen(*two_workers(), job("launcher"), outlived(0))
    assert not decided(running(), observed, after(1)).status.holds("Trained")


@pytest.mark.parametrize("code", [1, 137])
def test_a_sidecar_that_fails_after_a_success_does_not_undo_it(code):
    exits = {"rendezvous": ended(0), "launch": ended(0), "istio-proxy": ended(code)}
    pod = launcher_pod(phase="Failed", exits=exits, running=frozenset())
    observed = seen(*two_workers(), job("launcher", failed="pod failed", active=0), pod)
    assert decided(running(), observed, LATER).status.holds("Trained")


def test_a_sidecar_that_fails_does_not_hide_what_ours_says():
    exits = {
        "istio-proxy": ended(1),
        "rendezvous": ended(0),
        "launch": ended(10, code=10, cause="no such file"),
    }
    pod = launcher_pod(phase="Failed", exits=exits, running=frozenset())
    observed = seen(*two_workers(), job("launcher", failed="pod failed", active=0), pod)
    status = decided(running(), observed, LATER).status
    assert (status.phase, status.reason("Failed")) == ("Failed", "BadData")
    assert "no such file" in status.message
