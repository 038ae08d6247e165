"""Types of the fixtures that the tests of forecasts share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lintel.edge.tasks.forecast import RegularSeries, TimeSeries

Floats = NDArray[np.float64]
MakeSeries = Callable[..., TimeSeries]
MakeRegular = Callable[..., RegularSeries]
DrawCounts = Callable[..., Floats]
ReadData = Callable[[str], TimeSeries]
