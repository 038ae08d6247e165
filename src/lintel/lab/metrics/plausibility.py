"""Boxes in the wrong unit, caught with a message rather than scored as zero.

Boxes in fractions of the picture, in pixels of a model's input or with their columns in another
order overlap nothing, and look like a detector that finds nothing. So whatever is scored is held
to its picture first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.geometry import as_boxes
from lintel.lab.errors import LabError

Boxes = NDArray[np.float32]

# Rounding and hasty drawing put a box this far out of its picture, and no farther.
_SLACK_PIXELS = 1.0
_SLACK_SHARE = 0.01
# No box of a face that anyone drew or found ends within so few pixels of the first corner.
_FRACTIONS_END = 1.5
# A detector may guess wildly now and then, but not most of the time.
_MOST_OUTSIDE = 0.1


class ImplausibleBoxesError(LabError, ValueError):
    """Boxes cannot be in pixels of their picture."""


def check_truth(boxes: ArrayLike, width: int, height: int) -> Boxes:
    """Checks the boxes that someone drew on a picture.

    Args:
        boxes: Shape (N, 4): x_min, y_min, x_max, y_max in pixels.
        width: Of the picture, pixels.
        height: Of the picture, pixels.

    Returns:
        The boxes, float32.

    Raises:
        InvalidArgumentError: They are no finite (N, 4) numbers.
        ImplausibleBoxesError: One has no area, or lies outside of the picture, or all look like
            fractions.
    """
    corners = as_boxes(boxes, field="truth")
    where = f"in a picture of {width} x {height} pixels"
    if _are_fractions([corners], [(width, height)]):
        raise ImplausibleBoxesError(
            f"The faces {where} look like fractions of its sides: {_show(corners[0])}."
        )
    for box in corners:
        if (box[2:] <= box[:2]).any():
            raise ImplausibleBoxesError(
                f"A face {where} has no area: {_show(box)}. Boxes are x_min, y_min, x_max, y_max."
            )
    slack = [max(_SLACK_PIXELS, _SLACK_SHARE * side) for side in (width, height)]
    outside = (corners[:, :2] < np.negative(slack)).any(axis=1)
    outside |= (corners[:, 2:] > np.add((width, height), slack)).any(axis=1)
    if outside.any():
        raise ImplausibleBoxesError(f"A face {where} lies outside: {_show(corners[outside][0])}.")
    return corners


def check_detections(boxes: Sequence[ArrayLike], sizes: Sequence[tuple[int, int]]) -> None:
    """Checks what a detector found in some pictures, taken together.

    A single detection may be nonsense without anything being wrong with its unit; most of them
    may not.

    Args:
        boxes: For each picture, shape (D, 4), x_min, y_min, x_max, y_max in its pixels.
        sizes: Width and height of each picture.

    Raises:
        InvalidArgumentError: They are no finite (D, 4) numbers.
        ImplausibleBoxesError: One is turned inside out, more than a tenth lie wholly outside of
            their pictures, or all look like fractions.
    """
    found = [as_boxes(each) for each in boxes]
    if _are_fractions(found, sizes):
        example = next(each[0] for each in found if len(each))
        raise ImplausibleBoxesError(
            f"The detections look like fractions of their pictures' sides: {_show(example)}."
        )
    total, outside = 0, 0
    for each, (width, height) in zip(found, sizes, strict=True):
        inverted = (each[:, 2:] < each[:, :2]).any(axis=1)
        if inverted.any():
            raise ImplausibleBoxesError(
                f"A detection is turned inside out: {_show(each[inverted][0])}."
                " Boxes are x_min, y_min, x_max, y_max."
            )
        total += len(each)
        outside += int(
            ((each[:, :2] >= (width, height)).any(axis=1) | (each[:, 2:] <= 0).any(axis=1)).sum()
        )
    if total and outside > _MOST_OUTSIDE * total:
        raise ImplausibleBoxesError(
            f"Of {total} detections {outside} lie wholly outside of their pictures:"
            " they are in pixels of something else."
        )


def _are_fractions(boxes: Sequence[Boxes], sizes: Sequence[tuple[int, int]]) -> bool:
    """Whether there are boxes, and all end nearer the first corner than any in pixels would."""
    given = [
        (float(each.max()), min(size)) for each, size in zip(boxes, sizes, strict=True) if each.size
    ]
    return bool(given) and all(
        largest <= _FRACTIONS_END < smallest_side / 2 for largest, smallest_side in given
    )


def _show(box: NDArray[np.float32]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in box.tolist()) + ")"
