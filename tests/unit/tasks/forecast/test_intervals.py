"""Intervals: as many values within as they say, whatever the series does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.forecast_fixtures import Floats, MakeRegular

from lintel.edge.tasks.forecast import (
    ConformalIntervals,
    Drift,
    Naive,
    Plan,
    backtest,
    intervals_along,
)
from lintel.edge.tasks.forecast.intervals import Outcome, outcomes_of, replay

LEVELS = (0.025, 0.1, 0.9, 0.975)


def outcomes(means: Floats, actuals: Floats, stride: int = 1) -> list[Outcome]:
    return [
        Outcome(stride * index, mean, actual)
        for index, (mean, actual) in enumerate(zip(means, actuals, strict=True))
    ]


def coverage(quantiles: Floats, actual: Floats) -> tuple[float, float]:
    """Shares of values within the 80 % and the 95 % interval."""
    inner = (quantiles[..., 1] <= actual) & (actual <= quantiles[..., 2])
    outer = (quantiles[..., 0] <= actual) & (actual <= quantiles[..., 3])
    return float(inner.mean()), float(outer.mean())


@pytest.mark.parametrize(
    "kind", ["normal", "skewed", "in proportion", "three times as wide", "ever wider"]
)
def test_coverage_is_what_it_says(kind: str) -> None:
    random = np.random.default_rng(0)
    means = random.uniform(50, 500, (1200, 1))
    errors = {
        "normal": random.normal(0, 10, (1200, 1)),
        "skewed": random.exponential(10, (1200, 1)) - 10,
        "in proportion": means * random.normal(0, 0.2, (1200, 1)),
        "three times as wide": random.normal(0, 10, (1200, 1))
        * np.where(np.arange(1200) < 600, 1, 3)[:, None],
        "ever wider": random.normal(0, 10, (1200, 1)) * np.geomspace(1, 20, 1200)[:, None],
    }[kind]
    _, told = replay(outcomes(means, means + errors), LEVELS)
    inner, outer = coverage(told[200:], (means + errors)[200:])
    assert inner == pytest.approx(0.8, abs=0.02)
    assert outer == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("bias", [15.0, -15.0])
def test_a_forecast_lies_in_its_intervals_however_wrong_the_model_was(bias: float) -> None:
    random = np.random.default_rng(0)
    means = random.uniform(50, 500, (300, 6))
    actuals = means + bias + random.normal(0, 3, (300, 6))
    intervals, told = replay(outcomes(means, actuals), LEVELS)
    inner, outer = coverage(told[100:], actuals[100:])
    assert inner > 0.78
    assert outer > 0.93
    quantiles = intervals.quantiles(means[0])
    assert (quantiles[:, :2] <= means[0, :, None]).all()
    assert (quantiles[:, 2:] >= means[0, :, None]).all()
    nearer, farther = (2, 1) if bias > 0 else (1, 2)
    assert np.abs(quantiles[:, nearer] - means[0]).mean() > 15
    np.testing.assert_allclose(quantiles[:, farther], means[0])


def test_errors_in_proportion_make_intervals_in_proportion() -> None:
    random = np.random.default_rng(0)
    means = random.uniform(50, 500, (400, 1))
    actuals = means * (1 + random.normal(0, 0.2, (400, 1)))
    intervals, _ = replay(outcomes(means, actuals), LEVELS)
    low, high = (intervals.quantiles(np.array([level])) for level in (50.0, 500.0))
    assert (high[0, 2] - 500) / (low[0, 2] - 50) == pytest.approx(10, rel=0.3)


def test_later_steps_have_wider_intervals_where_errors_grow() -> None:
    walk = np.random.default_rng(0).normal(size=800).cumsum()
    means = np.repeat(walk[:700, None], 20, axis=1)
    actuals = np.stack([walk[index + 1 : index + 21] for index in range(700)])
    intervals, told = replay(outcomes(means, actuals), LEVELS)
    widths = np.diff(intervals.quantiles(np.zeros(20))[:, 1:3])[:, 0]
    assert widths[19] / widths[0] == pytest.approx(np.sqrt(20), rel=0.3)
    inner, outer = coverage(told[200:], actuals[200:])
    assert inner == pytest.approx(0.8, abs=0.05)
    assert outer == pytest.approx(0.95, abs=0.05)


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6) | st.just(np.nan)),
        min_size=1,
        max_size=30,
    ),
    st.floats(-1e6, 1e6),
    st.lists(st.floats(0.001, 0.999), min_size=1, max_size=6, unique=True).map(sorted),
)
@example([(2.2250738585e-313, 1.0)], 0.0, [0.5])
def test_quantiles_never_cross(
    pairs: list[tuple[float, float]], mean: float, levels: list[float]
) -> None:
    means, actuals = (np.array(each)[:, None] for each in zip(*pairs, strict=True))
    intervals, _ = replay(outcomes(means, actuals), levels)
    quantiles = intervals.quantiles(np.array([mean]))
    assert (np.diff(quantiles, axis=1) >= 0).all() or np.isnan(quantiles).all()


@pytest.mark.parametrize("error", [1.0, -1.0])
@pytest.mark.parametrize("count", range(1, 10))
def test_intervals_of_few_errors_hold_the_forecast(error: float, count: int) -> None:
    means = np.full((count, 1), 10.0)
    # All on one side.
    actuals = means + error * np.arange(1, count + 1)[:, None]
    intervals, _ = replay(outcomes(means, actuals), (0.025, 0.4, 0.6, 0.975))
    lowest, low, high, highest = intervals.quantiles(np.array([10.0]))[0]
    assert lowest < 10 < highest
    assert low <= 10 <= high
    # As far below as above.
    assert 10 - lowest == pytest.approx(highest - 10)


def test_intervals_of_ten_errors_are_made_of_these_and_the_forecast() -> None:
    means = np.full((10, 1), 10.0)
    actuals = means + np.arange(1, 11)[:, None]
    intervals, _ = replay(outcomes(means, actuals), (0.025, 0.975))
    np.testing.assert_allclose(intervals.quantiles(np.array([10.0]))[0], [10, 20])


def test_quantiles_of_counts_are_not_negative() -> None:
    random = np.random.default_rng(0)
    means = np.full((100, 1), 2.0)
    intervals, _ = replay(outcomes(means, random.poisson(2, (100, 1)) * 1.0), LEVELS, lowest=0.0)
    assert (intervals.quantiles(np.array([0.1])) >= 0).all()


def test_before_anything_has_turned_out_nothing_is_known() -> None:
    intervals = ConformalIntervals(LEVELS)
    assert np.isnan(intervals.quantiles(np.zeros(3))).all()
    nothing = Outcome(0, np.zeros(3), np.full(3, np.nan))
    intervals.observe(nothing, intervals.quantiles(nothing.mean))
    assert np.isnan(intervals.quantiles(np.zeros(3))).all()


def test_quantiles_of_a_window_know_only_what_had_come_to_pass(make_regular: MakeRegular) -> None:
    values = np.random.default_rng(0).normal(size=120).cumsum()
    series = make_regular(values, season_length=1)
    plan = Plan(5, 40, 2)
    result = backtest(series, [Naive(), Drift()], plan, np.empty((120, 0)))
    told = intervals_along(result, "drift", LEVELS)
    assert np.isnan(told[:3]).all()
    assert np.isfinite(told[3:]).all()
    poisoned = result.actual.copy()
    passed = result.origins + plan.horizon <= result.origins[20]
    poisoned[~passed] = 1e9
    result.actual[:] = poisoned
    again = intervals_along(result, "drift", LEVELS)
    assert np.array_equal(told[:21], again[:21], equal_nan=True)


def test_windows_that_were_told_nothing_move_no_level() -> None:
    means = np.zeros((30, 40))
    actuals = np.random.default_rng(0).normal(size=(30, 40))
    # Each begins before the first has come to pass.
    intervals, told = replay(outcomes(means, actuals), LEVELS)
    assert np.isnan(told).all()
    assert tuple(intervals._adapted) == LEVELS


def test_outcomes_of_a_backtest_lie_where_its_steps_do(make_regular: MakeRegular) -> None:
    series = make_regular(np.arange(20.0), season_length=1)
    result = backtest(series, [Naive()], Plan(2, 3, 4), np.empty((20, 0)))
    found = outcomes_of(result, "naive", first=100)
    assert [outcome.first for outcome in found] == [110, 114, 118]
    assert found[0].actual.tolist() == [10, 11]
