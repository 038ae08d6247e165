"""What forecasts: the interface, and what holds for every model behind it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lintel.edge.errors import InferenceFailedError
from lintel.edge.tasks.forecast.series import Floats, RegularSeries


class FittedForecaster(Protocol):
    """A model fitted to a series; any thread may use it."""

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """Forecasts the steps after a history; nothing is fitted anew.

        Args:
            history: The series that the model was fitted to, longer or not.
            horizon: Steps to forecast, at least 1.
            regressors: float64 (len(history) + horizon, R), as many columns as were fitted.

        Returns:
            float64 (horizon,).
        """

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        """Fits the same kind of model to a series that has grown: what was chosen stays chosen.

        Args:
            series: The series that the model was fitted to, longer or not.
            regressors: float64 (len(series), R), as many columns as were fitted.

        Raises:
            InferenceFailedError: It cannot be fitted.
        """


class Forecaster(Protocol):
    """A kind of model."""

    @property
    def name(self) -> str:
        """What requests and results call it."""

    @property
    def requires(self) -> str:
        """Name of the module that must be installed for it; empty: none."""

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """Returns how many steps of a series it must have been fitted to, at least.

        Args:
            series: The series, of whose season this depends.
            horizon: Steps to forecast.
        """

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> FittedForecaster:
        """Fits a model; nothing outside what is given is looked at.

        Args:
            series: At least `shortest` steps.
            horizon: Most steps that will be forecast at a time.
            regressors: float64 (len(series), R), what else is known of each step, NaN where it
                is not; R may be 0.

        Raises:
            ModelUnavailableError: A library that it needs is not installed.
            InferenceFailedError: No such model can be fitted to this series.
        """


def predict_within(
    fitted: FittedForecaster, history: RegularSeries, horizon: int, regressors: Floats
) -> Floats:
    """Forecasts with a fitted model, and holds it to what the series can be.

    Counts (see `RegularSeries.is_counts`) are never negative, and nor is their forecast.

    Args:
        fitted: The model.
        history: As for FittedForecaster.predict.
        horizon: Likewise.
        regressors: Likewise.

    Returns:
        float64 (horizon,), finite.

    Raises:
        InferenceFailedError: The model gave what is no number.
    """
    mean = fitted.predict(history, horizon, regressors)
    if not np.isfinite(mean).all():
        raise InferenceFailedError("The model gave what is no number.")
    return np.maximum(mean, 0.0) if history.is_counts else mean
