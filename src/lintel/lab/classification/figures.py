"""Figures of classifiers: by source, by size, of two classes and of three, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.classification.running import WRONGLY_WORN, Classification, ClassifierRun
from lintel.lab.evaluation import ALL
from lintel.lab.metrics import (
    Balance,
    ClassFigures,
    Comparison,
    Interval,
    McNemar,
    class_balance,
    compare,
    interval,
    leave_out_class,
    mcnemar,
    measure_classes,
    size_bins,
    weighted_accuracy,
    weighted_macro_f1,
)
from lintel.lab.training.faces import Face

TWO, THREE = "two classes", "three classes"


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier says of some faces, to a question of two classes or of three.

    Attributes:
        labels: The classes.
        truth: Shape (N,), the right ones by number.
        probabilities: Shape (N, C).
        groups: N names: faces of a group say little more than one of them.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    groups: tuple[str, ...]

    @cached_property
    def told(self) -> NDArray[np.int64]:
        """Shape (N,), the likeliest classes by number."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Shape (N,), where those are the right ones."""
        return np.asarray(self.told == self.truth)

    def accuracy(self, weights: NDArray[np.float64]) -> float:
        """Returns the share that is right, each face counted as often as its weight."""
        return weighted_accuracy(self.right, weights)

    def macro_f1(self, weights: NDArray[np.float64]) -> float:
        """Returns the mean F1 of the classes, each face counted as often as its weight."""
        return weighted_macro_f1(self.truth, self.told, len(self.labels), weights)


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures, and how far they may be off because of the pictures.

    Attributes:
        figures: What was measured.
        accuracy: 95 % interval of the accuracy, by a bootstrap over groups of pictures.
        macro_f1: Likewise.
    """

    figures: ClassFigures
    accuracy: Interval
    macro_f1: Interval


@dataclass(frozen=True, slots=True)
class ClassifierFigures:
    """All figures of a classifier.

    Attributes:
        name: Of the classifier.
        details: What exactly it is.
        cpu_ms: Mean CPU time a face, milliseconds.
        two: By source: of the faces whose masks are not worn wrongly, which of the two classes.
        three: By source: of all faces, which of the three classes.
        by_size: By the size of the face, over all sources: the three classes.
    """

    name: str
    details: str
    cpu_ms: float
    two: dict[str, Measured]
    three: dict[str, Measured]
    by_size: dict[str, ClassFigures]


@dataclass(frozen=True, slots=True)
class ClassifierComparison:
    """Two classifiers on the same faces.

    Attributes:
        first: Name of one.
        second: Name of the other.
        source: Whose faces, or "all".
        question: "two classes" or "three classes".
        accuracy: The first against the second, by a paired bootstrap over groups of pictures.
        macro_f1: Likewise.
        errors: McNemar's test, which takes every face for itself.
    """

    first: str
    second: str
    source: str
    question: str
    accuracy: Comparison
    macro_f1: Comparison
    errors: McNemar


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """Whether the splits of a source have the same shares of classes.

    Attributes:
        source: Whose faces, or "all".
        counts: By split: how many faces of each class, in the order of MASK_LABELS.
        result: The test.
    """

    source: str
    counts: dict[str, tuple[int, ...]]
    result: Balance


def measure_classifiers(
    classification: Classification, smallest: float
) -> tuple[ClassifierFigures, ...]:
    """Computes all figures of all classifiers.

    Args:
        classification: What they made of faces.
        smallest: Least size that faces were chosen by.
    """
    sizes = np.array([face.size for face in classification.faces])
    return tuple(
        ClassifierFigures(
            name=run.name,
            details=run.details,
            cpu_ms=run.cpu_ms,
            two=_by_source(classification, run, TWO),
            three=_by_source(classification, run, THREE),
            by_size={
                one.name: measure_classes(answers.truth, answers.probabilities)
                for one in size_bins(smallest)
                for answers in [_answers(classification, run, one.holds(sizes), THREE)]
            },
        )
        for run in classification.runs
    )


def compare_classifiers(classification: Classification) -> tuple[ClassifierComparison, ...]:
    """Compares the first classifier with each of the others."""
    first, *others = classification.runs
    return tuple(
        _compare(classification, first, other, source, question)
        for question in (TWO, THREE)
        for source in sources_of(classification.faces)
        for other in others
    )


def measure_balance(faces: Iterable[Face]) -> tuple[ClassBalance, ...]:
    """Compares the shares of classes between splits, by source.

    Args:
        faces: Of all splits.
    """
    everything = tuple(faces)
    balances = []
    for source in sources_of(everything):
        counted = Counter(
            (face.split, face.label) for face in everything if source in (ALL, face.source)
        )
        counts = {
            split: tuple(counted[split, label] for label in MASK_LABELS)
            for split in dict.fromkeys(split for split, _ in counted)
        }
        balances.append(ClassBalance(source, counts, class_balance(list(counts.values()))))
    return tuple(balances)


def answers_of(
    classification: Classification, run: ClassifierRun, source: str = ALL, question: str = THREE
) -> Answers:
    """Gathers what a classifier says of the faces of a source.

    Args:
        classification: What it was measured in.
        run: What it made of the faces.
        source: Whose faces, or "all".
        question: "two classes": wrongly worn masks are left out, and it is asked which of the
            two others is likelier; "three classes".
    """
    chosen = np.array([source in (ALL, face.source) for face in classification.faces])
    return _answers(classification, run, chosen, question)


def sources_of(faces: Sequence[Face]) -> tuple[str, ...]:
    """Names the sources of faces, and "all" where there are several."""
    names = tuple(dict.fromkeys(face.source for face in faces))
    return (*names, ALL) if len(names) > 1 else names


def _answers(
    classification: Classification,
    run: ClassifierRun,
    chosen: NDArray[np.bool_],
    question: str,
) -> Answers:
    truth, probabilities = classification.truth[chosen], run.probabilities[chosen]
    groups = np.array([face.group for face in classification.faces], object)[chosen]
    if question == THREE:
        return Answers(MASK_LABELS, truth, probabilities, tuple(groups))
    labels = tuple(label for place, label in enumerate(MASK_LABELS) if place != WRONGLY_WORN)
    groups = groups[truth != WRONGLY_WORN]
    return Answers(labels, *leave_out_class(truth, probabilities, WRONGLY_WORN), tuple(groups))


def _by_source(
    classification: Classification, run: ClassifierRun, question: str
) -> dict[str, Measured]:
    return {
        source: Measured(
            measure_classes(answers.truth, answers.probabilities),
            interval(answers.accuracy, answers.groups),
            interval(answers.macro_f1, answers.groups),
        )
        for source in sources_of(classification.faces)
        for answers in [answers_of(classification, run, source, question)]
    }


def _compare(
    classification: Classification,
    first: ClassifierRun,
    second: ClassifierRun,
    source: str,
    question: str,
) -> ClassifierComparison:
    one, two = (answers_of(classification, run, source, question) for run in (first, second))
    return ClassifierComparison(
        first.name,
        second.name,
        source,
        question,
        compare(lambda weights: one.accuracy(weights) - two.accuracy(weights), one.groups),
        compare(lambda weights: one.macro_f1(weights) - two.macro_f1(weights), one.groups),
        mcnemar(one.right, two.right),
    )
