"""Figures of a classifier: what it tells right, how it ranks, and what its probabilities mean.

Everywhere (N,) `truth` holds classes by number, and (N, C) `probabilities` sum to 1 in each row;
the class of the highest is what is told, of equal ones the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.lab.metrics.calibration import expected_calibration_error

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class OneClass:
    """What a classifier does with one class; NaN where there is nothing to tell.

    Attributes:
        count: How many are of it.
        told: How many are said to be.
        precision: Share that is of it among what is said to be.
        recall: Share that is said to be of it among what is.
        f1: Their harmonic mean.
        roc_auc: Area under the ROC curve of its probability: the chance that one of it is given
            a higher one than one that is not.
        average_precision: Area under the precision-recall curve of its probability.
    """

    count: int
    told: int
    precision: float
    recall: float
    f1: float
    roc_auc: float
    average_precision: float


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What a classifier is worth; means by class are over the classes that occur.

    Attributes:
        count: How many examples.
        accuracy: Share that is told right.
        macro_precision: Mean precision by class.
        macro_recall: Mean recall by class, also called balanced accuracy.
        macro_f1: Mean F1 by class.
        log_loss: Mean negative logarithm, natural, of the probability of the right class.
        calibration_error: See `expected_calibration_error`.
        by_class: In the order of the columns.
        confusion: Rows: classes as they are; columns: as they are told.
    """

    count: int
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    by_class: tuple[OneClass, ...]
    confusion: tuple[tuple[int, ...], ...]


class RocCurve(NamedTuple):
    """Attributes: (K,) each, both rising from 0 to 1."""

    false_positive_rate: Floats
    true_positive_rate: Floats


class PrecisionRecallCurve(NamedTuple):
    """Attributes: (K,) each, by rising threshold."""

    precision: Floats
    recall: Floats


def measure_classes(truth: Classes, probabilities: Floats) -> ClassFigures:
    """Computes the figures of a classifier.

    Args:
        truth: See above.
        probabilities: See above.
    """
    from sklearn import metrics  # noqa: PLC0415 -- slow to import

    classes = np.arange(probabilities.shape[1])
    if not len(truth):
        nothing = OneClass(0, 0, NAN, NAN, NAN, NAN, NAN)
        empty = tuple((0,) * len(classes) for _ in classes)
        return ClassFigures(0, NAN, NAN, NAN, NAN, NAN, NAN, (nothing,) * len(classes), empty)
    told = probabilities.argmax(axis=1)
    confusion = metrics.confusion_matrix(truth, told, labels=classes)
    precision, recall, f1, counts = metrics.precision_recall_fscore_support(
        truth, told, labels=classes, zero_division=0
    )
    occurs = counts > 0
    by_class = tuple(
        OneClass(
            int(counts[number]),
            int((told == number).sum()),
            float(precision[number]) if occurs[number] else NAN,
            float(recall[number]) if occurs[number] else NAN,
            float(f1[number]) if occurs[number] else NAN,
            *_ranking(truth == number, probabilities[:, number]),
        )
        for number in classes
    )
    return ClassFigures(
        count=len(truth),
        accuracy=float(metrics.accuracy_score(truth, told)),
        macro_precision=float(precision[occurs].mean()),
        macro_recall=float(recall[occurs].mean()),
        macro_f1=float(f1[occurs].mean()),
        log_loss=log_loss(truth, probabilities),
        calibration_error=expected_calibration_error(truth, probabilities),
        by_class=by_class,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def log_loss(truth: Classes, probabilities: Floats) -> float:
    """Returns the mean negative natural logarithm of the right class's probability."""
    from sklearn import metrics  # noqa: PLC0415 -- as above

    classes = np.arange(probabilities.shape[1])
    return float(metrics.log_loss(truth, probabilities, labels=classes))


def weighted_accuracy(right: NDArray[np.bool_], weights: Floats) -> float:
    """Returns the share that is right, of (N,), each counted as often as its weight; or NaN."""
    total = weights.sum()
    return float(weights @ right / total) if total else NAN


def weighted_macro_f1(truth: Classes, told: Classes, classes: int, weights: Floats) -> float:
    """Returns the mean F1 of the classes that occur, quickly enough for a bootstrap.

    Args:
        truth: (N,), classes by number.
        told: (N,), likewise.
        classes: How many there are.
        weights: (N,), how often each example counts.
    """
    pairs = np.bincount(truth * classes + told, weights, minlength=classes**2)
    table = pairs.reshape(classes, classes)
    counts = table.sum(axis=1)
    f1 = 2 * table.diagonal() / np.maximum(counts + table.sum(axis=0), np.finfo(float).tiny)
    return float(f1[counts > 0].mean()) if counts.any() else NAN


def roc_curve(belongs: NDArray[np.bool_], scores: Floats) -> RocCurve:
    """Draws the share of a class that is told over the share of the others that is.

    Args:
        belongs: (N,), which are of the class; there are some, and others.
        scores: (N,), higher is surer.
    """
    from sklearn import metrics  # noqa: PLC0415 -- as above

    return RocCurve(*metrics.roc_curve(belongs, scores)[:2])


def class_precision_recall_curve(
    belongs: NDArray[np.bool_], scores: Floats
) -> PrecisionRecallCurve:
    """Draws precision over recall of a class; the arguments are those of `roc_curve`."""
    from sklearn import metrics  # noqa: PLC0415 -- as above

    return PrecisionRecallCurve(*metrics.precision_recall_curve(belongs, scores)[:2])


def leave_out_class(truth: Classes, probabilities: Floats, number: int) -> tuple[Classes, Floats]:
    """Asks a classifier to choose between the other classes only.

    Args:
        truth: See above.
        probabilities: See above.
        number: The class that is left out.

    Returns:
        The examples of the other classes, which keep their order, with what remains of their
        probabilities brought to a sum of 1.
    """
    kept = np.delete(np.arange(probabilities.shape[1]), number)
    chosen = truth != number
    rest = np.maximum(probabilities[chosen][:, kept], np.finfo(float).tiny)
    return np.searchsorted(kept, truth[chosen]), rest / rest.sum(axis=1, keepdims=True)


def _ranking(belongs: NDArray[np.bool_], scores: Floats) -> tuple[float, float]:
    """Returns the areas under both curves."""
    from sklearn import metrics  # noqa: PLC0415 -- as above

    if belongs.all() or not belongs.any():
        return NAN, NAN
    return (
        float(metrics.roc_auc_score(belongs, scores)),
        float(metrics.average_precision_score(belongs, scores)),
    )
