"""Cores and number formats are used as the machine has them."""

from support.fingerprints import plan_for, same_cases


def test_bfloat16_only_where_the_cpu_has_it():
    assert plan_for(same_cases((64, 64, 64)), bfloat16=True).precision == "bfloat16"
    assert plan_for(same_cases((64, 64, 64)), bfloat16=False).precision == "float32"


def test_many_cores_are_advised_to_be_shared_by_ranks():
    few, many = (
        plan_for(same_cases((64, 64, 64)), cores=8),
        plan_for(same_cases((64, 64, 64)), cores=32),
    )
    assert (few.ranks_per_node, many.ranks_per_node) == (1, 4)
    assert any("--ranks 4" in reason for reason in many.reasons)
