"""Series in files, put on the calendar that they lie on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lintel.cli.names import shown
from lintel.cli.time_tables import read_time_table
from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast import (
    RegularSeries,
    TimeSeries,
    find_zone,
    place_regressors,
    regularise,
)
from lintel.lab.errors import LabError
from lintel.lab.forecasting.metrics import Floats


def read_series(
    path: Path,
    *,
    column: str = "",
    regressors: Sequence[str] = (),
    time_zone: str = "",
    season_length: int = 0,
) -> tuple[RegularSeries, dict[str, Floats]]:
    """Reads a series and what is known beside it from a text file, as `lintel forecast` does.

    Args:
        path: The file: see lintel.cli.time_tables.
        column: Header of the values; "": the only column beside the times, or the usual one.
        regressors: Headers of what else is known.
        time_zone: IANA name of the zone of times that do not tell theirs; "": UTC.
        season_length: Steps of a season; 1: none; 0: found.

    Returns:
        The series, and by the name of each regressor float64 (len(series),), NaN where the series
        has no value.

    Raises:
        FileFailedError: It cannot be read; the message names the line.
        LabError: The values lie on no calendar, or are too few for the season.
    """
    zone = find_zone(time_zone)
    table = read_time_table(path, zone, column, regressors)
    timestamps_us = np.array(table.timestamps_us, np.int64)
    try:
        series = regularise(TimeSeries(timestamps_us, np.array(table.values)), zone, season_length)
    except InvalidArgumentError as error:
        raise LabError(f"{shown(str(path))}: {error.message}") from error
    history = np.array(list(table.regressors.values())).reshape(-1, len(timestamps_us)).T
    nothing_later = np.empty((0, history.shape[1]))
    placed = place_regressors(series, timestamps_us, history, nothing_later)
    return series, dict(zip(table.regressors, placed.T, strict=True))
