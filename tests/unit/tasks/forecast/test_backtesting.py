"""Rolling-origin backtests: where origins lie, and that the future is never seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
from tests.forecast_fixtures import DrawCounts, Floats, MakeRegular

from lintel.edge.errors import InferenceFailedError
from lintel.edge.tasks.forecast import (
    Combination,
    Drift,
    ExponentialSmoothing,
    Naive,
    Plan,
    RegularSeries,
    SeasonalNaive,
    Theta,
    Trees,
    backtest,
)

LEARNING = (ExponentialSmoothing(), Theta(), Trees(threads=1))
EVERY = (Naive(), SeasonalNaive(), Drift(), *LEARNING, Combination(LEARNING))


@dataclass(frozen=True)
class Recording(Naive):
    """Repeats the last value, and notes what it is fitted to."""

    requires: ClassVar[str] = ""
    name: str = "recording"
    fits: list[int] = field(default_factory=list)

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> Naive:
        self.fits.append(len(series))
        assert len(regressors) == len(series)
        return self

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        assert len(regressors) == len(history) + horizon
        return super().predict(history, horizon, regressors)


@dataclass(frozen=True)
class Failing(Naive):
    """Fails where there are more than so many steps."""

    requires: ClassVar[str] = ""
    name: str = "failing"
    most: int = 0
    gives: float | None = None

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        if len(history) <= self.most:
            return super().predict(history, horizon, regressors)
        if self.gives is None:
            raise InferenceFailedError("The model failed.")
        return np.full(horizon, self.gives)


def none(series: RegularSeries) -> Floats:
    return np.empty((len(series), 0))


@pytest.mark.parametrize(
    ("plan", "origins", "overlap"),
    [
        (Plan(1, 3), [97, 98, 99], 1),
        (Plan(24, 3, 24), [28, 52, 76], 1),
        (Plan(24, 2, 10), [66, 76], 3),
    ],
)
def test_the_last_window_ends_with_the_series(plan: Plan, origins: list[int], overlap: int) -> None:
    assert plan.origins(100).tolist() == origins
    assert plan.overlap == overlap


def test_forecasts_lie_beside_what_came(make_regular: MakeRegular) -> None:
    series = make_regular(np.arange(20.0), season_length=1)
    result = backtest(series, [Naive(), Drift()], Plan(2, 3, 4), none(series))
    assert result.actual.tolist() == [[10, 11], [14, 15], [18, 19]]
    assert result.forecasts["naive"].tolist() == [[9, 9], [13, 13], [17, 17]]
    assert result.mean_absolute_error("naive") == pytest.approx(1.5)
    assert result.mean_absolute_error("drift") == pytest.approx(0)
    assert result.compare("drift", "naive").statistic <= 0


def test_steps_without_a_value_do_not_count(make_regular: MakeRegular) -> None:
    values = np.arange(20.0)
    values[[14, 18]] = np.nan
    series = make_regular(values, season_length=1)
    result = backtest(series, [Naive()], Plan(2, 3, 4), none(series))
    assert result.losses("naive").tolist() == [1.5, 2, 2]


@pytest.mark.parametrize(
    ("refit_every", "fits"), [(0, [50]), (1, [50, 60, 70, 80, 90]), (2, [50, 70, 90])]
)
def test_models_are_fitted_as_often_as_the_plan_says(
    make_regular: MakeRegular, refit_every: int, fits: list[int]
) -> None:
    recording = Recording()
    series = make_regular(np.arange(100.0))
    backtest(series, [recording], Plan(10, 5, 10, refit_every), np.zeros((100, 2)))
    assert recording.fits == fits


def test_members_are_fitted_once_and_not_again_for_a_combination(make_regular: MakeRegular) -> None:
    recording = Recording()
    combination = Combination((recording, Drift()))
    series = make_regular(np.arange(100.0))
    result = backtest(series, [recording, combination], Plan(10, 5), none(series))
    assert recording.fits == [86]
    assert set(result.forecasts) == {"recording", "combination"}
    expected = backtest(series, [Drift()], Plan(10, 5), none(series)).forecasts["drift"]
    combined = np.median([result.forecasts["recording"], expected], axis=0)
    assert np.array_equal(result.forecasts["combination"], combined)


@pytest.mark.parametrize("gives", [None, np.nan, np.inf])
def test_a_model_that_fails_once_is_left_out_with_its_combinations(
    make_regular: MakeRegular, gives: float | None
) -> None:
    failing = Failing(most=95, gives=gives)
    series = make_regular(np.arange(100.0))
    models = [Naive(), failing, Combination((failing, Drift()))]
    result = backtest(series, models, Plan(1, 10), none(series))
    assert set(result.forecasts) == {"naive"}
    assert set(result.failures) == {"failing", "combination"}


@pytest.mark.parametrize(("poison", "refit_every"), [(np.nan, 0), (1e9, 1), (-1e9, 0)])
def test_nothing_changes_when_the_future_is_poisoned(
    make_regular: MakeRegular, door_counts: DrawCounts, poison: float, refit_every: int
) -> None:
    """Every model, at every origin: fits, scales, gaps and choices are made of the past alone."""
    values = door_counts(24 * 14, 3)
    values[[50, 51, 200]] = np.nan
    series = make_regular(values)
    random = np.random.default_rng(0)
    beside = random.normal(size=(len(series), 1))
    plan = Plan(6, 3, 25, refit_every)
    clean = backtest(series, EVERY, plan, beside)
    assert not clean.failures
    for window, origin in enumerate(clean.origins[:-1].tolist()):
        poisoned_values, poisoned_beside = values.copy(), beside.copy()
        poisoned_values[origin:] = poison
        poisoned_beside[origin + plan.horizon :] = poison
        poisoned = replace(series, values=poisoned_values)
        # Later windows see the poison: they are not asked for.
        known = backtest(
            poisoned.head(origin + plan.horizon),
            EVERY,
            replace(plan, windows=window + 1),
            poisoned_beside[: origin + plan.horizon],
        )
        for name, forecasts in known.forecasts.items():
            assert np.array_equal(forecasts, clean.forecasts[name][: window + 1]), name
