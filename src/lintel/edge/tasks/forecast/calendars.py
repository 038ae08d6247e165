"""Calendars: which steps a series has, and when they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from lintel.edge.tasks.forecast.zones import DAY_US, HOUR_US, SECOND_US, Integers, to_local, to_utc

_MINUTE_US = 60 * SECOND_US
_WEEK_DAYS = 7
_WORKING_DAYS = 5
_YEAR_WEEKS = 52
YEAR_MONTHS = 12
_EPOCH_DATE = np.datetime64("1970-01-01", "D")


class Calendar(Protocol):
    """Numbered steps, without end in both directions."""

    @property
    def zone(self) -> ZoneInfo:
        """Whose hours and weekdays matter."""

    @property
    def step_s(self) -> float:
        """Length of a step in seconds; 0 where they differ: days, working days, months."""

    @property
    def periods(self) -> tuple[int, ...]:
        """Lengths of the seasons that such series have, in steps, rising."""

    def positions(self, timestamps_us: Integers) -> Integers:
        """Returns the numbers of the steps in which moments lie.

        Args:
            timestamps_us: int64 (N,), microseconds since 1970 UTC.
        """

    def timestamps_us(self, positions: Integers) -> Integers:
        """Returns when steps begin, in microseconds since 1970 UTC.

        Args:
            positions: int64 (N,), numbers of steps.
        """


@dataclass(frozen=True, slots=True)
class FixedSteps:
    """Steps that are all as long: seconds, minutes, hours.

    Attributes:
        step_us: Microseconds from one to the next.
        phase_us: Start of step 0, in microseconds since 1970 UTC.
        zone: Whose hours and weekdays matter.
    """

    step_us: int
    phase_us: int
    zone: ZoneInfo

    @property
    def step_s(self) -> float:
        """See Calendar."""
        return self.step_us / SECOND_US

    @property
    def periods(self) -> tuple[int, ...]:
        """See Calendar: the minute, the hour, the day and the week, where steps divide them."""
        spans = (_MINUTE_US, HOUR_US, DAY_US, _WEEK_DAYS * DAY_US)
        return tuple(
            span // self.step_us
            for span in spans
            if span % self.step_us == 0 and span > self.step_us
        )

    def positions(self, timestamps_us: Integers) -> Integers:
        """See Calendar."""
        return (timestamps_us - self.phase_us) // self.step_us

    def timestamps_us(self, positions: Integers) -> Integers:
        """See Calendar."""
        return positions * self.step_us + self.phase_us


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a time zone, of 23 to 25 hours; or every so many of them, such as weeks.

    Attributes:
        zone: Whose days.
        time_us: When a step begins, in microseconds since midnight as clocks show it.
        every: Days from one step to the next.
        phase: Step 0 is so many days after 1970-01-01.
    """

    zone: ZoneInfo
    time_us: int = 0
    every: int = 1
    phase: int = 0

    @property
    def step_s(self) -> float:
        """See Calendar."""
        return 0.0

    @property
    def periods(self) -> tuple[int, ...]:
        """See Calendar: the week of days, and the year of weeks."""
        if self.every == _WEEK_DAYS:
            return (_YEAR_WEEKS,)
        return (_WEEK_DAYS,) if self.every == 1 else ()

    def positions(self, timestamps_us: Integers) -> Integers:
        """See Calendar."""
        days = (to_local(timestamps_us, self.zone) - self.time_us) // DAY_US
        return (days - self.phase) // self.every

    def timestamps_us(self, positions: Integers) -> Integers:
        """See Calendar."""
        days = positions * self.every + self.phase
        return to_utc(days * DAY_US + self.time_us, self.zone)


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Mondays to Fridays of a time zone; holidays are steps without a value.

    Attributes:
        zone: Whose days.
        time_us: When a step begins, in microseconds since midnight as clocks show it.
    """

    zone: ZoneInfo
    time_us: int = 0

    @property
    def step_s(self) -> float:
        """See Calendar."""
        return 0.0

    @property
    def periods(self) -> tuple[int, ...]:
        """See Calendar: the working week."""
        return (_WORKING_DAYS,)

    def positions(self, timestamps_us: Integers) -> Integers:
        """See Calendar; what lies in a weekend belongs to the Monday after it."""
        days = (to_local(timestamps_us, self.zone) - self.time_us) // DAY_US
        return np.busday_count(_EPOCH_DATE, _EPOCH_DATE + days).astype(np.int64)

    def timestamps_us(self, positions: Integers) -> Integers:
        """See Calendar."""
        dates = np.busday_offset(_EPOCH_DATE, positions)
        days = (dates - _EPOCH_DATE).astype(np.int64)
        return to_utc(days * DAY_US + self.time_us, self.zone)


@dataclass(frozen=True, slots=True)
class Months:
    """Months of a time zone; or every so many of them, such as quarters and years.

    Attributes:
        zone: Whose months.
        time_us: When a step begins, in microseconds since midnight as clocks show it.
        every: Months from one step to the next.
        phase: Step 0 is so many months after January 1970.
        day: On which day of the month a step begins, from 1: on the last where there is no such
            day, so that with 31 months begin on their last day.
    """

    zone: ZoneInfo
    time_us: int = 0
    every: int = 1
    phase: int = 0
    day: int = 1

    @property
    def step_s(self) -> float:
        """See Calendar."""
        return 0.0

    @property
    def periods(self) -> tuple[int, ...]:
        """See Calendar: the year, where steps divide it."""
        steps, rest = divmod(YEAR_MONTHS, self.every)
        return (steps,) if steps > 1 and rest == 0 else ()

    def positions(self, timestamps_us: Integers) -> Integers:
        """See Calendar."""
        days = (to_local(timestamps_us, self.zone) - self.time_us) // DAY_US
        months = months_of(days)
        # What lies before the day belongs to the month before.
        months -= days < self._days(months)
        return (months - self.phase) // self.every

    def timestamps_us(self, positions: Integers) -> Integers:
        """See Calendar."""
        days = self._days(positions * self.every + self.phase)
        return to_utc(days * DAY_US + self.time_us, self.zone)

    def _days(self, months: Integers) -> Integers:
        """Returns on which days steps begin that begin in months."""
        return first_days(months) + np.minimum(self.day, lengths_of_months(months)) - 1


def months_of(days: Integers) -> Integers:
    """Returns in which months days lie.

    Args:
        days: int64 (N,), days since 1970-01-01.

    Returns:
        int64 (N,), months since January 1970.
    """
    return (_EPOCH_DATE + days).astype("datetime64[M]").astype(np.int64)


def first_days(months: Integers) -> Integers:
    """Returns the first days of months; the opposite of `months_of`.

    Args:
        months: int64 (N,), months since January 1970.

    Returns:
        int64 (N,), days since 1970-01-01.
    """
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def lengths_of_months(months: Integers) -> Integers:
    """Returns how many days months have.

    Args:
        months: int64 (N,), months since January 1970.
    """
    return first_days(months + 1) - first_days(months)
