"""The forecasts that others must beat."""

from __future__ import annotations

import numpy as np
from tests.forecast_fixtures import MakeRegular

from lintel.edge.tasks.forecast import Drift, Naive, SeasonalNaive

NONE = np.empty((0, 0))


def test_naive_repeats_the_last_known_value(make_regular: MakeRegular) -> None:
    series = make_regular([1, 2, 5, np.nan, 4, 7]).head(4)
    assert Naive().fit(series, 3, NONE).predict(series, 3, NONE).tolist() == [5, 5, 5]


def test_drift_goes_on_along_the_line_from_first_to_last(make_regular: MakeRegular) -> None:
    series = make_regular([1, 9, np.nan, 7])
    assert Drift().fit(series, 2, NONE).predict(series, 2, NONE).tolist() == [9, 11]


def test_drift_counts_from_the_last_known_value(make_regular: MakeRegular) -> None:
    series = make_regular([1, 3, 5, np.nan, 8]).head(4)
    assert Drift().fit(series, 2, NONE).predict(series, 2, NONE).tolist() == [9, 11]


def test_seasonal_naive_repeats_the_day(make_regular: MakeRegular) -> None:
    series = make_regular(np.tile(np.arange(24.0), 10))
    fitted = SeasonalNaive().fit(series, 30, NONE)
    assert fitted.predict(series, 30, NONE).tolist() == [*range(24), *range(6)]


def test_seasonal_naive_takes_the_week_where_it_repeats_better(make_regular: MakeRegular) -> None:
    week = np.random.default_rng(0).normal(size=168)
    series = make_regular(np.tile(week, 5))
    fitted = SeasonalNaive().fit(series, 168, NONE)
    assert fitted.season_length == 168
    assert np.array_equal(fitted.predict(series, 168, NONE), week)


def test_seasonal_naive_passes_over_gaps(make_regular: MakeRegular) -> None:
    values = np.tile(np.arange(7.0), 4)
    values[-3] = np.nan
    series = make_regular(values, season_length=7)
    fitted = SeasonalNaive().fit(series, 7, NONE)
    assert fitted.predict(series, 7, NONE).tolist() == [*range(7)]
