"""Where series are forecast: in this process, or by a server. Both answer alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lintel.cli.forecast_results import ForecastResult
from lintel.cli.series_engines import ResolutionName


class Known(NamedTuple):
    """A regressor: what goes with a series and is known beforehand.

    Attributes:
        history: A number a value of the history.
        future: A number a step of the forecast.
    """

    history: Sequence[float]
    future: Sequence[float]


class Question(NamedTuple):
    """What is asked of a forecast.

    Attributes:
        horizon: Steps to forecast.
        levels: Intervals wanted, in percent, rising.
        model: Name of a model; "": the one that does best.
        season_length: Steps of a season; 0: found.
        time_zone: IANA name of the zone whose hours and weekdays matter; "": the device's.
        regressors: What else is known, by name.
    """

    horizon: int
    levels: tuple[float, ...]
    model: str
    season_length: int
    time_zone: str
    regressors: Mapping[str, Known] = MappingProxyType({})

    def quantile_levels(self) -> tuple[float, ...]:
        """Returns the ends of the intervals, rising, such as 0.1 and 0.9 of 80 %."""
        ends = {bound for level in self.levels for bound in quantiles_of(level)}
        return tuple(sorted(ends))


class ForecastEngine(AbstractContextManager["ForecastEngine"], Protocol):
    """Forecasts series.

    Methods raise LintelError where this machine refuses, and RequestRefusedError where a server
    does; EngineFailedError where nothing can be done.
    """

    def forecast(
        self, timestamps_us: Sequence[int], values: Sequence[float], question: Question
    ) -> ForecastResult:
        """Forecasts the steps after a history."""

    def forecast_stored(
        self, name: str, resolution: ResolutionName, question: Question
    ) -> ForecastResult:
        """Forecasts the steps after a series that is kept."""


def quantiles_of(level: float) -> tuple[float, float]:
    """Returns the quantiles between which an interval lies.

    Args:
        level: In percent, between 0 and 100.
    """
    return (100 - level) / 200, (100 + level) / 200
