"""Which calendar points lie on, and which season they have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forecast_fixtures import Floats

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast import TimeSeries, place_regressors, regularise
from lintel.edge.tasks.forecast.calendars import Days, FixedSteps, WorkingDays
from lintel.edge.tasks.forecast.zones import DAY_US, HOUR_US, SECOND_US

UTC_ZONE = ZoneInfo("UTC")
LISBON = ZoneInfo("Europe/Lisbon")
NEW_YORK = ZoneInfo("America/New_York")


def on(times: list[int] | Floats) -> TimeSeries:
    times = np.asarray(times, np.int64)
    return TimeSeries(times, np.arange(len(times), dtype=np.float64))


def midnights(first: date, days: list[int], zone: ZoneInfo) -> list[int]:
    dates = [first + timedelta(days=day) for day in days]
    return [
        int(datetime(each.year, each.month, each.day, tzinfo=zone).timestamp()) * SECOND_US
        for each in dates
    ]


@pytest.mark.parametrize(
    ("step_us", "count", "season"),
    [
        (SECOND_US, 200, 60),
        (60 * SECOND_US, 200, 60),
        (60 * SECOND_US, 2880, 1440),
        (15 * 60 * SECOND_US, 300, 96),
        (15 * 60 * SECOND_US, 100, 4),
        (HOUR_US, 48, 24),
        (HOUR_US, 47, 1),
        (7 * 60 * SECOND_US, 500, 1),
    ],
)
def test_fixed_steps_and_their_season(step_us: int, count: int, season: int) -> None:
    regular = regularise(on(step_us * np.arange(count)), UTC_ZONE)
    assert isinstance(regular.calendar, FixedSteps)
    assert regular.calendar.step_us == step_us
    assert regular.season_length == season


def test_gaps_are_steps_without_a_value() -> None:
    regular = regularise(on([0, HOUR_US, 4 * HOUR_US, 5 * HOUR_US]), UTC_ZONE)
    assert np.isnan(regular.values).tolist() == [False, False, True, True, False, False]
    assert regular.timestamps_after(2).tolist() == [6 * HOUR_US, 7 * HOUR_US]


def test_local_days_have_23_to_25_hours() -> None:
    days = [day for day in range(300) if day not in {10, 90}]
    times = midnights(date(2024, 1, 1), days, LISBON)
    regular = regularise(on(times), LISBON)
    assert regular.calendar == Days(LISBON)
    assert (len(regular), regular.season_length) == (300, 7)
    assert np.isnan(regular.values).sum() == 2
    expected = midnights(date(2024, 1, 1), [300, 301], LISBON)
    assert regular.timestamps_after(2).tolist() == expected


def test_dates_sent_as_midnights_of_utc_stay_days_of_utc() -> None:
    times = midnights(date(2024, 1, 1), list(range(30)), UTC_ZONE)
    assert regularise(on(times), NEW_YORK).calendar.zone == UTC_ZONE


def test_days_may_begin_at_any_time() -> None:
    times = np.array(midnights(date(2024, 3, 1), list(range(60)), UTC_ZONE)) + 9 * HOUR_US
    regular = regularise(on(times), UTC_ZONE)
    assert regular.calendar == Days(UTC_ZONE, 9 * HOUR_US)
    assert regular.timestamps_after(1)[0] == times[-1] + DAY_US


def test_a_day_that_begins_at_one_because_midnight_is_skipped() -> None:
    # In Beirut clocks went from 00:00 to 01:00 on 31 March 2024.
    beirut = ZoneInfo("Asia/Beirut")
    times = midnights(date(2024, 3, 25), list(range(14)), beirut)
    regular = regularise(on(times), beirut)
    assert (type(regular.calendar), len(regular)) == (Days, 14)


def test_prices_lie_on_working_days() -> None:
    holidays = {14, 35}
    days = [day for day in range(60) if day % 7 < 5 and day not in holidays]
    regular = regularise(on(midnights(date(2024, 1, 1), days, UTC_ZONE)), UTC_ZONE)
    assert regular.calendar == WorkingDays(UTC_ZONE)
    assert regular.season_length == 5
    assert np.isnan(regular.values).sum() == len(holidays)
    assert len(regular) == len(days) + len(holidays)


def test_the_step_after_a_friday_is_a_monday() -> None:
    days = [day for day in range(19) if day % 7 < 5]
    regular = regularise(on(midnights(date(2024, 1, 1), days, UTC_ZONE)), UTC_ZONE)
    after = regular.timestamps_after(2)
    weekdays = [datetime.fromtimestamp(time / SECOND_US, UTC).weekday() for time in after]
    assert weekdays == [0, 1]


def test_a_single_weekend_without_values_is_a_gap() -> None:
    days = [0, 1, 2, 3, 4, 7, 8]
    regular = regularise(on(midnights(date(2024, 1, 1), days, UTC_ZONE)), UTC_ZONE)
    assert regular.calendar == Days(UTC_ZONE)


def test_weeks_are_steps_of_seven_days() -> None:
    days = list(range(0, 7 * 110, 7))
    regular = regularise(on(midnights(date(2022, 1, 5), days, LISBON)), LISBON)
    assert (regular.calendar.every, regular.season_length) == (7, 52)
    assert len(regular) == 110


@pytest.mark.parametrize(
    ("times", "index"),
    [
        ([0, HOUR_US, 2 * HOUR_US, 3 * HOUR_US + 7, 4 * HOUR_US], 3),
        ([0, 500_000, 1_000_000], 1),
        # One value in a hundred steps.
        ([0, HOUR_US, 1000 * HOUR_US], 2),
    ],
)
def test_points_on_no_step_are_refused_by_index(times: list[int], index: int) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        regularise(on(times), UTC_ZONE)
    assert refused.value.field == f"timestamps_us[{index}]"


@pytest.mark.parametrize("season_length", [-1, 10_001, 26])
def test_seasons_that_cannot_be_are_refused(season_length: int) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        regularise(on(HOUR_US * np.arange(50)), UTC_ZONE, season_length)
    assert refused.value.field == "season_length"


def test_a_season_that_is_given_is_taken() -> None:
    assert regularise(on(HOUR_US * np.arange(50)), UTC_ZONE, 25).season_length == 25


@given(
    st.integers(1, 10_000),
    st.integers(-(10**9), 10**9),
    st.sets(st.integers(1, 45), min_size=4),
    st.sampled_from([UTC_ZONE, LISBON, NEW_YORK]),
)
def test_every_point_is_found_again_on_the_calendar(
    step_s: int, start_s: int, steps: set[int], zone: ZoneInfo
) -> None:
    times = SECOND_US * (start_s + step_s * np.array([0, *sorted(steps)], np.int64))
    regular = regularise(on(times), zone)
    known = ~np.isnan(regular.values)
    assert np.array_equal(regular.timestamps_us[known], times)
    assert regular.timestamps_after(1)[0] > times[-1]


def test_regressors_lie_where_the_values_do() -> None:
    series = on([0, HOUR_US, 3 * HOUR_US])
    regular = regularise(series, UTC_ZONE)
    history, future = np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [5.0]])
    placed = place_regressors(regular, series.timestamps_us, history, future)
    assert np.array_equal(placed[:, 0], [1, 2, np.nan, 3, 4, 5], equal_nan=True)
