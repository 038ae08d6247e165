"""The one form that annotations have in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedPicture:
    """A picture file and the boxes that someone drew on it.

    Attributes:
        path: The picture file.
        width: Pixels in a row of the file as stored, before EXIF orientation.
        height: Rows of the file as stored.
        boxes: Shape (N, 4), float32: x_min, y_min, x_max, y_max in pixels of the file as stored,
            within it, each with an area.
        labels: A class a box, N in all; "" where the source says nothing.
        ignored: Shape (N,), bool: boxes that count neither as hit nor as miss, such as crowds
            and faces that the annotator found too difficult.
        source: The data set that it came from, or "".
        group: Pictures of one group (near-duplicates, frames of one video) belong in one
            split; "" where nothing is known.
        split: "train", "val", "test", or "".
        duplicate_of: The picture that this one nearly copies, or "": leave it out of figures.
        whole_frame: One box is nearly the whole picture: no use for testing a detector.
    """

    path: Path
    width: int
    height: int
    boxes: NDArray[np.float32]
    labels: tuple[str, ...]
    ignored: NDArray[np.bool_]
    source: str = ""
    group: str = ""
    split: str = ""
    duplicate_of: str = ""
    whole_frame: bool = False
