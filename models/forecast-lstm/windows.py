"""Windows of a series to learn from: what is known at an origin, and what came after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from lstm import Shape
from numpy.typing import NDArray

from lintel.edge.tasks.forecast import RegularSeries

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows, in the order of time.

    Attributes:
        values: float32 (N, window), gaps filled as the device fills them: from the past alone.
        targets: float32 (N, horizon), NaN where not known.
    """

    values: Floats32
    targets: Floats32

    def __len__(self) -> int:
        """How many."""
        return len(self.values)

    @property
    def labels(self) -> Floats32:
        """float32 (N, horizon + 1), as ScaledError takes them."""
        deviations = np.maximum(self.values.std(axis=1, keepdims=True), 1e-6)
        return np.concatenate([self.targets, deviations], axis=1)

    def mean_absolute_errors(self, forecasts: NDArray[Any]) -> tuple[float, float]:
        """Returns the mean absolute error one step ahead, and over all steps.

        Args:
            forecasts: (N, horizon).
        """
        errors = np.abs(forecasts - self.targets)
        return float(np.nanmean(errors[:, 0])), float(np.nanmean(errors))


def cut_windows(series: RegularSeries, shape: Shape, first: int, end: int) -> Windows:
    """Cuts every window whose targets lie from a first step to an end.

    Args:
        series: The whole series.
        shape: Lengths of windows and horizon.
        first: First step that may be a target; what lies before it may be in windows.
        end: Step before which all targets are.
    """
    origins = np.arange(max(first, shape.window), end - shape.horizon + 1)
    steps = np.arange(-shape.window, shape.horizon)
    rows = origins[:, None] + steps
    past, future = rows[:, : shape.window], rows[:, shape.window :]
    return Windows(series.filled[past].astype(np.float32), series.values[future].astype(np.float32))
