"""Which model is chosen: the naive one, unless another is better by more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from tests.forecast_fixtures import DrawCounts, Floats, MakeRegular

from lintel.edge.tasks.forecast import (
    Combination,
    Drift,
    ExponentialSmoothing,
    ModelScore,
    Naive,
    RegularSeries,
    Theta,
    Trees,
    plan_backtest,
    select,
)

LEARNING = (ExponentialSmoothing(), Theta(), Trees(threads=1))
MODELS = (Drift(), *LEARNING)


@dataclass(frozen=True)
class Told(Naive):
    """Is told what comes up to some step, and repeats the last value after it."""

    requires: ClassVar[str] = ""
    name: str = "told"
    future: tuple[float, ...] = ()
    until: int = 10**9

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        naive = super().predict(history, horizon, regressors)
        end = len(history)
        return np.array(self.future[end : end + horizon]) if end < self.until else naive + 0.2


def none(series: RegularSeries) -> Floats:
    return np.empty((len(series), 0))


def test_of_a_random_walk_nothing_beats_the_last_value(make_regular: MakeRegular) -> None:
    walk = 500 + np.random.default_rng(5).normal(size=400).cumsum()
    series = make_regular(walk, season_length=1)
    chosen = select(series, 1, MODELS, none(series))
    assert chosen.forecaster.name == "naive"
    assert "no model was better by more than chance and a hundredth" in chosen.reason


def test_what_can_be_learnt_is(make_regular: MakeRegular, door_counts: DrawCounts) -> None:
    series = make_regular(door_counts(24 * 50, 4))
    chosen = select(series, 1, MODELS, none(series))
    assert chosen.forecaster.name == "xgboost"
    assert chosen.summary is not None
    best = chosen.summary.scores[0]
    assert best.model == "xgboost"
    assert best.relative_to_naive < 1
    assert best.p_value < 0.05
    assert chosen.reason.startswith("xgboost: Over ")
    assert f"{best.relative_to_naive:.2f} of that of {chosen.naive.name}" in chosen.reason


def test_scores_are_told_against_the_better_of_the_naive_models(make_regular: MakeRegular) -> None:
    series = make_regular(np.tile([1.0, 5, 9, 2, 2, 8, 4], 20), season_length=7)
    chosen = select(series, 7, (Drift(),), none(series))
    assert chosen.summary is not None
    assert chosen.naive.name == "seasonal-naive"
    scores = {score.model: score for score in chosen.summary.scores}
    assert scores["seasonal-naive"] == ModelScore("seasonal-naive", 0.0, 1.0, 1.0)
    assert scores["naive"].relative_to_naive > 1
    assert chosen.reason.endswith("windows seasonal-naive made no error at all.")


def test_a_model_that_has_stopped_being_better_is_not_chosen(make_regular: MakeRegular) -> None:
    walk = np.random.default_rng(0).normal(size=300).cumsum()
    series = make_regular(walk, season_length=1)
    lasting = select(series, 1, (Told(future=tuple(walk)),), none(series))
    assert lasting.forecaster.name == "told"
    fading = select(series, 1, (Told(future=tuple(walk), until=275),), none(series))
    assert fading.summary is not None
    assert fading.summary.scores[0].model == "told"
    assert fading.summary.scores[0].p_value < 0.05
    assert fading.forecaster.name == "naive"
    assert "told was better over the whole backtest, and no longer in" in fading.reason


def test_of_a_short_history_it_is_the_naive_model(make_regular: MakeRegular) -> None:
    series = make_regular(np.arange(12.0), season_length=1)
    chosen = select(series, 5, MODELS, none(series))
    assert chosen.forecaster.name == "naive"
    assert chosen.result is None
    assert "spans 12 steps" in chosen.reason


def test_what_is_asked_for_is_used(make_regular: MakeRegular) -> None:
    walk = np.random.default_rng(5).normal(size=100).cumsum()
    series = make_regular(walk, season_length=1)
    chosen = select(series, 1, MODELS, none(series), asked=Theta())
    assert chosen.forecaster.name == "theta"
    assert chosen.reason.startswith("theta: asked for. Over ")
    assert chosen.result is not None
    assert set(chosen.result.forecasts) == {"naive", "theta"}


def test_what_is_asked_for_is_used_though_it_cannot_be_compared(make_regular: MakeRegular) -> None:
    series = make_regular(np.arange(12.0), season_length=1)
    chosen = select(series, 5, MODELS, none(series), asked=Theta())
    assert chosen.forecaster.name == "theta"
    assert chosen.reason == "theta: asked for; the history is too short to compare it."


def test_models_that_the_first_origin_is_too_early_for_are_left_out(
    make_regular: MakeRegular,
) -> None:
    series = make_regular(np.random.default_rng(0).normal(size=60), season_length=1)
    chosen = select(series, 5, (*MODELS, Combination((Theta(),))), none(series))
    assert chosen.result is not None
    assert set(chosen.result.forecasts) == {"naive", "drift", "exponential-smoothing", "theta"}


def test_windows_amid_an_outage_are_not_compared(
    make_regular: MakeRegular, door_counts: DrawCounts
) -> None:
    values = door_counts(24 * 60, 4)
    values[24 * 48 : 24 * 54] = np.nan
    series = make_regular(values)
    chosen = select(series, 24, MODELS, none(series))
    assert chosen.summary is not None
    assert {score.model for score in chosen.summary.scores} >= {"xgboost", "theta"}
    assert chosen.result is not None
    assert 5 <= chosen.summary.windows < chosen.result.plan.windows


def test_a_trend_is_seen_though_all_windows_overlap(make_regular: MakeRegular) -> None:
    steps = np.arange(119)
    seasons = (100 + steps) * (1 + 0.2 * np.sin(2 * np.pi * steps / 12))
    noise = np.exp(np.random.default_rng(0).normal(0, 0.03, 119))
    series = make_regular(seasons * noise, season_length=12)
    chosen = select(series, 24, (ExponentialSmoothing(), Theta()), none(series))
    assert chosen.result is not None
    assert chosen.result.plan.windows < chosen.result.plan.overlap
    assert chosen.forecaster.name in {"theta", "exponential-smoothing"}


def test_chance_is_seldom_taken_for_a_trend_where_all_windows_overlap(
    make_regular: MakeRegular,
) -> None:
    names = []
    for seed in range(20):
        walk = np.random.default_rng(seed).normal(size=120).cumsum()
        series = make_regular(walk, season_length=1)
        names.append(select(series, 24, (Drift(),), none(series)).forecaster.name)
    assert names.count("naive") >= 17


@pytest.mark.parametrize(
    ("walks", "better"), [(True, "naive"), (False, "seasonal-naive")], ids=["walk", "week"]
)
def test_without_a_backtest_the_naive_model_that_was_nearer_is_used(
    make_regular: MakeRegular, walks: bool, better: str
) -> None:
    random = np.random.default_rng(4).normal(size=18)
    values = random.cumsum() if walks else np.resize([3.0, 5, 8, 8, 9, 1, 0], 18) + random
    chosen = select(make_regular(values, season_length=7), 7, MODELS, np.empty((18, 0)))
    assert chosen.result is None
    assert chosen.forecaster.name == chosen.naive.name == better


@pytest.mark.parametrize(
    ("length", "horizon", "season", "windows", "stride"),
    [
        (10, 1, 1, 5, 1),
        (100, 1, 1, 25, 1),
        (1304, 1, 5, 250, 1),
        # As many windows with a stride of 1 would all lie within five days.
        (1000, 24, 24, 46, 5),
        (17544, 24, 24, 104, 41),
        (1000, 1000, 24, None, None),
    ],
)
def test_where_origins_lie(
    make_regular: MakeRegular,
    length: int,
    horizon: int,
    season: int,
    windows: int | None,
    stride: int | None,
) -> None:
    series = make_regular(np.zeros(length), season_length=season)
    plan = plan_backtest(series, horizon)
    if windows is None:
        assert plan is None
        return
    assert plan is not None
    assert (plan.windows, plan.stride) == (windows, stride)
    assert plan.origins(length)[0] >= length // 2
    assert plan.refit_every == 0
