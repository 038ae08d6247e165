"""How far forecasts are off, and whether one is better than another by more than chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.tasks.forecast.series import Floats


class DieboldMariano(NamedTuple):
    """What the test says of two forecasts.

    Attributes:
        statistic: Negative where the first lost less; 0 where nothing can be said, infinite where
            it lost as much less, or more, every time.
        p_value: How probable a difference as large, either way, is where there is none.
    """

    statistic: float
    p_value: float


def mean_absolute_error(actual: Floats, forecast: Floats) -> float:
    """Returns the mean absolute error over what is known; NaN where nothing is.

    Args:
        actual: float64 of any shape, NaN where the value is not known.
        forecast: float64, the same shape.
    """
    errors = np.abs(actual - forecast)
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if known.size else math.nan


def diebold_mariano(losses: Floats, other_losses: Floats, overlap: int) -> DieboldMariano:
    """Tests whether two forecasts lose the same on average.

    F. X. Diebold and R. S. Mariano, Comparing Predictive Accuracy, 1995, with the correction for
    short series and horizons over one of D. Harvey, S. Leybourne and P. Newbold, Testing the
    Equality of Prediction Mean Squared Errors, 1997. The long-run variance has the rectangular
    window of the original; where that makes it no positive number, Bartlett's, which always does.

    Args:
        losses: float64 (W,), of the first forecast, a window each, in order; NaN: not known.
        other_losses: float64 (W,), of the second.
        overlap: Windows that share steps with one, itself among them: the horizon where origins
            follow each other step by step, 1 where windows do not overlap.
    """
    differences = losses - other_losses
    differences = differences[~np.isnan(differences)]
    count = len(differences)
    overlap = min(overlap, count)
    if count < 2 or not differences.any():
        return DieboldMariano(0.0, 1.0)
    correction = (count + 1 - 2 * overlap + overlap * (overlap - 1) / count) / count
    if correction > 0 and np.ptp(differences) == 0:
        # A difference that never varies is not one of chance.
        return DieboldMariano(math.copysign(math.inf, differences[0]), 0.0)
    variance = _long_run_variance(differences, overlap)
    if variance <= 0 or correction <= 0:
        return DieboldMariano(0.0, 1.0)
    statistic = float(differences.mean()) / math.sqrt(variance / count) * math.sqrt(correction)
    return DieboldMariano(statistic, 2 * student_tail(abs(statistic), count - 1))


def student_tail(value: float, degrees: int) -> float:
    """Returns how probable it is that Student's t exceeds a value.

    The finite sums for whole degrees of freedom of M. Abramowitz and I. A. Stegun, Handbook of
    Mathematical Functions, 26.7.3 and 26.7.4: SciPy has it, and a device may do without SciPy.

    Args:
        value: 0 or more.
        degrees: Degrees of freedom, 1 or more.
    """
    angle = math.atan(value / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for index in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (index - 1) / index
        total += term
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return max(0.5 * (1 - within), 0.0)


def _long_run_variance(differences: Floats, overlap: int) -> float:
    centred = differences - differences.mean()
    covariances: NDArray[np.float64] = np.array(
        [(centred[lag:] * centred[: len(centred) - lag]).sum() for lag in range(overlap)]
    ) / len(centred)
    variance = float(covariances[0] + 2 * covariances[1:].sum())
    if variance > 0:
        return variance
    weights = 1 - np.arange(1, overlap) / overlap
    return float(covariances[0] + 2 * (weights * covariances[1:]).sum())
