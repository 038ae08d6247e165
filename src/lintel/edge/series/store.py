"""The store of series: counts by the minute, rolled up to hours and days."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import SeriesNotFoundError
from lintel.edge.series.clock import Clock
from lintel.edge.series.counts import Batch
from lintel.edge.series.database import Database
from lintel.edge.series.steps import MINUTE_S, MINUTE_US, LocalSteps, Resolution

MOST_POINTS = 100_000
MINUTES_A_DAY = 24 * 60
KEYS_KEPT_S = 86_400
MOST_KEYS = 100_000
# Before and after every step, minute or day.
_FIRST_STEP, _LAST_STEP = -(1 << 40), 1 << 40
# Moments that a step may be asked from: the day before 1970, to the year 9000.
_EARLIEST_US, _LATEST_US = -86_400_000_000, 221_845_392_000_000_000

_TABLES = {Resolution.MINUTE: "minutes", Resolution.HOUR: "hours", Resolution.DAY: "days"}


class Retention(NamedTuple):
    """How long counts are kept; days are kept for good.

    Attributes:
        minutes_days: Days that minutes are kept.
        hours_days: Days that hours are kept.
    """

    minutes_days: int
    hours_days: int


class SeriesSummary(NamedTuple):
    """What there is of one series.

    Attributes:
        name: Its name.
        first_us: Start of its first day, in microseconds since 1970 UTC.
        last_us: Start of its last minute, or of its last hour or day where minutes are no longer
            kept.
        minutes: How many minutes have counts and are kept.
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
    """A stretch of a series; steps without counts are left out.

    Attributes:
        timestamps_us: int64 (N,), starts of the steps in microseconds since 1970 UTC, rising.
        values: float64 (N,).
        next_us: Where it goes on, 0 where this was all.
    """

    timestamps_us: NDArray[np.int64]
    values: NDArray[np.float64]
    next_us: int


class SeriesStore:
    """Keeps series in a file. Any thread may use it.

    What is written is on the disk when the method returns: a power cut at any moment leaves the
    whole of a call or nothing of it. All methods raise what Database.write does.

    Args:
        path: The SQLite file.
        steps: The hours and days of the device's time zone. Where the zone is changed, days that
            are past stay the days that they were.
        clock: The device's.
    """

    def __init__(self, path: Path, steps: LocalSteps, clock: Clock) -> None:
        self._database = Database(path)
        self._steps = steps
        self._clock = clock

    @property
    def zone(self) -> ZoneInfo:
        """Whose hours and days are kept."""
        return self._steps.zone

    def open(self) -> None:
        """Opens the file, which every other method would do too."""
        self._database.read(lambda connection: None)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def write(self, batches: Sequence[Batch]) -> list[int]:
        """Adds counts, in one transaction.

        Args:
            batches: Those whose key has been seen, here or in an earlier one of them, are left
                out.

        Returns:
            How many counts of each batch were added.
        """
        now = int(self._clock.now_s())
        return self._database.write(lambda connection: self._add(connection, batches, now))

    def names(self) -> set[str]:
        """Returns the names of all series."""
        return self._database.read(
            lambda connection: {name for (name,) in connection.execute("SELECT name FROM series")}
        )

    def knows(self, key: str) -> bool:
        """Tells whether a key has been seen."""
        return self._database.read(lambda connection: _is_known(connection, key))

    def summaries(self) -> list[SeriesSummary]:
        """Returns what there is, by name."""
        return self._database.read(lambda connection: list(self._summarised(connection)))

    def read(
        self, name: str, resolution: Resolution, start_us: int = 0, end_us: int = 0
    ) -> Stretch:
        """Reads a stretch of a series, or the first 100,000 points of it.

        Args:
            name: Of the series.
            resolution: Length of the steps.
            start_us: Steps that start earlier are left out; microseconds since 1970 UTC, 0: none.
            end_us: Steps that start then or later are left out; 0: none.

        Raises:
            SeriesNotFoundError: There is no such series.
        """
        first = self._first_step(resolution, start_us) if start_us else _FIRST_STEP
        last = self._first_step(resolution, end_us) if end_us else _LAST_STEP
        rows = self._rows(name, resolution, (first, last), "ASC", MOST_POINTS + 1)
        next_us = 0
        if len(rows) > MOST_POINTS:
            next_us = self._start_us(resolution, rows.pop()[0])
        return self._stretch(resolution, rows, next_us)

    def newest(self, name: str, resolution: Resolution, count: int) -> Stretch:
        """Reads the newest points of a series. A step that is not over yet is left out.

        Args:
            name: Of the series.
            resolution: Length of the steps.
            count: How many at most, 1 to 100,000.

        Raises:
            SeriesNotFoundError: There is no such series.
        """
        minute = int(self._clock.now_s()) // MINUTE_S
        hour, day = self._steps.hour_and_day(minute)
        current = {Resolution.MINUTE: minute, Resolution.HOUR: hour, Resolution.DAY: day}
        bounds = (_FIRST_STEP, current[resolution])
        rows = self._rows(name, resolution, bounds, "DESC", count)
        return self._stretch(resolution, rows[::-1], 0)

    def delete(self, name: str) -> None:
        """Forgets a series and everything in it; what it took on the disk is overwritten.

        Raises:
            SeriesNotFoundError: There is no such series.
        """

        def forget(connection: sqlite3.Connection) -> None:
            series = _find(connection, name)
            for table in _TABLES.values():
                connection.execute(f"DELETE FROM {table} WHERE series = ?", (series,))  # noqa: S608
            connection.execute("DELETE FROM series WHERE id = ?", (series,))

        self._database.write(forget)
        self._database.fold_log()

    def prune(self, retention: Retention) -> None:
        """Deletes what is older than it is kept, where the clock is to be trusted."""
        if not self._clock.is_steady():
            return
        now = int(self._clock.now_s())
        minute = now // MINUTE_S
        oldest = {
            "minutes": minute - retention.minutes_days * MINUTES_A_DAY,
            "hours": minute - retention.hours_days * MINUTES_A_DAY,
        }

        def forget(connection: sqlite3.Connection) -> None:
            for (series,) in connection.execute("SELECT id FROM series").fetchall():
                for table, start in oldest.items():
                    connection.execute(
                        f"DELETE FROM {table} WHERE series = ? AND start < ?",  # noqa: S608
                        (series, start),
                    )
            connection.execute(
                "DELETE FROM keys WHERE seen < max(?, coalesce("
                "(SELECT seen FROM keys ORDER BY seen DESC LIMIT 1 OFFSET ?), 0))",
                (now - KEYS_KEPT_S, MOST_KEYS),
            )

        self._database.write(forget)

    def _add(self, connection: sqlite3.Connection, batches: Sequence[Batch], now: int) -> list[int]:
        added = []
        sums: dict[tuple[str, int], float] = defaultdict(float)
        for batch in batches:
            if batch.key and _is_known(connection, batch.key):
                added.append(0)
                continue
            if batch.key:
                connection.execute("INSERT INTO keys VALUES (?, ?)", (batch.key, now))
            for place, value in batch.sums.items():
                sums[place] += value
            added.append(batch.size)
        names = {name for name, _ in sums}
        connection.executemany(
            "INSERT INTO series (name) VALUES (?) ON CONFLICT DO NOTHING",
            ((name,) for name in sorted(names)),
        )
        ids = {name: _find(connection, name) for name in names}
        for table, rows in self._rolled_up(sums, ids).items():
            connection.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?) ON CONFLICT (series, start)"  # noqa: S608
                " DO UPDATE SET value = value + excluded.value",
                ((series, start, value) for (series, start), value in rows.items()),
            )
        return added

    def _rolled_up(
        self, sums: dict[tuple[str, int], float], ids: dict[str, int]
    ) -> dict[str, dict[tuple[int, int], float]]:
        """Returns, by table, sums by series and start."""
        minutes: dict[tuple[int, int], float] = {}
        hours: dict[tuple[int, int], float] = defaultdict(float)
        days: dict[tuple[int, int], float] = defaultdict(float)
        for (name, minute), value in sums.items():
            hour, day = self._steps.hour_and_day(minute)
            minutes[ids[name], minute] = value
            hours[ids[name], hour] += value
            days[ids[name], day] += value
        return {"minutes": minutes, "hours": hours, "days": days}

    def _summarised(self, connection: sqlite3.Connection) -> Iterator[SeriesSummary]:
        ids = connection.execute("SELECT id, name FROM series ORDER BY name").fetchall()
        for series, name in ids:
            counts, lasts, first = [], [], 0
            for resolution, table in _TABLES.items():
                count, first, last = connection.execute(
                    f"SELECT count(*), min(start), max(start) FROM {table} WHERE series = ?",  # noqa: S608
                    (series,),
                ).fetchone()
                counts.append(count)
                if count:
                    lasts.append(self._start_us(resolution, last))
            yield SeriesSummary(name, self._start_us(Resolution.DAY, first), lasts[0], *counts)

    def _rows(
        self,
        name: str,
        resolution: Resolution,
        bounds: tuple[int, int],
        order: str,
        most: int,
    ) -> list[tuple[int, float]]:
        """Returns steps and values of those from the first bound to before the second."""

        def select(connection: sqlite3.Connection) -> list[tuple[int, float]]:
            return connection.execute(
                f"SELECT start, value FROM {_TABLES[resolution]}"  # noqa: S608
                f" WHERE series = ? AND start >= ? AND start < ? ORDER BY start {order} LIMIT ?",
                (_find(connection, name), *bounds, most),
            ).fetchall()

        return self._database.read(select)

    def _stretch(
        self, resolution: Resolution, rows: Sequence[tuple[int, float]], next_us: int
    ) -> Stretch:
        starts = self._starts_us(resolution, (start for start, _ in rows))
        values = np.array([value for _, value in rows], np.float64)
        return Stretch(np.array(starts, np.int64), values, next_us)

    def _starts_us(self, resolution: Resolution, starts: Iterable[int]) -> list[int]:
        return [self._start_us(resolution, start) for start in starts]

    def _start_us(self, resolution: Resolution, start: int) -> int:
        if resolution is Resolution.DAY:
            return self._steps.start_of_day_us(start)
        return start * MINUTE_US

    def _first_step(self, resolution: Resolution, timestamp_us: int) -> int:
        """Returns the first step that starts at a moment or after it."""
        timestamp_us = min(max(timestamp_us, _EARLIEST_US), _LATEST_US)
        if resolution is not Resolution.DAY:
            # Hours too are told by the minute that they start with.
            return -(-timestamp_us // MINUTE_US)
        day = self._steps.day_of(timestamp_us)
        return day if self._steps.start_of_day_us(day) >= timestamp_us else day + 1


def _find(connection: sqlite3.Connection, name: str) -> int:
    """Returns the number of a series.

    Raises:
        SeriesNotFoundError: There is no such series.
    """
    found = connection.execute("SELECT id FROM series WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise SeriesNotFoundError("The device keeps no series of that name.", field="name")
    return int(found[0])


def _is_known(connection: sqlite3.Connection, key: str) -> bool:
    return connection.execute("SELECT 1 FROM keys WHERE key = ?", (key,)).fetchone() is not None
