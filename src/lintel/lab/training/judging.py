"""The figures that a training is followed by, from logits of crops that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.metrics.classification import leave_out_class, measure_classes

INCORRECT = MASK_LABELS.index("incorrect_mask")
BATCH = 128


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well classes are told.

    Attributes:
        loss: Mean negative logarithm of the probability of the right class.
        accuracy: Share of right classes.
        macro_f1: Mean F1 of the classes that there are.
        two_class_accuracy: Share of right answers where faces that wear their mask wrongly are
            left out and may not be told.
    """

    loss: float
    accuracy: float
    macro_f1: float
    two_class_accuracy: float


def judge(logits: NDArray[np.floating[Any]], classes: NDArray[np.int64]) -> Judgement:
    """Measures logits.

    Args:
        logits: (N, C), N at least 1.
        classes: (N,), the right ones.
    """
    probabilities = softmax(logits)
    figures = measure_classes(classes, probabilities)
    two = measure_classes(*leave_out_class(classes, probabilities, INCORRECT))
    return Judgement(figures.log_loss, figures.accuracy, figures.macro_f1, two.accuracy)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Returns the probabilities that logits (N, C) stand for."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def predict(network: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Runs a Keras model over crops: the logits, (N, C)."""
    parts = [
        np.asarray(network.predict_on_batch(pixels[start : start + BATCH].astype(np.float32)))
        for start in range(0, len(pixels), BATCH)
    ]
    return np.concatenate(parts)
