"""Series in files, put on the calendar that they lie on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lintel.cli.names import shown
from lintel.cli.time_tables import read_time_table
from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast import RegularSeries, TimeSeries, find_zone, regularise
from lintel.lab.errors import LabError


def read_series(
    path: Path, *, column: str = "", time_zone: str = "", season_length: int = 0
) -> RegularSeries:
    """Reads a series from a text file, as `lintel forecast` does.

    Args:
        path: The file: see lintel.cli.time_tables.
        column: Header of the values; "": the only column beside the times, or the usual one.
        time_zone: IANA name of the zone of times that do not tell theirs; "": UTC.
        season_length: Steps of a season; 1: none; 0: found.

    Raises:
        FileFailedError: It cannot be read; the message names the line.
        LabError: The values lie on no calendar, or are too few for the season.
    """
    zone = find_zone(time_zone)
    table = read_time_table(path, zone, column)
    try:
        series = TimeSeries(np.array(table.timestamps_us, np.int64), np.array(table.values))
        return regularise(series, zone, season_length)
    except InvalidArgumentError as error:
        raise LabError(f"{shown(str(path))}: {error.message}") from error
