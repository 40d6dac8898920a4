"""How sure a mean over cases is: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

RESAMPLES = 10_000
LEVEL = 0.95
SEED = 816
"""Fixed, so that the same results always print the same interval."""
BATCH_VALUES = 1_000_000
"""Values that are resampled at once, at most; bounds the memory."""
LEAST_CASES = 5
"""Below, resampling says little: of four cases one draw in 64 is one case four times over."""
SAME = 1e-12
"""Spread, of the largest value or of 1, below which values are equal but for rounding."""


class Estimate(BaseModel):
    """A mean over cases and its interval.

    `low` and `high` are None for fewer than `LEAST_CASES`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    low: float | None
    high: float | None
    count: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.4f}"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap_mean(
    values: Sequence[float] | np.ndarray,
    level: float = LEVEL,
    *,
    method: Literal["BCa", "percentile"] = "BCa",
) -> Estimate | None:
    """Mean of independent cases with its bootstrap interval.

    The interval is bias-corrected and accelerated (BCa; Efron 1987, "Better bootstrap
    confidence intervals"): the Dice of cases is skewed, with a few failures far below the
    others, and the percentile interval does not reach far enough towards them.

    Args:
        values: one figure per case; a NaN is a case without a figure, and is not counted.
        level: share of the intervals of repeated studies that would hold the true mean.
        method: of the interval; "percentile" is Efron's of 1979.

    Returns:
        None if there is no figure.
    """
    cases = np.asarray(values, np.float64)
    cases = cases[~np.isnan(cases)]
    if not len(cases):
        return None
    mean = float(cases.mean())
    if len(cases) < LEAST_CASES:
        return Estimate(mean=mean, low=None, high=None, count=len(cases))
    if np.ptp(cases) <= SAME * max(1.0, np.abs(cases).max()):
        # Every resample has this mean; BCa, which measures how they spread, has no answer.
        return Estimate(mean=mean, low=mean, high=mean, count=len(cases))
    interval = stats.bootstrap(
        (cases,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, BATCH_VALUES // len(cases)),
        confidence_level=level,
        method=method,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Estimate(mean=mean, low=float(interval.low), high=float(interval.high), count=len(cases))
