"""Boxes: area, overlap, non-maximum suppression, matching, clipping, expanding.

Boxes are float32 arrays of shape (N, 4) with columns x_min, y_min, x_max, y_max in pixels; pixel
i of a row reaches from i to i + 1. A box whose maximum lies below its minimum is empty: its area
is 0 and it overlaps nothing. NaN is refused everywhere with InvalidArgumentError, since no answer
about it could be right; infinities are refused too, except by `clip`, which brings them back.
Sums and products run in float64, so that no finite box overflows on the way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.errors import InvalidArgumentError

Boxes = NDArray[np.float32]

# Boxes that suppression looks at together; of 4 to 32, the fastest.
_BLOCK = 8


def shaped(values: ArrayLike, field: str = "boxes") -> Boxes:
    """Brings boxes to their one form, without a look at their coordinates.

    Args:
        values: Shape (N, 4), numbers; an empty sequence is no boxes.
        field: What an error names.

    Returns:
        The boxes as float32, shape (N, 4); `values` itself where it has that form.

    Raises:
        InvalidArgumentError: Another shape, or no numbers.
    """
    if isinstance(values, np.ndarray) and values.dtype == np.float32:
        boxes: Boxes = values
    else:
        try:
            with np.errstate(over="ignore"):
                boxes = np.asarray(values, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError("Boxes must be numbers.", field=field) from error
    if boxes.shape == (0,):
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InvalidArgumentError("Boxes must have the shape (N, 4).", field=field)
    return boxes


def as_boxes(values: ArrayLike, *, infinite: bool = False, field: str = "boxes") -> Boxes:
    """Checks boxes and brings them to their one form.

    Args:
        values: Shape (N, 4), numbers; an empty sequence is no boxes.
        infinite: Whether infinities are let through.
        field: What an error names.

    Returns:
        The boxes as float32, shape (N, 4); `values` itself where it has that form.

    Raises:
        InvalidArgumentError: Another shape, no numbers, a NaN, or an infinity.
    """
    boxes = shaped(values, field)
    if np.isnan(boxes).any():
        raise InvalidArgumentError("A box has a coordinate that is not a number.", field=field)
    if not infinite and not np.isfinite(boxes).all():
        raise InvalidArgumentError("A box has an infinite coordinate.", field=field)
    return boxes


def area(boxes: ArrayLike) -> NDArray[np.float32]:
    """Measures boxes.

    Args:
        boxes: Shape (N, 4), finite.

    Returns:
        Shape (N,), square pixels, 0 for an empty box; infinite where float32 cannot hold it.

    Raises:
        InvalidArgumentError: The boxes are no finite (N, 4) numbers.
    """
    return _to_float32(_area(as_boxes(boxes).astype(np.float64)))


def intersection_over_union(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.float32]:
    """Measures how far each box of one set overlaps each of another.

    Args:
        boxes: Shape (N, 4), finite.
        others: Shape (M, 4), finite.

    Returns:
        Shape (N, M), 0 (apart, or either is empty) to 1 (the same).

    Raises:
        InvalidArgumentError: Either is no finite (N, 4) numbers.
    """
    left = as_boxes(boxes).astype(np.float64)
    right = as_boxes(others, field="others").astype(np.float64)
    return _to_float32(_overlap(left[:, None], right[None]))


def non_maximum_suppression(
    boxes: ArrayLike, scores: ArrayLike, threshold: float
) -> NDArray[np.intp]:
    """Keeps the best box of each heap: the greedy suppression of Dalal and Triggs (2005).

    Args:
        boxes: Shape (N, 4), finite.
        scores: Shape (N,), higher is better, not NaN; of equal scores the first box wins.
        threshold: A box goes when its overlap with a better, kept one is above this, 0 to 1.

    Returns:
        Indices of the boxes kept, shape (K,), best first.

    Raises:
        InvalidArgumentError: The boxes are no finite (N, 4) numbers, the scores are not one
            number a box, or the threshold is outside its range.
    """
    _check_threshold(threshold)
    corners = as_boxes(boxes).astype(np.float64)
    ranks = np.asarray(scores, dtype=np.float64)
    if ranks.shape != (len(corners),) or np.isnan(ranks).any():
        raise InvalidArgumentError("Scores must be one number a box.", field="scores")
    order = np.argsort(-ranks, kind="stable")
    # Rows of left edges and so on, and of areas: every step runs along them.
    waiting = np.vstack([corners[order].T, _area(corners[order])])
    kept: list[np.intp] = []
    while order.size:
        # The best few against all that are left: fewer steps than one by one.
        best, others = waiting[:, :_BLOCK, None], waiting[:, None]
        sides = np.minimum(best[2:4], others[2:4])
        sides -= np.maximum(best[:2], others[:2])
        np.maximum(sides, 0, out=sides)
        shared = sides[0] * sides[1]
        # An empty box shares nothing with any.
        covers = shared > threshold * (best[4] + others[4] - shared)
        gone = np.zeros(len(order), np.bool_)
        for index, covered in enumerate(covers):
            if not gone[index]:
                kept.append(order[index])
                gone |= covered
        gone[:_BLOCK] = True
        left = np.flatnonzero(~gone)
        waiting, order = waiting.take(left, axis=1), order[left]
    return np.array(kept, dtype=np.intp)


def match(boxes: ArrayLike, others: ArrayLike, threshold: float) -> NDArray[np.intp]:
    """Pairs the boxes of two sets greedily, the closest pair first.

    Args:
        boxes: Shape (N, 4), finite.
        others: Shape (M, 4), finite.
        threshold: Least overlap of a pair, 0 to 1; boxes that do not overlap never pair.

    Returns:
        Pairs (index into `boxes`, index into `others`), shape (K, 2), closest first; each box is
        in one pair at most. Of pairs as close as each other the one with the lower indices wins.

    Raises:
        InvalidArgumentError: Either is no finite (N, 4) numbers, or the threshold is outside its
            range.
    """
    _check_threshold(threshold)
    left = as_boxes(boxes).astype(np.float64)
    right = as_boxes(others, field="others").astype(np.float64)
    overlap = _overlap(left[:, None], right[None])
    rows, columns = np.nonzero((overlap >= threshold) & (overlap > 0))
    order = np.argsort(-overlap[rows, columns], kind="stable")
    pairs: list[tuple[int, int]] = []
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            pairs.append((row, column))
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def clip(boxes: ArrayLike, width: float, height: float) -> Boxes:
    """Cuts boxes to a picture.

    Args:
        boxes: Shape (N, 4), finite or infinite.
        width: Of the picture, pixels, 0 or more.
        height: Of the picture, pixels, 0 or more.

    Returns:
        New boxes within 0..width and 0..height. One wholly outside becomes a line or a point on
        the border, with no area; none is dropped.

    Raises:
        InvalidArgumentError: The boxes are no (N, 4) numbers, or the size is no size.
    """
    for name, side in (("width", width), ("height", height)):
        if not 0 <= side < np.inf:
            raise InvalidArgumentError("A picture's side must be 0 or more.", field=name)
    largest = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(as_boxes(boxes, infinite=True), np.float32(0), largest)


def expand(boxes: ArrayLike, margin: float) -> Boxes:
    """Makes boxes larger about their centres.

    Args:
        boxes: Shape (N, 4), finite.
        margin: What every side moves outwards, as a share of the box's width or height; 0 or
            more.

    Returns:
        New boxes, each holding the one it came from and the same with any smaller margin. An
        empty box stays as it is.

    Raises:
        InvalidArgumentError: The boxes are no finite (N, 4) numbers, or the margin is negative
            or not finite.
    """
    if not 0 <= margin < np.inf:
        raise InvalidArgumentError("The margin must be 0 or more.", field="margin")
    corners = as_boxes(boxes).astype(np.float64)
    reach = margin * np.maximum(corners[:, 2:] - corners[:, :2], 0)
    return _to_float32(np.hstack([corners[:, :2] - reach, corners[:, 2:] + reach]))


def _area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of float64 boxes of shape (..., 4), as shape (...)."""
    sides = np.maximum(corners[..., 2:] - corners[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _overlap(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of float64 boxes of shapes (..., 4) that broadcast."""
    top_left = np.maximum(left[..., :2], right[..., :2])
    bottom_right = np.minimum(left[..., 2:], right[..., 2:])
    shared = _area(np.concatenate([top_left, bottom_right], axis=-1))
    left_area, right_area = _area(left), _area(right)
    # An inverted box can still "share" the stretch between another's corners: it has no area.
    shared = np.where((left_area > 0) & (right_area > 0), shared, 0)
    union = left_area + right_area - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0))


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise InvalidArgumentError("The threshold must be from 0 to 1.", field="threshold")


def _to_float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rounds; what float32 cannot hold becomes infinite, without a warning."""
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)
