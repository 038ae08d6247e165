"""Counts on their way into the store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lintel.edge.pipeline.clerk import Clerk
from lintel.edge.pipeline.events import EventLog
from lintel.edge.series import Clock, LocalSteps, Recorder, Resolution, Retention, SeriesStore

NOW_S = 1_800_000_000.0
NAME = "door.sill.entered"


class Device:
    """A clerk, with a clock and a store of its own."""

    def __init__(self, path: Path) -> None:
        self.now_s = NOW_S
        clock = Clock(now=lambda: self.now_s)
        self.store = SeriesStore(path, LocalSteps(ZoneInfo("UTC")), clock)
        self.recorder = Recorder(
            self.store,
            clock,
            Retention(14, 3650),
            write_every_s=60.0,
            max_series=9,
            max_future_s=300.0,
        )
        self.clerk = Clerk(EventLog(None, 9), self.recorder)

    def count(self, ahead_s: float = 0.0) -> None:
        self.clerk.count(NAME, round((self.now_s + ahead_s) * 1e6))

    def days(self) -> list[tuple[int, float]]:
        """Returns what was written, by days since 1970."""
        self.clerk.stop()
        self.recorder.stop()
        if NAME not in self.store.names():
            return []
        kept = self.store.read(NAME, Resolution.DAY)
        days = [int(start) // 86_400_000_000 for start in kept.timestamps_us]
        return list(zip(days, kept.values.tolist(), strict=True))


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path / "series.db")
    yield device
    device.store.close()


TODAY = int(NOW_S) // 86_400


def test_what_was_counted_before_the_clock_was_set_is_told_once_and_not_written_into_1970(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.now_s = 100.0
    device.count()
    device.clerk._write()
    device.count()
    device.clerk._write()
    assert not caplog.records
    device.now_s = NOW_S
    device.count()
    assert device.days() == [(TODAY, 1.0)]
    assert [record.getMessage() for record in caplog.records] == [
        "2 counts are lost: the clock had not been set."
    ]


def test_where_the_clock_is_never_set_that_is_told_at_the_end(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.now_s = 100.0
    device.count()
    device.clerk.stop()
    assert "1 counts are lost" in caplog.text


def test_counts_of_a_clock_that_is_set_wait_while_it_shows_1970(device: Device) -> None:
    device.count()
    device.now_s = 100.0
    device.clerk._write()
    device.now_s = NOW_S
    assert device.days() == [(TODAY, 1.0)]


def test_a_count_too_far_ahead_takes_no_other_along(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    for ahead_s in (0.0, 3600.0, 0.0, 7200.0, 0.0):
        device.count(ahead_s)
    assert device.days() == [(TODAY, 3.0)]
    (told,) = caplog.records
    assert told.getMessage().startswith("2 counts are lost: The timestamp is 3600 seconds ahead")
