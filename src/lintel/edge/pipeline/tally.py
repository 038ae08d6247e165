"""How many came and went today, and how many are inside."""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

from lintel.edge.pipeline.counting import Direction
from lintel.edge.series import LocalSteps


class DayCounts(NamedTuple):
    """What was counted since local midnight.

    Attributes:
        entered: How many came in.
        left: How many went out.
    """

    entered: int
    left: int

    @property
    def inside(self) -> int:
        """Who came in and did not go out; nobody can be less than nobody."""
        return max(self.entered - self.left, 0)


class Tally:
    """Counts by camera, anew each day. Any thread may use it.

    Args:
        steps: The days of the device's time zone.
    """

    def __init__(self, steps: LocalSteps) -> None:
        self._steps = steps
        self._lock = threading.Lock()
        self._day = -1
        self._counts: Counter[tuple[str, Direction]] = Counter()

    def add(self, camera: str, direction: Direction, timestamp_us: int, count: int = 1) -> None:
        """Counts somebody, at a moment in microseconds since 1970 UTC."""
        with self._lock:
            self._turn_to(timestamp_us)
            self._counts[camera, direction] += count

    def today(self, camera: str, now_us: int) -> DayCounts:
        """Returns what a camera counted on the day of a moment."""
        with self._lock:
            self._turn_to(now_us)
            return DayCounts(
                self._counts[camera, Direction.IN], self._counts[camera, Direction.OUT]
            )

    def _turn_to(self, timestamp_us: int) -> None:
        day = self._steps.day_of(timestamp_us)
        if day != self._day:
            self._day = day
            self._counts.clear()
