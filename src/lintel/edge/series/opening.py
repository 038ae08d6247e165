"""Opening the store that the settings name."""

from __future__ import annotations

from pathlib import Path

from lintel.edge.config import Series
from lintel.edge.errors import SeriesNotKeptError
from lintel.edge.series.clock import Clock
from lintel.edge.series.places import default_path, device_zone
from lintel.edge.series.recorder import Recorder
from lintel.edge.series.steps import LocalSteps
from lintel.edge.series.store import Retention, SeriesStore


def open_recorder(settings: Series) -> Recorder | None:
    """Returns the way into the store of the settings; its file is opened when it is needed.

    Args:
        settings: Where series are kept, and how.

    Returns:
        None where none are kept.

    Raises:
        SettingsInvalidError: There is no such time zone.
    """
    steps = LocalSteps(device_zone(settings.time_zone))
    if settings.path == "":
        return None
    path = Path(settings.path) if settings.path else default_path()
    clock = Clock()
    return Recorder(
        SeriesStore(path, steps, clock),
        clock,
        Retention(settings.minutes_days, settings.hours_days),
        write_every_s=settings.write_every_s,
        max_series=settings.max_series,
        max_future_s=settings.max_future_s,
    )


def ensure_kept(recorder: Recorder | None) -> Recorder:
    """Returns the way into the store.

    Raises:
        SeriesNotKeptError: There is none.
    """
    if recorder is None:
        raise SeriesNotKeptError("This device keeps no series: its setting series.path is empty.")
    return recorder
