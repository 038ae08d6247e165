"""Series that this machine keeps."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lintel.cli.series_engines import Point, ResolutionName, Stretch, Summary

if TYPE_CHECKING:
    from lintel.edge.config import Settings


class LocalSeries:
    """Keeps series where the settings say, whether or not a server does so at the same time.

    Args:
        settings: The device's settings.

    Raises:
        LintelError: They are wrong, or say that none are kept.
    """

    def __init__(self, settings: Settings) -> None:
        from lintel.edge.series import ensure_kept, open_recorder  # noqa: PLC0415 - takes time

        self._recorder = ensure_kept(open_recorder(settings.series))

    def __enter__(self) -> Self:
        """Returns the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the store."""
        self._recorder.stop()

    def record(self, name: str, points: Sequence[Point], key: str) -> int:
        """Adds counts to a series; returns how many: 0 where the key has been seen."""
        from lintel.edge.series import Count  # noqa: PLC0415 - imported by now

        return self._recorder.record([Count(name, *point) for point in points], key)

    def summaries(self) -> list[Summary]:
        """Returns what is kept, by name."""
        return [Summary(*summary) for summary in self._recorder.store.summaries()]

    def read(self, name: str, resolution: ResolutionName, start_us: int, end_us: int) -> Stretch:
        """Reads a stretch of a series; a bound of 0 is none."""
        from lintel.edge.series import Resolution, zone_name  # noqa: PLC0415 - imported by now

        store = self._recorder.store
        timestamps_us: list[int] = []
        values: list[float] = []
        while True:
            part = store.read(name, Resolution(resolution), start_us, end_us)
            timestamps_us += part.timestamps_us.tolist()
            values += part.values.tolist()
            if not part.next_us:
                return Stretch(timestamps_us, values, zone_name(store.zone))
            start_us = part.next_us

    def delete(self, name: str) -> None:
        """Forgets a series."""
        self._recorder.delete(name)
