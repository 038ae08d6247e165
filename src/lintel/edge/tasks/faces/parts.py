"""Large pictures, looked at in parts as well: what is small in the picture is not in a part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.geometry import non_maximum_suppression
from lintel.edge.images import Picture
from lintel.edge.tasks.tensors import Floats

SHRINKING = 2
"""A part has so many times the side that a detector looks at, and is shrunk to it."""
# Share of a part's side that the next one sees too. A face that no part shows whole is larger, and
# so large enough to be found in all of the picture, up to 12 times the side of a detector's input.
_OVERLAP = 0.25
# A box that ends so near to where a part was cut, in pixels, may be half a face.
_CUT = 4.0
# Share of such a box that others cover, from which it tells nothing new.
_COVERED = 0.5


class Detections(NamedTuple):
    """Faces found in a picture, best first.

    Attributes:
        boxes: float32 (N, 4), x_min,y_min,x_max,y_max in pixels of the full picture, within it.
        scores: float32 (N,), probabilities.
    """

    boxes: Floats
    scores: Floats


class Part(NamedTuple):
    """A rectangle of a picture, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int


def parts_of(width: int, height: int, input_side: int) -> list[Part]:
    """Divides a picture into parts that overlap.

    Args:
        width: Of the picture, pixels.
        height: Likewise.
        input_side: Pixels of the long side that a detector looks at.
    """
    side = SHRINKING * input_side
    return [
        Part(left, top, min(left + side, width), min(top + side, height))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def detect_in_parts(
    picture: Picture, input_side: int, overlap: float, look: Callable[[Picture], Detections]
) -> Detections:
    """Finds faces in all of a picture, and in its parts.

    Args:
        picture: Of 8 bits a channel.
        input_side: Pixels of the long side that the detector looks at.
        overlap: Intersection over union from which two boxes are of one face.
        look: Finds the faces of a picture.
    """
    whole = look(picture)
    boxes, scores = [whole.boxes], [whole.scores]
    cut = [np.zeros(len(whole.boxes), bool)]
    for part in parts_of(picture.width, picture.height, input_side):
        found = look(_view(picture, part))
        offset = np.array([part.left, part.top, part.left, part.top], np.float32)
        boxes.append(found.boxes + offset)
        scores.append(found.scores)
        cut.append(_is_cut(boxes[-1], part, picture))
    return _merge(Detections(np.concatenate(boxes), np.concatenate(scores)), cut, overlap)


def _starts(length: int, side: int) -> list[int]:
    """Returns where parts begin along one side of a picture, evenly spread."""
    if length <= side:
        return [0]
    count = -(-(length - side) // round(side * (1 - _OVERLAP))) + 1
    return [round(start) for start in np.linspace(0, length - side, count).tolist()]


def _view(picture: Picture, part: Part) -> Picture:
    """Returns a part of a picture, without copying it; `pixels` may be fewer than the picture's."""
    rows, columns = picture.pixels.shape[:2]
    across, down = columns / picture.width, rows / picture.height
    left, right = round(part.left * across), round(part.right * across)
    top, bottom = round(part.top * down), round(part.bottom * down)
    return replace(
        picture,
        pixels=picture.pixels[top:bottom, left:right],
        width=part.right - part.left,
        height=part.bottom - part.top,
    )


def _is_cut(boxes: Floats, part: Part, picture: Picture) -> NDArray[np.bool_]:
    """Tells which boxes end where a part was cut out of the picture."""
    inner = np.array(
        [part.left > 0, part.top > 0, part.right < picture.width, part.bottom < picture.height]
    )
    ends = np.abs(boxes - np.array(part, np.float32)) < _CUT
    return np.asarray((ends & inner).any(axis=1))


def _merge(found: Detections, cut: list[NDArray[np.bool_]], overlap: float) -> Detections:
    """Leaves one box a face, best first."""
    may_be_half = np.concatenate(cut)
    sure = np.flatnonzero(~may_be_half)
    kept = sure[non_maximum_suppression(found.boxes[sure], found.scores[sure], overlap)]
    # Half a face is better than none, where nothing else has it.
    halves = np.flatnonzero(may_be_half)
    new = halves[_covered_shares(found.boxes[halves], found.boxes[kept]) < _COVERED]
    new = new[non_maximum_suppression(found.boxes[new], found.scores[new], overlap)]
    order = np.concatenate([kept, new])
    order = order[np.argsort(-found.scores[order], kind="stable")]
    return Detections(found.boxes[order], found.scores[order])


def _covered_shares(boxes: Floats, others: Floats) -> NDArray[np.float64]:
    """Returns the largest share of each box that one of others covers."""
    if not len(others):
        return np.zeros(len(boxes))
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=-1)
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    return np.asarray(shared.max(axis=1) / np.maximum(own, 1e-9), np.float64)
