"""Forecasts from points to intervals: what is answered, what is remembered, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.forecast_fixtures import DrawCounts, Floats, MakeSeries, ReadData

from lintel.edge.errors import (
    CancelledError,
    InvalidArgumentError,
    LintelError,
    ModelNotFoundError,
)
from lintel.edge.tasks.forecast import (
    Forecast,
    ForecastingEngine,
    ForecastOptions,
    Naive,
    Regressor,
    RegularSeries,
    SeasonalNaive,
    TimeSeries,
    default_forecasters,
)
from lintel.edge.tasks.forecast.apart import working_apart

LEVELS = (0.025, 0.1, 0.9, 0.975)


@dataclass(frozen=True)
class Told(Naive):
    """Is told what comes up to some step, is far off after it, and notes what it is fitted to."""

    requires: ClassVar[str] = ""
    name: str = "told"
    future: tuple[float, ...] = ()
    until: int = 10**9
    fits: list[int] = field(default_factory=list)

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> Naive:
        self.fits.append(len(series))
        return self

    def refit(self, series: RegularSeries, regressors: Floats) -> Naive:
        return self.fit(series, 0, regressors)

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        # The history may have lost its beginning.
        end = history.first + len(history) - START
        if end < self.until:
            return np.array(self.future[end : end + horizon])
        return super().predict(history, horizon, regressors) + 1000


@pytest.fixture(autouse=True, scope="module")
def one_process() -> Iterator[None]:
    """One other process for all: each has a library to import."""
    with working_apart():
        yield


# The number of the first step, in hours since 1970.
START = 473_352
WALK = tuple(np.random.default_rng(0).normal(size=600).cumsum().round(3).tolist())


def first(count: int, make_series: MakeSeries) -> TimeSeries:
    """The first values of the walk, by the hour."""
    return make_series(WALK[:count])


def check(forecast: Forecast, horizon: int) -> None:
    """Checks what holds for every forecast."""
    assert len(forecast.timestamps_us) == len(forecast.mean) == horizon
    assert forecast.quantiles.shape == (horizon, len(forecast.quantile_levels))
    assert np.isfinite(forecast.mean).all()
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=1) >= 0).all()
    below = np.array(forecast.quantile_levels) < 0.5
    assert (forecast.quantiles[:, below] <= forecast.mean[:, None]).all()
    assert (forecast.quantiles[:, ~below] >= forecast.mean[:, None]).all()
    assert (np.diff(forecast.timestamps_us) > 0).all()
    assert forecast.reason.startswith(f"{forecast.model}: ")


@pytest.fixture(scope="module")
def engine() -> ForecastingEngine:
    return ForecastingEngine(default_forecasters(threads=1))


def test_counts_of_a_door_are_forecast_with_intervals(
    engine: ForecastingEngine, make_series: MakeSeries, door_counts: DrawCounts
) -> None:
    counts = door_counts(24 * 45, 6)
    series = make_series(counts[:-6])
    forecast = engine.forecast(series, ForecastOptions(6, LEVELS))
    check(forecast, 6)
    assert forecast.model == "xgboost"
    assert (forecast.step_s, forecast.season_length) == (3600, 24)
    assert forecast.timestamps_us[0] == series.timestamps_us[-1] + 3_600_000_000
    assert (forecast.quantiles >= 0).all()
    assert forecast.backtest is not None
    assert forecast.backtest.horizon == 6
    errors = [score.mean_absolute_error for score in forecast.backtest.scores]
    assert errors == sorted(errors)
    inside = (forecast.quantiles[:, 0] <= counts[-6:]) & (counts[-6:] <= forecast.quantiles[:, 3])
    assert inside.sum() >= 5


@pytest.mark.parametrize(
    "model",
    [
        "naive",
        "seasonal-naive",
        "drift",
        "exponential-smoothing",
        "theta",
        "xgboost",
        "combination",
    ],
)
def test_every_model_can_be_asked_for(
    engine: ForecastingEngine, make_series: MakeSeries, door_counts: DrawCounts, model: str
) -> None:
    assert model in engine.models
    series = make_series(door_counts(24 * 10, 7))
    forecast = engine.forecast(series, ForecastOptions(3, LEVELS, model=model))
    check(forecast, 3)
    assert forecast.model == model
    assert "asked for" in forecast.reason


def test_regressors_are_used(engine: ForecastingEngine, make_series: MakeSeries) -> None:
    random = np.random.default_rng(0)
    told = random.integers(0, 2, 310).astype(np.float64)
    series = make_series(20 + 30 * told[:300] + random.normal(0, 1, 300))
    holidays = Regressor("holiday", told[:300], told[300:])
    forecast = engine.forecast(series, ForecastOptions(10, model="xgboost", regressors=(holidays,)))
    assert np.corrcoef(forecast.mean, told[300:])[0, 1] > 0.9


def test_what_was_fitted_serves_until_a_tenth_has_come(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    options = ForecastOptions(1, LEVELS)
    answers = [engine.forecast(first(300 + more, make_series), options) for more in range(31)]
    # Once in the backtest, and once to everything.
    assert told.fits == [225, 300]
    assert [answer.mean[0] for answer in answers] == list(WALK[300:331])
    engine.forecast(first(331, make_series), options)
    assert told.fits == [225, 300, 248, 331]


def test_it_serves_where_the_beginning_of_the_history_has_gone(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    whole = first(310, make_series)
    engine.forecast(first(300, make_series), ForecastOptions(2))
    moved = TimeSeries(whole.timestamps_us[10:], whole.values[10:])
    answer = engine.forecast(moved, ForecastOptions(2))
    assert told.fits == [225, 300]
    assert answer.mean.tolist() == list(WALK[310:312])


@pytest.mark.parametrize(
    "options",
    [
        ForecastOptions(2),
        ForecastOptions(1, season_length=12),
        ForecastOptions(1, model="told"),
        ForecastOptions(1, time_zone="Europe/Lisbon"),
        ForecastOptions(1, regressors=(Regressor("holiday", np.zeros(300), np.zeros(1)),)),
    ],
)
def test_another_question_is_not_answered_from_memory(
    make_series: MakeSeries, options: ForecastOptions
) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    engine.forecast(first(300, make_series), ForecastOptions(1))
    engine.forecast(first(300, make_series), options)
    assert told.fits == [225, 300, 225, 300]


def test_other_levels_need_no_other_fit(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    for levels in ((0.1, 0.9), (0.25, 0.5, 0.75), ()):
        forecast = engine.forecast(first(300, make_series), ForecastOptions(2, levels))
        assert forecast.quantiles.shape == (2, len(levels))
    assert len(told.fits) == 2


def test_a_changed_past_is_another_series(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    engine.forecast(first(300, make_series), ForecastOptions(1))
    changed = first(301, make_series)
    changed.values[150] += 1
    engine.forecast(changed, ForecastOptions(1))
    assert len(told.fits) == 4


def asked_with(told: Floats, count: int) -> ForecastOptions:
    """Options with what is known of `count` hours and the next one."""
    return ForecastOptions(1, regressors=(Regressor("open", told[:count], told[count:][:1]),))


def test_a_changed_past_of_what_else_is_known_is_another_series(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    known = np.arange(600.0) % 5
    engine.forecast(first(300, make_series), asked_with(known, 300))
    changed = known.copy()
    changed[150] += 1
    engine.forecast(first(301, make_series), asked_with(changed, 301))
    assert len(told.fits) == 4


def test_what_else_is_known_may_grow_and_lose_its_beginning(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    known = np.arange(600.0) % 5
    engine.forecast(first(300, make_series), asked_with(known, 300))
    # What was told of the step to come was a guess; what is fitted to did not change.
    known[300] += 1
    whole = first(310, make_series)
    moved = TimeSeries(whole.timestamps_us[10:], whole.values[10:])
    engine.forecast(moved, asked_with(known[10:], 300))
    assert told.fits == [225, 300]


def test_the_least_recently_used_series_is_forgotten(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()], capacity=2)
    for count in (200, 300, 400, 300, 200):
        engine.forecast(first(count, make_series), ForecastOptions(1))
    # 300 was still there, 200 was not.
    assert told.fits[1::2] == [200, 300, 400, 200]


def test_a_model_whose_newest_forecasts_are_worse_than_naive_is_chosen_anew(
    make_series: MakeSeries,
) -> None:
    told = Told(future=WALK, until=300)
    engine = ForecastingEngine([told, Naive()])
    options = ForecastOptions(1)
    models = [engine.forecast(first(300 + more, make_series), options).model for more in range(15)]
    # When the eleventh is asked for, ten have come to pass.
    assert models == ["told"] * 10 + ["naive"] * 5


def test_intervals_widen_when_errors_do(make_series: MakeSeries) -> None:
    random = np.random.default_rng(1)
    steps = np.concatenate([random.normal(0, 1, 330), random.normal(0, 8, 60)])
    walk = steps.cumsum().round(3)
    engine = ForecastingEngine([Naive()])
    widths = []
    for count in (300, *range(301, 330), *range(330, 360)):
        known = engine.forecast(make_series(walk[:count]), ForecastOptions(1, (0.1, 0.9)))
        widths.append(float(np.diff(known.quantiles[0])[0]))
    assert widths[-1] > 1.5 * widths[29]


def test_what_is_asked_far_ahead_at_every_step_is_learnt_from_too(make_series: MakeSeries) -> None:
    walk = np.random.default_rng(0).normal(size=1800).cumsum()
    engine = ForecastingEngine([Told(future=tuple(walk), until=1400), Naive()])
    models = [
        engine.forecast(make_series(walk[:count]), ForecastOptions(120, season_length=1)).model
        for count in range(1400, 1532)
    ]
    assert models[0] == models[120] == "told"
    assert models[-1] == "naive"


@pytest.mark.parametrize(("count", "horizon"), [(30, 7), (60, 7), (120, 30)])
def test_intervals_of_short_histories_hold_about_what_they_say(
    make_series: MakeSeries, count: int, horizon: int
) -> None:
    inside = []
    for seed in range(40):
        walk = np.random.default_rng(seed).normal(size=count + horizon).cumsum()
        engine = ForecastingEngine([Naive()])
        low, high = engine.forecast(
            make_series(walk[:count]), ForecastOptions(horizon, (0.1, 0.9), season_length=1)
        ).quantiles.T
        inside.append((low <= walk[count:]) & (walk[count:] <= high))
    assert 0.65 < np.mean(inside) < 0.9


def test_a_week_asked_of_ten_days_has_quiet_nights(
    make_series: MakeSeries, door_counts: DrawCounts
) -> None:
    counts = door_counts(24 * 17, 3)
    hours = np.arange(24 * 7) % 24
    quiet = counts[: 24 * 7] == 0
    engine = ForecastingEngine([Naive(), SeasonalNaive()])
    forecast = engine.forecast(make_series(counts[: 24 * 10]), ForecastOptions(24 * 7, LEVELS))
    assert forecast.model == "seasonal-naive"
    assert forecast.backtest is None
    width = forecast.quantiles[:, 2] - forecast.quantiles[:, 1]
    assert width[np.isin(hours, hours[quiet])].mean() < 0.5 * counts.max()


def test_many_threads_have_a_series_fitted_once(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])
    series = first(300, make_series)
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: engine.forecast(series, ForecastOptions(3, LEVELS)), range(16))
        )
    assert told.fits == [225, 300]
    assert all(np.array_equal(answer.mean, answers[0].mean) for answer in answers)


def test_what_was_given_up_amid_the_last_fit_is_not_remembered(make_series: MakeSeries) -> None:
    told = Told(future=WALK)
    engine = ForecastingEngine([told, Naive()])

    def checkpoint() -> None:
        if told.fits[1:]:
            raise CancelledError("The caller has gone.")

    def refit(kind: Told, series: RegularSeries, regressors: Floats) -> Naive:
        kind.fits.append(len(series))
        # As where another process fits.
        checkpoint()
        return kind

    with pytest.MonkeyPatch.context() as patch, pytest.raises(CancelledError):
        patch.setattr(Told, "refit", refit)
        engine.forecast(first(300, make_series), ForecastOptions(1), checkpoint)
    assert engine.forecast(first(300, make_series), ForecastOptions(1)).model == "told"


@pytest.mark.parametrize("count", [2, 3, 7, 12, 40])
def test_short_histories_are_forecast_with_intervals(
    engine: ForecastingEngine, make_series: MakeSeries, count: int
) -> None:
    series = make_series(np.random.default_rng(count).normal(size=count))
    check(engine.forecast(series, ForecastOptions(min(count, 5), LEVELS)), min(count, 5))


@settings(max_examples=15)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, -5.0, 1e6, np.nan]), min_size=30, max_size=60),
    st.integers(1, 30),
    st.sampled_from([0, 1, 6]),
)
def test_whatever_comes_is_forecast_or_refused(
    engine: ForecastingEngine,
    make_series: MakeSeries,
    values: list[float],
    horizon: int,
    season: int,
) -> None:
    series = make_series([1.0, *values, 2.0])
    options = ForecastOptions(horizon, LEVELS, season_length=season)
    try:
        check(engine.forecast(series, options), horizon)
    except LintelError as error:
        assert isinstance(error, InvalidArgumentError)


VALID = ForecastOptions(5)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (replace(VALID, horizon=0), "horizon"),
        (replace(VALID, horizon=1001), "horizon"),
        (replace(VALID, horizon=101), "horizon"),
        (replace(VALID, quantile_levels=(0.1, 0.1)), "quantile_levels[1]"),
        (replace(VALID, quantile_levels=(0.9, 0.1)), "quantile_levels[1]"),
        (replace(VALID, quantile_levels=(0.0,)), "quantile_levels[0]"),
        (replace(VALID, quantile_levels=(0.5, 1.0)), "quantile_levels[1]"),
        (replace(VALID, quantile_levels=(np.nan,)), "quantile_levels[0]"),
        (replace(VALID, quantile_levels=tuple(np.linspace(0.1, 0.9, 33))), "quantile_levels"),
        (replace(VALID, season_length=51), "season_length"),
        (replace(VALID, time_zone="Nowhere"), "time_zone"),
        (replace(VALID, model="xgboost", season_length=40), "model"),
        (
            replace(VALID, regressors=(Regressor("a", np.zeros(99), np.zeros(5)),)),
            "regressors[0].history_values",
        ),
        (
            replace(VALID, regressors=(Regressor("a", np.zeros(100), np.zeros(4)),)),
            "regressors[0].future_values",
        ),
        (
            replace(VALID, regressors=(Regressor("a", np.zeros(100), np.full(5, np.nan)),)),
            "regressors[0].future_values[0]",
        ),
        (
            replace(VALID, regressors=(Regressor("a", np.zeros(100), np.zeros(5)),) * 2),
            "regressors[1].name",
        ),
        (
            replace(VALID, regressors=(Regressor("", np.zeros(100), np.zeros(5)),)),
            "regressors[0].name",
        ),
        (
            replace(VALID, regressors=(Regressor("a", np.zeros(100), np.zeros(5)),) * 33),
            "regressors",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    engine: ForecastingEngine, make_series: MakeSeries, options: ForecastOptions, field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        engine.forecast(make_series(np.arange(100.0)), options)
    assert refused.value.field == field


@pytest.mark.parametrize("value", [np.nan, np.inf, 2e30, -1e308])
def test_numbers_whose_squares_are_none_are_refused(value: float) -> None:
    with pytest.raises(InvalidArgumentError, match=r"from -1e.30 to 1e.30") as refused:
        TimeSeries(np.arange(3), np.array([1.0, 2.0, value]))
    assert refused.value.field == "values[2]"


def test_points_on_no_step_are_named_in_the_request(engine: ForecastingEngine) -> None:
    series = TimeSeries(np.array([0, 10**9, 2 * 10**9 + 1]), np.zeros(3))
    with pytest.raises(InvalidArgumentError) as refused:
        engine.forecast(series, ForecastOptions(1))
    assert refused.value.field == "history.timestamps_us[2]"


def test_histories_that_are_too_long_are_refused(
    engine: ForecastingEngine, make_series: MakeSeries
) -> None:
    with pytest.raises(InvalidArgumentError, match="100001 points; the limit is 100000"):
        engine.forecast(make_series(np.zeros(100_001)), ForecastOptions(1))


def test_unknown_models_are_refused_with_those_that_there_are(
    engine: ForecastingEngine, make_series: MakeSeries
) -> None:
    with pytest.raises(ModelNotFoundError, match="naive, seasonal-naive, drift") as refused:
        engine.forecast(make_series(np.arange(9.0)), ForecastOptions(1, model="oracle"))
    assert refused.value.field == "model"


@pytest.mark.data
def test_prices_lie_on_working_days_and_hardly_beat_the_last_one(
    engine: ForecastingEngine, read_data: ReadData
) -> None:
    forecast = engine.forecast(read_data("prices/tsla.csv"), ForecastOptions(20, LEVELS))
    check(forecast, 20)
    assert (forecast.step_s, forecast.season_length) == (0, 5)
    assert forecast.backtest is not None
    best = forecast.backtest.scores[0]
    assert best.relative_to_naive > 0.9
