"""The day of a camera: its hours by the clock of the device, and what is not written yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.page_stage import SILL, ScriptedModels

from lintel.edge.config import parse
from lintel.edge.forecasts import Forecasts
from lintel.edge.page.day import DayBook, Outlook
from lintel.edge.page.report import Sources
from lintel.edge.pipeline import Direction, DoorPipeline
from lintel.edge.pipeline.counting import Crossing
from lintel.edge.pipeline.looking import Seen
from lintel.edge.series import Count, Recorder, open_recorder

HOUR_US = 3_600_000_000


class Book:
    """A day book over a store of its own, of a camera with two lines."""

    def __init__(self, folder: Path, zone: str, *, keeps: bool = True) -> None:
        settings = parse(
            {
                "cameras": [{"name": "door", "lines": [SILL, {**SILL, "name": "gate"}]}],
                "series": {
                    "path": f"{folder}/series.db" if keeps else "",
                    "time_zone": zone,
                    "max_future_s": 0,
                },
                "pipeline": {"events_path": ""},
                "forecast": {"networks": []},
            }
        )
        runtime: Any = ScriptedModels(reads_masks=False)
        self.zone = ZoneInfo(zone)
        self.recorder: Recorder | None = open_recorder(settings.series)
        self.door = DoorPipeline(settings, runtime, self.recorder)
        self.forecasts = Forecasts(settings, runtime, self.recorder)
        sources = Sources(self.door, runtime, self.recorder, self.forecasts)
        self.days = DayBook(settings, sources)

    def at(self, *moment: int) -> int:
        """Returns a moment by the clock of the device, in microseconds since 1970 UTC."""
        return int(datetime(*moment, tzinfo=self.zone).timestamp() * 1e6)  # type: ignore[misc]

    def record(self, timestamp_us: int, count: float, place: str = "sill") -> None:
        assert self.recorder is not None
        self.recorder.record([Count(f"door.{place}.entered", timestamp_us, count)])

    def close(self) -> None:
        self.days.close()
        self.door.events.close()
        self.forecasts.close()
        if self.recorder is not None:
            self.recorder.store.close()


@pytest.fixture
def open_book(tmp_path: Path) -> Iterator[Callable[..., Book]]:
    books: list[Book] = []

    def open_(zone: str, **keys: Any) -> Book:
        books.append(Book(tmp_path, zone, **keys))
        return books[-1]

    yield open_
    for book in books:
        book.close()


def test_hours_are_those_of_the_device_and_places_add_up(open_book: Callable[..., Book]) -> None:
    book = open_book("Asia/Kolkata")
    for hour, count, place in ((9, 3, "sill"), (9, 4, "gate"), (11, 5, "sill")):
        book.record(book.at(2026, 3, 2, hour, 59), count, place)
    book.record(book.at(2026, 3, 1, 23, 59), 100)
    day = book.days.make("door", book.at(2026, 3, 2, 12, 10))
    assert day.zone == "Asia/Kolkata"
    assert (day.start_us, day.end_us) == (book.at(2026, 3, 2), book.at(2026, 3, 3))
    assert [hour.entered for hour in day.hours] == [0] * 9 + [7, 0, 5, 0]
    assert day.hours[9].start_us == book.at(2026, 3, 2, 9)


@pytest.mark.parametrize(("date", "hours"), [((2026, 3, 29), 23), ((2025, 10, 26), 25)])
def test_days_on_which_clocks_are_changed_have_as_many_hours(
    open_book: Callable[..., Book], date: tuple[int, ...], hours: int
) -> None:
    book = open_book("Europe/Berlin")
    book.record(book.at(*date, 23, 30), 2)
    day = book.days.make("door", book.at(*date, 23, 45))
    assert len(day.hours) == hours
    assert [hour.entered for hour in day.hours[-2:]] == [0, 2]


def test_who_came_a_moment_ago_is_counted_before_it_is_written(
    open_book: Callable[..., Book],
) -> None:
    book = open_book("UTC")
    now_us = time.time_ns() // 1000
    crossings = [Crossing("sill", Direction.IN, number) for number in (1, 2)]
    book.door.seen("door", now_us, Seen([], crossings, []))
    assert book.days.make("door", now_us).hours[-1].entered == 2


def test_a_forecast_needs_three_days_and_reaches_to_the_end_of_this_one(
    open_book: Callable[..., Book],
) -> None:
    book = open_book("Europe/Berlin")
    now_us = book.at(2026, 3, 5, 16, 20)
    hour_us = book.at(2026, 3, 5, 16)
    # Nobody came in most hours: they count as known all the same.
    book.record(hour_us - 71 * HOUR_US, 6)
    book.record(hour_us - HOUR_US, 6)
    short = book.days.make("door", now_us)
    assert (short.outlook, short.known_hours, short.coming) == (Outlook.TOO_SHORT, 71, [])
    book.record(hour_us - 72 * HOUR_US, 6)
    # It is made once an hour.
    assert book.days.make("door", now_us + 60_000_000).outlook is Outlook.TOO_SHORT
    later = book.days.make("door", now_us + HOUR_US)
    assert (later.outlook, later.known_hours) == (Outlook.READY, 73)
    starts = [hour.start_us for hour in later.coming]
    assert starts == [*range(hour_us + HOUR_US, later.end_us, HOUR_US)]
    assert all(0 <= hour.low <= hour.middle <= hour.high for hour in later.coming)


def test_a_device_that_keeps_no_counts_says_so(open_book: Callable[..., Book]) -> None:
    book = open_book("UTC", keeps=False)
    day = book.days.make("door", time.time_ns() // 1000)
    assert (day.outlook, day.coming) == (Outlook.NOT_KEPT, [])
    assert {hour.entered for hour in day.hours} == {0}
