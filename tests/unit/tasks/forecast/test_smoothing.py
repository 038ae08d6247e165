"""Exponential smoothing and theta: as statsmodels has them, and carried on without a new fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.forecast_fixtures import Floats, MakeRegular

from lintel.edge.tasks.forecast import ExponentialSmoothing, Forecaster, Theta

ets = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
theta = pytest.importorskip("statsmodels.tsa.forecasting.theta")
NONE = np.empty((0, 0))


def seasonal(count: int, seed: int = 0) -> Floats:
    random = np.random.default_rng(seed)
    season = np.tile([0, 1, 2, 8, 9, 3, 1.0], count // 7 + 1)[:count]
    return 50 + season + np.cumsum(random.normal(0.1, 0.5, count)) + random.normal(0, 1, count)


def test_exponential_smoothing_is_statsmodels(make_regular: MakeRegular) -> None:
    series = make_regular(seasonal(150), season_length=7)
    fitted = ExponentialSmoothing().fit(series, 14, NONE)
    model = ets.ETSModel(
        series.values,
        trend="add" if fitted.form.is_trending else None,
        damped_trend=fitted.form.is_trending,
        seasonal="add",
        seasonal_periods=7,
        initialization_method="heuristic",
    )
    expected = model.smooth(fitted.parameters).forecast(14)
    np.testing.assert_allclose(fitted.predict(series, 14, NONE), expected)


def test_it_is_carried_on_as_statsmodels_would(make_regular: MakeRegular) -> None:
    values = seasonal(150)
    series = make_regular(values, season_length=7)
    fitted = ExponentialSmoothing().fit(series.head(140), 14, NONE)
    start = ets.ETSModel(
        values[:140], seasonal="add", seasonal_periods=7, initialization_method="heuristic"
    )
    assert not fitted.form.is_trending
    whole = ets.ETSModel(
        values,
        seasonal="add",
        seasonal_periods=7,
        initialization_method="known",
        initial_level=start.initial_level,
        initial_seasonal=start.initial_seasonal,
    )
    expected = whole.smooth(fitted.parameters).forecast(14)
    np.testing.assert_allclose(fitted.predict(series, 14, NONE), expected)


@pytest.mark.parametrize("later", [1, 2, 30])
def test_a_trend_is_carried_on_over_one_value_as_over_many(
    make_regular: MakeRegular, later: int
) -> None:
    random = np.random.default_rng(0)
    values = 50 + np.cumsum(random.normal(1, 0.2, 150) + np.sin(np.arange(150) / 15))
    series = make_regular(values, season_length=1)
    fitted = ExponentialSmoothing().fit(series.head(150 - later), 5, NONE)
    assert fitted.form.is_trending
    start = ets.ETSModel(
        values[: 150 - later], trend="add", damped_trend=True, initialization_method="heuristic"
    )
    whole = ets.ETSModel(
        values,
        trend="add",
        damped_trend=True,
        initialization_method="known",
        initial_level=start.initial_level,
        initial_trend=start.initial_trend,
    )
    expected = whole.smooth(fitted.parameters).forecast(5)
    np.testing.assert_allclose(fitted.predict(series, 5, NONE), expected)


def test_a_season_is_found_where_there_is_one(make_regular: MakeRegular) -> None:
    flat = make_regular(np.random.default_rng(0).normal(50, 1, 150), season_length=7)
    assert ExponentialSmoothing().fit(flat, 7, NONE).form.season_length == 1
    shaped = make_regular(seasonal(150), season_length=7)
    assert ExponentialSmoothing().fit(shaped, 7, NONE).form.season_length == 7


@pytest.mark.parametrize("shift", [0.0, -100.0])
def test_theta_is_statsmodels_with_a_factor_or_a_summand(
    make_regular: MakeRegular, shift: float
) -> None:
    series = make_regular(seasonal(150) + shift, season_length=7)
    expected = theta.ThetaModel(series.values, period=7).fit().forecast(14)
    fitted = Theta().fit(series, 14, NONE)
    assert fitted.is_multiplicative == (shift == 0)
    np.testing.assert_allclose(fitted.predict(series, 14, NONE), np.asarray(expected))


@pytest.mark.parametrize("value", [5.0, 0.1, 0.0, -3.0, 1e9])
@pytest.mark.parametrize("season_length", [1, 7])
def test_theta_of_a_constant_is_that_constant(
    make_regular: MakeRegular, value: float, season_length: int
) -> None:
    series = make_regular(np.full(200, value), season_length=season_length)
    fitted = Theta().fit(series.head(190), 7, NONE)
    np.testing.assert_allclose(fitted.predict(series, 7, NONE), np.full(7, value))


def test_theta_of_a_season_alone_is_that_season(make_regular: MakeRegular) -> None:
    values = np.tile([0.0, 1.0], 80)
    fitted = Theta().fit(make_regular(values[:150], season_length=2), 8, NONE)
    series = make_regular(values[:151], season_length=2)
    np.testing.assert_allclose(fitted.predict(series, 8, NONE), values[151:159], atol=1e-9)


def test_theta_is_carried_on_by_its_own_smoothing(make_regular: MakeRegular) -> None:
    values = np.random.default_rng(0).normal(0, 1, 60).cumsum()
    series = make_regular(values, season_length=1)
    fitted = Theta().fit(series.head(50), 3, NONE)
    level = fitted.level
    for value in values[50:]:
        level = fitted.smoothing * value + (1 - fitted.smoothing) * level
    age = (1 - (1 - fitted.smoothing) ** 60) / fitted.smoothing
    expected = level + 0.5 * fitted.slope * (np.arange(3) + age)
    np.testing.assert_allclose(fitted.predict(series, 3, NONE), expected)


@pytest.mark.parametrize("forecaster", [ExponentialSmoothing(), Theta()])
def test_a_history_whose_beginning_has_gone_is_forecast_alike(
    make_regular: MakeRegular, forecaster: Forecaster
) -> None:
    values = seasonal(150)
    series = make_regular(values, season_length=7)
    later = make_regular(values[10:], season_length=7, start_us=int(series.timestamps_us[10]))
    fitted = forecaster.fit(series.head(140), 7, NONE)
    np.testing.assert_allclose(fitted.predict(series, 7, NONE), fitted.predict(later, 7, NONE))


@pytest.mark.parametrize("forecaster", [ExponentialSmoothing(), Theta()])
@settings(max_examples=15)
@given(
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 1e9, 1e-9, np.nan]), min_size=13, max_size=40),
    st.sampled_from([1, 3, 6]),
)
def test_odd_series_are_forecast_too(
    make_regular: MakeRegular, forecaster: Forecaster, values: list[float], season_length: int
) -> None:
    series = make_regular([1.0, *values, 2.0], season_length=season_length)
    assume(len(series) >= forecaster.shortest(series, 5))
    fitted = forecaster.fit(series, 5, NONE)
    assert np.isfinite(fitted.predict(series, 5, NONE)).all()
