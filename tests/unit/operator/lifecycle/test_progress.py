"""Progress and the final figures."""

from __future__ import annotations

from support.operator.making import (
    advanced,
    after,
    decided,
    job,
    launcher_done,
    launcher_pod,
    running,
    seen,
    two_workers,
)
from unet_operator.api.status import Plan, TrainingProgress
from unet_operator.observe.progress import LogReading


def test_the_final_figures_come_from_the_launcher_s_last_words():
    subject = running()
    done = launcher_done(epoch=40, epochs=40, loss=0.21, validationDice=0.87)
    decision = decided(subject, seen(*two_workers(), *done))
    assert decision.status.training.loss == 0.21
    assert decision.status.dice == 0.87
    assert decision.status.training.eta is None


def test_progress_and_plan_are_taken_from_the_log():
    progress = TrainingProgress(epoch=3, epochs=40, loss=0.4, validation_dice=0.71, eta="12m")
    plan = Plan(patch_size="96,96,96", batch_size=2, global_batch_size=4, precision="bfloat16")
    observed = seen(*two_workers(), job("launcher"), launcher_pod(), log=LogReading(progress, plan))
    decision = decided(running(), observed, after(15))
    assert decision.status.training.loss == 0.4
    assert decision.status.training.time == after(15)
    assert decision.status.dice == 0.71
    assert decision.status.plan == plan
    assert [e.reason for e in decision.events] == ["Planned"]
    again = decided(advanced(running(), decision), observed, after(30))
    assert again.status == decision.status
    assert again.events == ()
