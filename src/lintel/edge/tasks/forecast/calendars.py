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
_EPOCH_DATE = np.datetime64("1970-01-01", "D")


class Calendar(Protocol):
    """Numbered steps, without end in both directions."""

    @property
    def zone(self) -> ZoneInfo:
        """Whose hours and weekdays matter."""

    @property
    def step_s(self) -> float:
        """Length of a step in seconds; 0 where they differ: days and working days."""

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
