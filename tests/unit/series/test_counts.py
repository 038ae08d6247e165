"""Counts are checked before anything is written, and errors name them by their index."""

from __future__ import annotations

import math

import pytest

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.series import Count
from lintel.edge.series.counts import add_up

NOW_S = 1_780_000_000.0
NOW_US = int(NOW_S) * 1_000_000
GOOD = Count("door", NOW_US, 1.0)


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        (Count("", NOW_US, 1), "series", "1 to 64"),
        (Count("Door", NOW_US, 1), "series", "a-z"),
        (Count("door 1", NOW_US, 1), "series", "a-z"),
        (Count("door\n", NOW_US, 1), "series", "a-z"),
        (Count("d" * 65, NOW_US, 1), "series", "1 to 64"),
        (Count("door", NOW_US, math.nan), "value", "0 to 1e+12"),
        (Count("door", NOW_US, math.inf), "value", "0 to 1e+12"),
        (Count("door", NOW_US, -1), "value", "0 to 1e+12"),
        (Count("door", NOW_US, 2e12), "value", "0 to 1e+12"),
        (Count("door", -1, 1), "timestamp_us", "before 1970"),
        (Count("door", NOW_US + 301_000_000, 1), "timestamp_us", "301 seconds ahead"),
        (Count("door", (1 << 63) - 1, 1), "timestamp_us", "the limit is 300"),
    ],
)
def test_a_count_that_is_wrong_is_named(wrong: Count, field: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        add_up([GOOD, GOOD, wrong], "", NOW_S, 300.0)
    assert caught.value.field == f"counts[2].{field}"
    assert message in caught.value.message


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_call_takes_so_many(number: int) -> None:
    with pytest.raises(InvalidArgumentError, match="1 to 10000") as caught:
        add_up([GOOD] * number, "", NOW_S, 300.0)
    assert caught.value.field == "counts"


def test_a_key_has_its_limit() -> None:
    with pytest.raises(InvalidArgumentError, match="65 characters; the limit is 64") as caught:
        add_up([GOOD], "k" * 65, NOW_S, 300.0)
    assert caught.value.field == "idempotency_key"


def test_counts_of_one_minute_add_up_and_zero_is_now() -> None:
    minute = NOW_US // 60_000_000
    counts = [GOOD, Count("door", 0, 2.5), Count("door", NOW_US - 60_000_000, 4.0)]
    batch = add_up(counts, "k", NOW_S, 300.0)
    assert batch.sums == {("door", minute): 3.5, ("door", minute - 1): 4.0}
    assert (batch.size, batch.key) == (3, "k")


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    assert add_up([Count("door", NOW_US + 299_000_000, 1)], "", NOW_S, 300.0).size == 1
