"""Forecasts that learn nothing, and that every other one has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lintel.edge.tasks.forecast.forecaster import FittedForecaster
from lintel.edge.tasks.forecast.series import Floats, RegularSeries, fill_gaps


@dataclass(frozen=True, slots=True)
class Naive:
    """Repeats the last known value: the best there is for a random walk."""

    name: str = "naive"
    requires: ClassVar[str] = ""

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return 1

    def fit(
        self,
        series: RegularSeries,
        horizon: int,
        regressors: Floats,
    ) -> FittedForecaster:
        """See Forecaster."""
        return self

    def predict(
        self,
        history: RegularSeries,
        horizon: int,
        regressors: Floats,
    ) -> Floats:
        """See FittedForecaster."""
        return np.full(horizon, last_known(history.values))

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        """See FittedForecaster."""
        return self


@dataclass(frozen=True, slots=True)
class Drift:
    """Goes on along the line from the first known value to the last.

    R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice, 2021, section 5.2.
    """

    name: str = "drift"
    requires: ClassVar[str] = ""

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return 2

    def fit(
        self,
        series: RegularSeries,
        horizon: int,
        regressors: Floats,
    ) -> FittedForecaster:
        """See Forecaster."""
        return self

    def predict(
        self,
        history: RegularSeries,
        horizon: int,
        regressors: Floats,
    ) -> Floats:
        """See FittedForecaster."""
        known = np.flatnonzero(~np.isnan(history.values))
        first, last = known[0], known[-1]
        rise = history.values[last] - history.values[first]
        slope = rise / (last - first) if last > first else 0.0
        steps = np.arange(len(history), len(history) + horizon) - last
        return np.asarray(history.values[last] + slope * steps, np.float64)

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        """See FittedForecaster."""
        return self


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """Repeats the last season: the one whose repetition was better on what it is fitted to.

    Of hours that is the day or the week; without a season it is the naive forecast.
    """

    name: str = "seasonal-naive"
    requires: ClassVar[str] = ""

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return 2 * series.season_length

    def fit(
        self,
        series: RegularSeries,
        horizon: int,
        regressors: Floats,
    ) -> FittedForecaster:
        """See Forecaster."""
        longest = len(series) // 2
        lengths = {series.season_length} | {
            period for period in series.calendar.periods if series.season_length < period <= longest
        }
        errors = {length: _error_of_repetition(series.values, length) for length in lengths}
        return FittedSeasonalNaive(min(sorted(lengths), key=errors.__getitem__))


@dataclass(frozen=True, slots=True)
class FittedSeasonalNaive:
    """Repeats the last season.

    Attributes:
        season_length: Its steps.
    """

    season_length: int

    def predict(
        self,
        history: RegularSeries,
        horizon: int,
        regressors: Floats,
    ) -> Floats:
        """See FittedForecaster."""
        last = fill_gaps(history.values, self.season_length)[-self.season_length :]
        return np.resize(last, horizon)

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        """See FittedForecaster."""
        return self


def _error_of_repetition(values: Floats, season_length: int) -> float:
    """Returns the mean absolute error of repeating the season, over the newest half."""
    errors = np.abs(values[season_length:] - values[:-season_length])[-(len(values) // 2) :]
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if len(known) else np.inf


def last_known(values: Floats) -> float:
    """Returns the last value that is not missing.

    Args:
        values: float64 (N,), NaN where missing; at least one is not.
    """
    return float(values[np.flatnonzero(~np.isnan(values))[-1]])
