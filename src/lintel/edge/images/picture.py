"""A decoded picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lintel.edge.images.formats import ImageFormat


class PixelFormat(StrEnum):
    """Order and packing of the 8-bit samples of a raw frame."""

    BGR8 = "bgr8"
    RGB8 = "rgb8"
    GRAY8 = "gray8"
    NV12 = "nv12"
    I420 = "i420"


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, upright.

    Attributes:
        pixels: (H, W) grey or (H, W, 3) blue, green, red; uint8, or uint16 for 16-bit
            pictures. C-contiguous, writable, and no one else's.
        width: Pixels in a row of the full picture; `pixels` may be a smaller copy.
        height: Rows of the full picture.
        format: How it was encoded; None for raw frames.
        raw_format: How its samples were packed; None for encoded pictures.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    width: int
    height: int
    format: ImageFormat | None
    raw_format: PixelFormat | None

    @property
    def scale(self) -> float:
        """Width of `pixels` over width of the full picture, at most 1."""
        return int(self.pixels.shape[1]) / self.width
