"""The theta method, fitted by statsmodels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

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
        library = import_library("statsmodels.tsa.forecasting.theta", self.name)
        steps = max(MAXIMUM_STEPS, 2 * series.season_length)
        values = series.filled[-steps:]
        period = series.season_length
        has_season = period > 1
        with fitting(self.name):
            model = library.ThetaModel(values, period=period, deseasonalize=has_season)
            fitted = model.fit()
            slope, smoothing = (float(each) for each in fitted.params)
            parts = fitted.forecast_components(period)
        first = series.first + len(series)
        # From the step after the last one on; turned so that step 0 comes first.
        season = np.roll(np.asarray(parts["seasonal"]), first % period)
        return FittedTheta(
            slope=slope,
            smoothing=smoothing,
            season=season,
            is_multiplicative=model.method.startswith("mul"),
            end=first,
            level=float(parts["ses"].iloc[0]),
            count=len(values),
        )


@dataclass(frozen=True, eq=False)
class FittedTheta:
    """The theta method with parameters that have been fitted.

    Attributes:
        slope: Of the line through the series without its season, a step.
        smoothing: Weight of the newest value.
        season: float64 (season_length,), that of step 0 of the calendar first.
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
        end = history.first + len(history)
        later = history.filled[self.end - history.first :]
        season = self.season[np.arange(self.end, end + horizon) % len(self.season)]
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
