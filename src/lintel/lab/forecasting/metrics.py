"""How far forecasts are off, and how far their intervals can be trusted.

Arrays may have any shape; what is not known of the actual values is NaN, and left out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError

Floats = NDArray[np.float64]


def root_mean_squared_error(actual: Floats, forecast: Floats) -> float:
    """Returns the root of the mean squared error; NaN where nothing is known.

    Args:
        actual: float64, NaN where the value is not known.
        forecast: float64, the same shape.
    """
    from sklearn import metrics  # noqa: PLC0415 -- slow to import

    known, told = _known(actual, forecast)
    return float(metrics.root_mean_squared_error(known, told)) if len(known) else math.nan


def symmetric_percentage_error(actual: Floats, forecast: Floats) -> float:
    """Returns the sMAPE: 200 % times the mean of |a - f| / (|a| + |f|), from 0 to 200.

    As the M4 competition has it (S. Makridakis and others, The M4 Competition, 2020). Where both
    are 0 the forecast is right, and the share 0.

    Args:
        actual: float64, NaN where the value is not known.
        forecast: float64, the same shape.
    """
    known, told = _known(actual, forecast)
    if not len(known):
        return math.nan
    sizes = np.abs(known) + np.abs(told)
    shares = np.divide(np.abs(known - told), sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return float(200 * shares.mean())


def naive_scales(history: Floats, season_length: int) -> tuple[float, float]:
    """Returns how far the repetition of the last season is off on what comes before a backtest.

    Errors over these are the MASE (R. J. Hyndman and A. B. Koehler, Another look at measures of
    forecast accuracy, 2006) and the RMSSE (the M5 competition, 2022): under 1, a forecast is
    better than that repetition was one season ahead on the history.

    Args:
        history: float64 (N,), NaN where a step has no value.
        season_length: Steps of the season; 1: none, and the last value is repeated.

    Returns:
        The mean absolute and the root mean squared error; NaN where the history has no two
        values so far apart.
    """
    errors = history[season_length:] - history[:-season_length]
    errors = errors[~np.isnan(errors)]
    if not len(errors):
        return math.nan, math.nan
    return float(np.abs(errors).mean()), math.sqrt(float((errors**2).mean()))


def pinball_loss(actual: Floats, quantiles: Floats, levels: tuple[float, ...]) -> float:
    """Returns the mean pinball (quantile) loss over all levels.

    Args:
        actual: float64 (..., ), NaN where the value is not known.
        quantiles: float64 (..., Q), forecasts of the quantiles; NaN where none was told.
        levels: Q of them, between 0 and 1.
    """
    from sklearn.metrics import mean_pinball_loss  # noqa: PLC0415 -- slow to import

    losses = []
    for index, level in enumerate(levels):
        known, told = _known(actual, quantiles[..., index])
        known, told = known[~np.isnan(told)], told[~np.isnan(told)]
        losses.append(mean_pinball_loss(known, told, alpha=level) if len(known) else math.nan)
    return float(np.mean(losses)) if losses else math.nan


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Returns the share of known values from `low` to `high`, both included; NaN: none is known.

    Args:
        actual: float64, NaN where the value is not known.
        low: float64, the same shape; NaN where no interval was told: that is left out.
        high: float64, the same shape.
    """
    known = ~np.isnan(actual) & ~np.isnan(low)
    if not known.any():
        return math.nan
    return float(((actual >= low) & (actual <= high))[known].mean())


def mean_width(actual: Floats, low: Floats, high: Floats) -> float:
    """Returns the mean width of intervals, where the value is known; NaN: none is.

    Args:
        actual: float64, NaN where the value is not known.
        low: float64, the same shape; NaN where no interval was told: that is left out.
        high: float64, the same shape.
    """
    known = ~np.isnan(actual) & ~np.isnan(low)
    return float((high - low)[known].mean()) if known.any() else math.nan


def autocorrelation(errors: Floats, lags: int) -> Floats:
    """Returns the autocorrelation of errors, that of lag 0 (1) first.

    Args:
        errors: float64 (N,), in order; NaN where not known.
        lags: How many; fewer where the errors are few.

    Returns:
        float64 (lags + 1,); empty where there is nothing to correlate.
    """
    from statsmodels.tsa import stattools  # noqa: PLC0415 -- slow to import

    known = errors[~np.isnan(errors)]
    lags = min(lags, len(known) // 2 - 1)
    if lags < 1 or np.ptp(known) == 0:
        return np.empty(0)
    missing = "none" if len(known) == len(errors) else "conservative"
    return np.asarray(stattools.acf(errors, nlags=lags, missing=missing), np.float64)


def _known(actual: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    if actual.shape != forecast.shape:
        raise InvalidArgumentError("There must be one forecast a value.", field="forecast")
    known = ~np.isnan(actual)
    return actual[known], forecast[known]
