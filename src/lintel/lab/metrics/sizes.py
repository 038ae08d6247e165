"""How large a face is, by the picture that it is in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.geometry import as_boxes

REFERENCE_LONG_SIDE = 640
"""Sizes are told as if each picture's long side had as many pixels."""


class SizeBin(NamedTuple):
    """A range of sizes.

    Attributes:
        name: For people.
        least: Smallest size in it, pixels.
        below: Smallest size above it.
    """

    name: str
    least: float
    below: float

    def holds(self, sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tells which sizes are in the range."""
        return np.asarray((sizes >= self.least) & (sizes < self.below))


def box_sizes(boxes: ArrayLike, width: int, height: int) -> NDArray[np.float64]:
    """Measures boxes by their short side, with the picture's long side at 640 pixels.

    Args:
        boxes: Shape (N, 4), pixels.
        width: Of the picture, pixels.
        height: Of the picture, pixels.

    Returns:
        Shape (N,), pixels.

    Raises:
        InvalidArgumentError: The boxes are no finite (N, 4) numbers.
    """
    corners = as_boxes(boxes).astype(np.float64)
    scale = REFERENCE_LONG_SIDE / max(width, height)
    return np.asarray((corners[:, 2:] - corners[:, :2]).min(axis=1) * scale)


def size_bins(smallest: float) -> tuple[SizeBin, ...]:
    """Cuts the sizes from the smallest that counts into bins that double.

    Args:
        smallest: Pixels; below it nothing counts.
    """
    edges = [smallest * factor for factor in (1, 2, 4)]
    return (
        SizeBin(f"{edges[0]:g} to {edges[1]:g} px", edges[0], edges[1]),
        SizeBin(f"{edges[1]:g} to {edges[2]:g} px", edges[1], edges[2]),
        SizeBin(f"{edges[2]:g} px and more", edges[2], np.inf),
    )
