"""Boxes turn as pixels do."""

from __future__ import annotations

import numpy as np
import pytest

from lintel.edge.images import ImageFormat, decode, encode
from lintel.lab.annotations import turn_upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_stays_on_what_it_was_drawn_around(orientation: int) -> None:
    pixels = np.zeros((40, 64), np.uint8)
    pixels[8:24, 40:60] = 255
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0" * 7
    png = encode(pixels, ImageFormat.PNG)
    at = png.index(b"IDAT") - 4
    chunk = len(exif).to_bytes(4, "big") + b"eXIf" + exif + b"\0\0\0\0"
    upright = decode(png[:at] + chunk + png[at:]).pixels
    [[x_min, y_min, x_max, y_max]] = turn_upright([[40, 8, 60, 24]], 64, 40, orientation).astype(
        int
    )
    grey = upright if upright.ndim == 2 else upright[..., 0]
    assert (grey[y_min:y_max, x_min:x_max] == 255).all()
    assert int((grey == 255).sum()) == (y_max - y_min) * (x_max - x_min) == 320
