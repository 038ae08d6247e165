"""The theta method, fitted by statsmodels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from lintel.edge.tasks.forecast.apart import apart
from lintel.edge.tasks.forecast.libraries import fitting, import_library
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

# What lies before has no weight left, and time and memory are bounded.
MAXIMUM_STEPS = 2_000
_FEWEST_STEPS = 8
# Of the line through the series, half is added (theta = 2).
_TREND_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Theta:
    """Simple exponential smoothing with half the trend, of the series without its season.

    V. Assimakopoulos and K. Nikolopoulos, The theta model, 2000; as simplified by R. J. Hyndman
    and B. Billah, Unmasking the Theta method, 2003. The season is taken out where a test finds
    one.

    Attributes:
        name: What requests and results call it.
    """

    name: str = "theta"
    requires: ClassVar[str] = "statsmodels"

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return max(_FEWEST_STEPS, 2 * series.season_length)

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> FittedTheta:
        """See Forecaster."""
        steps = max(MAXIMUM_STEPS, 2 * series.season_length)
        values = series.by_clock(steps)
        fit = apart(fit_theta, values, series.season_length)
        return FittedTheta(
            slope=fit.slope,
            smoothing=fit.smoothing,
            season=fit.season,
            is_multiplicative=fit.is_multiplicative,
            end=series.first + len(series),
            level=fit.level,
            count=len(values),
        )


@dataclass(frozen=True, eq=False)
class FittedTheta:
    """The theta method with parameters that have been fitted.

    Attributes:
        slope: Of the line through the series without its season, a step.
        smoothing: Weight of the newest value.
        season: float64 (season_length,), from the step after the last one on, by the clock.
        is_multiplicative: Whether values are multiplied by the season, or it is added.
        end: Number of the step after the last one that `level` has seen.
        level: What smoothing had come to there; later steps are smoothed on from it.
        count: How many values it has seen.
    """

    slope: float
    smoothing: float
    season: Floats
    is_multiplicative: bool
    end: int
    level: float
    count: int

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """See FittedForecaster."""
        end = self.end - history.first
        later = history.filled[end:]
        season = self.season[history.seasons_after(end, horizon, len(self.season))]
        past, future = season[: len(later)], season[len(later) :]
        level = self.level
        for value in later / past if self.is_multiplicative else later - past:
            level += self.smoothing * (float(value) - level)
        steps = np.arange(horizon) + self._age(self.count + len(later))
        forecast = level + _TREND_WEIGHT * self.slope * steps
        return forecast * future if self.is_multiplicative else forecast + future

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedTheta:
        """See FittedForecaster."""
        return Theta().fit(series, 1, regressors)

    def _age(self, count: int) -> float:
        """Returns the mean age of what the level is made of, which the trend has outrun."""
        if self.smoothing <= 0:
            return 0.0
        return (1 - (1 - self.smoothing) ** count) / self.smoothing


class _Fit(NamedTuple):
    """What the library has fitted: see FittedTheta; the season begins after the last value."""

    slope: float
    smoothing: float
    season: Floats
    is_multiplicative: bool
    level: float


def fit_theta(values: Floats, season_length: int) -> _Fit:
    """Fits the method with the library.

    Args:
        values: float64 (N,), finite.
        season_length: Steps of the season; 1: none.
    """
    name = Theta().name
    library = import_library("statsmodels.tsa.forecasting.theta", name)
    with fitting(name):
        model = library.ThetaModel(values, period=season_length, deseasonalize=season_length > 1)
        fitted = model.fit()
        slope, smoothing = (float(each) for each in fitted.params)
        parts = fitted.forecast_components(season_length)
    level = float(parts["ses"].iloc[0])
    season = np.asarray(parts["seasonal"], np.float64)
    is_multiplicative = model.method.startswith("mul")
    if _is_flat(values, season, is_multiplicative=is_multiplicative):
        # The library's regression drops a constant where there is one already, and tells a slope.
        slope = 0.0
    return _Fit(slope, smoothing, season, is_multiplicative, level)


def _is_flat(values: Floats, season: Floats, *, is_multiplicative: bool) -> bool:
    """Returns whether values are all the same without their season, which begins after them."""
    past = season[np.arange(-len(values), 0) % len(season)]
    level = values / past if is_multiplicative else values - past
    return bool(np.ptp(level) == 0)
