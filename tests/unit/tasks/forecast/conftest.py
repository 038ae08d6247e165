"""Series that the tests of forecasts share."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.forecast_fixtures import DrawCounts, Floats, MakeRegular, MakeSeries, ReadData

from lintel.edge.tasks.forecast import RegularSeries, TimeSeries, regularise

HOUR_US = 3_600_000_000
# A Monday.
START_US = 1_704_067_200_000_000


@pytest.fixture(scope="session")
def make_series() -> MakeSeries:
    """Makes a series of values on steps: make_series(values, step_us=an hour, start_us=...).

    What is NaN is left out, as callers do.
    """

    def make(values: object, step_us: int = HOUR_US, start_us: int = START_US) -> TimeSeries:
        floats = np.asarray(values, np.float64)
        times = start_us + step_us * np.arange(len(floats), dtype=np.int64)
        known = ~np.isnan(floats)
        return TimeSeries(times[known], floats[known])

    return make


@pytest.fixture(scope="session")
def make_regular(make_series: MakeSeries) -> MakeRegular:
    """Makes a regular series likewise: make_regular(values, season_length=0, step_us=...)."""

    def make(values: object, season_length: int = 0, **steps: int) -> RegularSeries:
        return regularise(make_series(values, **steps), ZoneInfo("UTC"), season_length)

    return make


@pytest.fixture(scope="session")
def door_counts() -> DrawCounts:
    """Draws people at a door by the hour: door_counts(hours, seed).

    Days have two peaks, weekends are quiet, and how many come drifts from day to day.
    """

    def draw(hours: int, seed: int = 0) -> Floats:
        random = np.random.default_rng(seed)
        hour = np.arange(hours)
        of_day, weekday = hour % 24, hour // 24 % 7
        shape = np.exp(-((of_day - 9) ** 2) / 8) + np.exp(-((of_day - 17) ** 2) / 8)
        busy = np.where(weekday < 5, 1.0, 0.3)
        drift = np.exp(np.cumsum(random.normal(0, 0.1, hours // 24 + 1)))[hour // 24]
        return random.poisson(3 + 60 * shape * busy * drift).astype(np.float64)

    return draw


@pytest.fixture(scope="session")
def read_data(data_folder: Path) -> ReadData:
    """Reads a series of the data folder: read_data("prices/tsla.csv")."""

    def read(name: str) -> TimeSeries:
        with (data_folder / name).open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        moments = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in rows]
        times = [int(moment.timestamp()) * 1_000_000 for moment in moments]
        return TimeSeries(np.array(times, np.int64), np.array([float(row[1]) for row in rows]))

    return read
