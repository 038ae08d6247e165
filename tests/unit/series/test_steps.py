"""Hours and days by the clocks of a zone, where those are changed too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.series import LocalSteps

HOUR_US = 3_600_000_000
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana"]
ZONES += ["America/Sao_Paulo", "Pacific/Apia", "America/St_Johns"]
# 1971 to 2035.
MINUTES = st.integers(525_600, 34_000_000)


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-07-01", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        # Midnight is shown twice, and skipped.
        ("America/Havana", "2026-11-01", 25),
        ("America/Havana", "2026-03-08", 23),
        ("America/Sao_Paulo", "2018-11-04", 23),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, date: str, hours: float) -> None:
    steps = LocalSteps(ZoneInfo(zone))
    day = (datetime.fromisoformat(date) - datetime(1970, 1, 1)).days
    assert steps.start_of_day_us(day + 1) - steps.start_of_day_us(day) == hours * HOUR_US


def test_hours_begin_when_the_clock_shows_a_full_hour(at: Callable[[str], int]) -> None:
    steps = LocalSteps(ZoneInfo("Asia/Kolkata"))
    hour, _ = steps.hour_and_day(at("2026-07-01T12:15:00Z") // 60_000_000)
    assert datetime.fromtimestamp(hour * 60, UTC).isoformat() == "2026-07-01T11:30:00+00:00"


@given(zone=st.sampled_from(ZONES), minute=MINUTES)
def test_a_minute_lies_in_its_hour_and_in_its_day(zone: str, minute: int) -> None:
    steps = LocalSteps(ZoneInfo(zone))
    hour, day = steps.hour_and_day(minute)
    assert 0 <= minute - hour < 60
    assert steps.start_of_day_us(day) <= minute * 60_000_000 < steps.start_of_day_us(day + 1)
    assert steps.day_of(minute * 60_000_000) == day


@given(zone=st.sampled_from(ZONES), day=st.integers(400, 23_000))
def test_days_follow_each_other(zone: str, day: int) -> None:
    steps = LocalSteps(ZoneInfo(zone))
    starts = [steps.start_of_day_us(day + number) for number in range(4)]
    # Apia left one out.
    assert all(later - earlier in range(0, 26 * HOUR_US) for earlier, later in pairwise(starts))
