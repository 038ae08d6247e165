"""Whether probabilities mean what they say, and how they are made to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.lab.errors import LabError
from lintel.lab.metrics import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    reliability_bins,
)


def draw(count: int, seed: int = 3) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Answers whose probabilities are true: classes are drawn by them."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet((1.0, 0.6, 0.3), count)
    reached = random.random(count)[:, None] > probabilities.cumsum(axis=1)
    return np.minimum(reached.sum(axis=1), 2), probabilities


def test_bins_hold_what_is_told_with_about_the_same_probability() -> None:
    # Half right at 0.6, all right at 0.9; an upper end belongs to its bin.
    probabilities = np.array([[0.6, 0.4], [0.4, 0.6], [0.9, 0.1], [0.1, 0.9]])
    truth = np.array([0, 0, 0, 1])
    low, high = reliability_bins(truth, probabilities, bins=10)
    assert (low.count, low.confidence, low.accuracy) == pytest.approx((2, 0.6, 0.5))
    assert (high.count, high.confidence, high.accuracy) == pytest.approx((2, 0.9, 1))
    error = expected_calibration_error(truth, probabilities, bins=10)
    assert error == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)


def test_certainty_has_a_bin_and_nothing_has_no_error() -> None:
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert expected_calibration_error(np.array([0, 1]), sure) == 0.5
    assert math.isnan(expected_calibration_error(np.empty(0, int), np.empty((0, 2))))


def test_true_probabilities_have_hardly_an_error_and_exaggerated_ones_have() -> None:
    truth, probabilities = draw(40_000)
    assert expected_calibration_error(truth, probabilities) < 0.01
    assert expected_calibration_error(truth, apply_temperature(probabilities, 0.3)) > 0.1


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_answers_were_spoilt_by_is_found(temperature: float) -> None:
    truth, probabilities = draw(40_000)
    spoilt = apply_temperature(probabilities, 1 / temperature)
    found = fit_temperature(truth, spoilt)
    assert found == pytest.approx(temperature, rel=0.05)
    mended = apply_temperature(spoilt, found)
    assert log_loss(truth, mended) <= log_loss(truth, spoilt) + 1e-9
    assert expected_calibration_error(truth, mended) < 0.01


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_a_temperature_changes_no_answer_and_is_undone(seed: int, temperature: float) -> None:
    _, probabilities = draw(5, seed)
    changed = apply_temperature(probabilities, temperature)
    assert changed.sum(axis=1) == pytest.approx(1)
    assert changed.argmax(axis=1).tolist() == probabilities.argmax(axis=1).tolist()
    if temperature > 1:
        assert apply_temperature(changed, 1 / temperature) == pytest.approx(probabilities, abs=1e-6)


@pytest.mark.parametrize("truth", [[], [0, 0], [1, 1]])
def test_a_temperature_needs_right_and_wrong_answers(truth: list[int]) -> None:
    with pytest.raises(LabError, match="both right and wrong answers"):
        fit_temperature(np.array(truth, int), np.array([[0.9, 0.1]] * len(truth)).reshape(-1, 2))
