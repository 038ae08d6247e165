"""Series that a server keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lintel.cli.series_engines import Point, ResolutionName, Stretch, Summary
from lintel.cli.server_connection import ServerConnection
from lintel.cli.times import EPOCH, MICROSECOND


class ServerSeries(ServerConnection):
    """Has a server keep series. Takes and raises what ServerConnection does."""

    def record(self, name: str, points: Sequence[Point], key: str) -> int:
        """Adds counts to a series; returns how many: 0 where the key has been seen."""
        from lintel.client import Count  # noqa: PLC0415 - imported by now

        counts = [Count(name, value, timestamp_us or None) for timestamp_us, value in points]
        return self._call(lambda: self._client.record_counts(counts, idempotency_key=key))

    def summaries(self) -> list[Summary]:
        """Returns what is kept, by name."""
        return [
            Summary(
                summary.name,
                _microseconds(summary.first),
                _microseconds(summary.last),
                summary.minutes,
                summary.hours,
                summary.days,
            )
            for summary in self._call(self._client.list_series)
        ]

    def read(self, name: str, resolution: ResolutionName, start_us: int, end_us: int) -> Stretch:
        """Reads a stretch of a series; a bound of 0 is none."""
        read = self._call(
            lambda: self._client.read_series(
                name, resolution=resolution, start=start_us or None, end=end_us or None
            )
        )
        return Stretch(read.timestamps_us, read.values, read.time_zone)

    def delete(self, name: str) -> None:
        """Forgets a series."""
        self._call(lambda: self._client.delete_series(name))


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND
