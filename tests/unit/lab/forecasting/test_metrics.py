"""Errors of forecasts, checked against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.forecasting import metrics

NAN = math.nan
ACTUAL = np.array([1.0, 2.0, NAN, 4.0])
FORECAST = np.array([2.0, 2.0, 5.0, 2.0])
NOTHING = np.full(4, NAN)

finite = st.floats(-1e6, 1e6)


def test_root_mean_squared_error_leaves_out_what_is_not_known() -> None:
    assert metrics.root_mean_squared_error(ACTUAL, FORECAST) == pytest.approx(math.sqrt(5 / 3))


def test_symmetric_percentage_error_is_that_of_the_m4_competition() -> None:
    # 200 times the mean of 1/3, 0/4 and 2/6.
    assert metrics.symmetric_percentage_error(ACTUAL, FORECAST) == pytest.approx(400 / 9)


def test_nothing_forecast_where_nothing_came_is_right() -> None:
    zeros = np.zeros(3)
    assert metrics.symmetric_percentage_error(zeros, zeros) == 0
    assert metrics.symmetric_percentage_error(zeros, np.ones(3)) == 200


def test_the_scales_are_the_errors_of_repeating_the_season() -> None:
    history = np.array([1.0, 3.0, NAN, 6.0, 8.0, 9.0])
    # 3 - 1, 8 - 6, 9 - 8; the rest is not known.
    absolute, squared = metrics.naive_scales(history, 1)
    assert absolute == pytest.approx(5 / 3)
    assert squared == pytest.approx(math.sqrt(9 / 3))
    # 6 - 3, 9 - 6.
    assert metrics.naive_scales(history, 2) == pytest.approx((3.0, 3.0))


def test_a_history_shorter_than_the_season_has_no_scale() -> None:
    assert all(math.isnan(scale) for scale in metrics.naive_scales(np.arange(5.0), 7))


def test_pinball_loss_weighs_what_is_above_by_the_level() -> None:
    levels = (0.1, 0.9)
    quantiles = np.stack([FORECAST - 1, FORECAST], axis=-1)
    # At 0.1 the quantiles are 1, 1, -, 1: above by 0, 1, 3, at a weight of 0.1.
    # At 0.9 they are 2, 2, -, 2: below by 1 at 0.1, then 0, then above by 2 at 0.9.
    expected = (0.1 * (0 + 1 + 3) / 3 + (0.1 * 1 + 0.9 * 2) / 3) / 2
    assert metrics.pinball_loss(ACTUAL, quantiles, levels) == pytest.approx(expected)


def test_coverage_counts_the_ends() -> None:
    low, high = np.array([1.0, 2.5, 0.0, 3.0]), np.array([2.0, 3.0, 9.0, 4.0])
    assert metrics.coverage(ACTUAL, low, high) == pytest.approx(2 / 3)
    assert metrics.mean_width(ACTUAL, low, high) == pytest.approx((1 + 0.5 + 1) / 3)


def test_autocorrelation_is_that_of_the_textbook() -> None:
    # Deviations -1.5, -0.5, 0.5, 1.5: products of neighbours sum to 1.25, squares to 5.
    assert metrics.autocorrelation(np.arange(1.0, 5.0), 10) == pytest.approx([1, 0.25])


def test_autocorrelation_takes_gaps_and_refuses_to_guess() -> None:
    errors = np.tile([1.0, -1.0], 20)
    errors[7] = NAN
    assert metrics.autocorrelation(errors, 2)[1] < -0.8
    assert len(metrics.autocorrelation(np.ones(9), 3)) == 0
    assert len(metrics.autocorrelation(np.array([1.0, 2.0]), 3)) == 0


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert math.isnan(metrics.root_mean_squared_error(NOTHING, FORECAST))
    assert math.isnan(metrics.symmetric_percentage_error(NOTHING, FORECAST))
    assert math.isnan(metrics.pinball_loss(NOTHING, FORECAST[:, None], (0.5,)))
    assert math.isnan(metrics.coverage(NOTHING, FORECAST, FORECAST))
    assert math.isnan(metrics.mean_width(NOTHING, FORECAST, FORECAST))


def test_windows_before_any_interval_was_told_do_not_count() -> None:
    actual, low, high = np.ones(3), np.array([NAN, 0.0, 2.0]), np.array([NAN, 2.0, 4.0])
    assert metrics.coverage(actual, low, high) == 0.5
    assert metrics.mean_width(actual, low, high) == 2
    assert metrics.pinball_loss(actual, high[:, None], (0.5,)) == pytest.approx(1)
    assert math.isnan(metrics.pinball_loss(actual, np.full((3, 1), NAN), (0.5,)))


def test_a_forecast_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="one forecast a value"):
        metrics.root_mean_squared_error(ACTUAL, FORECAST[:2])


@given(arrays(np.float64, 12, elements=finite), arrays(np.float64, 12, elements=finite))
def test_half_the_absolute_error_is_the_pinball_loss_of_the_median(
    actual: np.ndarray, forecast: np.ndarray
) -> None:
    loss = metrics.pinball_loss(actual, forecast[:, None], (0.5,))
    assert loss == pytest.approx(np.abs(actual - forecast).mean() / 2)


@given(arrays(np.float64, 12, elements=finite), arrays(np.float64, 12, elements=finite))
def test_the_percentage_error_is_the_same_both_ways_and_bounded(
    first: np.ndarray, second: np.ndarray
) -> None:
    error = metrics.symmetric_percentage_error(first, second)
    assert error == pytest.approx(metrics.symmetric_percentage_error(second, first))
    assert 0 <= error <= 200
