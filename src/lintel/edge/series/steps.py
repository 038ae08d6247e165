"""Minutes, hours and days, by the clocks of a time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MINUTE_S = 60
MINUTE_US = 60_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Resolution(StrEnum):
    """How long the steps of a series are."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class LocalSteps:
    """The hours and days of a time zone.

    Hours begin when its clocks show a full hour, which in India is half past by UTC. Days are
    counted by their date, and so have 23 to 25 hours where clocks are changed.

    Args:
        zone: The time zone.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def hour_and_day(self, minute: int) -> tuple[int, int]:
        """Returns the hour and the day in which a minute lies.

        Args:
            minute: Minutes since 1970 UTC.

        Returns:
            The start of the hour in minutes since 1970 UTC, and the date in days since
            1970-01-01.
        """
        local = datetime.fromtimestamp(minute * MINUTE_S, self.zone)
        return minute - local.minute, local.toordinal() - _EPOCH_DAY

    def day_of(self, timestamp_us: int) -> int:
        """Returns the date on which a moment lies, in days since 1970-01-01.

        Args:
            timestamp_us: Microseconds since 1970 UTC.
        """
        moment = _EPOCH + timedelta(microseconds=timestamp_us)
        return moment.astimezone(self.zone).toordinal() - _EPOCH_DAY

    def start_of_day_us(self, day: int) -> int:
        """Returns when a date begins, in microseconds since 1970 UTC.

        Where clocks show midnight twice, it begins at the first; where they skip it, at the
        moment of the change (PEP 495, `fold=0`).

        Args:
            day: Days since 1970-01-01.
        """
        midnight = datetime.combine(date.fromordinal(day + _EPOCH_DAY), time(), self.zone)
        return (midnight - _EPOCH) // timedelta(microseconds=1)
