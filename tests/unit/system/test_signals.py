"""A signal ends a training at once before the first step, and sets a flag after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from unet.system.errors import ExitCode, Terminated
from unet.system.signals import Stop


@pytest.fixture
def stop() -> Iterator[Stop]:
    stop = Stop()
    yield stop
    stop.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_before_the_first_step_the_training_ends_at_once(stop: Stop, number: int) -> None:
    with pytest.raises(Terminated, match=signal.Signals(number).name) as caught:
        os.kill(os.getpid(), number)
    assert caught.value.code == ExitCode.TERMINATED


def test_after_it_the_signal_is_remembered(stop: Stop) -> None:
    stop.defer()
    assert not stop.asked
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.asked


def test_both_signals_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = Stop()
    assert signal.getsignal(signal.SIGTERM) != before[0]
    stop.close()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
