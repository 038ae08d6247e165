"""Errors, and the test of whether they differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.tasks.forecast import diebold_mariano, mean_absolute_error
from lintel.edge.tasks.forecast.metrics import student_tail

scipy_stats = pytest.importorskip("scipy.stats")


def test_steps_without_a_value_do_not_count() -> None:
    actual = np.array([[1.0, np.nan], [3.0, 5.0]])
    assert mean_absolute_error(actual, np.full((2, 2), 2.0)) == pytest.approx(5 / 3)
    assert math.isnan(mean_absolute_error(np.array([np.nan]), np.array([1.0])))


@given(st.floats(0, 50), st.integers(1, 500))
def test_the_tail_of_students_t_is_scipys(value: float, degrees: int) -> None:
    expected = float(scipy_stats.t.sf(value, degrees))
    assert student_tail(value, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_one_step_ahead_it_is_the_paired_t_test() -> None:
    random = np.random.default_rng(1)
    losses, others = random.exponential(1, 40), random.exponential(1.4, 40)
    found = diebold_mariano(losses, others, 1)
    expected = scipy_stats.ttest_rel(losses, others)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_the_correction_for_longer_horizons() -> None:
    """By the formulas of Harvey, Leybourne and Newbold (1997), written out for h = 3."""
    differences = np.random.default_rng(2).normal(-0.3, 1, 50)
    centred = differences - differences.mean()
    gammas = [np.sum(centred[lag:] * centred[: 50 - lag]) / 50 for lag in range(3)]
    plain = differences.mean() / math.sqrt((gammas[0] + 2 * (gammas[1] + gammas[2])) / 50)
    expected = plain * math.sqrt((50 + 1 - 2 * 3 + 3 * 2 / 50) / 50)
    found = diebold_mariano(differences, np.zeros(50), 3)
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(2 * scipy_stats.t.sf(abs(expected), 49))


@pytest.mark.parametrize("overlap", [1, 5])
def test_noise_is_found_significant_about_as_often_as_it_says(overlap: int) -> None:
    random = np.random.default_rng(3)
    kernel = np.ones(overlap) / overlap
    found = [
        diebold_mariano(
            np.convolve(random.normal(size=100 + overlap - 1), kernel, "valid"),
            np.zeros(100),
            overlap,
        ).p_value
        < 0.05
        for _ in range(400)
    ]
    assert 0.02 <= np.mean(found) <= 0.11


@pytest.mark.parametrize("overlap", [1, 5])
@pytest.mark.parametrize("difference", [0.1, 1.5])
def test_a_difference_that_never_varies_is_not_of_chance(difference: float, overlap: int) -> None:
    losses = np.full(30, difference)
    assert diebold_mariano(losses, np.zeros(30), overlap) == (math.inf, 0.0)
    assert diebold_mariano(np.zeros(30), losses, overlap) == (-math.inf, 0.0)


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert diebold_mariano(np.ones(9), np.ones(9), 2) == (0.0, 1.0)
    assert diebold_mariano(np.array([1.0, np.nan]), np.zeros(2), 1) == (0.0, 1.0)
    # Windows that all overlap are one.
    assert diebold_mariano(np.ones(9), np.zeros(9), 9) == (0.0, 1.0)


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=40),
    st.integers(1, 60),
)
def test_a_probability_comes_of_anything(values: list[float], overlap: int) -> None:
    losses = np.array(values, np.float64)
    one = diebold_mariano(losses, np.zeros(len(losses)), overlap)
    other = diebold_mariano(np.zeros(len(losses)), losses, overlap)
    assert 0 <= one.p_value <= 1
    assert one.statistic == pytest.approx(-other.statistic)
