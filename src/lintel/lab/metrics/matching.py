"""Which detections of one picture are hits, which are false alarms, and what was missed.

Greedy, in the manner of COCO (Lin et al., "Microsoft COCO: Common Objects in Context", 2014, and
its reference code pycocotools, with which this agrees to the last detection): the best detection
chooses first, and takes the closest face that is still free. Faces that count go before faces
that are ignored, and whatever takes an ignored one is itself neither hit nor false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.geometry import area, as_boxes, intersection_over_union

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Overlaps are of 32 bits: one that is exactly at the threshold may lie a hair below it.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """How the detections and the faces of one picture go together; detections in given order.

    Attributes:
        scores: Shape (D,), float64, of the detections.
        faces: Shape (D,), the index of the face that a detection took, -1: none.
        hits: Shape (D,), the detections that took a face that counts.
        false_alarms: Shape (D,), those that took none and are not ignored. What is neither is
            left out of all figures.
        missed: Shape (N,), the faces that count and that no detection took.
        expected: How many faces count.
    """

    scores: Floats
    faces: NDArray[np.intp]
    hits: Mask
    false_alarms: Mask
    missed: Mask
    expected: int


def match_detections(
    truth: ArrayLike,
    boxes: ArrayLike,
    scores: ArrayLike,
    least_overlap: float,
    *,
    ignored_truth: ArrayLike | None = None,
    regions: ArrayLike | None = None,
    ignored_boxes: ArrayLike | None = None,
) -> Matching:
    """Matches the detections of one picture with its faces.

    Args:
        truth: Shape (N, 4), the faces, pixels.
        boxes: Shape (D, 4), the detections, in the same pixels, in any order.
        scores: Shape (D,), higher is surer; of equal scores the first chooses first.
        least_overlap: Least intersection over union of a match, above 0 to 1.
        ignored_truth: Shape (N,), faces that count neither as found nor as missed: too small,
            say. One detection may take each. Default: none.
        regions: Shape (N,), boxes around things not told apart, such as crowds: ignored, any
            number of detections may take each, and it is their share of the detection's own
            area that has to reach `least_overlap`. Default: none.
        ignored_boxes: Shape (D,), detections that are no false alarms where they take nothing.
            Default: none.

    Returns:
        The matching.

    Raises:
        InvalidArgumentError: Boxes or scores are no finite numbers, lengths differ, or the
            threshold is out of range.
    """
    if not 0 < least_overlap <= 1:
        raise InvalidArgumentError("The least overlap must be above 0, to 1.", field="iou")
    faces, found = as_boxes(truth, field="truth"), as_boxes(boxes)
    ranks = np.asarray(scores, dtype=np.float64).reshape(-1)
    if len(ranks) != len(found) or not np.isfinite(ranks).all():
        raise InvalidArgumentError("Scores must be one finite number a box.", field="scores")
    is_region = _mask(regions, len(faces))
    counts = ~(_mask(ignored_truth, len(faces)) | is_region)
    overlaps = _overlaps(found, faces, is_region)
    taken_by = np.full(len(found), -1, dtype=np.intp)
    free = np.ones(len(faces), dtype=np.bool_)
    for index in np.argsort(-ranks, kind="stable"):
        reaches = (overlaps[index] >= least_overlap - _ROUNDING) & (free | is_region)
        candidates = np.flatnonzero(reaches & counts)
        if not len(candidates):
            candidates = np.flatnonzero(reaches)
        if len(candidates):
            # Of faces as close as each other pycocotools takes the last.
            best = candidates[::-1][overlaps[index, candidates[::-1]].argmax()]
            taken_by[index] = best
            free[best] = False
    took = taken_by >= 0
    hits = took.copy()
    hits[took] = counts[taken_by[took]]
    false_alarms = ~took & ~_mask(ignored_boxes, len(found))
    return Matching(ranks, taken_by, hits, false_alarms, counts & free, int(counts.sum()))


def _overlaps(found: NDArray[np.float32], faces: NDArray[np.float32], is_region: Mask) -> Floats:
    """Shape (D, N): over the union, but over the detection's own area where a face is a region."""
    overlaps = intersection_over_union(found, faces).astype(np.float64)
    if is_region.any():
        own = area(found).astype(np.float64)[:, None]
        both = own + area(faces[is_region]).astype(np.float64)
        over_union = overlaps[:, is_region]
        shared = over_union * both / (1 + over_union)
        overlaps[:, is_region] = np.divide(shared, own, out=np.zeros_like(shared), where=own > 0)
    return overlaps


def _mask(values: ArrayLike | None, length: int) -> Mask:
    if values is None:
        return np.zeros(length, dtype=np.bool_)
    mask = np.asarray(values, dtype=np.bool_)
    if mask.shape != (length,):
        raise InvalidArgumentError("A mask must be one truth value a box.", field="mask")
    return mask
