from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lintel.edge.tasks.forecast import RegularSeries
from lintel.edge.tasks.forecast.calendars import FixedSteps
from lintel.edge.tasks.forecast.zones import HOUR_US

MakeSeries = Callable[..., RegularSeries]


@pytest.fixture(scope="session")
def make_series() -> MakeSeries:
    """Makes a series of hours of values, from 1970-01-01 00:00 UTC on."""

    def make(values: object, season_length: int = 1) -> RegularSeries:
        calendar = FixedSteps(HOUR_US, 0, ZoneInfo("UTC"))
        return RegularSeries(calendar, 0, np.array(values, np.float64), season_length)

    return make


@pytest.fixture(scope="session")
def days(make_series: MakeSeries) -> RegularSeries:
    """Thirty days of counts by the hour, with a shape of the day, noise and a few gaps."""
    random = np.random.default_rng(5)
    hours = np.arange(30 * 24)
    means = 60 + 40 * np.sin(2 * np.pi * hours / 24) + 0.02 * hours
    values = random.poisson(means).astype(np.float64)
    values[[100, 333, 334, 650]] = np.nan
    return make_series(values, 24)
