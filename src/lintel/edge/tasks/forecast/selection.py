"""Which model forecasts: the naive one, unless another is better by more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lintel.edge.tasks.forecast.backtesting import BacktestResult, Plan, backtest
from lintel.edge.tasks.forecast.combination import Combination
from lintel.edge.tasks.forecast.features import FeatureMaker
from lintel.edge.tasks.forecast.forecaster import Forecaster
from lintel.edge.tasks.forecast.intervals import outcomes_along
from lintel.edge.tasks.forecast.metrics import mean_absolute_error
from lintel.edge.tasks.forecast.naive import Naive, SeasonalNaive
from lintel.edge.tasks.forecast.results import BacktestSummary, ModelScore
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

FEWEST_WINDOWS = 5
SIGNIFICANT = 0.05
# Of the naive model's error; less is not worth another model, however sure it is.
LEAST_GAIN = 0.01
_MOST_WINDOWS = 250
# Over all windows: what the backtest may cost at long horizons.
_MOST_STEPS = 2_500
_USUAL_WINDOWS = 20
# Moments of a history that is too short for a backtest.
_SHORT_WINDOWS = 100
# Of the windows, the newest: a model must still be better there.
_RECENT_SHARE = 1 / 3


@dataclass(frozen=True, eq=False)
class Selection:
    """Which model forecasts a series, and why.

    Attributes:
        forecaster: The model.
        reason: A sentence.
        naive: The better of the naive models.
        result: The backtest it was chosen by; None where the series is too short for one.
        summary: The same in figures.
    """

    forecaster: Forecaster
    reason: str
    naive: Forecaster
    result: BacktestResult | None
    summary: BacktestSummary | None


def select(
    series: RegularSeries,
    horizon: int,
    forecasters: Sequence[Forecaster],
    regressors: Floats,
    asked: Forecaster | None = None,
    checkpoint: Callable[[], object] = lambda: None,
) -> Selection:
    """Chooses a model by a backtest on the series' own end.

    A model other than the naive ones is chosen where it is better than the better of these in the
    whole backtest, by a hundredth or more and by a Diebold-Mariano test with p < 0.05, and still
    is in the newest third of its windows. Where fewer than five windows do not overlap, the test
    is of the first steps of each.

    Args:
        series: The whole series.
        horizon: Steps to forecast.
        forecasters: Models to choose from besides the naive ones.
        regressors: float64 (len(series), R); R may be 0.
        asked: The model that is wanted: it is used, whatever the backtest says.
        checkpoint: As for `backtest`.
    """
    naive = _naive_models(series)
    plan = plan_backtest(series, horizon)
    if plan is None:
        better = _better_repetition(naive, series, horizon)
        reason = (
            f"{better.name}: the history spans {len(series)} steps, too few to compare models"
            f" {horizon} steps ahead."
        )
        if asked:
            reason = f"{asked.name}: asked for; the history is too short to compare it."
        return Selection(asked or better, reason, better, None, None)
    usable = _usable((asked,) if asked else forecasters, series, plan)
    others = [each for each in usable if each.name not in {one.name for one in naive}]
    result = backtest(series, (*naive, *others), plan, regressors, checkpoint)
    result = _without_outages(result, series)
    best_naive = min(naive, key=lambda each: result.mean_absolute_error(each.name))
    summary = _summarise(result, best_naive.name)
    if asked:
        reason = f"{asked.name}: asked for. {_standing(asked.name, best_naive.name, summary)}"
        return Selection(asked, reason, best_naive, result, summary)
    candidates = [each for each in others if each.name in result.forecasts]
    chosen, reason = _choose(result, candidates, best_naive, summary)
    return Selection(chosen, reason, best_naive, result, summary)


def plan_backtest(series: RegularSeries, horizon: int) -> Plan | None:
    """Returns where the origins of a backtest on a series' own end lie.

    Models are fitted once, to what lies before the first origin: at least half of the series, and
    three quarters where that leaves windows enough. The origins are spread over the rest, so that
    they fall on all steps of the season.

    Args:
        series: The series.
        horizon: Steps to forecast.

    Returns:
        The plan; None where fewer than 5 windows would fit.
    """
    length = len(series)
    earliest = max(length // 2, 1)
    usual = min(length * 3 // 4, length - horizon - _USUAL_WINDOWS + 1)
    first = max(earliest, usual)
    room = length - horizon - first + 1
    if room < FEWEST_WINDOWS:
        return None
    most = max(min(_MOST_WINDOWS, _MOST_STEPS // horizon), FEWEST_WINDOWS)
    stride = _stride(room, most, series.season_length)
    return Plan(horizon, min(most, (room - 1) // stride + 1), stride)


def _stride(room: int, most: int, season_length: int) -> int:
    """Returns the steps between origins: so many that they reach over most of the room.

    Origins fall on all steps of the season, as the two have no divisor in common. Of hours that
    rules out 2, 3 and 4: where 1 would leave all origins in the newest days, it is 5, with fewer
    windows that tell more.

    Args:
        room: How many origins there could be, FEWEST_WINDOWS or more.
        most: How many there are to be at most, FEWEST_WINDOWS or more.
        season_length: Steps of the season.
    """
    widest = (room - 1) // (FEWEST_WINDOWS - 1)
    fitting = [each for each in range(1, widest + 1) if math.gcd(each, season_length) == 1]
    whole = max((room - 1) // (most - 1), 1)
    stride = max(each for each in fitting if each <= whole)
    if stride * (most - 1) < (room - 1) / 2:
        stride = next((each for each in fitting if each > stride), stride)
    return stride


def _naive_models(series: RegularSeries) -> tuple[Forecaster, ...]:
    if series.season_length == 1:
        return (Naive(),)
    return (SeasonalNaive(), Naive())


def _better_repetition(
    naive: Sequence[Forecaster], series: RegularSeries, horizon: int
) -> Forecaster:
    """Returns the naive model whose forecasts from moments of a short history were nearer."""
    origins = np.unique(
        np.linspace(series.season_length, len(series) - 1, _SHORT_WINDOWS, dtype=int)
    )

    def error(each: Forecaster) -> float:
        fitted = each.fit(series, horizon, np.empty((len(series), 0)))
        outcomes = outcomes_along(fitted, series, horizon, origins.tolist())
        _, means, actuals = zip(*outcomes, strict=True)
        return mean_absolute_error(np.stack(actuals), np.stack(means))

    return min(naive, key=error) if len(naive) > 1 else naive[0]


def _usable(
    forecasters: Sequence[Forecaster], series: RegularSeries, plan: Plan
) -> Sequence[Forecaster]:
    """Returns the models that can do with what is known at the first origin."""
    start = int(plan.origins(len(series))[0])
    enough = [each for each in forecasters if each.shortest(series, plan.horizon) <= start]
    return [
        each
        for each in enough
        # Of a single model there is nothing to combine.
        if not isinstance(each, Combination) or len(each.members) > 1
    ]


def _without_outages(result: BacktestResult, series: RegularSeries) -> BacktestResult:
    """Leaves out the windows before which less than half as much is known as before most.

    They tell of the outage, not of a device that knows what has just been.
    """
    reach = FeatureMaker.for_series(series, 0).level_steps
    counts = np.concatenate([[0], np.cumsum(~np.isnan(series.values))])
    known = counts[result.origins] - counts[np.maximum(result.origins - reach, 0)]
    few = known < np.median(known) / 2
    if len(few) - np.count_nonzero(few) < FEWEST_WINDOWS:
        return result
    return replace(result, actual=np.where(few[:, None], np.nan, result.actual))


def _summarise(result: BacktestResult, naive: str) -> BacktestSummary:
    errors = {name: result.mean_absolute_error(name) for name in result.forecasts}
    scores = [
        ModelScore(
            model=name,
            mean_absolute_error=error,
            relative_to_naive=_ratio(error, errors[naive]),
            p_value=result.compare(name, naive, _steps_compared(result.plan)).p_value,
        )
        for name, error in sorted(errors.items(), key=lambda item: item[1])
    ]
    windows = int((~np.isnan(result.actual)).any(axis=1).sum())
    return BacktestSummary(windows, result.plan.horizon, tuple(scores))


def _steps_compared(plan: Plan) -> int:
    """Returns how many steps of each window are tested for chance: so many that five are apart.

    Of windows that nearly all overlap, nothing could ever be shown.
    """
    return min(max(plan.windows * plan.stride // FEWEST_WINDOWS, 1), plan.horizon)


def _choose(
    result: BacktestResult,
    candidates: Sequence[Forecaster],
    naive: Forecaster,
    summary: BacktestSummary,
) -> tuple[Forecaster, str]:
    """Returns the best of those that are significantly better, or the naive one; and why."""
    scores = {score.model: score for score in summary.scores}
    better = [
        each
        for each in sorted(candidates, key=lambda each: scores[each.name].mean_absolute_error)
        if scores[each.name].relative_to_naive <= 1 - LEAST_GAIN
        and scores[each.name].p_value < SIGNIFICANT
    ]
    lasting = [each for each in better if _is_lasting(result, each.name, naive.name)]
    if lasting:
        chosen = lasting[0]
        return chosen, f"{chosen.name}: {_standing(chosen.name, naive.name, summary)}"
    if better:
        return naive, (
            f"{naive.name}: {better[0].name} was better over the whole backtest, and no longer in"
            " its newest third."
        )
    nearest = next((score for score in summary.scores if score.model != naive.name), None)
    if nearest is None:
        return naive, f"{naive.name}: there is no other model that this history is enough for."
    return naive, (
        f"{naive.name}: no model was better by more than chance and a hundredth."
        f" {_standing(nearest.model, naive.name, summary)}"
    )


def _is_lasting(result: BacktestResult, name: str, naive: str) -> bool:
    recent = slice(-max(round(result.plan.windows * _RECENT_SHARE), 1), None)
    differences = result.losses(name)[recent] - result.losses(naive)[recent]
    known = differences[~np.isnan(differences)]
    return len(known) == 0 or float(known.mean()) < 0


def _standing(name: str, naive: str, summary: BacktestSummary) -> str:
    """Returns a sentence on how a model did beside the naive one."""
    score = next((each for each in summary.scores if each.model == name), None)
    if score is None:
        return "The history is too short to compare it, or it failed in the backtest."
    if name == naive:
        return f"Its mean absolute error over {summary.windows} windows is the naive one's."
    if math.isinf(score.relative_to_naive):
        return f"Over {summary.windows} windows {naive} made no error at all."
    return (
        f"Over {summary.windows} windows the mean absolute error of {name} was"
        f" {score.relative_to_naive:.2f} of that of {naive} ({_probability(score.p_value)})."
    )


def _probability(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def _ratio(error: float, naive_error: float) -> float:
    """Returns an error over another; 1 where both are nothing."""
    if naive_error > 0:
        return error / naive_error
    return 1.0 if error == 0 else math.inf
