"""A store in a folder of the test's own, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lintel.edge.series import Clock, Count, LocalSteps, Recorder, Retention, SeriesStore


@dataclass
class Time:
    """What the clock shows, and how long the machine has been up, in seconds."""

    now_s: float
    uptime_s: float = 0.0

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.uptime_s += seconds

    def set(self, text: str) -> None:
        """Sets the clock alone, as a network does."""
        self.now_s = datetime.fromisoformat(text).timestamp()


def moment_us(text: str) -> int:
    """Microseconds since 1970 UTC of an ISO date and time with its offset."""
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.fixture(scope="session")
def at() -> Callable[[str], int]:
    return moment_us


@pytest.fixture(scope="session")
def count() -> Callable[..., Count]:
    """Makes a count: count("2026-03-01T12:00:30Z", 2)."""
    return lambda moment, value=1.0, series="door": Count(series, moment_us(moment), value)


@pytest.fixture
def time() -> Time:
    """Noon of the first of July 2026, UTC."""
    return Time(datetime.fromisoformat("2026-07-01T12:00:00Z").timestamp())


@pytest.fixture
def clock(time: Time) -> Clock:
    return Clock(lambda: time.now_s, lambda: time.uptime_s)


@pytest.fixture
def open_store(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., SeriesStore]]:
    """Opens the store of this test, with a time zone."""
    opened: list[SeriesStore] = []

    def open_(zone: str = "Europe/Berlin") -> SeriesStore:
        opened.append(
            SeriesStore(tmp_path / "state" / "series.db", LocalSteps(ZoneInfo(zone)), clock)
        )
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def recorder(open_store: Callable[..., SeriesStore], clock: Clock) -> Recorder:
    """Records into the store of this test; its thread is not started."""
    return Recorder(
        open_store(),
        clock,
        Retention(14, 3650),
        write_every_s=60.0,
        max_series=3,
        max_future_s=300.0,
    )
