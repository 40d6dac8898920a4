"""Variables and threads of a rank."""

from __future__ import annotations

import pytest
from support.operator.built import context
from unet_operator.build.rank_environment import rank_environment, threads_per_rank


def test_mpi_env_wins_over_pods_env_and_that_over_ours():
    subject = context(
        pods={"env": [{"name": "OMP_NUM_THREADS", "value": "2"}, {"name": "A", "value": "pod"}]},
        mpi={"env": [{"name": "A", "value": "mpi"}]},
    )
    found = rank_environment(subject)
    assert (found["OMP_NUM_THREADS"], found["A"]) == ("2", "mpi")


@pytest.mark.parametrize(
    ("cpu", "slots", "threads"),
    [
        ("8", 2, 4),
        (8, 2, 4),
        ("8", 3, 2),
        ("500m", 1, 1),
        ("3500m", 1, 3),
        ("1", 4, 1),
        ("1e3", 1, 1000),
        ("4000000u", 1, 4),
        ("2k", 1, 2000),
    ],
)
def test_threads_are_the_whole_cores_of_a_rank(cpu, slots, threads):
    subject = context(
        workers={"slotsPerWorker": slots, "resources": {"limits": {"cpu": cpu}, "requests": {}}}
    )
    assert threads_per_rank(subject) == threads


@pytest.mark.parametrize("cpu", ["", "many", "1K", "-", "NaN", "1e"])
def test_a_cpu_that_is_no_number_of_cores_still_gives_a_thread(cpu):
    subject = context(workers={"resources": {"limits": {"cpu": cpu}, "requests": {}}})
    assert threads_per_rank(subject) >= 1


def test_without_a_limit_the_request_says_how_many_threads():
    subject = context(workers={"resources": {"limits": {}, "requests": {"cpu": "6"}}})
    assert threads_per_rank(subject) == 6
    bare = context(workers={"resources": {"limits": {}, "requests": {}}})
    assert threads_per_rank(bare) == 1


def test_pinning_is_left_to_unet_launch_and_the_user():
    """docs/contract.md: a rank is not pinned unless the user asks for it."""
    assert not [name for name in rank_environment(context()) if name.startswith("I_MPI")]
    asked = context(mpi={"env": [{"name": "I_MPI_PIN_DOMAIN", "value": "socket"}]})
    assert rank_environment(asked)["I_MPI_PIN_DOMAIN"] == "socket"
    assert "I_MPI_PIN" not in rank_environment(asked)
