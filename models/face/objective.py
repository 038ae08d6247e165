"""What the network is trained to: which cells answer for which face, and the losses.

Cells are given to faces by how well they already do (task-aligned assignment: C. Feng et al.,
TOOD: Task-aligned One-stage Object Detection, 2021), scores are trained towards that alignment
with a binary cross-entropy, boxes with the complete-IoU loss without its aspect term (distance
IoU: Z. Zheng et al., Distance-IoU Loss, 2020).

Everything is in keras.ops, so that any backend of Keras can train.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from network import STRIDES
from numpy.typing import NDArray

Tensor = Any

MAX_FACES = 32
"""Most faces and ignored regions of a training picture: the loss costs in proportion."""
PADDING, FACE, IGNORED = 0, 1, 2
"""Kinds of a row of the targets."""

CANDIDATES_A_FACE = 10
CENTRE_RADIUS = 2.5
"""A face is answered for by cells whose centre is within this many of their own strides."""
SMALLEST_HALF, LARGEST_HALF = 0.7, 4.5
"""Half the longer side of the faces that a stride answers for, in strides: two strides a face."""
SCORE_POWER, OVERLAP_POWER = 0.5, 4.0
BOX_WEIGHT = 2.5
_TINY = 1e-7


def cell_grid(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns the corners (A, 2) of a picture's cells in pixels, and their strides (A,)."""
    corners, strides = [], []
    for stride in STRIDES:
        side = size // stride
        rows, columns = np.mgrid[:side, :side]
        corners.append(np.stack([columns, rows], axis=-1).reshape(-1, 2) * stride)
        strides.append(np.full(side * side, stride))
    return np.concatenate(corners).astype("float32"), np.concatenate(strides).astype("float32")


def decode_boxes(coded: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """Turns coded boxes (B, A, 4) into x_min, y_min, x_max, y_max in pixels."""
    centres = corners + coded[..., :2] * strides[:, None]
    # No face is larger than e^5 cells; the bound keeps an early, wild weight from overflowing.
    half = 0.5 * ops.exp(ops.clip(coded[..., 2:], -5.0, 5.0)) * strides[:, None]
    return ops.concatenate([centres - half, centres + half], axis=-1)


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Returns the intersection over union of boxes (..., 4) that broadcast."""
    x = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    y = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    shared = ops.maximum(x, 0.0) * ops.maximum(y, 0.0)
    return shared / (_area(a) + _area(b) - shared + _TINY)


def detection_loss(targets: Tensor, outputs: Tensor, size: int) -> Tensor:
    """Returns the loss of a batch.

    Args:
        targets: float32 (B, MAX_FACES, 5): x_min, y_min, x_max, y_max in pixels and the kind of
            the row.
        outputs: float32 (B, A, 5), as the network gives them.
        size: Width and height of the pictures in pixels.
    """
    corners, strides = (ops.convert_to_tensor(part) for part in cell_grid(size))
    logits = outputs[..., 0]
    boxes = decode_boxes(outputs[..., 1:], corners, strides)
    centres = corners + 0.5 * strides[:, None]
    truth, kinds = targets[..., :4], targets[..., 4]
    quality, assigned = _assign(
        ops.stop_gradient(ops.sigmoid(logits)),
        ops.stop_gradient(boxes),
        (centres, strides),
        (truth, kinds),
    )
    in_ignored = ops.any(
        _contains(truth, centres) & ops.equal(kinds, float(IGNORED))[..., None], axis=1
    )
    counts = ops.cast(~in_ignored | (quality > 0), "float32")
    entropy = ops.relu(logits) - logits * quality + ops.log1p(ops.exp(-ops.abs(logits)))
    total = ops.maximum(ops.sum(quality), 1.0)
    score_loss = ops.sum(entropy * counts) / total
    box_loss = ops.sum(_box_loss(boxes, assigned) * quality) / total
    return score_loss + BOX_WEIGHT * box_loss


def _assign(
    scores: Tensor, boxes: Tensor, grid: tuple[Tensor, Tensor], truth: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Gives cells to faces.

    Returns:
        The score every cell should have, (B, A), 0 for background; and its face's box (B, A, 4).
    """
    (centres, strides), (faces, kinds) = grid, truth
    overlaps = overlap(faces[:, :, None], boxes[:, None])  # (B, N, A)
    middle = 0.5 * (faces[..., :2] + faces[..., 2:])
    reach = ops.max(ops.abs(centres - middle[:, :, None]), axis=-1) / strides
    half = 0.5 * ops.max(faces[..., 2:] - faces[..., :2], axis=-1)[..., None] / strides
    # Within the face; of a face smaller than a cell, at least the cell that it lies in.
    possible = (reach < CENTRE_RADIUS) & (reach <= ops.maximum(half, 0.75))
    # And of a size that suits the stride: without this, small cells learn large faces in vain.
    possible = possible & ((half <= LARGEST_HALF) | (strides >= STRIDES[-1]))
    possible = possible & ((half >= SMALLEST_HALF) | (strides <= STRIDES[0]))
    possible = possible & ops.equal(kinds, float(FACE))[..., None]
    alignment = ops.power(scores[:, None] + _TINY, SCORE_POWER) * ops.power(
        overlaps + 1e-3, OVERLAP_POWER
    )
    alignment = ops.where(possible, alignment, 0.0)
    least = ops.top_k(alignment, CANDIDATES_A_FACE)[0][..., -1:]
    alignment = ops.where(alignment >= ops.maximum(least, 1e-30), alignment, 0.0)
    # A cell answers for one face at most: the one that it fits best.
    owner = ops.argmax(alignment, axis=1)  # (B, A)
    owned = ops.equal(ops.arange(faces.shape[1])[None, :, None], owner[:, None])
    alignment = ops.where(owned, alignment, 0.0)
    overlaps = ops.where(alignment > 0, overlaps, 0.0)
    # The best cell of a face is to score as well as it overlaps, the others in proportion.
    best_overlap = ops.max(overlaps, axis=-1, keepdims=True)
    best = ops.max(alignment, axis=-1, keepdims=True)
    quality = ops.max(alignment / (best + 1e-30) * ops.maximum(best_overlap, 0.1), axis=1)
    assigned = ops.take_along_axis(faces, owner[..., None], axis=1)
    return ops.stop_gradient(quality), ops.stop_gradient(assigned)


def _contains(boxes: Tensor, points: Tensor) -> Tensor:
    """Tells which of points (A, 2) lie in which of boxes (B, N, 4): (B, N, A)."""
    x, y = points[:, 0], points[:, 1]
    left, top, right, bottom = (boxes[..., k : k + 1] for k in range(4))
    return (x >= left) & (x < right) & (y >= top) & (y < bottom)


def _box_loss(boxes: Tensor, assigned: Tensor) -> Tensor:
    apart = 0.5 * (boxes[..., :2] + boxes[..., 2:] - assigned[..., :2] - assigned[..., 2:])
    hull = ops.maximum(boxes[..., 2:], assigned[..., 2:]) - ops.minimum(
        boxes[..., :2], assigned[..., :2]
    )
    distance = ops.sum(apart**2, axis=-1) / (ops.sum(hull**2, axis=-1) + _TINY)
    return 1.0 - overlap(boxes, assigned) + distance


def _area(boxes: Tensor) -> Tensor:
    return ops.maximum(boxes[..., 2] - boxes[..., 0], 0.0) * ops.maximum(
        boxes[..., 3] - boxes[..., 1], 0.0
    )


class FaceLoss(keras.losses.Loss):
    """`detection_loss` as Keras takes it."""

    def __init__(self, size: int, **options: Any) -> None:
        # The loss is of the batch already.
        super().__init__(reduction="sum", **options)
        self._size = size

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """See `detection_loss`."""
        return detection_loss(y_true, y_pred, self._size)
