"""What recurrent forecasters are verified with when they are converted.

Windows of the newest part that may be looked at: the last fifth of a series is for backtests alone.
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

HOURS = Shape(window=336, horizon=24, chunk=24, units=96)
PRICES = Shape(window=20, horizon=1, chunk=1, units=32)
UNTIL = 0.8
MOST = 2000

Example = tuple[NDArray[np.float32], NDArray[np.float32]]


def hours() -> Iterator[Example]:
    """Yields windows of the hourly counts, and what came after them."""
    return _examples("series/bike_sharing_hourly.csv", HOURS)


def prices() -> Iterator[Example]:
    """Yields windows of the prices, and what came after them."""
    return _examples("prices/tsla.csv", PRICES)


def _examples(file: str, shape: Shape) -> Iterator[Example]:
    """Yields windows whose targets are all known."""
    data = Path(os.environ.get("LINTEL_DATA", "../shared/data"))
    series, _ = read_series(data / file)
    end = round(len(series) * UNTIL)
    windows = cut_windows(series, shape, end - MOST, end)
    for values, targets in zip(windows.values, windows.targets, strict=True):
        if not np.isnan(targets).any():
            yield values[None], targets
