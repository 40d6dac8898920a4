"""Moments of a training's life that several tests begin with."""

from __future__ import annotations

from unet_operator.lifecycle.attempt_end import SETTLE

from support.operator.lives import REPORT
from support.operator.making import (
    advanced,
    after,
    decided,
    ended,
    failed_launcher,
    job,
    launcher_done,
    pod,
    running,
    seen,
    trained,
    two_workers,
)

LAUNCHER_FAILED = job("launcher", failed="pod failed", active=0)
SETTLED = after(SETTLE.total_seconds() + 1)
ENDED_WORKERS = (job("worker", suspended=True, active=0),)
REST = (job("worker", suspended=True, active=0), *launcher_done())


def report_done(round_: int = 1, **said: object):
    """A report that ended well."""
    done = pod(
        "report", round_, phase="Succeeded", exits={"report": ended(0, **{**REPORT, **said})}
    )
    return job("report", round_, complete=True, active=0), done


def succeeded(**changes):
    """A training that has ended well."""
    subject = trained(**changes)
    observed = seen(*REST, job("evaluate", complete=True), *report_done())
    return advanced(subject, decided(subject, observed))


def restarting():
    """A training between two attempts, and the moment the next one is due."""
    subject = running()
    observed = seen(*two_workers(), LAUNCHER_FAILED, failed_launcher(1))
    subject = advanced(subject, decided(subject, observed, SETTLED))
    return subject, subject.status.next_attempt_time
