"""Doors open by the clock: forecasts and gaps follow it when it is put forward or back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forecast_fixtures import Floats

from lintel.edge.packages import ForecastOutput
from lintel.edge.tasks.forecast import (
    ExponentialSmoothing,
    Forecaster,
    RegularSeries,
    SeasonalNaive,
    Theta,
    TimeSeries,
    Trees,
    WindowForecaster,
    regularise,
)
from lintel.edge.tasks.forecast.examples import make_examples
from lintel.edge.tasks.forecast.features import FeatureMaker, History, Rows
from lintel.edge.tasks.forecast.naive import FittedSeasonalNaive
from lintel.edge.tasks.forecast.zones import HOUR_US, SECOND_US, to_local

OPENS, CLOSES = 8, 20
DAYS_BEFORE, HORIZON = 42, 48


class Change(NamedTuple):
    """A day on which clocks are put."""

    zone: ZoneInfo
    day: date


CHANGES = {
    "Berlin, spring": Change(ZoneInfo("Europe/Berlin"), date(2025, 3, 30)),
    "Berlin, autumn": Change(ZoneInfo("Europe/Berlin"), date(2025, 10, 26)),
    "New York, spring": Change(ZoneInfo("America/New_York"), date(2025, 3, 9)),
    "New York, autumn": Change(ZoneInfo("America/New_York"), date(2025, 11, 2)),
}
across_changes = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
# Days from the change to the midnight at which is forecast.
days_after = pytest.mark.parametrize("after", [0, 1, 2, 6])
seasons = pytest.mark.parametrize("week", [0.0, 1.0], ids=["day", "week"])


class Door(NamedTuple):
    """People at a door that opens by the clock, from long before a change to some days after it."""

    series: RegularSeries
    origin: int
    is_open: Floats

    @property
    def known(self) -> RegularSeries:
        return self.series.head(self.origin)

    @property
    def coming(self) -> Floats:
        return self.series.values[self.origin :][:HORIZON]


def midnight_us(zone: ZoneInfo, day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND_US


def door(
    change: Change,
    after: int,
    *,
    week: float = 0.0,
    step_us: int = HOUR_US,
    season_length: int = 0,
) -> Door:
    """Returns one; with `week`, days of the week are not alike, the more the greater it is."""
    zone, day = change
    start, origin, end = (
        midnight_us(zone, day + timedelta(days=days))
        for days in (-DAYS_BEFORE, after, after + HORIZON // 24 + 1)
    )
    times = np.arange(start, end, step_us, dtype=np.int64)
    days, within = np.divmod(to_local(times, zone), 24 * HOUR_US)
    hours = within / HOUR_US
    is_open = (hours >= OPENS) & (hours < CLOSES)
    busy = 1 + week * np.array([0, 1, 4, 2, 8, 3, 6])[days % 7]
    values = np.where(is_open, busy * (hours + 10), 1.0)
    series = regularise(TimeSeries(times, values), zone, season_length)
    return Door(series, (origin - start) // step_us, is_open)


def nothing(count: int) -> Floats:
    return np.empty((count, 0))


def forecast(forecaster: Forecaster, door: Door, fitted_before: int = 0) -> Floats:
    """Fits to what is known, or was so many steps before, and forecasts."""
    count = door.origin - fitted_before
    fitted = forecaster.fit(door.series.head(count), HORIZON, nothing(count))
    return fitted.predict(door.known, HORIZON, nothing(door.origin + HORIZON))


@across_changes
@days_after
@seasons
def test_seasonal_naive_repeats_what_was_at_the_same_time_of_the_clock(
    change: Change, after: int, week: float
) -> None:
    found = door(change, after, week=week)
    assert np.array_equal(forecast(SeasonalNaive(), found), found.coming)


@across_changes
def test_a_change_makes_no_week_look_worse_than_a_day(change: Change) -> None:
    # By the steps, all of a week is an hour off after a change, and of days only the first.
    found = door(change, 6, week=0.005)
    fitted = SeasonalNaive().fit(found.known, HORIZON, nothing(found.origin))
    assert fitted.season_length == 168


@across_changes
@days_after
def test_seasonal_naive_does_of_quarters_of_hours_too(change: Change, after: int) -> None:
    found = door(change, after, step_us=HOUR_US // 4)
    assert np.array_equal(forecast(SeasonalNaive(), found), found.coming)


@across_changes
@pytest.mark.parametrize("steps", [1, 10, 24, 25])
def test_seasonal_naive_does_with_a_single_day(change: Change, steps: int) -> None:
    found = door(change, 0)
    short = found.known.tail(steps)
    mean = FittedSeasonalNaive(24).predict(short, HORIZON, nothing(0))
    assert np.isin(mean, short.values).all()
    if steps >= 24:
        assert np.array_equal(mean[: CLOSES + 2], found.coming[: CLOSES + 2])


@across_changes
@pytest.mark.parametrize("quarters", [1, 4])
def test_seasonal_naive_sees_nothing_that_is_still_to_come(change: Change, quarters: int) -> None:
    found = door(change, 2, step_us=HOUR_US // quarters)
    steps = len(found.series)
    for origin in range(steps - 5 * 24 * quarters, steps - 24, 3):
        poisoned = found.series.values.copy()
        poisoned[origin:] = 1e12
        history = RegularSeries(
            found.series.calendar, found.series.first, poisoned, found.series.season_length
        ).head(origin)
        fitted = SeasonalNaive().fit(history, HORIZON, nothing(origin))
        coming = fitted.predict(history, 3 * 24 * quarters, nothing(origin))
        assert (coming < 1e3).all()


@across_changes
@pytest.mark.parametrize("days", [1, 2, 3])
def test_gaps_are_filled_by_the_clock(change: Change, days: int) -> None:
    found = door(change, 2)
    values = found.series.values.copy()
    start = found.origin - 2 * 24 + OPENS
    values[start : start + days * 24] = np.nan
    filled = RegularSeries(found.series.calendar, found.series.first, values, 24).filled
    assert np.array_equal(filled, found.series.values)


def named(
    change: Change, after: int, step: int, **options: Any
) -> tuple[dict[str, float], float, float]:
    """The features of a step after the origin, where values are what the clock shows, in hours."""
    found = door(change, after, **options)
    calendar, first = found.series.calendar, found.series.first
    shown = to_local(found.series.timestamps_us, change.zone) / HOUR_US
    shown -= shown[found.origin]
    series = RegularSeries(calendar, first, shown, found.series.season_length)
    maker = FeatureMaker.for_series(series, 0)
    target = np.array([found.origin + step - 1])
    rows = maker.rows(
        History(shown[: found.origin], step, series.clock()),
        np.array([found.origin]),
        np.array([step]),
        maker.calendar_features(first + target),
    )
    seen = dict(zip(maker.names, rows.features[0].tolist(), strict=True))
    return seen | {"target": float(shown[target[0]])}, float(rows.level[0]), float(rows.scale[0])


@across_changes
@days_after
@pytest.mark.parametrize("hour", [5, 12, 23])
@pytest.mark.parametrize("quarters", [1, 4])
def test_features_are_of_the_same_time_of_the_clock(
    change: Change, after: int, hour: int, quarters: int
) -> None:
    seen, level, scale = named(change, after, hour * quarters, step_us=HOUR_US // quarters)

    def told(name: str) -> float:
        return seen["target"] - (seen[name] * scale + level)

    a_day, a_week = 24 * quarters, 7 * 24 * quarters
    for back in range(1, 5):
        assert told(f"{back} x {a_day} before") == pytest.approx(24 * back, rel=1e-3)
        assert told(f"{back} x {a_week} before") == pytest.approx(7 * 24 * back, rel=1e-3)
    assert told(f"mean at {a_day}") == pytest.approx(60, rel=1e-3)
    assert told(f"{a_day} + 1 before") == pytest.approx(24 + 1 / quarters, rel=1e-3)
    # The newest value is 24 hours above that of the day before, 60 above the mean of four days.
    assert seen[f"difference to {a_day} before"] * scale == pytest.approx(24, rel=1e-3)
    assert seen[f"deviation 1 at {a_day}"] * scale == pytest.approx(60, rel=1e-3)
    # The mean of six or ten like days, each whole days before.
    days = told("mean of like days") / 24 * 30
    assert days == pytest.approx(round(days), abs=0.01)


@across_changes
def test_the_newest_value_at_the_same_time_is_looked_at(change: Change) -> None:
    # The day that comes has 23 or 25 hours.
    for step in range(1, 60):
        seen, level, scale = named(change, 0, step)
        before = seen["1 x 24 before"] * scale + level
        assert -24.01 <= before <= -0.99
        assert round(seen["target"] - before, 2) % 24 == 0


@given(
    st.sampled_from(list(CHANGES.values())),
    st.integers(-30, 60),
    st.integers(1, 400),
    st.sampled_from([1, 4]),
    st.sampled_from([np.nan, 1e12, -1e12]),
)
def test_features_see_nothing_at_or_after_the_origin(
    change: Change, hours: int, step: int, quarters: int, poison: float
) -> None:
    found = door(change, 2, step_us=HOUR_US // quarters)
    series, origin = found.series, found.origin + (hours - 2 * 24) * quarters
    maker = FeatureMaker.for_series(series, 0)
    beside = maker.calendar_features(np.array([series.first + origin + step - 1]))
    room = 400

    def rows(values: Floats) -> Rows:
        clock = series.clock(room)
        return maker.rows(
            History(values, room, clock), np.array([origin]), np.array([step]), beside
        )

    poisoned = series.values.copy()
    poisoned[origin:] = poison
    for one, other in zip(rows(series.values), rows(poisoned), strict=True):
        assert np.array_equal(one, other, equal_nan=True)


@across_changes
def test_examples_are_by_the_clock_as_forecasts_are(change: Change) -> None:
    found = door(change, 2, week=1.0)
    maker = FeatureMaker.for_series(found.series, 0)
    examples = make_examples(maker, found.series, nothing(len(found.series)))
    seen = examples.rows.features[:, maker.names.index("1 x 168 before")]
    before = seen * examples.rows.scale + examples.rows.level
    by_day = found.is_open[examples.indices] > 0
    known = by_day & ~np.isnan(before)
    np.testing.assert_allclose(before[known], examples.values[known], rtol=1e-4)


@across_changes
def test_trees_open_and_close_by_the_clock(change: Change) -> None:
    pytest.importorskip("xgboost")
    for after in (0, 1):
        found = door(change, after)
        mean = forecast(Trees(), found)
        assert np.array_equal(mean > 9, found.is_open[found.origin :][:HORIZON])


SMOOTHING = [ExponentialSmoothing(), Theta()]


@across_changes
@days_after
@pytest.mark.parametrize("forecaster", SMOOTHING, ids=lambda each: each.name)
def test_what_is_smoothed_follows_the_clock(
    change: Change, after: int, forecaster: Forecaster
) -> None:
    pytest.importorskip("statsmodels")
    found = door(change, after)
    # Fitted to everything, and carried on from before the change.
    for fitted_before in (0, (after + 1) * 24 + 1):
        mean = forecast(forecaster, found, fitted_before)
        np.testing.assert_allclose(mean, found.coming, atol=0.5)


@across_changes
@days_after
def test_theta_follows_the_clock_by_weeks_too(change: Change, after: int) -> None:
    pytest.importorskip("statsmodels")
    found = door(change, after, week=1.0, season_length=7 * 24)
    for fitted_before in (0, (after + 1) * 24 + 1):
        mean = forecast(Theta(), found, fitted_before)
        np.testing.assert_allclose(mean, found.coming, atol=0.5)


class Repeating:
    """Sessions of a network that repeats the last day of its window."""

    inputs = (SimpleNamespace(name="values", shape=(48,)),)

    @contextmanager
    def lease(self) -> Iterator[Repeating]:
        yield self

    def run(self, tensors: dict[str, Floats]) -> dict[str, Floats]:
        return {"forecast": tensors["values"][-24:]}


@across_changes
@days_after
def test_networks_are_fed_and_read_by_the_clock(change: Change, after: int) -> None:
    found = door(change, after)
    output = ForecastOutput(forecast="forecast", window=48, horizon=24, mean=0.0, scale=1.0)
    network = WindowForecaster("repeating", output, cast("Any", Repeating()))
    np.testing.assert_allclose(forecast(network, found), found.coming)


@pytest.mark.parametrize("forecaster", [SeasonalNaive(), *SMOOTHING], ids=lambda each: each.name)
def test_amid_the_hour_that_is_shown_twice_forecasts_go_on(forecaster: Forecaster) -> None:
    pytest.importorskip("statsmodels")
    found = door(CHANGES["Berlin, autumn"], 0, step_us=HOUR_US // 2)
    for half_hours in range(3, 9):
        history = found.series.head(found.origin + half_hours)
        fitted = forecaster.fit(history, HORIZON, nothing(len(history)))
        mean = fitted.predict(history, HORIZON, nothing(len(history) + HORIZON))
        coming = found.series.values[len(history) :][:HORIZON]
        np.testing.assert_allclose(mean, coming, atol=0.5)
