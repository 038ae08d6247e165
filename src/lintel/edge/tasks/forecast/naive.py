"""Forecasts that learn nothing, and that every other one has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lintel.edge.tasks.forecast.clocks import Clock
from lintel.edge.tasks.forecast.forecaster import FittedForecaster
from lintel.edge.tasks.forecast.series import Floats, RegularSeries, fill_gaps

# The last season, the one before it for an hour that is shown twice, and room for one that is not.
_SEASONS_SEEN = 3


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

    Of hours that is the day or the week, by the clock; without a season it is the naive forecast.
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
        clock = series.clock()
        errors = {length: _error_of_repetition(series.values, length, clock) for length in lengths}
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
        # Nothing older is looked at, but to fill gaps; a long history is not gone through for that.
        newest = history.tail(_SEASONS_SEEN * self.season_length)
        if not np.isnan(newest.values).any():
            history = newest
        clock = history.clock(horizon)
        filled = fill_gaps(history.values, self.season_length, clock)
        known = len(filled)
        coming = np.arange(known, known + horizon)
        season = min(self.season_length, known)
        sources = clock.for_season(season).season_before(coming, known, season)
        # Of a single season, clocks that were put back leave an hour out.
        return filled[np.maximum(sources, 0)]

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        """See FittedForecaster."""
        return self


def _error_of_repetition(values: Floats, season_length: int, clock: Clock) -> float:
    """Returns the mean absolute error of repeating the season, over the newest half."""
    steps = np.arange(season_length, len(values))[-(len(values) // 2) :]
    sources = clock.for_season(season_length).season_before(steps, steps, season_length)
    errors = np.abs(values[steps] - values[np.maximum(sources, 0)])
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if len(known) else np.inf


def last_known(values: Floats) -> float:
    """Returns the last value that is not missing.

    Args:
        values: float64 (N,), NaN where missing; at least one is not.
    """
    return float(values[np.flatnonzero(~np.isnan(values))[-1]])
