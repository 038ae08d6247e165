"""Scores: which candidates may be faces, before any box is worked out.

A threshold is applied twice: here to the raw scores and a little too low, so that almost nothing
has to be worked out further; and by the detector to the finished probabilities, exactly.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InferenceFailedError
from lintel.edge.packages import Calibration
from lintel.edge.tasks.tensors import Floats

Indices: TypeAlias = NDArray[np.intp]

# Wider than what float32 rounds away between a logit and its probability.
_SLACK = 0.1
_LEAST = 1e-6
# What float16 networks may be off by.
_TOLERANCE = 0.01


def calibrate(scores: Floats, calibration: Calibration) -> Floats:
    """Turns raw scores into probabilities, (N,) each; see Calibration."""
    return sigmoid(np.asarray(scores, np.float64) * calibration.slope + calibration.intercept)


def sigmoid(logits: NDArray[np.float32] | NDArray[np.float64]) -> Floats:
    """Turns logits into probabilities, (N,) each."""
    # The same as 1 / (1 + exp(-x)), without its overflow.
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def least_raw_score(probability: float, calibration: Calibration | None) -> float:
    """Returns a raw score below which no calibrated score reaches `probability`."""
    if calibration is None:
        return probability
    if calibration.slope <= 0:
        return -math.inf
    return (_least_logit(probability) - calibration.intercept) / calibration.slope


def choose(scores: Floats, least: float, activation: str = "none") -> tuple[Indices, Floats]:
    """Chooses candidates.

    Args:
        scores: All of them, (N,), as the model gives them.
        least: After activation, candidates below are of no use.
        activation: "none" for probabilities, "sigmoid" for logits.

    Returns:
        Indices (K,) of those that may be at least `least`, and their scores (K,), activated.

    Raises:
        InferenceFailedError: See check_scores.
    """
    check_scores(scores, activation)
    least_raw = _least_logit(least) if activation == "sigmoid" else least
    chosen = np.flatnonzero(scores >= least_raw)
    return chosen, activate(scores[chosen], activation)


def activate(scores: Floats, activation: str) -> Floats:
    """Turns checked scores of the model into probabilities, (N,) each."""
    return sigmoid(scores) if activation == "sigmoid" else np.clip(scores, 0, 1)


def check_scores(scores: Floats, activation: str = "none") -> None:
    """Checks that scores can be believed.

    Args:
        scores: (N,), as the model gives them.
        activation: "none" for probabilities, "sigmoid" for logits.

    Raises:
        InferenceFailedError: One is no finite number; or no probability where it must be, since
            logits, taken for such, make every answer "no faces".
    """
    if not scores.size:
        return
    # A NaN comes through min and max, and compares with nothing.
    low, high = scores.min(), scores.max()
    if not -np.inf < low <= high < np.inf:
        raise InferenceFailedError("The face model gave what is no box or no score.")
    if activation == "none" and not -_TOLERANCE <= low <= high <= 1 + _TOLERANCE:
        raise InferenceFailedError("The face model gave scores that are no probabilities.")


def _least_logit(probability: float) -> float:
    """Returns a logit below which none has at least this probability."""
    if probability <= _LEAST:
        return -math.inf
    bounded = min(probability, 1 - _LEAST)
    return math.log(bounded / (1 - bounded)) - _SLACK
