"""Gradient-boosted trees: what they learn, and that their arrays say what XGBoost says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.forecast_fixtures import DrawCounts, Floats, MakeRegular

from lintel.edge.errors import InferenceFailedError
from lintel.edge.tasks.forecast import Plan, RegularSeries, SeasonalNaive, Trees, backtest
from lintel.edge.tasks.forecast.trees import FittedTreeEnsemble

TREES = Trees(threads=1)


def none(series: RegularSeries) -> Floats:
    return np.empty((len(series), 0))


@pytest.fixture(scope="module")
def hourly(make_regular: MakeRegular, door_counts: DrawCounts) -> RegularSeries:
    return make_regular(door_counts(24 * 30, 1))


@pytest.fixture(scope="module")
def fitted(hourly: RegularSeries) -> FittedTreeEnsemble:
    return TREES.fit(hourly, 7, none(hourly))


def test_the_arrays_say_what_xgboost_says(
    hourly: RegularSeries, fitted: FittedTreeEnsemble
) -> None:
    for member in fitted.members:
        features = member.examples(hourly, none(hourly)).rows.features
        expected = member.booster.inplace_predict(features)
        np.testing.assert_allclose(member.forest.predict(features), expected, atol=1e-5)


def test_they_beat_the_season_on_what_they_have_not_seen(
    make_regular: MakeRegular, door_counts: DrawCounts
) -> None:
    series = make_regular(door_counts(24 * 100, 1))
    result = backtest(series, [TREES, SeasonalNaive()], Plan(1, 300), none(series))
    ratio = result.mean_absolute_error("xgboost") / result.mean_absolute_error("seasonal-naive")
    assert ratio < 0.85


def test_counts_are_never_forecast_negative(make_regular: MakeRegular) -> None:
    series = make_regular(np.random.default_rng(0).poisson(0.1, 24 * 20).astype(np.float64))
    forecast = TREES.fit(series, 1, none(series)).predict(series, 24, np.empty((504, 0)))
    assert (forecast >= 0).all()


def test_a_series_that_doubles_is_followed(
    make_regular: MakeRegular, door_counts: DrawCounts
) -> None:
    """Trees themselves cannot extrapolate: the level they are told relative to does."""
    values = door_counts(24 * 30, 2)
    series = make_regular(values)
    fitted = TREES.fit(series, 1, none(series))
    higher = make_regular(4 * values)
    nothing = np.empty((len(series) + 24, 0))
    ratio = fitted.predict(higher, 24, nothing).sum() / fitted.predict(series, 24, nothing).sum()
    assert ratio == pytest.approx(4, rel=0.01)


def test_a_regressor_that_tells_is_used(make_regular: MakeRegular) -> None:
    random = np.random.default_rng(0)
    told = random.integers(0, 2, 410).astype(np.float64)[:, None]
    series = make_regular(20 + 30 * told[:400, 0] + random.normal(0, 1, 400))
    fitted = TREES.fit(series, 1, told[:400])
    forecast = fitted.predict(series, 10, told)
    np.testing.assert_allclose(forecast, 20 + 30 * told[400:, 0], atol=8)


def test_refitting_keeps_what_was_chosen(hourly: RegularSeries, fitted: FittedTreeEnsemble) -> None:
    again = fitted.refit(hourly, none(hourly))
    assert isinstance(again, FittedTreeEnsemble)
    for one, other in zip(fitted.members, again.members, strict=True):
        assert (one.base, one.direct_steps) == (other.base, other.direct_steps)
        assert len(one.forest.roots) == len(other.forest.roots)


def test_gains_are_shares(fitted: FittedTreeEnsemble) -> None:
    member = fitted.members[0]
    gains = member.gains()
    assert tuple(gains) == member.maker.names
    assert sum(gains.values()) == pytest.approx(1)


@pytest.mark.parametrize("horizon", [1, 7, 40])
def test_any_horizon_can_be_asked_of_a_fit(
    hourly: RegularSeries, fitted: FittedTreeEnsemble, horizon: int
) -> None:
    nothing = np.empty((len(hourly) + horizon, 0))
    assert np.isfinite(fitted.predict(hourly, horizon, nothing)).all()


@pytest.mark.parametrize("value", [0.0, 5.0, -3.5])
def test_a_series_that_never_changes_goes_on(make_regular: MakeRegular, value: float) -> None:
    series = make_regular(np.full(300, value))
    fitted = TREES.fit(series, 3, none(series))
    forecast = fitted.predict(series, 12, np.empty((312, 0)))
    np.testing.assert_allclose(forecast, value, atol=1e-6)


def test_an_outage_in_what_they_are_judged_by_is_got_over(make_regular: MakeRegular) -> None:
    values = np.tile([3.0, 5, 8, 8, 9, 1, 0], 30)
    values[170:209] = np.nan
    series = make_regular(values, season_length=7)
    fitted = TREES.fit(series, 7, none(series))
    assert np.isfinite(fitted.predict(series, 7, np.empty((217, 0)))).all()


def test_amid_an_outage_they_go_by_what_is_usual(
    hourly: RegularSeries, fitted: FittedTreeEnsemble
) -> None:
    values = hourly.values.copy()
    values[-200:] = np.nan
    amid = fitted.predict(replace(hourly, values=values), 24, np.empty((len(hourly) + 24, 0)))
    assert np.corrcoef(amid, hourly.values[:24])[0, 1] > 0.8


def test_a_series_without_any_value_to_learn_from_is_an_error(make_regular: MakeRegular) -> None:
    values = np.full(300, np.nan)
    values[:20] = 1.0
    series = replace(make_regular(np.ones(300)), values=values)
    with pytest.raises(InferenceFailedError):
        TREES.fit(series, 12, none(series))
