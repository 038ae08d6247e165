"""What the recurrent forecaster is verified with when it is converted.

Windows of the part that it was judged by: the last fifth of the series is for backtests alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from lstm import Shape
from numpy.typing import NDArray
from windows import cut_windows

from lintel.lab.forecasting.reading import read_series

RELEASED = Shape(window=336, horizon=24, chunk=24, units=96)
UNTIL = 0.8
MOST = 2000

Example = tuple[NDArray[np.float32], NDArray[np.float32]]


def examples() -> Iterator[Example]:
    """Yields windows with every target known, and their targets."""
    data = Path(os.environ.get("LINTEL_DATA", "../shared/data"))
    series = read_series(data / "series" / "bike_sharing_hourly.csv")
    end = round(len(series) * UNTIL)
    windows = cut_windows(series, RELEASED, end - MOST, end)
    for values, targets in zip(windows.values, windows.targets, strict=True):
        if not np.isnan(targets).any():
            yield values[None], targets
