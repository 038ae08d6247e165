"""Exponential smoothing, fitted by statsmodels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lintel.edge.tasks.forecast.apart import apart
from lintel.edge.tasks.forecast.libraries import fitting, import_library
from lintel.edge.tasks.forecast.series import Floats, RegularSeries
from lintel.edge.tasks.forecast.zones import Integers

# What lies before has no weight left, and time and memory are bounded.
MAXIMUM_STEPS = 2_000
# A longer season has more states than are worth their time: it is left out.
MAXIMUM_SEASON_LENGTH = 48
_FEWEST_STEPS = 12
_MOST_ITERATIONS = 200


class _Form(NamedTuple):
    """Which of the components there are; errors, trends and seasons are additive.

    Attributes:
        is_trending: Whether there is a slope, which is damped.
        season_length: Steps of the season; 1: there is none.
    """

    is_trending: bool
    season_length: int


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
        has_season = 1 < series.season_length <= MAXIMUM_SEASON_LENGTH
        forms = [
            _Form(is_trending, series.season_length if is_seasonal else 1)
            for is_trending in (False, True)
            for is_seasonal in ((False, True) if has_season else (False,))
        ]
        return _fit(series, forms)


class _State(NamedTuple):
    """What smoothing has come to: level, slope, and season, from the step after the fit on."""

    level: float
    slope: float
    season: Floats


@dataclass(frozen=True, eq=False)
class FittedSmoothing:
    """Exponential smoothing with parameters that have been fitted.

    Attributes:
        form: Which components there are.
        parameters: float64, in the order of the library: of the level, the slope, the season, and
            the damping of the slope, as far as there are such.
        end: Number of the step after the last one that `state` has seen.
        state: What smoothing had come to there; later steps are smoothed on from it.
    """

    form: _Form
    parameters: Floats
    end: int
    state: _State

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """See FittedForecaster."""
        end = self.end - history.first
        later = history.filled[end:]
        of_season = history.seasons_after(end, horizon, len(self.state.season))
        level, slope, season = self._smooth(later, of_season)
        slopes = np.cumsum(self._damping ** np.arange(1, horizon + 1))
        return np.asarray(level + slope * slopes + season[of_season[len(later) :]])

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedSmoothing:
        """See FittedForecaster: the components stay."""
        return _fit(series, [self.form])

    @property
    def _damping(self) -> float:
        return float(self.parameters[-1]) if self.form.is_trending else 0.0

    def _smooth(self, values: Floats, indices: Integers) -> _State:
        """Returns what smoothing comes to after later values; of the errors in its equations.

        Args:
            values: float64 (N,), the later values.
            indices: int64 (at least N,), which step of the season each is.
        """
        level, slope, season = self.state
        season = season.copy()
        rates = self.parameters.tolist()
        of_slope = rates[1] if self.form.is_trending else 0.0
        of_season = rates[1 + self.form.is_trending] if len(season) > 1 else 0.0
        for value, index in zip(values.tolist(), indices.tolist(), strict=False):
            slope *= self._damping
            error = value - level - slope - season[index]
            level += slope + rates[0] * error
            slope += of_slope * error
            season[index] += of_season * error
        return _State(level, slope, season)


class _Fit(NamedTuple):
    """What the library has fitted: see FittedSmoothing."""

    form: _Form
    parameters: Floats
    state: _State


def _fit(series: RegularSeries, forms: Sequence[_Form]) -> FittedSmoothing:
    """Fits the best of some forms."""
    best = apart(fit_forms, series.by_clock(MAXIMUM_STEPS), forms)
    return FittedSmoothing(*best[:2], series.first + len(series), best.state)


def fit_forms(values: Floats, forms: Sequence[_Form]) -> _Fit:
    """Fits forms with the library, and returns the one of the least information criterion.

    Args:
        values: float64 (N,), finite.
        forms: At least one.
    """
    name = ExponentialSmoothing().name
    library = import_library("statsmodels.tsa.exponential_smoothing.ets", name)
    with fitting(name):
        fits = [_fit_form(library, values, form) for form in forms]
    return min(fits, key=lambda each: each[0])[1]


def _fit_form(library: Any, values: Floats, form: _Form) -> tuple[float, _Fit]:
    """Fits one form, and returns its information criterion with it."""
    model = library.ETSModel(
        np.ascontiguousarray(values),
        trend="add" if form.is_trending else None,
        damped_trend=form.is_trending,
        seasonal="add" if form.season_length > 1 else None,
        seasonal_periods=form.season_length if form.season_length > 1 else None,
        initialization_method="heuristic",
    )
    parameters = model.fit(disp=False, maxiter=_MOST_ITERATIONS, return_params=True)
    count = model.k_params + 1
    room = max(len(values) - count - 1, 1)
    criterion = -2 * model.loglike(parameters) + 2 * count + 2 * count * (count + 1) / room
    if not np.isfinite(criterion):
        # A series that never changes leaves no error to take the logarithm of.
        criterion = -np.inf
    _, states = model.smooth(parameters, return_raw=True)
    season = states[-form.season_length :, -1] if form.season_length > 1 else np.zeros(1)
    slope = float(states[-1, 1]) if form.is_trending else 0.0
    return criterion, _Fit(form, parameters, _State(float(states[-1, 0]), slope, season))
