"""The queue: every key is worked on after its last news, by one at a time, and comes back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unet_operator.loop import queue as module
from unet_operator.loop.queue import LONGEST_RETRY, WorkQueue


def run(scenario):
    """Runs a scenario with a fresh queue; it must not hang."""

    async def main():
        queue = WorkQueue()
        try:
            async with asyncio.timeout(30):
                return await scenario(queue)
        finally:
            queue.close()

    return asyncio.run(main())


async def worked(queue, key):
    """Takes a key, which must be that one, and ends the work on it."""
    assert await queue.take() == key
    return queue.done(key)


def test_keys_are_taken_in_the_order_they_came():
    async def scenario(queue):
        for key in "abc":
            queue.add(key)
        assert [await queue.take() for _ in "abc"] == ["a", "b", "c"]

    run(scenario)


def test_a_key_waits_once():
    async def scenario(queue):
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1
        await worked(queue, "a")
        assert len(queue) == 0

    run(scenario)


def test_a_key_that_is_added_while_it_is_worked_on_comes_back_after():
    async def scenario(queue):
        queue.add("a")
        await queue.take()
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0, "it must not be worked on twice at once"
        queue.done("a")
        assert len(queue) == 1

    run(scenario)


def test_others_go_on_while_a_key_is_worked_on():
    async def scenario(queue):
        queue.add("a")
        await queue.take()
        queue.add("b")
        await worked(queue, "b")

    run(scenario)


def test_taking_waits_for_news():
    async def scenario(queue):
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        assert not taking.done()
        queue.add("a")
        assert await taking == "a"

    run(scenario)


def test_several_wait_and_each_gets_a_key():
    async def scenario(queue):
        taking = [asyncio.create_task(queue.take()) for _ in range(3)]
        await asyncio.sleep(0)
        for key in "abc":
            queue.add(key)
        assert sorted(await asyncio.gather(*taking)) == ["a", "b", "c"]

    run(scenario)


def test_an_alarm_brings_the_key_back():
    async def scenario(queue):
        queue.later("a", 0)
        await worked(queue, "a")

    run(scenario)


def test_an_alarm_replaces_the_one_before():
    async def scenario(queue):
        queue.later("a", 3600)
        queue.later("a", 0)
        await worked(queue, "a")
        queue.later("b", 0)
        queue.later("b", 3600)
        queue.later("c", 0)
        await worked(queue, "c")
        assert len(queue) == 0

    run(scenario)


def test_no_alarm_clears_the_one_before():
    async def scenario(queue):
        queue.later("a", 0)
        queue.later("a", None)
        queue.later("b", 0)
        await worked(queue, "b")
        assert len(queue) == 0

    run(scenario)


def test_an_alarm_that_rings_during_the_work_brings_the_key_back_after_it():
    async def scenario(queue):
        queue.add("a")
        await queue.take()
        queue.later("a", 0)
        queue.later("b", 0)
        assert await queue.take() == "b"
        assert len(queue) == 0
        queue.done("a")
        await worked(queue, "a")

    run(scenario)


def test_closing_silences_the_alarms():
    async def scenario(queue):
        queue.later("a", 0)
        queue.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(queue) == 0

    run(scenario)


async def failed(queue, key="a"):
    """Seconds until a key that fails comes back."""
    queue.add(key)
    await queue.take()
    return queue.done(key, failed=True)


def test_failures_come_back_later_and_later_up_to_a_limit():
    async def scenario(queue):
        delays = [await failed(queue) for _ in range(14)]
        growing = delays[:6]
        assert growing == sorted(growing)
        assert all(delay <= LONGEST_RETRY * 1.2 for delay in delays)
        assert delays[-1] >= LONGEST_RETRY * 0.8

    run(scenario)


def test_one_success_makes_the_waits_short_again():
    async def scenario(queue):
        first = [await failed(queue) for _ in range(6)][-1]
        queue.add("a")
        await worked(queue, "a")
        assert await failed(queue) < first / 8

    run(scenario)


def test_one_key_s_failures_are_not_another_s():
    async def scenario(queue):
        for _ in range(6):
            await failed(queue, "a")
        assert await failed(queue, "b") < 2

    run(scenario)


def test_a_failed_key_comes_back_by_itself(monkeypatch):
    monkeypatch.setattr(module, "FIRST_RETRY", 0.001)

    async def scenario(queue):
        await failed(queue)
        await worked(queue, "a")

    run(scenario)


def test_news_of_a_failed_key_does_not_wait_for_its_turn_to_come_back():
    async def scenario(queue):
        for _ in range(8):
            await failed(queue)
        queue.add("a")
        await worked(queue, "a")

    run(scenario)


def test_handled_counts_the_work_done_well_or_not():
    async def scenario(queue):
        await failed(queue)
        queue.add("b")
        await worked(queue, "b")
        assert queue.handled == 2

    run(scenario)


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "take", "done", "fail"]), st.sampled_from("abc")),
    max_size=40,
)


@given(STEPS)
def test_no_news_is_lost_and_no_key_is_worked_on_twice_at_once(steps):
    async def scenario(queue):
        wanted, working = set(), set()
        for step, key in steps:
            if step == "add":
                queue.add(key)
                wanted.add(key)
            elif step == "take" and len(queue):
                taken = await queue.take()
                assert taken not in working
                working.add(taken)
                wanted.discard(taken)
            elif step in ("done", "fail") and key in working:
                queue.done(key, failed=step == "fail")
                working.discard(key)
        for key in working:
            queue.done(key)
        while len(queue):
            taken = await queue.take()
            wanted.discard(taken)
            queue.done(taken)
        assert wanted == set()

    run(scenario)


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_share_the_keys_until_all_are_done(workers):
    async def scenario(queue):
        done, running = [], set()

        async def work():
            while True:
                key = await queue.take()
                assert key not in running
                running.add(key)
                await asyncio.sleep(0)
                running.discard(key)
                done.append(key)
                queue.done(key)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        for number in range(50):
            queue.add(number % 10)
            await asyncio.sleep(0)
        while len(queue) or running:
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        assert set(done) == set(range(10))

    run(scenario)
