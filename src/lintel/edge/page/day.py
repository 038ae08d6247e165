"""A day at the door by the hour: who came so far, and how many may still come."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple

import msgspec
import numpy as np

from lintel.edge.config import Settings
from lintel.edge.errors import CancelledError, LintelError, SeriesNotFoundError
from lintel.edge.page.report import Sources
from lintel.edge.pipeline import Direction, series_name
from lintel.edge.series import LocalSteps, Resolution, SeriesStore, device_zone, zone_name

logger = logging.getLogger("lintel.page")

_HOUR_US = 3_600_000_000
_RENEW_EVERY_S = 30.0
# Shorter histories know nothing of how days go; longer ones add little, and cost memory.
SHORTEST_HISTORY_H = 72
_LONGEST_HISTORY_H = 24 * 7 * 8
# The band holds four of five outcomes.
LEVELS = (0.1, 0.5, 0.9)


class Outlook(StrEnum):
    """Whether there is a forecast, or why not."""

    READY = "ready"
    TOO_SHORT = "too-short"
    NOT_KEPT = "not-kept"
    FAILED = "failed"


class Hour(msgspec.Struct):
    """An hour that began: how many came in; the last one is not over."""

    start_us: int
    entered: int


class ComingHour(msgspec.Struct):
    """An hour that is forecast, the one that is not over among them."""

    start_us: int
    low: float
    middle: float
    high: float


class Prospect(NamedTuple):
    """What is expected of the rest of a day.

    Attributes:
        outlook: Whether anything is.
        coming: The hours.
        known_hours: Hours of history that there are.
    """

    outlook: Outlook
    coming: list[ComingHour]
    known_hours: int = 0


class Day(msgspec.Struct):
    """The day of a camera.

    Attributes:
        zone: IANA name of the device's time zone; "": nobody knows.
        start_us: Local midnight, in microseconds since 1970 UTC.
        end_us: The next.
        known_hours: Hours of history that there are.
        needed_hours: Hours that a forecast needs.
    """

    camera: str
    zone: str
    start_us: int
    end_us: int
    hours: list[Hour]
    outlook: Outlook
    coming: list[ComingHour]
    known_hours: int
    needed_hours: int


class DayBook:
    """The days of the cameras that count, renewed where they are asked for.

    `current` is for the page's own thread; the work is done by another, for it reads files and fits
    models.

    Args:
        settings: The device's settings.
        sources: Where counts and forecasts come from.
    """

    def __init__(self, settings: Settings, sources: Sources) -> None:
        zone = device_zone(settings.series.time_zone)
        self._zone = zone_name(zone)
        self._steps = LocalSteps(zone)
        self._model = settings.page.forecast_model
        self._sources = sources
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="page-days")
        self._is_closing = False
        self._places = {
            camera.name: [line.name for line in camera.lines] + [zone.name for zone in camera.zones]
            for camera in settings.cameras
            if camera.lines or camera.zones
        }
        self._documents: dict[str, bytes] = {}
        self._asked_s: dict[str, float] = {}
        self._forecasts: dict[str, tuple[int, Prospect]] = {}

    @property
    def cameras(self) -> frozenset[str]:
        """Names of the cameras that count."""
        return frozenset(self._places)

    def current(self, camera: str) -> bytes | None:
        """Returns the newest document of a camera's day, and has it renewed where it is old.

        Args:
            camera: Name of a camera that counts.

        Returns:
            The same object as long as nothing changed; None: not yet.
        """
        now_s = time.monotonic()
        if now_s - self._asked_s.get(camera, float("-inf")) >= _RENEW_EVERY_S:
            self._asked_s[camera] = now_s
            self._worker.submit(self._renew, camera)
        return self._documents.get(camera)

    def close(self) -> None:
        """Ends the work; a model that is being fitted is given up."""
        self._is_closing = True
        self._worker.shutdown(cancel_futures=True)

    def _ensure_wanted(self) -> None:
        if self._is_closing:
            raise CancelledError("The page is being closed.")

    def _renew(self, camera: str) -> None:
        try:
            document = msgspec.json.encode(self.make(camera, time.time_ns() // 1000))
        except Exception:
            logger.exception("the day of %s cannot be shown", camera)
            return
        if document != self._documents.get(camera):
            self._documents[camera] = document

    def make(self, camera: str, now_us: int) -> Day:
        """Makes the day of a camera.

        Args:
            camera: Name of a camera that counts.
            now_us: The moment, in microseconds since 1970 UTC.
        """
        day = self._steps.day_of(now_us)
        start_us, end_us = self._steps.start_of_day_us(day), self._steps.start_of_day_us(day + 1)
        hour_us = now_us - (now_us - start_us) % _HOUR_US
        prospect = self._prospect(camera, hour_us, end_us)
        return Day(
            camera=camera,
            zone=self._zone,
            start_us=start_us,
            end_us=end_us,
            hours=self._hours(camera, start_us, hour_us),
            outlook=prospect.outlook,
            coming=prospect.coming,
            known_hours=prospect.known_hours,
            needed_hours=SHORTEST_HISTORY_H,
        )

    def _hours(self, camera: str, start_us: int, hour_us: int) -> list[Hour]:
        """Returns the hours of the day so far.

        What was counted and is not written yet belongs to the hour that is not over.
        """
        assert self._sources.door is not None  # noqa: S101 - it has a camera
        counts: Counter[int] = Counter()
        if self._sources.recorder is not None:
            try:
                counts = self._counts(camera, self._sources.recorder.store, start_us)
            except LintelError as error:
                logger.warning("the counts of today cannot be read: %s", error)
        starts = range(start_us, hour_us + 1, _HOUR_US)
        hours = [Hour(start, counts[start]) for start in starts]
        told = sum(hour.entered for hour in hours)
        hours[-1].entered += max(self._sources.door.today(camera).entered - told, 0)
        return hours

    def _counts(self, camera: str, store: SeriesStore, start_us: int) -> Counter[int]:
        """Returns who came in from a moment on, by the start of the hour."""
        counts: Counter[int] = Counter()
        for place in self._places[camera]:
            try:
                stretch = store.read(
                    series_name(camera, place, Direction.IN), Resolution.HOUR, start_us
                )
            except SeriesNotFoundError:
                # Nobody has come in there yet.
                continue
            for timestamp_us, value in zip(
                stretch.timestamps_us.tolist(), stretch.values.tolist(), strict=True
            ):
                counts[timestamp_us] += round(value)
        return counts

    def _prospect(self, camera: str, hour_us: int, end_us: int) -> Prospect:
        """Returns what is expected from an hour to the end of the day; made once an hour."""
        made_us, prospect = self._forecasts.get(camera, (0, Prospect(Outlook.FAILED, [])))
        if made_us != hour_us:
            prospect = self._make_prospect(camera, hour_us, end_us)
            self._forecasts[camera] = (hour_us, prospect)
        return prospect

    def _make_prospect(self, camera: str, hour_us: int, end_us: int) -> Prospect:
        recorder = self._sources.recorder
        if recorder is None:
            return Prospect(Outlook.NOT_KEPT, [])
        try:
            earliest_us = hour_us - _LONGEST_HISTORY_H * _HOUR_US
            counts = self._counts(camera, recorder.store, earliest_us)
            first_us = min((start for start in counts if start < hour_us), default=hour_us)
            starts = range(first_us, hour_us, _HOUR_US)
            if len(starts) < SHORTEST_HISTORY_H:
                return Prospect(Outlook.TOO_SHORT, [], len(starts))
            coming = self._ask(starts, [counts[start] for start in starts], hour_us, end_us)
        except LintelError as error:
            logger.warning("the day at %s cannot be forecast: %s", camera, error)
            return Prospect(Outlook.FAILED, [])
        return Prospect(Outlook.READY, coming, len(starts))

    def _ask(
        self, starts: Sequence[int], counts: Sequence[int], hour_us: int, end_us: int
    ) -> list[ComingHour]:
        # As in Forecasts: what forecasts is not loaded before there is a forecast.
        from lintel.edge.tasks.forecast import ForecastOptions, TimeSeries  # noqa: PLC0415

        options = ForecastOptions(
            horizon=-(-(end_us - hour_us) // _HOUR_US), quantile_levels=LEVELS, model=self._model
        )
        # Hours in which nobody came are not in the store: they are zeros, and not gaps.
        series = TimeSeries(np.array(starts, np.int64), np.array(counts, np.float64))
        forecast = self._sources.forecasts.forecast(series, options, self._ensure_wanted)
        rows = zip(forecast.timestamps_us.tolist(), forecast.quantiles.tolist(), strict=True)
        return [
            ComingHour(start_us, *(round(level, 1) for level in levels))
            for start_us, levels in rows
            if hour_us <= start_us < end_us
        ]
