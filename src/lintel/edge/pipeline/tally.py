"""How many came and went today, and how many are inside."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lintel.edge.pipeline.counting import Direction
from lintel.edge.series import LocalSteps

# Days that are kept, the one that began last among them.
_MOST_DAYS = 8


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


Counts = Mapping[tuple[str, Direction], int]


def _nothing(_day: int) -> Counts:
    return {}


class Tally:
    """Counts by camera and day. Any thread may use it.

    Days that are past are kept for some time: a clock that jumps away and back, or two cameras at
    midnight, must not empty the house.

    Args:
        steps: The days of the device's time zone.
        earlier: Returns what was counted before this run on a day, in days since 1970-01-01;
            called once when a day begins.
    """

    def __init__(self, steps: LocalSteps, earlier: Callable[[int], Counts] = _nothing) -> None:
        self._steps = steps
        self._earlier = earlier
        self._lock = threading.Lock()
        self._days: dict[int, Counter[tuple[str, Direction]]] = {}

    def turn_to(self, now_us: int) -> None:
        """Finds out what was counted earlier on the day of a moment, so that nobody waits later."""
        with self._lock:
            self._on(now_us)

    def add(self, camera: str, direction: Direction, timestamp_us: int, count: int = 1) -> None:
        """Counts somebody, at a moment in microseconds since 1970 UTC."""
        with self._lock:
            self._on(timestamp_us)[camera, direction] += count

    def today(self, camera: str, now_us: int) -> DayCounts:
        """Returns what a camera counted on the day of a moment."""
        with self._lock:
            counts = self._on(now_us)
            return DayCounts(counts[camera, Direction.IN], counts[camera, Direction.OUT])

    def _on(self, timestamp_us: int) -> Counter[tuple[str, Direction]]:
        """Returns the counts of the day of a moment."""
        day = self._steps.day_of(timestamp_us)
        if day not in self._days:
            self._days[day] = Counter(self._earlier(day))
            if len(self._days) > _MOST_DAYS:
                del self._days[next(iter(self._days))]
        return self._days[day]
