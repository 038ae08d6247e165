"""Backtests as a whole: what is known when, and that the future changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from lintel.edge.tasks.forecast import Drift, Naive, RegularSeries, SeasonalNaive
from lintel.edge.tasks.forecast.combination import Combination
from lintel.edge.tasks.forecast.trees import Trees
from lintel.lab.errors import LabError
from lintel.lab.forecasting.models import make_forecasters
from lintel.lab.forecasting.protocol import Protocol
from lintel.lab.forecasting.running import count_forecasts, run_backtest

MakeSeries = Callable[..., RegularSeries]
STATISTICAL = ("drift", "exponential-smoothing", "theta", "exponential-smoothing+theta")


@dataclass
class Recording:
    """Repeats the last value, and writes down what it is shown."""

    name: str = "naive"
    requires: str = ""
    fitted: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        return 3

    def fit(self, series: RegularSeries, horizon: int, regressors: Any) -> Recording:
        self.fitted.append(len(series))
        return self

    def refit(self, series: RegularSeries, regressors: Any) -> Recording:
        return self

    def predict(self, history: RegularSeries, horizon: int, regressors: Any) -> Any:
        self.shown.append(len(history))
        return Naive().predict(history, horizon, regressors)


def test_models_are_fitted_and_shown_what_lies_before_each_origin(make_series: MakeSeries) -> None:
    recording = Recording()
    protocol = Protocol(horizon=2, windows=5, stride=2, refit_every=2, calibration=3)
    run_backtest(make_series(np.arange(40.0)), [recording], protocol)
    # The test part first, then what calibrates.
    assert recording.shown == [30, 32, 34, 36, 38, 24, 26, 28]
    assert recording.fitted == [30, 34, 38, 24, 28]


def test_forecasts_are_those_of_the_test_part_alone(make_series: MakeSeries) -> None:
    protocol = Protocol(horizon=2, windows=5, stride=2, calibration=5)
    backtest = run_backtest(make_series(np.arange(40.0)), [Naive()], protocol)
    assert backtest.result.origins.tolist() == [30, 32, 34, 36, 38]
    assert backtest.result.forecasts["naive"][0].tolist() == [29, 29]
    assert backtest.result.actual[-1].tolist() == [38, 39]
    assert backtest.quantiles["naive"].shape == (5, 2, 4)
    # Every error before was the same: one step of 1, and one of 2.
    low, high = backtest.interval("naive", 80)
    assert high.tolist() == backtest.result.actual.tolist()
    assert low.tolist() == backtest.result.forecasts["naive"].tolist()


def test_without_calibration_the_first_intervals_are_unknown(make_series: MakeSeries) -> None:
    protocol = Protocol(horizon=1, windows=5)
    backtest = run_backtest(make_series(np.arange(40.0)), [Naive()], protocol)
    assert np.isnan(backtest.quantiles["naive"][0]).all()
    assert not np.isnan(backtest.quantiles["naive"][1:]).any()


@pytest.mark.parametrize(("horizon", "refit_every"), [(1, 5), (6, 0)])
def test_a_poisoned_future_changes_nothing(
    days: RegularSeries, horizon: int, refit_every: int
) -> None:
    known = days.head(200)
    protocol = Protocol(horizon=horizon, windows=8, refit_every=refit_every, calibration=4)
    poisoned_from = int(protocol.test_plan.origins(len(known))[4])
    values = known.values.copy()
    values[poisoned_from:] = 1e9
    poisoned = replace(known, values=values)
    forecasters = (*make_forecasters(STATISTICAL, 24), Trees(threads=1))
    clean, other = (run_backtest(each, forecasters, protocol) for each in (known, poisoned))
    for name in (each.name for each in forecasters):
        forecasts = [each.result.forecasts[name] for each in (clean, other)]
        assert np.array_equal(*(each[:5] for each in forecasts)), name
        quantiles = (each.quantiles[name][:5] for each in (clean, other))
        assert np.array_equal(next(quantiles), next(quantiles), equal_nan=True), name
        # The poison works: it is seen once it is past, but by what looks a day back.
        if name != "seasonal-naive":
            assert not np.array_equal(*(each[5:] for each in forecasts)), name


def test_intervals_of_noise_hold_what_they_promise(make_series: MakeSeries) -> None:
    values = np.random.default_rng(6).normal(100, 10, 1500)
    protocol = Protocol(horizon=1, windows=900, calibration=400)
    backtest = run_backtest(make_series(values), [Naive()], protocol)
    for level in (80, 95):
        low, high = backtest.interval("naive", level)
        held = (low <= backtest.result.actual) & (backtest.result.actual <= high)
        assert held.mean() == pytest.approx(level / 100, abs=0.03)


def test_the_reference_is_the_better_naive_model(days: RegularSeries) -> None:
    protocol = Protocol(horizon=24, windows=6, stride=24, calibration=2)
    backtest = run_backtest(days, [Naive(), SeasonalNaive()], protocol)
    assert backtest.reference == "seasonal-naive"


def test_trees_are_looked_into(days: RegularSeries) -> None:
    protocol = Protocol(horizon=1, windows=150, calibration=20)
    backtest = run_backtest(days, [Naive(), Trees(threads=1)], protocol)
    importances = backtest.importances["xgboost"]
    assert sum(each.gain for each in importances) == pytest.approx(1)
    assert importances[0].gain == max(each.gain for each in importances)
    # What the trees go by costs them most, where they are robbed of it.
    assert max(each.permutation for each in importances[:5]) > 0.02
    assert set(backtest.importances) == {"xgboost"}


def test_trees_go_by_what_is_known_beforehand(make_series: MakeSeries) -> None:
    random = np.random.default_rng(2)
    open_doors = (random.random(600) < 0.3).astype(np.float64)
    series = make_series(20 + 30 * open_doors + random.normal(0, 1, 600))
    protocol = Protocol(horizon=1, windows=100, calibration=20)
    models = [Naive(), Trees(threads=1)]
    blind = run_backtest(series, models, protocol)
    known = run_backtest(series, models, protocol, regressors={"open": open_doors})
    errors = [each.result.mean_absolute_error("xgboost") for each in (known, blind)]
    assert errors[0] < 0.3 * errors[1]
    assert known.importances["xgboost"][0].feature == "open"


def test_a_model_that_needs_more_history_is_named(days: RegularSeries) -> None:
    protocol = Protocol(horizon=1, windows=690, calibration=0)
    with pytest.raises(LabError, match=r"seasonal-naive needs 48 steps before .* there are 30"):
        run_backtest(days, [Naive(), SeasonalNaive()], protocol)


def test_naive_models_are_always_there() -> None:
    names = [each.name for each in make_forecasters(["theta"], 24)]
    assert names == ["naive", "seasonal-naive", "theta"]
    assert [each.name for each in make_forecasters(["theta"], 1)] == ["naive", "theta"]


def test_several_names_are_a_combination() -> None:
    combination = make_forecasters(["theta+xgboost"], 24)[-1]
    assert combination.name == "theta+xgboost"
    assert [each.name for each in combination.members] == ["theta", "xgboost"]


def test_a_combination_forecasts_the_median_and_fits_nothing_twice(make_series: MakeSeries) -> None:
    one, other = Recording(), Drift()
    both = Combination((one, other), "both")
    protocol = Protocol(horizon=1, windows=5)
    backtest = run_backtest(make_series(np.arange(40.0)), [one, other, both], protocol)
    forecasts = backtest.result.forecasts
    assert forecasts["both"] == pytest.approx((forecasts["naive"] + forecasts["drift"]) / 2)
    assert one.fitted == [35]
    assert count_forecasts([one, other, both], protocol) == 10


def test_an_unknown_model_is_told() -> None:
    with pytest.raises(LabError, match="There is no model arima: choose among naive"):
        make_forecasters(["arima"], 24)
