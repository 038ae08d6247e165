"""What an idle device must not carry."""

from __future__ import annotations

import subprocess
import sys

ORDINARY_WORK = """
import sys
import numpy as np
from lintel.edge.images import ImageFormat, PixelFormat, decode, encode, from_raw, read_header
pixels = np.zeros((48, 64, 3), np.uint8)
for ordinary in (pixels, pixels[..., 0]):
    data = encode(ordinary, ImageFormat.JPEG)
    read_header(data)
    decode(data)
    decode(data, depth8=True, long_side=16)
from_raw(pixels.tobytes(), PixelFormat.BGR8, 64, 48)
print(sorted({"cv2", "PIL"} & set(sys.modules)))
encode(pixels, ImageFormat.PNG)
print(sorted({"cv2", "PIL"} & set(sys.modules)))
"""


def test_ordinary_jpeg_pictures_need_neither_opencv_nor_pillow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORDINARY_WORK], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "['cv2']"]
