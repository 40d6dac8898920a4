"""The simulated cluster keeps what is said of Jobs; the real one is asked in test_statements."""

from __future__ import annotations

import pytest
from support.operator.job_statements import JOB_STATEMENTS
from support.operator.yard import SimulatedYard


@pytest.mark.parametrize("statement", JOB_STATEMENTS, ids=lambda s: s.__name__)
def test_the_simulated_cluster_keeps(statement):
    statement(SimulatedYard())
