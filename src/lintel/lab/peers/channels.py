"""Pictures as the peers want them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts grey (H, W) or blue, green, red (H, W, 3) to red, green, blue (H, W, 3)."""
    import cv2  # noqa: PLC0415 -- the command line starts without it

    way = cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(pixels, way), dtype=np.uint8)
