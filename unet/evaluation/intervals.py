"""How sure a mean over cases is: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

RESAMPLES = 10_000
LEVEL = 0.95
SEED = 816
"""Fixed, so that the same results always print the same interval."""


class Estimate(BaseModel):
    """A mean over cases and its interval; `low` and `high` are None for a single case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    low: float | None
    high: float | None
    count: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.4f}"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap_mean(values: Sequence[float], level: float = LEVEL) -> Estimate | None:
    """Mean of independent cases with its percentile bootstrap interval (Efron 1979).

    Args:
        values: one figure per case.
        level: share of resampled means that the interval holds.

    Returns:
        None if there is no value.
    """
    if not len(values):
        return None
    cases = np.asarray(values, np.float64)
    if len(cases) == 1:
        return Estimate(mean=float(cases[0]), low=None, high=None, count=1)
    rng = np.random.default_rng(SEED)
    means = np.empty(RESAMPLES)
    rows = max(1, 1_000_000 // len(cases))
    for first in range(0, RESAMPLES, rows):
        chosen = rng.integers(len(cases), size=(min(rows, RESAMPLES - first), len(cases)))
        means[first : first + rows] = cases[chosen].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(mean=float(cases.mean()), low=float(low), high=float(high), count=len(cases))
