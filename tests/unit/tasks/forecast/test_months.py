"""Months, quarters and years: which points lie on them, and when they begin."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast import RegularSeries, TimeSeries, regularise
from lintel.edge.tasks.forecast.calendars import Calendar, Days, Months
from lintel.edge.tasks.forecast.features import FeatureMaker
from lintel.edge.tasks.forecast.zones import DAY_US, HOUR_US, SECOND_US

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from([UTC_ZONE, BERLIN, NEW_YORK, ZoneInfo("Asia/Kathmandu")])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC_ZONE)
LAST_DAY = 31


def moment(day: date, zone: ZoneInfo = UTC_ZONE, hour: int = 0) -> int:
    """Returns when clocks show an hour of a day, in microseconds since 1970 UTC."""
    local = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
    return (local - EPOCH) // timedelta(microseconds=1)


def month(number: int, day: int = 1) -> date:
    """Returns a day of a month, or its last one where it is shorter; month 0 is January 1970."""
    first = date(1970 + number // 12, number % 12 + 1, 1)
    after = date(1970 + (number + 1) // 12, (number + 1) % 12 + 1, 1)
    return min(first + timedelta(days=day - 1), after - timedelta(days=1))


def regular(days: list[date], zone: ZoneInfo = UTC_ZONE, hour: int = 0) -> RegularSeries:
    times = np.array([moment(day, zone, hour) for day in days], np.int64)
    return regularise(TimeSeries(times, np.arange(len(days), dtype=np.float64)), zone)


def dates(timestamps_us: np.ndarray, zone: ZoneInfo = UTC_ZONE) -> list[str]:
    moments = [EPOCH + timedelta(microseconds=each) for each in timestamps_us.tolist()]
    local = [each.astimezone(zone) for each in moments]
    assert all((each.hour, each.minute) == (0, 0) for each in local)
    return [each.date().isoformat() for each in local]


def refused(days: list[date]) -> InvalidArgumentError:
    with pytest.raises(InvalidArgumentError) as raised:
        regular(days)
    return raised.value


@pytest.mark.parametrize(
    ("every", "season"), [(1, 12), (2, 6), (3, 4), (4, 3), (5, 1), (6, 2), (12, 1), (24, 1)]
)
@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN])
def test_steps_of_so_many_months_and_their_season(every: int, season: int, zone: ZoneInfo) -> None:
    series = regular([month(500 + every * step) for step in range(40)], zone)
    assert series.calendar == Months(zone, every=every, phase=500 % every)
    assert (len(series), series.season_length, series.calendar.step_s) == (40, season, 0)
    after = [month(500 + every * step).isoformat() for step in (40, 41)]
    assert dates(series.timestamps_after(2), zone) == after


def test_ends_of_months_stay_ends_of_months() -> None:
    series = regular([month(number, LAST_DAY) for number in range(648, 671)])
    assert series.calendar == Months(UTC_ZONE, day=LAST_DAY)
    assert dates(series.timestamps_after(5)) == [
        *("2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30")
    ]


@pytest.mark.parametrize(
    ("days", "after"),
    [
        # The last days of Februaries, of Junes, and of quarters that happen to have 30 days.
        ([date(2021, 2, 28), date(2022, 2, 28), date(2023, 2, 28)], "2024-02-29"),
        ([date(2021, 6, 30), date(2022, 6, 30), date(2023, 6, 30)], "2024-06-30"),
        ([date(2023, 6, 30), date(2023, 9, 30), date(2024, 6, 30)], "2024-09-30"),
        ([date(2024, 4, 30), date(2024, 6, 30), date(2024, 8, 31)], "2024-10-31"),
        # In a leap year the 28th of February is no end.
        ([date(2022, 2, 28), date(2023, 2, 28), date(2024, 2, 28)], "2025-02-28"),
        ([date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28)], "2027-02-28"),
        # The 30th, which February lacks.
        ([date(2024, 12, 30), date(2025, 1, 30), date(2025, 2, 28)], "2025-03-30"),
        # So many days apart, too: months are meant.
        ([date(2024, 7, 1), date(2024, 8, 1), date(2024, 9, 1)], "2024-10-01"),
        ([date(2024, 1, 1), date(2024, 4, 1), date(2024, 7, 1)], "2024-10-01"),
        ([date(2021, 1, 1), date(2022, 1, 1), date(2023, 1, 1), date(2024, 1, 1)], "2025-01-01"),
        ([date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)], "2026-04-01"),
        ([date(2026, 1, 28), date(2026, 2, 28), date(2026, 3, 28)], "2026-04-28"),
        ([date(1900, 1, 1), date(2000, 1, 1), date(2100, 1, 1)], "2200-01-01"),
    ],
)
def test_three_points_are_enough(days: list[date], after: str) -> None:
    series = regular(days)
    assert isinstance(series.calendar, Months)
    assert dates(series.timestamps_after(1)) == [after]


def test_months_that_are_missing_are_steps_without_a_value() -> None:
    series = regular([month(number) for number in range(600, 640) if number not in {610, 623}])
    assert (len(series), series.season_length) == (40, 12)
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [10, 23]


def test_months_of_a_zone_whose_clocks_change() -> None:
    days = [month(number) for number in range(648, 660)]
    offsets = {moment(day, BERLIN) % DAY_US for day in days}
    assert offsets == {22 * HOUR_US, 23 * HOUR_US}
    assert regular(days, BERLIN).calendar == Months(BERLIN)
    assert regular(days, BERLIN, hour=6).calendar == Months(BERLIN, time_us=6 * HOUR_US)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("day", [1, 15, LAST_DAY])
def test_dates_sent_as_midnights_of_utc_stay_months_of_utc(zone: ZoneInfo, day: int) -> None:
    # Of winter months alone, New York shows as many evenings before the first.
    times = [moment(month(number, day)) for number in (648, 649, 650)]
    series = regularise(TimeSeries(np.array(times), np.arange(3.0)), zone)
    assert series.calendar == Months(UTC_ZONE, day=day)


def test_a_month_that_begins_at_one_because_midnight_is_skipped() -> None:
    # In Amman clocks went from 00:00 to 01:00 on 1 April 2016; as many other months begin at 00:00.
    amman = ZoneInfo("Asia/Amman")
    series = regular([month(number) for number in range(548, 568)], amman)
    assert (series.calendar, len(series)) == (Months(amman), 20)


@pytest.mark.parametrize(
    ("days", "every"),
    [
        # Two points, weeks, four weeks, and thirty days.
        ([date(2026, 1, 1), date(2026, 2, 1)], 31),
        ([date(2025, 2, 1) + timedelta(days=7 * week) for week in range(60)], 7),
        ([date(2025, 2, 1) + timedelta(days=28 * step) for step in range(3)], 28),
        ([date(2025, 4, 1) + timedelta(days=30 * step) for step in range(3)], 30),
        ([date(2025, 1, 1) + timedelta(days=31 * step) for step in range(9)], 31),
        ([date(2025, 1, 1) + timedelta(days=365 * step) for step in range(9)], 365),
        ([date(2025, 4, 1) + timedelta(days=61 * step) for step in range(6)], 61),
        # Ten months, and months of which the second is too short.
        ([date(2022, 1, 1) + timedelta(days=304 * step) for step in range(6)], 304),
        ([date(2020, 1, 30) + timedelta(days=30 * step) for step in range(3)], 30),
        ([date(2025, 1, 1) + timedelta(days=step) for step in range(3)], 1),
    ],
)
def test_days_are_no_months(days: list[date], every: int) -> None:
    calendar = regular(days).calendar
    assert isinstance(calendar, Days)
    assert calendar.every == every


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(1, 400), st.integers(7, 30), ZONES)
def test_steps_of_so_many_days_are_no_months(
    first: date, every: int, count: int, zone: ZoneInfo
) -> None:
    # Of years and parts of them, at most five are as long in a row, such as four months each from
    # the April before a leap year on.
    series = regular([first + timedelta(days=every * step) for step in range(count)], zone)
    assert not isinstance(series.calendar, Months)


@given(
    st.integers(1, 30),
    st.integers(0, 29),
    st.integers(1, LAST_DAY),
    st.integers(0, 23),
    st.lists(st.integers(-800 // 30, 2700 // 30), min_size=1, max_size=20),
    ZONES,
)
def test_steps_begin_where_they_are_found(
    every: int, phase: int, day: int, hour: int, steps: list[int], zone: ZoneInfo
) -> None:
    calendar: Calendar = Months(zone, hour * HOUR_US, every, phase % every, day)
    positions = np.array(steps, np.int64)
    begins = calendar.timestamps_us(positions)
    expected = [moment(month(phase % every + every * step, day), zone, hour) for step in steps]
    assert begins.tolist() == expected
    assert np.array_equal(calendar.positions(begins), positions)
    # A step lasts until the next, without its first and last day, in which clocks may change.
    nexts = calendar.timestamps_us(positions + 1)
    assert np.array_equal(calendar.positions(begins + DAY_US), positions)
    assert np.array_equal(calendar.positions(nexts - DAY_US), positions)


@given(
    st.integers(-800, 2400),
    st.integers(1, 24),
    st.integers(1, LAST_DAY),
    st.sets(st.integers(1, 18), min_size=2),
    ZONES,
)
def test_every_point_is_found_again(
    first: int, every: int, day: int, steps: set[int], zone: ZoneInfo
) -> None:
    numbers = [first + every * step for step in (0, *sorted(steps)) if first + every * step < 2760]
    days = [month(number, day) for number in numbers]
    if len(days) < 3:
        return
    series = regular(days, zone)
    # What is as many days apart may be days.
    apart = {later - earlier for earlier, later in pairwise(days)}
    assert len(apart) == 1 or isinstance(series.calendar, Months)
    known = series.timestamps_us[~np.isnan(series.values)]
    assert known.tolist() == [moment(each, zone) for each in days]


def test_the_month_that_is_wrong_is_named() -> None:
    days = [month(number) for number in range(648, 660)]
    days[5] = date(2024, 6, 2)
    error = refused(days)
    assert error.field == "timestamps_us[5]"
    assert "timestamp 5 is 32 days after the one before it, where most are 31 days" in error.message


def test_a_first_month_that_is_wrong_is_named_by_the_one_after_it() -> None:
    error = refused([date(2024, 1, 3), *(month(number) for number in range(649, 655))])
    assert error.field == "timestamps_us[1]"
    assert "29 days" in error.message


def test_months_of_which_hardly_any_is_known_are_refused() -> None:
    error = refused([date(2000, 1, 1), date(2000, 2, 1), date(2000, 3, 1), date(2010, 1, 1)])
    assert error.field == "timestamps_us[3]"


def test_distances_are_told_in_the_units_that_they_are_whole_in() -> None:
    times = HOUR_US * np.array([0, 24, 48, 72, 97, 121])
    with pytest.raises(InvalidArgumentError, match=r"25 hours after .* are 1 day"):
        regularise(TimeSeries(times, np.arange(6.0)), UTC_ZONE)
    times = np.array([0, HOUR_US, 2 * HOUR_US, 3 * HOUR_US + 7 * SECOND_US // 2])
    with pytest.raises(InvalidArgumentError, match=r"3603\.5 seconds after .* are 1 hour"):
        regularise(TimeSeries(times, np.arange(4.0)), UTC_ZONE)


def test_trees_are_told_the_month_and_not_the_weekday() -> None:
    series = regular([month(number) for number in range(600, 660)])
    maker = FeatureMaker.for_series(series, 0)
    features = maker.calendar_features(series.positions)
    assert features.shape == (60, 3)
    assert features[:, 0].tolist() == list(range(12)) * 5
    assert "month" in maker.names
    assert "weekday" not in maker.names
