"""The estimate of memory grows with what is computed, and tells what fits."""

from __future__ import annotations

from unet.planning.memory import BASE_BYTES, MemoryBudget, estimate_bytes
from unet.planning.network import course_spec, planned_spec

NETWORK = planned_spec(1, 1, ((2, 2, 2),) * 4, None, False)


def test_no_voxels_cost_what_the_program_does() -> None:
    assert estimate_bytes(NETWORK, 0, "float32") == BASE_BYTES


def test_more_voxels_more_filters_and_wider_numbers_need_more() -> None:
    usual = estimate_bytes(NETWORK, 64**3, "float32")
    assert estimate_bytes(NETWORK, 2 * 64**3, "float32") > usual
    assert estimate_bytes(course_spec(1, 1, 32, False), 64**3, "float32") > usual
    assert estimate_bytes(NETWORK, 64**3, "bfloat16") < usual


def test_what_is_needed_and_no_more_is_held() -> None:
    needed = MemoryBudget(0, "float32", 240 * 240 * 155).needed(NETWORK, 64**3)
    assert MemoryBudget(needed, "float32", 240 * 240 * 155).holds(NETWORK, 64**3)
    assert not MemoryBudget(needed, "float32", 240 * 240 * 155).holds(NETWORK, 64**3 + 1)


def test_a_large_case_takes_memory_while_it_is_validated() -> None:
    small, large = (MemoryBudget(0, "float32", voxels) for voxels in (10**6, 10**7))
    assert large.needed(NETWORK, 64**3) > small.needed(NETWORK, 64**3)
