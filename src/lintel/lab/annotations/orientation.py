"""Boxes of the file as stored, on the picture as decoded: upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.geometry import as_boxes


def turn_upright(
    boxes: ArrayLike, width: int, height: int, orientation: int
) -> NDArray[np.float32]:
    """Turns boxes as `lintel.edge.images.decode` turns pixels.

    Args:
        boxes: Shape (N, 4), pixels of the file as stored.
        width: Of the file as stored, pixels.
        height: Of the file as stored, pixels.
        orientation: EXIF orientation, 1 to 8 (EXIF 2.3, tag 0x0112).

    Returns:
        Shape (N, 4), pixels of the upright picture, which is `height` wide where the
        orientation is 5 or more.

    Raises:
        InvalidArgumentError: The boxes are no finite (N, 4) numbers.
    """
    x_min, y_min, x_max, y_max = as_boxes(boxes).T
    mirrored_x, mirrored_y = (width - x_max, width - x_min), (height - y_max, height - y_min)
    across, down = {
        1: ((x_min, x_max), (y_min, y_max)),
        2: (mirrored_x, (y_min, y_max)),
        3: (mirrored_x, mirrored_y),
        4: ((x_min, x_max), mirrored_y),
        5: ((y_min, y_max), (x_min, x_max)),
        6: (mirrored_y, (x_min, x_max)),
        7: (mirrored_y, mirrored_x),
        8: ((y_min, y_max), mirrored_x),
    }[orientation]
    return np.stack([across[0], down[0], across[1], down[1]], axis=1).astype(np.float32)
