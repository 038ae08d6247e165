"""Times as files and options write them, in ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum

import click

from lintel.cli.names import abridged

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOW_TIMES_ARE_WRITTEN = "write it as 2026-07-01, 2026-07-01 12:00 or 2026-07-01T12:00+02:00"


class TimeStyle(Enum):
    """How a file writes times; forecasts are written likewise."""

    DATE = "2026-07-01"
    LOCAL = "2026-07-01 12:00"
    OFFSET = "2026-07-01T12:00+02:00"

    def write(self, timestamp_us: int, zone: tzinfo) -> str:
        """Writes microseconds since 1970 UTC as the file would."""
        moment = (EPOCH + timedelta(microseconds=timestamp_us)).astimezone(zone)
        if self is TimeStyle.DATE and moment.time() == time():
            return moment.date().isoformat()
        seconds = "seconds" if moment.second else "minutes"
        timespec = "microseconds" if moment.microsecond else seconds
        if self is TimeStyle.OFFSET:
            return moment.isoformat(timespec=timespec)
        return moment.replace(tzinfo=None).isoformat(" ", timespec)


def parse_moment(text: str, zone: tzinfo, option: str) -> int:
    """Reads a time in ISO 8601.

    Args:
        text: A date, a local time, or a time with its offset from UTC.
        zone: Of a time that does not tell its own.
        option: Which holds it, for messages.

    Returns:
        Microseconds since 1970 UTC.

    Raises:
        click.BadParameter: It is no time.
    """
    parsed = parse_time(text)
    if parsed is None:
        problem = f"{abridged(text)} is no time; {HOW_TIMES_ARE_WRITTEN}."
        raise click.BadParameter(problem, param_hint=option)
    moment = parsed[1]
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return (aware - EPOCH) // MICROSECOND


def parse_time(cell: str) -> tuple[TimeStyle, datetime] | None:
    """Reads an ISO 8601 time, and tells how it is written; None where it is none."""
    # All digits would be a date to Python, and to people a number.
    if not re.match(r"\d{4}-", cell):
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}", cell):
            # A month, as tables of months have it.
            cell = f"{cell}-01"
        if len(cell) <= 10:
            return TimeStyle.DATE, datetime.combine(date.fromisoformat(cell), time())
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (TimeStyle.LOCAL if moment.tzinfo is None else TimeStyle.OFFSET), moment
