"""Counts as they come: checked, and added up by the minute."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lintel.edge.errors import InvalidArgumentError, LintelError
from lintel.edge.series.steps import MINUTE_US

MOST_COUNTS = 10_000
LARGEST_VALUE = 1e12
LONGEST_KEY = 64
_NAME = re.compile(r"[a-z0-9._-]{1,64}")


class Count(NamedTuple):
    """How many were seen in one minute.

    Attributes:
        series: Name of the series, 1 to 64 of a-z, 0-9, "-", "_" and ".".
        timestamp_us: Any moment of the minute, in microseconds since 1970 UTC; 0: now.
        value: 0 to 1e12.
    """

    series: str
    timestamp_us: int
    value: float


class Batch(NamedTuple):
    """The counts of one call.

    Attributes:
        sums: By name of the series and minutes since 1970 UTC.
        size: How many counts they were.
        key: Makes a repeated call harmless; "": none.
    """

    sums: dict[tuple[str, int], float]
    size: int
    key: str


def check_name(name: str, field: str) -> None:
    """Checks the name of a series.

    Raises:
        InvalidArgumentError: It is none; `field` is as given.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            "The name of a series has 1 to 64 of the characters a-z, 0-9, -, _ and dot.",
            field=field,
        )


def check_number(number: int) -> None:
    """Checks how many counts a call has.

    Raises:
        InvalidArgumentError: None, or too many.
    """
    if not 1 <= number <= MOST_COUNTS:
        raise InvalidArgumentError(
            f"A call takes 1 to {MOST_COUNTS} counts, not {number}.", field="counts"
        )


def add_up(counts: Sequence[Count], key: str, now_s: float, max_future_s: float) -> Batch:
    """Checks the counts of a call, and adds them up by series and minute.

    Args:
        counts: 1 to 10,000 of them.
        key: At most 64 characters.
        now_s: The time, in seconds since 1970 UTC.
        max_future_s: How far ahead of it timestamps may be, in seconds.

    Raises:
        InvalidArgumentError: Something is out of range; `field` names it by its index, such as
            "counts[3].value".
    """
    check_number(len(counts))
    if len(key) > LONGEST_KEY:
        raise InvalidArgumentError(
            f"The key has {len(key)} characters; the limit is {LONGEST_KEY}.",
            field="idempotency_key",
        )
    sums: dict[tuple[str, int], float] = defaultdict(float)
    for index, count in enumerate(counts):
        try:
            minute = _check(count, now_s, max_future_s)
        except LintelError as error:
            raise error.at(f"counts[{index}]") from None
        sums[count.series, minute] += count.value
    return Batch(dict(sums), len(counts), key)


def _check(count: Count, now_s: float, max_future_s: float) -> int:
    """Returns the minute of a count that is as it should be."""
    check_name(count.series, "series")
    # Written so that NaN fails too.
    if not 0 <= count.value <= LARGEST_VALUE:
        raise InvalidArgumentError(
            f"A count must be a number from 0 to {LARGEST_VALUE:.0e}.", field="value"
        )
    if count.timestamp_us < 0:
        raise InvalidArgumentError("A timestamp must not be before 1970.", field="timestamp_us")
    now_us = round(now_s * 1e6)
    if count.timestamp_us > now_us + max_future_s * 1e6:
        ahead_s = (count.timestamp_us - now_us) / 1e6
        raise InvalidArgumentError(
            f"The timestamp is {ahead_s:.0f} seconds ahead of the device's clock;"
            f" the limit is {max_future_s:g}.",
            field="timestamp_us",
        )
    return (count.timestamp_us or now_us) // MINUTE_US
