"""Local time: what the clocks on the wall show at moments given in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError

Integers = NDArray[np.int64]

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
_FAR_APART_DAYS = 14
# Offsets are kept for so many days, and whole times as many.
_DAYS_KEPT = 512
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)


def find_zone(name: str) -> ZoneInfo:
    """Returns a time zone.

    Args:
        name: Its IANA name, such as "Europe/Lisbon"; empty: UTC.

    Raises:
        InvalidArgumentError: There is none of that name; `field` is "time_zone".
    """
    try:
        return ZoneInfo(name or "UTC")
    # A folder of the database, a name with "..", and one that is no file at all.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgumentError(
            'The time zone must be an IANA name, such as "Europe/Lisbon".', field="time_zone"
        ) from error


def to_local(timestamps_us: Integers, zone: ZoneInfo) -> Integers:
    """Returns what clocks show, in microseconds since 1970-01-01 00:00 on the same clocks.

    Args:
        timestamps_us: int64 (N,), microseconds since 1970 UTC.
        zone: The clocks' time zone.
    """
    return timestamps_us + offsets_us(timestamps_us, zone)


def to_utc(local_us: Integers, zone: ZoneInfo) -> Integers:
    """Returns when clocks show a time; the opposite of `to_local`.

    Where clocks go back, the first of the two moments; where they go forward over the time, the
    moment at which it would have been shown had they not (PEP 495, `fold=0`).

    Args:
        local_us: int64 (N,), as `to_local` returns.
        zone: The clocks' time zone.
    """
    before, after = (offsets_us(local_us + shift, zone) for shift in (-DAY_US, DAY_US))
    result = local_us - before
    for index in np.flatnonzero(before != after):
        local = _LOCAL_EPOCH + timedelta(microseconds=int(local_us[index]))
        result[index] = (local.replace(tzinfo=zone) - _EPOCH) // timedelta(microseconds=1)
    return result


def offsets_us(timestamps_us: Integers, zone: ZoneInfo) -> Integers:
    """Returns how far clocks are ahead of UTC: int64 (N,), microseconds.

    Args:
        timestamps_us: int64 (N,), microseconds since 1970 UTC.
        zone: The clocks' time zone.
    """
    if zone.key == "UTC" or not len(timestamps_us):
        return np.zeros_like(timestamps_us)
    days = timestamps_us // DAY_US
    first, last = int(days.min()), int(days.max())
    if len(days) * _FAR_APART_DAYS < last - first:
        # Of months: a table of all days would take longer than to ask for each.
        return np.array([_offset_us(each, zone) for each in timestamps_us.tolist()], np.int64)
    table = _daily_offsets_us(zone, first, last + 1)
    offsets: Integers = table[days - first]
    # Of the days in which clocks change, each moment is asked for.
    for index in np.flatnonzero(offsets != table[days - first + 1]):
        offsets[index] = _offset_us(int(timestamps_us[index]), zone)
    return offsets


def is_offset_constant(first_us: int, last_us: int, zone: ZoneInfo) -> bool:
    """Returns whether clocks are surely never put forward or back, from the one day to the other.

    Args:
        first_us: A moment of the first day, in microseconds since 1970 UTC.
        last_us: A moment of the last day.
        zone: The clocks' time zone.
    """
    if zone.key == "UTC":
        return True
    table = _daily_offsets_us(zone, first_us // DAY_US, last_us // DAY_US + 1)
    return bool((table == table[0]).all())


def _daily_offsets_us(zone: ZoneInfo, first_day: int, last_day: int) -> Integers:
    # Series end on another day every day: what is kept serves them all.
    start = first_day // _DAYS_KEPT
    kept = _kept_offsets_us(zone, start, last_day // _DAYS_KEPT + 1)
    return kept[first_day - start * _DAYS_KEPT : last_day + 1 - start * _DAYS_KEPT]


@lru_cache(maxsize=64)
def _kept_offsets_us(zone: ZoneInfo, start: int, end: int) -> Integers:
    days = range(start * _DAYS_KEPT, end * _DAYS_KEPT)
    return np.array([_offset_us(day * DAY_US, zone) for day in days], np.int64)


def _offset_us(timestamp_us: int, zone: ZoneInfo) -> int:
    moment = (_EPOCH + timedelta(microseconds=timestamp_us)).astimezone(zone)
    return (moment.utcoffset() or timedelta()) // timedelta(microseconds=1)
