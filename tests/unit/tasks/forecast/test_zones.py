"""Local time: what clocks show, and when they show it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast.zones import DAY_US, HOUR_US, find_zone, to_local, to_utc

LISBON = ZoneInfo("Europe/Lisbon")


def us(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Returns a moment of UTC in microseconds."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000


# Far apart, and around a change of clocks.
FAR = st.integers(us(1950, 1, 1), us(2100, 1, 1))
NEAR = st.integers(us(2024, 3, 8), us(2024, 4, 2))


@given(
    st.lists(FAR, min_size=1, max_size=20) | st.lists(NEAR, min_size=5, max_size=40),
    st.sampled_from(["Europe/Lisbon", "America/New_York", "Asia/Kathmandu", "UTC"]),
)
def test_clocks_show_what_the_library_says(moments: list[int], name: str) -> None:
    zone = ZoneInfo(name)
    shown = to_local(np.array(moments, np.int64), zone)
    for moment, local in zip(moments, shown.tolist(), strict=True):
        whole = moment // 1_000_000
        offset = datetime.fromtimestamp(whole, zone).utcoffset()
        assert offset is not None
        assert local == moment + int(offset.total_seconds()) * 1_000_000


def test_midnights_around_the_change_of_clocks() -> None:
    days = np.arange(us(2024, 3, 30), us(2024, 4, 3), DAY_US, dtype=np.int64)
    midnights = to_utc(days, LISBON)
    assert np.diff(midnights).tolist() == [DAY_US, DAY_US - HOUR_US, DAY_US]
    assert np.array_equal(to_local(midnights, LISBON), days)


def test_a_time_that_clocks_skip_is_when_it_would_have_been() -> None:
    # In Lisbon clocks went from 01:00 to 02:00 on that day.
    skipped = np.array([us(2024, 3, 31, 1, 30)], np.int64)
    assert to_utc(skipped, LISBON).tolist() == [us(2024, 3, 31, 1, 30)]


def test_of_a_time_that_is_shown_twice_the_first_counts() -> None:
    twice = np.array([us(2024, 10, 27, 1, 30)], np.int64)
    assert to_utc(twice, LISBON).tolist() == [us(2024, 10, 27, 0, 30)]


def test_no_name_is_utc() -> None:
    assert find_zone("").key == "UTC"


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "Europe", "a\0b", "x" * 300])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        find_zone(name)
    assert refused.value.field == "time_zone"
