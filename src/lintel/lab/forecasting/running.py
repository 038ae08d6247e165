"""A backtest as it is reported: every model, its intervals, and what it goes by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from lintel.edge.tasks.forecast import (
    BacktestResult,
    FittedForecaster,
    Forecaster,
    RegularSeries,
    backtest,
)
from lintel.edge.tasks.forecast.combination import Combination
from lintel.edge.tasks.forecast.intervals import intervals_along
from lintel.edge.tasks.forecast.trees import FittedTreeEnsemble
from lintel.lab.errors import LabError
from lintel.lab.forecasting.importances import Importance, measure_importances
from lintel.lab.forecasting.metrics import Floats
from lintel.lab.forecasting.models import NAIVE
from lintel.lab.forecasting.protocol import Protocol


@dataclass(frozen=True, eq=False)
class Backtest:
    """What models forecast on the test part, and what came.

    Attributes:
        series: The whole series.
        protocol: How it was made.
        result: Forecasts from the origins of the test part alone.
        quantiles: float64 (windows, horizon, Q) by model, at the protocol's quantile levels; made
            of errors that had come by each origin; NaN where none had.
        importances: What trees go by, by model; only of those that are trees.
    """

    series: RegularSeries
    protocol: Protocol
    result: BacktestResult
    quantiles: Mapping[str, Floats]
    importances: Mapping[str, tuple[Importance, ...]] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The naive model with the least mean absolute error: what others are compared with."""
        there = [name for name in NAIVE if name in self.result.forecasts]
        return min(there, key=self.result.mean_absolute_error)

    @property
    def calibration_steps(self) -> int:
        """Steps before the first origin from which windows were forecast to calibrate."""
        return self.protocol.calibration * self.protocol.stride

    def interval(self, model: str, level: int) -> tuple[Floats, Floats]:
        """Returns the ends of a model's intervals: float64 (windows, horizon) each.

        Args:
            model: Its name.
            level: One of the protocol's, in percent.
        """
        levels = self.protocol.quantile_levels
        low, high = (levels.index(round(0.5 + side * level / 200, 6)) for side in (-1, 1))
        return self.quantiles[model][..., low], self.quantiles[model][..., high]


def run_backtest(
    series: RegularSeries,
    forecasters: Sequence[Forecaster],
    protocol: Protocol,
    *,
    regressors: Mapping[str, Floats] = MappingProxyType({}),
    progress: Callable[[], object] = lambda: None,
) -> Backtest:
    """Forecasts from every origin with every model.

    Models are fitted once before the windows of calibration, and anew before those of the test
    part, then as the protocol says.

    Args:
        series: The whole series.
        forecasters: The models, a naive one among them.
        protocol: How.
        regressors: What else is known beforehand, by name: float64 (len(series),).
        progress: Called after each forecast of each model; see `count_forecasts`.

    Raises:
        LabError: A model needs a longer history than there is before the first origin, or failed.
    """
    for each in forecasters:
        _check_length(series, each, protocol)
    watched, singles = _watch(forecasters, progress)
    known = np.column_stack([np.empty((len(series), 0)), *regressors.values()])
    whole = _run(series, watched, protocol, known)
    for name, error in whole.failures.items():
        raise LabError(f"The model {name} failed: {error.message}") from error
    lowest = 0.0 if series.head(protocol.first_origin(len(series))).is_counts else -np.inf
    test = protocol.calibration
    return Backtest(
        series,
        protocol,
        replace(
            whole,
            plan=protocol.test_plan,
            origins=whole.origins[test:],
            actual=whole.actual[test:],
            forecasts={name: forecast[test:] for name, forecast in whole.forecasts.items()},
        ),
        {
            name: intervals_along(whole, name, protocol.quantile_levels, lowest)[test:]
            for name in whole.forecasts
        },
        _importances(series, singles, protocol, (known, tuple(regressors))),
    )


def count_forecasts(forecasters: Sequence[Forecaster], protocol: Protocol) -> int:
    """Returns how many forecasts a backtest makes; a combination makes none of its own."""
    singles = _watch(forecasters, lambda: None)[1]
    return len(singles) * (protocol.windows + protocol.calibration)


def has_room(series: RegularSeries, forecaster: Forecaster, protocol: Protocol) -> bool:
    """Tells whether there is as long a history before the first forecast as a model needs."""
    needed = forecaster.shortest(series, protocol.horizon)
    return _steps_before(series, protocol) >= needed


def _steps_before(series: RegularSeries, protocol: Protocol) -> int:
    origin = protocol.first_origin(len(series)) - protocol.stride * protocol.calibration
    return max(0, origin)


class _Watched:
    """A forecaster that tells of each forecast, and keeps what came of the first fit."""

    def __init__(self, forecaster: Forecaster, progress: Callable[[], object]) -> None:
        self.name = forecaster.name
        self.requires = forecaster.requires
        self.first: FittedForecaster | None = None
        self._forecaster = forecaster
        self._progress = progress

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        return self._forecaster.shortest(series, horizon)

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> FittedForecaster:
        fitted = self._forecaster.fit(series, horizon, regressors)
        self.first = self.first or fitted
        return _WatchedFit(fitted, self._progress)


@dataclass(frozen=True, eq=False)
class _WatchedFit:
    """What came of a fit; it tells of each forecast."""

    fitted: FittedForecaster
    progress: Callable[[], object]

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        return _WatchedFit(self.fitted.refit(series, regressors), self.progress)

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        forecast = self.fitted.predict(history, horizon, regressors)
        self.progress()
        return forecast


def _watch(
    forecasters: Sequence[Forecaster], progress: Callable[[], object]
) -> tuple[Sequence[Forecaster], Sequence[_Watched]]:
    """Has models watched: all as they are asked for, and those of them that are no combination."""
    members = [
        member
        for each in forecasters
        for member in (each.members if isinstance(each, Combination) else (each,))
    ]
    singles = {each.name: _Watched(each, progress) for each in members}
    watched: list[Forecaster] = [
        replace(each, members=tuple(singles[member.name] for member in each.members))
        if isinstance(each, Combination)
        else singles[each.name]
        for each in forecasters
    ]
    return watched, tuple(singles.values())


def _run(
    series: RegularSeries, forecasters: Sequence[Forecaster], protocol: Protocol, known: Floats
) -> BacktestResult:
    """Backtests on the windows of calibration and of the test, end to end.

    Those of the test come first, so that what is kept was fitted before their first origin.
    """
    plan = protocol.test_plan
    test = backtest(series, forecasters, plan, known)
    if not protocol.calibration:
        return test
    # It ends with the window before the first of the test.
    earlier = series.head(len(series) - protocol.stride * protocol.windows)
    before = backtest(
        earlier,
        forecasters,
        replace(plan, windows=protocol.calibration),
        known[: len(earlier)],
    )
    return replace(
        test,
        plan=replace(plan, windows=protocol.calibration + protocol.windows),
        origins=np.concatenate([before.origins, test.origins]),
        actual=np.concatenate([before.actual, test.actual]),
        forecasts={
            name: np.concatenate([before.forecasts[name], test.forecasts[name]])
            for name in test.forecasts
            if name in before.forecasts
        },
        failures=test.failures | before.failures,
    )


def _importances(
    series: RegularSeries,
    kept: Sequence[_Watched],
    protocol: Protocol,
    regressors: tuple[Floats, Sequence[str]],
) -> dict[str, tuple[Importance, ...]]:
    """Looks into the trees that were fitted before the first origin of the test part.

    Where several kinds are averaged, into the best of them.

    Args:
        series: The whole series.
        kept: What came of the first fits.
        protocol: How they were made.
        regressors: float64 (len(series), R), and R names.
    """
    known, names = regressors
    origin = protocol.first_origin(len(series))
    return {
        each.name: measure_importances(each.first.members[0], series, known, origin, names)
        for each in kept
        if isinstance(each.first, FittedTreeEnsemble)
    }


def _check_length(series: RegularSeries, forecaster: Forecaster, protocol: Protocol) -> None:
    if not has_room(series, forecaster, protocol):
        needed = forecaster.shortest(series, protocol.horizon)
        raise LabError(
            f"The model {forecaster.name} needs {needed} steps before the first forecast, and there"
            f" are {_steps_before(series, protocol)}: give fewer --origins, a smaller"
            " --calibration, or other --models."
        )
