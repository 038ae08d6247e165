"""Clocks: which steps show the same time of day, though clocks were put forward or back between.

Doors open by the clock: where it has been put forward, the step of the day before that tells what
comes is 23 hours away, not 24. Steps of a day or more follow clocks by themselves; seconds, minutes
and hours, whose length is fixed, do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lintel.edge.tasks.forecast.calendars import Calendar
from lintel.edge.tasks.forecast.zones import (
    DAY_US,
    SECOND_US,
    Integers,
    is_offset_constant,
    offsets_us,
)


@dataclass(frozen=True, eq=False, slots=True)
class Clock:
    """What clocks show at a stretch of steps; steps are told by their indices in it.

    Attributes:
        day: Steps of a day; 0 where clocks are never put forward or back.
        ahead: int64 (N,), by how many steps clocks were put forward from the first step to each,
            below 0 where they were put back. One value, 0, where they are never put.
    """

    day: int
    ahead: Integers

    @classmethod
    def of(cls, calendar: Calendar, first: int, count: int) -> Clock:
        """Returns what clocks of a calendar's zone show.

        Args:
            calendar: The steps.
            first: Number of the first.
            count: How many, at least 1.
        """
        step_us = round(calendar.step_s * SECOND_US)
        if not 0 < step_us < DAY_US or DAY_US % step_us:
            return STILL
        start_us, end_us = calendar.timestamps_us(np.array([first, first + count - 1])).tolist()
        if is_offset_constant(start_us, end_us, calendar.zone):
            return STILL
        starts = calendar.timestamps_us(np.arange(first, first + count, dtype=np.int64))
        offsets = offsets_us(starts, calendar.zone)
        ahead, parts = np.divmod(offsets - offsets[0], step_us)
        # By parts of a step, no other step would show the time any better.
        if parts.any() or not ahead.any():
            return STILL
        return cls(DAY_US // step_us, ahead)

    def for_season(self, season_length: int) -> Clock:
        """Returns the clock that a season goes by: this one, where the season is of whole days."""
        return self if self.day and season_length % self.day == 0 else STILL

    def before(self, indices: Integers, back: Integers | int) -> Integers:
        """Returns the steps that showed the same time so many steps before.

        For a time that was skipped it is the step after it.

        Args:
            indices: int64 (...), steps.
            back: int64 (...), how far back, by the clock.

        Returns:
            int64 (...), below 0 before the first step.
        """
        sources = indices - back
        if not self.day:
            return sources
        return sources + self._ahead(indices) - self._ahead(sources)

    def distance(self, starts: Integers | int, ends: Integers) -> Integers:
        """Returns how many steps later clocks show at ends than at starts: int64 (...)."""
        distance = ends - starts
        if not self.day:
            return distance
        return distance + self._ahead(ends) - self._ahead(starts)

    def back_to_known(
        self, indices: Integers, origins: Integers | int, season_length: int
    ) -> Integers:
        """Returns how many steps, in whole seasons, the newest step that `before` knows lies back.

        Args:
            indices: int64 (...), steps to forecast.
            origins: int64 (...), how many steps are known, no more than what is to forecast.
            season_length: Steps of the season.
        """
        back = season_length * -(-self.distance(origins - 1, indices) // season_length)
        if not self.day:
            return back
        # Of a time that is shown twice, the second may be what is to be forecast.
        return back + season_length * (self.before(indices, back) >= origins)

    def season_before(
        self, indices: Integers, origins: Integers | int, season_length: int
    ) -> Integers:
        """Returns the newest known steps at the same time of the season.

        Args:
            indices: As for `back_to_known`.
            origins: Likewise.
            season_length: Likewise.

        Returns:
            int64 (...), each before its origin; below 0 before the first step.
        """
        return self.before(indices, self.back_to_known(indices, origins, season_length))

    def _ahead(self, indices: Integers | int) -> Integers:
        return np.asarray(self.ahead.take(indices, mode="clip"))


# Of days and more, of UTC, and wherever clocks are not put forward or back.
STILL = Clock(0, np.zeros(1, np.int64))
