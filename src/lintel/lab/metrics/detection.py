"""Figures of a detector over many pictures: precision, recall, F1, average precision.

Average precision comes in the three ways of the literature:

- "area": under the precision-recall curve, its precision made monotone (Pascal VOC since 2010).
- "coco101": the mean of that precision at the recalls 0, 0.01 ... 1 (Lin et al., 2014).
- "voc11": the mean at the recalls 0, 0.1 ... 1 (Everingham et al., Pascal VOC 2007).

All of them rank single detections, in the order of the pictures where scores are equal, as
pycocotools does. A curve, and what is read off it, has a point for each different score only:
detections of one score cannot be told apart by a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.lab.metrics.matching import Matching

Floats = NDArray[np.float64]
Method = Literal["area", "coco101", "voc11"]

_RECALLS = {"coco101": np.linspace(0, 1, 101), "voc11": np.linspace(0, 1, 11)}


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """The detections of many pictures that count, best first.

    Attributes:
        scores: Shape (D,), falling.
        hits: Shape (D,), bool; the others are false alarms.
        pictures: Shape (D,), the picture of each.
        expected: Shape (P,), the faces that count, by picture.
    """

    scores: Floats
    hits: NDArray[np.bool_]
    pictures: NDArray[np.intp]
    expected: NDArray[np.intp]

    @property
    def faces(self) -> int:
        """All faces that count."""
        return int(self.expected.sum())


class Curve(NamedTuple):
    """Precision and recall by threshold, a point for each different score, best first.

    Attributes:
        scores: Shape (K,), falling: all detections of this score or better are taken.
        precision: Shape (K,), hits among the detections taken.
        recall: Shape (K,), faces found among those that count.
    """

    scores: Floats
    precision: Floats
    recall: Floats


class OperatingPoint(NamedTuple):
    """What a detector does at one threshold.

    Attributes:
        score: The threshold.
        precision: Hits among detections.
        recall: Faces found among those that count.
        f1: The harmonic mean of both.
    """

    score: float
    precision: float
    recall: float
    f1: float


def tally(matchings: Sequence[Matching]) -> Tally:
    """Gathers matchings, one a picture."""
    lengths = [len(matching.scores) for matching in matchings]
    pictures = np.repeat(np.arange(len(matchings)), lengths)
    scores = _join([matching.scores for matching in matchings], np.float64)
    hits = _join([matching.hits for matching in matchings], np.bool_)
    counts = hits | _join([matching.false_alarms for matching in matchings], np.bool_)
    order = np.argsort(-scores, kind="stable")
    order = order[counts[order]]
    expected = np.array([matching.expected for matching in matchings], dtype=np.intp)
    return Tally(scores[order], hits[order].astype(np.bool_), pictures[order], expected)


def average_precision(
    counted: Tally, method: Method = "area", weights: Floats | None = None
) -> float:
    """Measures how well detections are ranked, over all thresholds.

    Args:
        counted: The detections.
        method: Which of the three ways.
        weights: Shape (P,), how often each picture counts, for resampling. Default: once.

    Returns:
        0 to 1, higher is better; NaN where there are no faces.
    """
    hits, alarms, faces = _cumulate(counted, weights)
    if faces == 0:
        return float("nan")
    if not len(hits):
        return 0.0
    taken = hits + alarms
    precision = np.divide(hits, taken, out=np.zeros_like(hits), where=taken > 0)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = hits / faces
    if method == "area":
        return float(np.sum(np.diff(recall, prepend=0.0) * precision))
    places = np.searchsorted(recall, _RECALLS[method], side="left")
    return float(np.append(precision, 0.0)[places].mean())


def precision_recall_curve(counted: Tally) -> Curve:
    """Draws precision over recall.

    Returns:
        The curve; without points where there are no detections. Without faces recall is NaN.
    """
    hits, alarms, faces = _cumulate(counted, None)
    last_of_score = np.flatnonzero(np.diff(counted.scores, append=-np.inf))
    hits, alarms = hits[last_of_score], alarms[last_of_score]
    recall = hits / faces if faces else np.full(len(hits), np.nan)
    return Curve(counted.scores[last_of_score], hits / (hits + alarms), recall)


def recall_at_precision(curve: Curve, least_precision: float) -> float:
    """Finds the highest recall of a threshold that holds a precision; 0 where none does."""
    holds = curve.precision >= least_precision
    return float(curve.recall[holds].max()) if holds.any() else 0.0


def best_f1(curve: Curve) -> OperatingPoint | None:
    """Finds the threshold of the highest F1, of equal ones the highest; None for an empty curve."""
    if not len(curve.scores):
        return None
    return operating_point(curve, float(curve.scores[_f1(curve).argmax()]))


def operating_point(curve: Curve, score: float) -> OperatingPoint:
    """Tells what a detector does at a threshold.

    Args:
        curve: Its curve.
        score: Detections of this score or better are taken.

    Returns:
        The point; where no detection is taken, recall and F1 are 0 and precision is NaN.
    """
    last = int((curve.scores >= score).sum()) - 1
    if last < 0:
        return OperatingPoint(score, float("nan"), 0.0, 0.0)
    precision, recall = float(curve.precision[last]), float(curve.recall[last])
    return OperatingPoint(score, precision, recall, float(_f1(curve)[last]))


def _f1(curve: Curve) -> Floats:
    total = curve.precision + curve.recall
    product = 2 * curve.precision * curve.recall
    return np.divide(product, total, out=np.zeros_like(product), where=total > 0)


def _cumulate(counted: Tally, weights: Floats | None) -> tuple[Floats, Floats, float]:
    """Returns hits and false alarms down to each detection, and how many faces count."""
    if weights is None:
        return (
            np.cumsum(counted.hits, dtype=np.float64),
            np.cumsum(~counted.hits, dtype=np.float64),
            float(counted.faces),
        )
    each = weights[counted.pictures]
    return (
        np.cumsum(each * counted.hits),
        np.cumsum(each * ~counted.hits),
        float(weights @ counted.expected),
    )


def _join(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *parts])
