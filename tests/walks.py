"""Recordings of somebody who walks through the picture from left to right, and back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 240
FACE = 120


def write_walk(folder: Path, face: NDArray[np.uint8], reach: int, steps: int) -> Path:
    """Writes a folder of pictures that a camera can replay.

    Args:
        folder: Where to; it is made.
        face: (HEIGHT, W, 3), a face of FACE pixels in the middle, and wall to both sides.
        reach: Pixels that the walk goes to either side of the middle; from 220 on the face leaves
            the picture.
        steps: Pictures of each way.

    Returns:
        The folder.
    """
    folder.mkdir()
    way = np.linspace(reach, -reach, steps).astype(int)
    left = (face.shape[1] - WIDTH) // 2
    for number, shift in enumerate([*way, *reversed(way)]):
        picture = np.ascontiguousarray(face[:, left + shift : left + shift + WIDTH])
        cv2.imwrite(str(folder / f"{number:03}.png"), picture)
    return folder
