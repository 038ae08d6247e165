"""Clocks: which steps show the same time of day, whatever was put forward or back between."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.tasks.forecast.calendars import Calendar, Days, FixedSteps, WorkingDays
from lintel.edge.tasks.forecast.clocks import STILL, Clock
from lintel.edge.tasks.forecast.zones import HOUR_US, Integers, to_local

BERLIN, NEW_YORK, UTC_ZONE = (
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "UTC")
)
HOURS = 24 * 12


def hourly(zone: ZoneInfo, step_us: int = HOUR_US) -> FixedSteps:
    return FixedSteps(step_us, 0, zone)


def around(year: int, month: int, day: int, steps_of_hour: int = 1) -> int:
    """The number of the step six days before a day of UTC."""
    moment = datetime(year, month, day, tzinfo=UTC).timestamp()
    return (int(moment) // 3600 - 6 * 24) * steps_of_hour


CHANGES = [
    pytest.param(BERLIN, around(2025, 3, 30), id="Berlin, spring"),
    pytest.param(BERLIN, around(2025, 10, 26), id="Berlin, autumn"),
    pytest.param(NEW_YORK, around(2025, 3, 9), id="New York, spring"),
    pytest.param(NEW_YORK, around(2025, 11, 2), id="New York, autumn"),
]


def shown(calendar: Calendar, first: int, indices: Integers) -> Integers:
    """What clocks show at steps, in microseconds."""
    return to_local(calendar.timestamps_us(first + indices), calendar.zone)


@pytest.mark.parametrize(("zone", "first"), CHANGES)
@pytest.mark.parametrize("minutes", [60, 30, 15, 1])
@pytest.mark.parametrize("days", [1, 2, 5])
def test_so_many_days_before_clocks_showed_the_same(
    zone: ZoneInfo, first: int, minutes: int, days: int
) -> None:
    calendar, a_day = hourly(zone, minutes * HOUR_US // 60), 24 * 60 // minutes
    first *= 60 // minutes
    clock = Clock.of(calendar, first, 12 * a_day)
    indices = np.arange(6 * a_day, 12 * a_day)
    sources = clock.before(indices, days * a_day)
    apart_us = shown(calendar, first, indices) - shown(calendar, first, sources)
    skipped = apart_us != days * a_day * calendar.step_us
    # Of the day after clocks went forward, the hour that was skipped takes the one after it.
    assert skipped.sum() in {0, 60 // minutes}
    assert (apart_us[skipped] == days * a_day * calendar.step_us - HOUR_US).all()


@pytest.mark.parametrize(("zone", "first"), CHANGES)
def test_between_steps_is_what_clocks_show(zone: ZoneInfo, first: int) -> None:
    clock, indices = Clock.of(hourly(zone), first, HOURS), np.arange(HOURS)
    local = shown(hourly(zone), first, indices)
    assert np.array_equal(clock.distance(50, indices), (local - local[50]) // HOUR_US)


@pytest.mark.parametrize(("zone", "first"), CHANGES)
@pytest.mark.parametrize("season_length", [24, 168])
@pytest.mark.parametrize("quarters", [1, 4])
def test_the_season_before_is_the_newest_that_is_known(
    zone: ZoneInfo, first: int, season_length: int, quarters: int
) -> None:
    first, season = first * quarters, season_length * quarters
    clock = Clock.of(hourly(zone, HOUR_US // quarters), first, 2 * HOURS * quarters)
    origins, steps = np.meshgrid(
        np.arange(5 * 24, 9 * 24) * quarters + 1, np.arange(1, 40 * quarters)
    )
    targets = origins + steps - 1
    sources = clock.season_before(targets, origins, season)
    assert (sources < origins).all()
    back = clock.back_to_known(targets, origins, season)
    newer = clock.before(targets, back - season)
    assert (newer >= origins).all()


@pytest.mark.parametrize(
    "calendar",
    [
        hourly(UTC_ZONE),
        hourly(ZoneInfo("Etc/UTC")),
        hourly(ZoneInfo("Asia/Kolkata")),
        Days(BERLIN),
        WorkingDays(BERLIN),
        FixedSteps(24 * HOUR_US, 0, BERLIN),
        # They never show the same time of two days.
        hourly(BERLIN, 7 * HOUR_US),
        # Clocks are put by half a step, and no step shows the time better.
        hourly(BERLIN, 2 * HOUR_US),
        hourly(ZoneInfo("Australia/Lord_Howe")),
    ],
)
def test_where_clocks_stand_still_nothing_is_looked_up(calendar: Calendar) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6
    first = int(calendar.positions(np.array([start], np.int64))[0])
    assert Clock.of(calendar, first, 500) is STILL


def test_between_two_changes_clocks_stand_still() -> None:
    assert Clock.of(hourly(BERLIN), around(2025, 6, 1), 24 * 90) is STILL


def test_seasons_within_a_day_go_by_the_steps() -> None:
    clock = Clock.of(hourly(BERLIN, HOUR_US // 60), around(2025, 10, 26, 60), 60 * HOURS)
    assert clock.for_season(60) is STILL
    assert clock.for_season(1) is STILL
    assert clock.for_season(24 * 60) is clock
    assert clock.for_season(7 * 24 * 60) is clock


@given(st.integers(1, 500), st.integers(1, 400), st.integers(1, 200))
def test_clocks_that_stand_still_change_nothing(origin: int, step: int, season: int) -> None:
    target = np.array([origin + step - 1])
    back = season * -(-step // season)
    assert STILL.back_to_known(target, origin, season).tolist() == [back]
    assert STILL.season_before(target, origin, season).tolist() == [origin + step - 1 - back]
    assert STILL.distance(origin, target).tolist() == [step - 1]


def test_a_day_that_was_left_out_is_looked_up_in_the_past_all_the_same() -> None:
    # Samoa had no 30 December 2011.
    calendar, first = hourly(ZoneInfo("Pacific/Apia")), around(2011, 12, 30)
    clock, indices = Clock.of(calendar, first, HOURS), np.arange(HOURS)
    assert (clock.season_before(indices, indices, 24) < indices).all()
