"""What probabilities mean: whether as many are right as they say, and how to make them so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lintel.lab.errors import LabError

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]

BINS = 15
"""Of the calibration error: equally wide, from 0 to 1; the number that its authors took."""
# Temperatures that are tried: what lies beyond is no model that anyone would calibrate.
_LOWEST, _HIGHEST = 0.02, 50.0
# Stands for a probability of 0, which has no logarithm.
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """What is told with about the same probability.

    Attributes:
        count: How often.
        confidence: The mean probability of what is told.
        accuracy: The share that is right.
    """

    count: int
    confidence: float
    accuracy: float


def reliability_bins(
    truth: Classes, probabilities: Floats, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Sorts answers by the probability of the class that is told.

    Args:
        truth: Shape (N,), classes by number.
        probabilities: Shape (N, C).
        bins: How many, equally wide from 0 to 1; an upper end belongs to its bin.

    Returns:
        Those with anything in them, by rising probability.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return tuple(
        ReliabilityBin(
            int(chosen.sum()), float(confidence[chosen].mean()), float(right[chosen].mean())
        )
        for chosen in (places == number for number in np.unique(places))
    )


def expected_calibration_error(truth: Classes, probabilities: Floats, bins: int = BINS) -> float:
    """Measures how far the probabilities of what is told lie from the shares that are right.

    C. Guo and others, On Calibration of Modern Neural Networks, 2017: the mean, over bins of the
    probability of the class that is told, of the distance between mean probability and accuracy,
    each bin weighted by what is in it.

    Args:
        truth: Shape (N,), classes by number.
        probabilities: Shape (N, C).
        bins: As in `reliability_bins`.

    Returns:
        0 to 1, lower is better; NaN where there are no examples.
    """
    if not len(truth):
        return float("nan")
    return sum(
        one.count * abs(one.confidence - one.accuracy)
        for one in reliability_bins(truth, probabilities, bins)
    ) / len(truth)


def apply_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Divides the logits of probabilities (N, C) by a temperature, and gives (N, C) again.

    Logarithms of probabilities serve as logits: they differ from the network's own by a number
    that a softmax takes no notice of.
    """
    logits = np.log(np.maximum(probabilities, _LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(truth: Classes, probabilities: Floats) -> float:
    """Finds the temperature of the least log loss (C. Guo and others, as above).

    Args:
        truth: Shape (N,), classes by number.
        probabilities: Shape (N, C).

    Returns:
        What `apply_temperature` takes; above 1 where the model is too sure.

    Raises:
        LabError: There is nothing to fit to, or everything is right or everything wrong, so
            that there is no best one.
    """
    from scipy import optimize  # noqa: PLC0415 -- slow to import

    right = probabilities.argmax(axis=1) == truth
    if right.all() or not right.any():
        raise LabError(
            "A temperature cannot be fitted without both right and wrong answers: give more data."
        )
    places = np.arange(len(truth))

    def loss(logarithm: float) -> float:
        told = apply_temperature(probabilities, np.exp(logarithm))[places, truth]
        return float(-np.log(np.maximum(told, _LEAST)).mean())

    found = optimize.minimize_scalar(
        loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded"
    )
    return float(np.exp(found.x))
