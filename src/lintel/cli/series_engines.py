"""Where series are kept: on this machine, or by a server. Both answer alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

ResolutionName = Literal["minute", "hour", "day"]
RESOLUTION_NAMES: tuple[ResolutionName, ...] = ("minute", "hour", "day")
# As many as a call takes.
COUNTS_PER_CALL = 10_000


class Point(NamedTuple):
    """A count.

    Attributes:
        timestamp_us: Any moment of its minute, in microseconds since 1970 UTC; 0: now.
        value: How many.
    """

    timestamp_us: int
    value: float


class Summary(NamedTuple):
    """What is kept of one series.

    Attributes:
        name: Its name.
        first_us: Start of its first day, in microseconds since 1970 UTC.
        last_us: Start of its last minute, or of what is left of it.
        minutes: How many have counts and are kept.
        hours: The same of hours.
        days: The same of days.
    """

    name: str
    first_us: int
    last_us: int
    minutes: int
    hours: int
    days: int


class Stretch(NamedTuple):
    """A stretch of a series.

    Attributes:
        timestamps_us: Starts of the steps in microseconds since 1970 UTC, rising.
        values: As many sums.
        time_zone: IANA name of the zone whose hours and days these are, "" if unknown.
    """

    timestamps_us: Sequence[int]
    values: Sequence[float]
    time_zone: str


class SeriesEngine(AbstractContextManager["SeriesEngine"], Protocol):
    """Keeps series.

    Methods raise LintelError where this machine refuses, and RequestRefusedError where
    a server does; EngineFailedError where nothing can be done.
    """

    def record(self, name: str, points: Sequence[Point], key: str) -> int:
        """Adds counts to a series; returns how many: 0 where the key has been seen."""

    def summaries(self) -> list[Summary]:
        """Returns what is kept, by name."""

    def read(self, name: str, resolution: ResolutionName, start_us: int, end_us: int) -> Stretch:
        """Reads a stretch of a series; a bound of 0 is none."""

    def delete(self, name: str) -> None:
        """Forgets a series."""
