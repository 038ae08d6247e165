"""How sure a forecast is: quantiles from what earlier forecasts missed by."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.tasks.forecast.backtesting import BacktestResult
from lintel.edge.tasks.forecast.forecaster import FittedForecaster, predict_within
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

MAXIMUM_WINDOWS = 500
# How far the level of a quantile moves where all of a window lies on one side of it.
_RATE = 0.05
_FEWEST_WINDOWS = 10
_FEWEST_ERRORS = 10
_LEAST_LEVEL, _MOST_LEVEL = 0.0005, 0.9995
# Errors grow with the forecast not at all, like those of counts, or in proportion.
_POWERS = (0.0, 0.5, 1.0)
_FLOOR = 0.05
_LEAST_SHARE = 1e-6
# From fewer errors than these, those of the steps beside help to tell how large they are.
_ERRORS_A_STEP = 40


class Outcome(NamedTuple):
    """A forecast that has come to pass.

    Attributes:
        first: Number of its first step.
        mean: float64 (horizon,), the forecast.
        actual: float64 (horizon,), what came, NaN where nothing did.
    """

    first: int
    mean: Floats
    actual: Floats


class _Scores(NamedTuple):
    """Errors of earlier forecasts, made comparable.

    Attributes:
        sorted: float64 (N,), in units of the spread, rising.
        power: Errors are in proportion to this power of the forecast.
        floor: Added to the forecast's magnitude before.
        spread: float64 (horizon,), mean magnitude of the errors of each step.
    """

    sorted: Floats
    power: float
    floor: float
    spread: Floats

    def sizes(self, mean: Floats) -> Floats:
        """Returns how large errors usually are: float64 (horizon,)."""
        return (np.abs(mean) + self.floor) ** self.power * self.spread


class ConformalIntervals:
    """Quantiles of forecasts by conformal prediction, adapting to what comes.

    A quantile is the forecast and a quantile of the errors of earlier ones, which are first divided
    by their usual size: that of the step, and of forecasts as high (J. Lei and others,
    Distribution-Free Predictive Inference for Regression, 2018). The level that is looked up moves
    with every window that has come to pass, up where too much lay above the quantile and down
    where too little did (I. Gibbs and E. Candes, Adaptive Conformal Inference Under Distribution
    Shift, 2021): so coverage holds in the long run whatever the series does. Quantiles never
    cross, and the forecast lies between those below the median and those above it. Fewer than ten
    errors count on both sides of the forecast, and it is one of the values that are looked up.

    Attributes:
        levels: Of the quantiles, between 0 and 1 and rising.
    """

    def __init__(self, levels: Sequence[float], lowest: float = -np.inf) -> None:
        """Starts with no errors known.

        Args:
            levels: Of the quantiles, between 0 and 1 and rising.
            lowest: What no quantile may lie below: 0 for counts.
        """
        self.levels = tuple(levels)
        self._lowest = lowest
        self._adapted = np.array(levels, np.float64)
        self._outcomes: deque[Outcome] = deque(maxlen=MAXIMUM_WINDOWS)
        self._scores: _Scores | None = None

    def observe(self, outcome: Outcome, told: Floats) -> None:
        """Learns how a forecast turned out.

        Args:
            outcome: The forecast, and what came.
            told: float64 (horizon, levels), the quantiles that were told of it.
        """
        known = ~np.isnan(outcome.actual)
        if not known.any():
            return
        # Quantiles of a few errors say more about these than about the levels; and of a window
        # that was told none, nothing lay on either side.
        if len(self._outcomes) >= _FEWEST_WINDOWS and not np.isnan(told).any():
            below = outcome.actual[known, None] <= told[known]
            # Windows that overlap tell the same again: together they weigh as much as one.
            new = (outcome.first - self._outcomes[-1].first) / len(outcome.mean)
            missed = np.array(self.levels) - below.mean(axis=0)
            # Levels that moved past each other would be moved by what another one missed.
            self._adapted = np.sort(self._adapted + _RATE * min(new, 1.0) * missed)
        self._outcomes.append(outcome)
        self._scores = None

    def quantiles(self, mean: Floats) -> Floats:
        """Returns the quantiles of a forecast.

        Args:
            mean: float64 (horizon,), the forecast, of as many steps as were observed.

        Returns:
            float64 (horizon, levels), not falling along the levels; NaN before any forecast has
            turned out.
        """
        if not self._outcomes:
            return np.full((len(mean), len(self.levels)), np.nan)
        if self._scores is None:
            _, means, actuals = zip(*self._outcomes, strict=True)
            self._scores = _measure(np.stack(means), np.stack(actuals))
        looked_up = np.clip(self._adapted, _LEAST_LEVEL, _MOST_LEVEL)
        scores = _conformal_quantiles(self._scores.sorted, looked_up)
        # A model that was too low every time has errors on one side alone; its forecast is in its
        # intervals all the same.
        sides = np.sign(np.array(self.levels) - 0.5)
        scores = np.where(scores * sides < 0, 0.0, scores)
        quantiles = mean[:, None] + self._scores.sizes(mean)[:, None] * scores
        return np.asarray(np.maximum(quantiles, self._lowest))


def replay(
    outcomes: Sequence[Outcome], levels: Sequence[float], lowest: float = -np.inf
) -> tuple[ConformalIntervals, Floats]:
    """Goes through forecasts as if each were being given: with what had come to pass by then.

    Args:
        outcomes: Forecasts of as many steps each, in the order of time.
        levels: Of the quantiles, between 0 and 1 and rising.
        lowest: What no quantile may lie below: 0 for counts.

    Returns:
        Intervals that have seen all of them, and the quantiles that would have been told of each:
        float64 (forecasts, horizon, levels), NaN where nothing had come to pass.
    """
    intervals = ConformalIntervals(levels, lowest)
    told: list[Floats] = []
    passed = 0
    for outcome in outcomes:
        while outcomes[passed].first + len(outcome.mean) <= outcome.first:
            intervals.observe(outcomes[passed], told[passed])
            passed += 1
        told.append(intervals.quantiles(outcome.mean))
    for index in range(passed, len(outcomes)):
        intervals.observe(outcomes[index], told[index])
    return intervals, np.stack(told)


def outcomes_of(result: BacktestResult, model: str, first: int) -> Sequence[Outcome]:
    """Returns the forecasts that a model gave in a backtest.

    Args:
        result: The backtest.
        model: Name of the model.
        first: Number of the first step of the series.
    """
    positions = (result.origins + first).tolist()
    return tuple(map(Outcome, positions, result.forecasts[model], result.actual))


def outcomes_along(
    fitted: FittedForecaster, series: RegularSeries, horizon: int, origins: Sequence[int]
) -> Sequence[Outcome]:
    """Returns what a model that learns nothing would have forecast, from moments of a history.

    Args:
        fitted: The model; its forecasts are of what lies before them alone.
        series: The history.
        horizon: Steps to forecast.
        origins: How many steps are known at each, rising; what would have come after the end of
            the history is not known.
    """
    padded = np.concatenate([series.values, np.full(horizon, np.nan)])
    nothing = np.empty((len(padded), 0))
    return tuple(
        Outcome(
            series.first + origin,
            predict_within(fitted, series.head(origin), horizon, nothing[: origin + horizon]),
            padded[origin : origin + horizon],
        )
        for origin in origins
    )


def intervals_along(
    result: BacktestResult, model: str, levels: Sequence[float], lowest: float = -np.inf
) -> Floats:
    """Returns the quantiles that would have been told in a backtest.

    Those of a window are made of the windows that had come to pass, to their last step, at its
    origin.

    Args:
        result: The backtest.
        model: Name of the model.
        levels: Of the quantiles, between 0 and 1 and rising.
        lowest: What no quantile may lie below: 0 for counts.

    Returns:
        float64 (windows, horizon, levels); NaN where nothing had come to pass.
    """
    return replay(outcomes_of(result, model, 0), levels, lowest)[1]


def _measure(means: Floats, actuals: Floats) -> _Scores:
    """Makes errors comparable; the arguments are float64 (windows, horizon)."""
    errors = actuals - means
    magnitudes = np.abs(means)
    known = ~np.isnan(errors)
    # Forecasts that are next to nothing beside their errors have no size to be in proportion to.
    least = _LEAST_SHARE * float(np.abs(errors[known]).mean())
    floor = max(_FLOOR * float(magnitudes.mean()), least)
    if floor < np.finfo(np.float64).tiny:
        # Nothing can be divided by it: there are no errors to speak of.
        floor = 1.0
    power = min(_POWERS, key=lambda each: _surprise(errors[known], magnitudes[known] + floor, each))
    scaled = errors / (magnitudes + floor) ** power
    spread = _spread(np.abs(scaled), known)
    scores = (scaled / np.where(spread > 0, spread, 1.0))[known]
    if len(scores) < _FEWEST_ERRORS:
        # So few may all lie on one side, and the next may as well lie on the other. With 0 in
        # their middle, intervals hold the forecast.
        scores = np.concatenate([scores, -scores, [0.0]])
    return _Scores(np.sort(scores), power, floor, spread)


def _surprise(errors: Floats, magnitudes: Floats, power: float) -> float:
    """Returns the negative log-likelihood of errors whose spread is a power of the magnitude."""
    sizes = magnitudes**power
    mean = float((np.abs(errors) / sizes).mean())
    return float(np.log(sizes).mean()) + float(np.log(mean)) if mean > 0 else -np.inf


def _spread(magnitudes: Floats, known: NDArray[np.bool_]) -> Floats:
    """Returns the mean magnitude at each step; of few windows, with that of the steps beside."""
    windows, horizon = magnitudes.shape
    reach = min(_ERRORS_A_STEP // windows // 2, horizon // 4)
    sums = np.where(known, magnitudes, 0.0).sum(axis=0)
    counts = known.sum(axis=0).astype(np.float64)
    window = np.ones(2 * reach + 1)
    padded = [np.convolve(np.pad(each, reach), window, mode="valid") for each in (sums, counts)]
    steps = np.flatnonzero(padded[1] > 0)
    # Steps that no window has reached are like the last that one has.
    return np.interp(np.arange(horizon), steps, padded[0][steps] / padded[1][steps])


def _conformal_quantiles(scores: Floats, levels: Floats) -> Floats:
    """Returns sorted scores at levels, with one more score than there are at each end."""
    count = len(scores)
    ranks = np.ceil((count + 1) * levels).astype(np.int64) - 1
    return scores[np.clip(ranks, 0, count - 1)]
