"""Exponential smoothing, fitted by statsmodels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lintel.edge.tasks.forecast.libraries import fitting, import_library
from lintel.edge.tasks.forecast.series import Floats, RegularSeries

# What lies before has no weight left, and time and memory are bounded.
MAXIMUM_STEPS = 2_000
# A longer season has more states than are worth their time: it is left out.
MAXIMUM_SEASON_LENGTH = 48
_FEWEST_STEPS = 12
_MOST_ITERATIONS = 200


class _Form(NamedTuple):
    """Which of the components there are; errors, trends and seasons are additive."""

    is_trending: bool
    is_seasonal: bool


@dataclass(frozen=True, slots=True)
class ExponentialSmoothing:
    """Exponential smoothing in state-space form: the ETS models with additive components.

    R. J. Hyndman, A. B. Koehler, J. K. Ord and R. D. Snyder, Forecasting with Exponential
    Smoothing, 2008. With and without a damped trend and a season: the one of the least corrected
    information criterion of Akaike is taken.

    Attributes:
        name: What requests and results call it.
    """

    name: str = "exponential-smoothing"
    requires: ClassVar[str] = "statsmodels"

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        season = series.season_length
        if not 1 < season <= MAXIMUM_SEASON_LENGTH:
            return _FEWEST_STEPS
        # The library asks for the second, to guess a first level and season.
        return max(_FEWEST_STEPS, 10 + 2 * (season // 2), 2 * season)

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> FittedSmoothing:
        """See Forecaster."""
        library = import_library("statsmodels.tsa.exponential_smoothing.ets", self.name)
        has_season = 1 < series.season_length <= MAXIMUM_SEASON_LENGTH
        forms = [
            _Form(is_trending, is_seasonal)
            for is_trending in (False, True)
            for is_seasonal in ((False, True) if has_season else (False,))
        ]
        with fitting(self.name):
            fits = [_fit(library, series, form) for form in forms]
        return min(fits, key=lambda each: each[0])[1]


class _State(NamedTuple):
    """What smoothing has come to: level, slope, and the last season, oldest step first."""

    level: float
    slope: float
    season: Floats


@dataclass(frozen=True, eq=False)
class FittedSmoothing:
    """Exponential smoothing with parameters that have been fitted.

    Attributes:
        library: The module of statsmodels that smooths.
        form: Which components there are.
        season_length: Steps of the season; 1: none.
        parameters: float64, in the order of the library.
        end: Number of the step after the last one that `state` has seen.
        state: What smoothing had come to there; later steps are smoothed on from it.
    """

    library: Any
    form: _Form
    season_length: int
    parameters: Floats
    end: int
    state: _State

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """See FittedForecaster."""
        later = history.filled[self.end - history.first :]
        state = self.state
        if len(later):
            model = _model(self.library, later, self.form, self.season_length, state)
            state = _last_state(model, self.parameters, self.form, state.season)
        damping = self.parameters[-1] if self.form.is_trending else 0.0
        slopes = np.cumsum(damping ** np.arange(1, horizon + 1))
        return np.asarray(state.level + state.slope * slopes + np.resize(state.season, horizon))

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedSmoothing:
        """See FittedForecaster."""
        with fitting(ExponentialSmoothing().name):
            return _fit(self.library, series, self.form)[1]


def _fit(library: Any, series: RegularSeries, form: _Form) -> tuple[float, FittedSmoothing]:
    """Fits one form, and returns its information criterion with it."""
    season_length = series.season_length if form.is_seasonal else 1
    values = series.filled[-MAXIMUM_STEPS:]
    model = _model(library, values, form, season_length)
    parameters = model.fit(disp=False, maxiter=_MOST_ITERATIONS, return_params=True)
    count = model.k_params + 1
    room = max(len(values) - count - 1, 1)
    criterion = -2 * model.loglike(parameters) + 2 * count + 2 * count * (count + 1) / room
    if not np.isfinite(criterion):
        # A series that never changes leaves no error to take the logarithm of.
        criterion = -np.inf
    state = _last_state(model, parameters, form, np.zeros(season_length))
    end = series.first + len(series)
    return criterion, FittedSmoothing(library, form, season_length, parameters, end, state)


def _model(
    library: Any, values: Floats, form: _Form, season_length: int, state: _State | None = None
) -> Any:
    """Returns the library's model of values, from a known state or one that it guesses."""
    known = (
        {"initialization_method": "heuristic"}
        if state is None
        else {
            "initialization_method": "known",
            "initial_level": state.level,
            "initial_trend": state.slope,
            "initial_seasonal": state.season,
        }
    )
    return library.ETSModel(
        np.ascontiguousarray(values),
        trend="add" if form.is_trending else None,
        damped_trend=form.is_trending,
        seasonal="add" if form.is_seasonal else None,
        seasonal_periods=season_length if form.is_seasonal else None,
        **known,
    )


def _last_state(model: Any, parameters: Floats, form: _Form, season: Floats) -> _State:
    """Returns what smoothing with the parameters comes to at the model's last value.

    Args:
        model: The library's.
        parameters: Those that were fitted.
        form: Which components there are.
        season: The season before the model's values, of which a short one leaves some.
    """
    _, states = model.smooth(parameters, return_raw=True)
    slope = float(states[-1, 1]) if form.is_trending else 0.0
    if form.is_seasonal:
        season = np.concatenate([season, states[:, -1]])[-len(season) :]
    return _State(float(states[-1, 0]), slope, season)
