"""XGBoost on lags, differences, rolling means and the calendar."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from lintel.edge.tasks.forecast.apart import apart
from lintel.edge.tasks.forecast.examples import (
    Base,
    Examples,
    base_of,
    better_base,
    make_examples,
)
from lintel.edge.tasks.forecast.features import FeatureMaker, History, Rows
from lintel.edge.tasks.forecast.forest import Forest
from lintel.edge.tasks.forecast.libraries import fitting, import_library
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

if TYPE_CHECKING:
    import xgboost

_Choice = TypeVar("_Choice")

_FEWEST_STEPS = 100
_SEASONS_NEEDED = 3
_TAIL_SHARE = 0.1
_VALIDATION_WINDOWS = 48
# Over all windows: what choosing a way may cost at long horizons.
_VALIDATION_STEPS = 2_000
_MOST_ROUNDS = 800
_PATIENCE = 40
# What has no more than so many times the least error is averaged with it: two bases are nearly the
# same model, two ways are not.
_NEAR_BASE = 1.03
_NEAR_WAY = 1.05
# There is a tenth more to learn from in the end.
_MORE_ROUNDS = 1.1
_BINS = 64
# Each tree sees a quarter of the columns, drawn by these weights: what history tells is told by
# many of them, a regressor by its own, so that every tree sees it.
_REGRESSOR_WEIGHT = 1_000.0
_PARAMETERS = {
    "tree_method": "hist",
    "max_depth": 7,
    "eta": 0.05,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.25,
    "max_bin": _BINS,
    "seed": 0,
    "verbosity": 0,
}


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient-boosted trees: T. Chen and C. Guestrin, XGBoost, 2016.

    What is learnt is how far a step is from a base, in units of the series' recent level. The base
    is the level itself, or the better of the mean of the last four seasons and the last value.
    Several steps are forecast one after the other, each from the one before ("recursive"), or each
    by itself with its number as a feature ("direct"). Which base and which way does better is
    decided in the last tenth of what the model is fitted to, where it is also decided when to
    stop; then trees are fitted to everything. What is hardly worse than the best is averaged with
    it.

    On the hourly bike counts the level wins alone, and 24 hours ahead each step by itself. On the
    daily ones, of which there are few, averaging took 2 % off the error of choosing.

    Attributes:
        name: What requests and results call it.
        threads: Threads that fit. More than one gain a third where cores are idle; where they are
            not, threads wait for each other, and a fit of seconds takes minutes.
    """

    name: str = "xgboost"
    requires: ClassVar[str] = "xgboost"
    threads: int = 1

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return max(_FEWEST_STEPS, _SEASONS_NEEDED * series.season_length) + horizon

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> FittedTreeEnsemble:
        """See Forecaster."""
        return apart(fit_trees, self, series, horizon, regressors)


@dataclass(frozen=True, slots=True)
class FittedTreeEnsemble:
    """The mean of one or several kinds of trees.

    Attributes:
        members: The trees, the best first within each way of forecasting several steps.
        kind: What they were fitted as.
    """

    members: tuple[FittedTrees, ...]
    kind: Trees

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """See FittedForecaster."""
        ways: dict[int, list[FittedTrees]] = {}
        for member in self.members:
            ways.setdefault(member.direct_steps, []).append(member)
        forecasts = [_predict(way, history, horizon, regressors) for way in ways.values()]
        return np.asarray(np.mean(forecasts, axis=0), np.float64)

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedTreeEnsemble:
        """See FittedForecaster: bases, ways and the number of trees stay."""
        ways = [_Way(each.base, each.direct_steps, len(each.forest.roots)) for each in self.members]
        return apart(refit_trees, self.kind, series, regressors, ways)


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Trees that have been fitted.

    Attributes:
        maker: Makes their features.
        base: What forecasts are told relative to.
        direct_steps: Steps that are forecast each by itself; 1: one after the other.
        forest: The trees.
        document: The same as XGBoost's model, compressed.
    """

    maker: FeatureMaker
    base: Base
    direct_steps: int
    forest: Forest
    document: bytes

    @cached_property
    def booster(self) -> xgboost.Booster:
        """XGBoost's model: for looking into it, as no forecast needs it."""
        library = import_library(Trees.requires, Trees().name)
        booster: xgboost.Booster = library.Booster()
        booster.load_model(bytearray(zlib.decompress(self.document)))
        return booster

    def predict_rows(self, rows: Rows) -> Floats:
        """Forecasts, in the series' units, the steps that rows of features stand for."""
        return self.forest.predict(rows.features) * rows.scale + base_of(rows, self.base)

    def examples(self, series: RegularSeries, regressors: Floats) -> Examples:
        """Returns what such trees are fitted to on a series: for looking into them.

        Args:
            series: Any series on the same calendar.
            regressors: float64 (len(series), R).
        """
        return make_examples(self.maker, series, regressors, self.direct_steps)

    def gains(self) -> dict[str, float]:
        """Returns how much each feature has lowered the loss, as shares of the whole."""
        by_number = self.booster.get_score(importance_type="total_gain")
        names = self.maker.names
        gains = [np.sum(by_number.get(f"f{index}", 0.0)) for index in range(len(names))]
        return dict(zip(names, np.divide(gains, sum(gains) or 1.0).tolist(), strict=True))


class _Way(NamedTuple):
    """What has been chosen of trees: their base, their direct steps, and how many they are."""

    base: Base
    direct_steps: int
    rounds: int


def fit_trees(
    kind: Trees, series: RegularSeries, horizon: int, regressors: Floats
) -> FittedTreeEnsemble:
    """Chooses bases and ways, and fits trees: see Trees."""
    workshop = _Workshop.open(kind, series, regressors)
    with fitting(kind.name):
        examples = workshop.examples(1)
        seen = workshop.examples(horizon) if horizon > 1 else examples
        bases: tuple[Base, ...] = ("level", better_base(seen.part(workshop.tail(seen))))
        recursive = workshop.candidates(examples, bases, 1)
        recursive = _near_best(recursive, [each.error for each in recursive], _NEAR_BASE)
        ways = [(recursive, examples)]
        if horizon > 1:
            direct = workshop.candidates(seen, [each.base for each in recursive], horizon)
            ways.append((direct, seen))
            errors = [workshop.error_of_many(candidates, horizon) for candidates, _ in ways]
            ways = _near_best(ways, errors, _NEAR_WAY)
        members = [workshop.finish(each, examples) for way, examples in ways for each in way]
    return FittedTreeEnsemble(tuple(members), kind)


def refit_trees(
    kind: Trees, series: RegularSeries, regressors: Floats, ways: Sequence[_Way]
) -> FittedTreeEnsemble:
    """Fits trees as they have been chosen before."""
    workshop = _Workshop.open(kind, series, regressors)
    with fitting(kind.name):
        members = [workshop.train(workshop.examples(way.direct_steps), *way) for way in ways]
    return FittedTreeEnsemble(tuple(members), kind)


@dataclass(frozen=True, eq=False)
class _Candidate:
    """One way to forecast, fitted to all but the tail.

    Attributes:
        base: What forecasts are told relative to.
        direct_steps: Steps that are forecast each by itself.
        booster: The trees, up to the best round.
        error: Mean absolute error over the tail, in units of the scale.
    """

    base: Base
    direct_steps: int
    booster: xgboost.Booster
    error: float


@dataclass(frozen=True, eq=False)
class _Workshop:
    """What candidates are made and judged with."""

    library: Any
    kind: Trees
    series: RegularSeries
    regressors: Floats
    maker: FeatureMaker

    @classmethod
    def open(cls, kind: Trees, series: RegularSeries, regressors: Floats) -> _Workshop:
        library = import_library(kind.requires, kind.name)
        maker = FeatureMaker.for_series(series, regressors.shape[1])
        return cls(library, kind, series, regressors, maker)

    def examples(self, direct_steps: int) -> Examples:
        return make_examples(self.maker, self.series, self.regressors, direct_steps)

    def tail(self, examples: Examples) -> slice:
        """Returns the newest tenth: whole steps of the series."""
        start = examples.indices[int(len(examples.indices) * (1 - _TAIL_SHARE))]
        return slice(int(np.searchsorted(examples.indices, start)), None)

    def candidates(
        self, examples: Examples, bases: Sequence[Base], direct_steps: int
    ) -> list[_Candidate]:
        """Fits trees to all but the tail, and stops when the tail gets no better."""
        tail = self.tail(examples)
        learnt, watched = examples.part(slice(tail.start)), examples.part(tail)
        # Columns are cut into bins once for all bases.
        fitting = self._matrix(learnt, bases[0])
        watching = self._matrix(watched, bases[0], fitting)
        found = []
        for base in bases:
            fitting.set_label(learnt.targets(base))
            watching.set_label(watched.targets(base))
            booster = self.library.train(
                self._parameters,
                fitting,
                _MOST_ROUNDS,
                evals=[(watching, "tail")],
                early_stopping_rounds=_PATIENCE,
                verbose_eval=False,
            )
            booster = booster[: booster.best_iteration + 1]
            errors = booster.inplace_predict(watched.rows.features) - watched.targets(base)
            error = float(np.abs(errors).mean())
            found.append(_Candidate(base, direct_steps, booster, error))
        return found

    def error_of_many(self, candidates: Sequence[_Candidate], horizon: int) -> float:
        """Returns the mean absolute error of their mean over windows in the last tenth."""
        fitted = FittedTreeEnsemble(
            tuple(self._fitted(each.booster, each.base, each.direct_steps) for each in candidates),
            self.kind,
        )
        last = len(self.series) - horizon
        first = min(int(len(self.series) * (1 - _TAIL_SHARE)), last)
        windows = min(_VALIDATION_WINDOWS, max(_VALIDATION_STEPS // horizon, 1))
        errors = []
        for origin in np.unique(np.linspace(first, last, windows, dtype=int)):
            end = origin + horizon
            forecast = fitted.predict(self.series.head(origin), horizon, self.regressors[:end])
            errors.append(np.abs(forecast - self.series.values[origin:end]))
        # In an outage nothing came that one could be better at.
        known = np.concatenate(errors)
        known = known[~np.isnan(known)]
        return float(known.mean()) if len(known) else math.inf

    def finish(self, candidate: _Candidate, examples: Examples) -> FittedTrees:
        """Fits the trees of a candidate to everything."""
        rounds = int(candidate.booster.num_boosted_rounds() * _MORE_ROUNDS) + 1
        return self.train(examples, candidate.base, candidate.direct_steps, rounds)

    def train(self, examples: Examples, base: Base, direct_steps: int, rounds: int) -> FittedTrees:
        """Fits so many trees to examples."""
        booster = self.library.train(self._parameters, self._matrix(examples, base), rounds)
        return self._fitted(booster, base, direct_steps)

    def _fitted(self, booster: xgboost.Booster, base: Base, direct_steps: int) -> FittedTrees:
        forest = Forest.from_xgboost(bytes(booster.save_raw("json")))
        # XGBoost itself takes a device 190 MB, with what it imports where that is installed.
        document = zlib.compress(bytes(booster.save_raw("ubj")), level=1)
        return FittedTrees(self.maker, base, direct_steps, forest, document)

    @property
    def _parameters(self) -> dict[str, Any]:
        return {**_PARAMETERS, "nthread": self.kind.threads}

    def _matrix(self, examples: Examples, base: Base, reference: Any = None) -> Any:
        matrix = self.library.QuantileDMatrix(
            examples.rows.features,
            examples.targets(base),
            ref=reference,
            max_bin=_BINS,
            nthread=self.kind.threads,
        )
        if self.maker.regressors:
            weights = np.ones(matrix.num_col())
            weights[-self.maker.regressors :] = _REGRESSOR_WEIGHT
            matrix.set_info(feature_weights=weights)
        return matrix


def _predict(
    way: Sequence[FittedTrees], history: RegularSeries, horizon: int, regressors: Floats
) -> Floats:
    """Forecasts with the mean of trees that forecast several steps in the same way.

    Steps beyond those that are forecast each by itself follow from those before.
    """
    maker, direct_steps = way[0].maker, way[0].direct_steps
    steps = np.arange(len(history), len(history) + horizon)
    beside = np.concatenate(
        [maker.calendar_features(history.first + steps), regressors[len(history) :]], axis=1
    )
    if np.isnan(history.values[-maker.level_steps :]).all():
        # Amid an outage there is nothing to be relative to but what is usual.
        history = replace(history, values=history.filled)
    newest = history.tail(maker.lookback + direct_steps)
    known = History(newest.values, horizon, newest.clock(horizon))
    forecast = np.empty(horizon)
    for start in range(0, horizon, direct_steps):
        part = slice(start, min(start + direct_steps, horizon))
        ahead = np.arange(1, part.stop - start + 1)
        rows = maker.rows(known, np.full_like(ahead, known.length), ahead, beside[part])
        values = sum(trees.predict_rows(rows) for trees in way) / len(way)
        forecast[part] = np.maximum(values, 0.0) if history.is_counts else values
        for value in forecast[part]:
            known.append(value)
    return forecast


def _near_best(choices: Sequence[_Choice], errors: Sequence[float], near: float) -> list[_Choice]:
    """Returns what has no more than `near` times the least error, the best first."""
    order = np.argsort(errors, kind="stable")
    return [choices[index] for index in order if errors[index] <= near * min(errors)]
