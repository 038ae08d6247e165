"""Forecasts of series: from points as they come to steps with intervals."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from lintel.edge.errors import InvalidArgumentError, LintelError, ModelNotFoundError
from lintel.edge.tasks.forecast.apart import working_apart
from lintel.edge.tasks.forecast.combination import Combination
from lintel.edge.tasks.forecast.forecaster import FittedForecaster, Forecaster, predict_within
from lintel.edge.tasks.forecast.intervals import (
    MAXIMUM_WINDOWS,
    Outcome,
    outcomes_along,
    outcomes_of,
)
from lintel.edge.tasks.forecast.libraries import check_library, has_library
from lintel.edge.tasks.forecast.memory import FittedSeries, ForecastingMemory
from lintel.edge.tasks.forecast.naive import Drift, FittedSeasonalNaive, Naive, SeasonalNaive
from lintel.edge.tasks.forecast.options import check_options, check_points
from lintel.edge.tasks.forecast.regularity import place_regressors, regularise
from lintel.edge.tasks.forecast.results import Forecast, ForecastOptions
from lintel.edge.tasks.forecast.selection import Selection, select
from lintel.edge.tasks.forecast.series import Floats, RegularSeries, TimeSeries
from lintel.edge.tasks.forecast.smoothing import ExponentialSmoothing
from lintel.edge.tasks.forecast.theta import Theta
from lintel.edge.tasks.forecast.trees import Trees
from lintel.edge.tasks.forecast.zones import find_zone

DEFAULT_CAPACITY = 16
_CHECK_EVERY_S = 0.2
# Fitted models that learn nothing: their forecasts are of what lies before them alone.
_REPEATING = (Naive, FittedSeasonalNaive, Drift)


def default_forecasters(
    networks: Sequence[Forecaster] = (), threads: int = 1
) -> tuple[Forecaster, ...]:
    """Returns the models that requests may name, those whose library is missing among them.

    Args:
        networks: Such as have been trained elsewhere, which see WindowForecaster.
        threads: Threads that fit trees.
    """
    trees = Trees(threads=threads)
    learning = (ExponentialSmoothing(), Theta(), trees)
    installed = tuple(each for each in learning if has_library(each.requires))
    combinations = [Combination(installed)] if installed else []
    if trees in installed:
        # They are wrong in other places: on the hourly bike counts both together are better than
        # either, one hour ahead and 24.
        combinations += [Combination.of(trees, network) for network in networks]
    return (Naive(), SeasonalNaive(), Drift(), *learning, *networks, *combinations)


class ForecastingEngine:
    """Forecasts series, and remembers what it fitted; any thread may use it.

    A series that is forecast again with a history that has grown by less than a tenth is not
    fitted again. What has come since is held against what was forecast: intervals adapt to it, and
    a model whose newest forecasts were worse than the naive one's is chosen anew.
    """

    def __init__(
        self, forecasters: Sequence[Forecaster] | None = None, capacity: int = DEFAULT_CAPACITY
    ) -> None:
        """Makes an engine; no library is imported yet.

        Args:
            forecasters: The models, each with its own name; None: the default ones.
            capacity: Most series that are remembered.
        """
        models = default_forecasters() if forecasters is None else forecasters
        self._forecasters = {each.name: each for each in models}
        self._memory = ForecastingMemory(capacity)
        # One at a time is fitted: memory is bounded then, and callers who ask for the same series
        # at once have it fitted once.
        self._fitting = threading.Lock()

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that this device can use."""
        return tuple(each.name for each in self._usable)

    def forecast(
        self,
        series: TimeSeries,
        options: ForecastOptions,
        checkpoint: Callable[[], object] = lambda: None,
    ) -> Forecast:
        """Forecasts the steps after a history.

        Args:
            series: The history, at most 100,000 points.
            options: What is asked for.
            checkpoint: Called while models are fitted, for this call or for others, which takes
                seconds: it may raise where the forecast is of no use any more.

        Raises:
            InvalidArgumentError: The history or an option breaks a rule; `field` is the path of
                the field of a ForecastRequest, such as "history.timestamps_us[5]".
            ModelNotFoundError: There is no model of that name.
            ModelUnavailableError: It needs a library that is not installed.
            InferenceFailedError: It cannot be fitted to this series, or gave what is no number.
        """
        regular = _regularise(series, options)
        regressors = _place(series, regular, options)
        asked = self._asked(regular, options)
        names = tuple(each.name for each in options.regressors)
        question = (options.horizon, options.model, names)
        entry = self._recall(question, regular, regressors)
        if entry is None:
            with self._turn(checkpoint), working_apart(checkpoint):
                entry = self._memory.find(question, regular, regressors)
                if entry is None:
                    entry = self._fit(regular, options.horizon, regressors, asked, checkpoint)
                    self._memory.keep(question, entry)
        with entry.lock:
            return _answer(entry, regular, options, regressors)

    @contextmanager
    def _turn(self, checkpoint: Callable[[], object]) -> Iterator[None]:
        """Waits for the turn to fit, and holds it."""
        while not self._fitting.acquire(timeout=_CHECK_EVERY_S):
            checkpoint()
        try:
            yield
        finally:
            self._fitting.release()

    @property
    def _usable(self) -> Sequence[Forecaster]:
        every = self._forecasters.values()
        return [each for each in every if not each.requires or has_library(each.requires)]

    def _asked(self, series: RegularSeries, options: ForecastOptions) -> Forecaster | None:
        """Returns the model that is asked for by name; None: none is.

        Raises:
            ModelNotFoundError: There is none of that name.
            ModelUnavailableError: It needs a library that is not installed.
            InvalidArgumentError: The history is too short for it.
        """
        if not options.model:
            return None
        asked = self._forecasters.get(options.model)
        if asked is None:
            raise ModelNotFoundError(
                f"There is no such model; there are {', '.join(self._forecasters)}.", field="model"
            )
        check_library(asked.requires, asked.name)
        needed = asked.shortest(series, options.horizon)
        if needed > len(series):
            raise InvalidArgumentError(
                f"The model {asked.name} needs a history of at least {needed} steps for this "
                f"season and horizon; it spans {len(series)}.",
                field="model",
            )
        return asked

    def _recall(
        self, question: tuple[object, ...], series: RegularSeries, regressors: Floats
    ) -> FittedSeries | None:
        """Returns what was fitted before, unless its forecasts have become worse than naive."""
        entry = self._memory.find(question, series, regressors)
        if entry is None:
            return None
        with entry.lock:
            entry.learn(series)
            if not entry.has_drifted:
                return entry
        self._memory.forget(entry)
        return None

    def _fit(
        self,
        series: RegularSeries,
        horizon: int,
        regressors: Floats,
        asked: Forecaster | None,
        checkpoint: Callable[[], object],
    ) -> FittedSeries:
        """Chooses a model, and fits it to the whole history."""
        past = regressors[: len(series)]
        selection = select(series, horizon, self._usable, past, asked, checkpoint)
        model, reason = selection.forecaster, selection.reason
        naive = selection.naive.fit(series, horizon, past)
        checkpoint()
        try:
            earlier = selection.result and selection.result.fitted.get(model.name)
            fitted = earlier.refit(series, past) if earlier else model.fit(series, horizon, past)
        except LintelError:
            checkpoint()
            if asked:
                raise
            reason = (
                f"{selection.naive.name}: {model.name} did better in the backtest, and cannot be"
                " fitted to the whole history."
            )
            model, fitted = selection.naive, naive
        outcomes = _outcomes(series, horizon, selection, model.name, (fitted, naive))
        return FittedSeries(
            series, past, model.name, reason, fitted, naive, selection.summary, outcomes
        )


def _answer(
    entry: FittedSeries, series: RegularSeries, options: ForecastOptions, regressors: Floats
) -> Forecast:
    """Forecasts with what has been fitted."""
    horizon, levels = options.horizon, options.quantile_levels
    mean = predict_within(entry.fitted, series, horizon, regressors)
    entry.issue(series, mean, predict_within(entry.naive, series, horizon, regressors))
    quantiles = np.empty((horizon, 0))
    if levels:
        lowest = 0.0 if series.is_counts else -np.inf
        quantiles = entry.intervals(levels, lowest).quantiles(mean)
    return Forecast(
        timestamps_us=series.timestamps_after(horizon),
        mean=mean,
        quantile_levels=levels,
        quantiles=quantiles,
        model=entry.model,
        reason=entry.reason,
        backtest=entry.summary,
        step_s=series.calendar.step_s,
        season_length=series.season_length,
    )


def _regularise(series: TimeSeries, options: ForecastOptions) -> RegularSeries:
    """Returns the history on its calendar; what is asked fits to it.

    Raises:
        InvalidArgumentError: See ForecastingEngine.forecast.
    """
    check_points(len(series.values))
    try:
        regular = regularise(series, find_zone(options.time_zone), options.season_length)
    except InvalidArgumentError as error:
        if error.field.startswith("timestamps_us"):
            raise error.at("history") from None
        raise
    check_options(options, len(series.values), len(regular))
    return regular


def _place(series: TimeSeries, regular: RegularSeries, options: ForecastOptions) -> Floats:
    """Returns the regressors on the steps of the history and of the forecast."""
    if not options.regressors:
        return np.empty((len(regular) + options.horizon, 0))
    history, future = (
        np.stack([getattr(each, name) for each in options.regressors], axis=1)
        for name in ("history_values", "future_values")
    )
    return place_regressors(regular, series.timestamps_us, history, future)


def _outcomes(
    series: RegularSeries,
    horizon: int,
    selection: Selection,
    model: str,
    fitted: tuple[FittedForecaster, FittedForecaster],
) -> deque[Outcome]:
    """Returns earlier forecasts that intervals are made of.

    They are the model's in the backtest, which has some tens of windows that do not overlap, or
    fewer. One that learns nothing, and in place of one that had no backtest the naive one, can do
    better: it is asked from moments all over the history.

    Args:
        series: The history.
        horizon: Steps to forecast.
        selection: How the model was chosen.
        model: Its name.
        fitted: It and the naive model.
    """
    result = selection.result
    repeating = fitted[0] if isinstance(fitted[0], _REPEATING) else fitted[1]
    if result is not None and model in result.forecasts and repeating is not fitted[0]:
        return deque(outcomes_of(result, model, series.first), maxlen=MAXIMUM_WINDOWS)
    first = repeating.season_length if isinstance(repeating, FittedSeasonalNaive) else 1
    last = len(series) - 1
    if result is not None:
        # Whole windows; of a long history no more than the backtest looks at.
        last = len(series) - horizon
        first = max(first, min(int(result.origins[0]), last - MAXIMUM_WINDOWS + 1))
    origins = np.unique(np.linspace(min(first, last), last, MAXIMUM_WINDOWS, dtype=int)).tolist()
    return deque(outcomes_along(repeating, series, horizon, origins), maxlen=MAXIMUM_WINDOWS)
