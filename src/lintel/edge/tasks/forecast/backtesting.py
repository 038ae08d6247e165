"""Rolling-origin backtests: forecasts from moments of the past, made of what was known then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lintel.edge.errors import LintelError
from lintel.edge.tasks.forecast.combination import Combination, FittedCombination, median
from lintel.edge.tasks.forecast.forecaster import FittedForecaster, Forecaster, predict_within
from lintel.edge.tasks.forecast.metrics import DieboldMariano, diebold_mariano, mean_absolute_error
from lintel.edge.tasks.forecast.series import Floats, RegularSeries
from lintel.edge.tasks.forecast.zones import Integers


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the origins of a backtest lie.

    Attributes:
        horizon: Steps forecast from each origin.
        windows: How many origins.
        stride: Steps from one origin to the next.
        refit_every: Windows after which models are fitted anew, to all that is known by then;
            0: they are fitted once, to what lies before the first origin.
    """

    horizon: int
    windows: int
    stride: int = 1
    refit_every: int = 0

    def origins(self, length: int) -> Integers:
        """Returns how many steps are known at each origin.

        The last window ends with the series.

        Args:
            length: Steps of the series.

        Returns:
            int64 (windows,), rising.
        """
        last = length - self.horizon
        return last - self.stride * np.arange(self.windows - 1, -1, -1, dtype=np.int64)

    @property
    def overlap(self) -> int:
        """Windows that share steps with one, itself among them."""
        return -(-self.horizon // self.stride)


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Forecasts from moments of the past, beside what came.

    Attributes:
        plan: Where the origins lie.
        origins: int64 (windows,), steps known at each.
        actual: float64 (windows, horizon), NaN where there is no value.
        forecasts: float64 (windows, horizon) by name of the model, in the order given.
        fitted: The models as they were at the last origin, by name.
        failures: Why others gave no forecasts, by name.
    """

    plan: Plan
    origins: Integers
    actual: Floats
    forecasts: dict[str, Floats]
    fitted: dict[str, FittedForecaster]
    failures: dict[str, LintelError]

    def mean_absolute_error(self, name: str) -> float:
        """Returns the mean absolute error of a model over all steps of all windows."""
        return mean_absolute_error(self.actual, self.forecasts[name])

    def compare(self, name: str, other: str, steps: int | None = None) -> DieboldMariano:
        """Tests whether two models differ by more than chance; negative: the first is better.

        Args:
            name: One.
            other: The other.
            steps: How many steps of each window are compared, from the first on; None: all.
        """
        steps = steps or self.plan.horizon
        overlap = -(-steps // self.plan.stride)
        return diebold_mariano(self.losses(name, steps), self.losses(other, steps), overlap)

    def losses(self, name: str, steps: int | None = None) -> Floats:
        """Returns the mean absolute error of each window, NaN where nothing of it is known.

        Args:
            name: The model.
            steps: As for `compare`.

        Returns:
            float64 (windows,).
        """
        errors = np.abs(self.actual - self.forecasts[name])[:, :steps]
        known = ~np.isnan(errors)
        counts = known.sum(axis=1)
        sums = np.where(known, errors, 0.0).sum(axis=1)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def backtest(
    series: RegularSeries,
    forecasters: Sequence[Forecaster],
    plan: Plan,
    regressors: Floats,
    checkpoint: Callable[[], object] = lambda: None,
) -> BacktestResult:
    """Forecasts from every origin of a plan with every model.

    Models see nothing but the steps before the origin: whatever they fit, scale or fill is made of
    these alone. Regressors are known beforehand, and seen up to the end of each window. A model
    that fails at one origin is left out of the result. The members of a combination are fitted
    once, and not again for it.

    Args:
        series: The whole series.
        forecasters: The models; each must do with the steps before the first origin.
        plan: The origins; the first must leave at least one step.
        regressors: float64 (len(series), R); R may be 0.
        checkpoint: Called before each model, and may raise where its result is of no use any more.
    """
    origins = plan.origins(len(series))
    actual = np.stack([series.values[origin : origin + plan.horizon] for origin in origins])
    forecasts: dict[str, Floats] = {}
    fitted: dict[str, FittedForecaster] = {}
    failures: dict[str, LintelError] = {}
    for each in _singles(forecasters):
        checkpoint()
        try:
            forecasts[each.name], fitted[each.name] = _forecast(series, each, plan, regressors)
        except LintelError as error:
            failures[each.name] = error
    for each in forecasters:
        if isinstance(each, Combination):
            names = [member.name for member in each.members]
            failed = [failures[name] for name in names if name in failures]
            if failed:
                failures[each.name] = failed[0]
            else:
                forecasts[each.name] = median([forecasts[name] for name in names])
                fitted[each.name] = FittedCombination([fitted[name] for name in names])
    asked = {each.name: forecasts[each.name] for each in forecasters if each.name in forecasts}
    return BacktestResult(plan, origins, actual, asked, fitted, failures)


def _singles(forecasters: Sequence[Forecaster]) -> Sequence[Forecaster]:
    """Returns the models without combinations, and the members of these, each once."""
    singles: dict[str, Forecaster] = {}
    for forecaster in forecasters:
        if isinstance(forecaster, Combination):
            singles |= {member.name: member for member in forecaster.members}
        else:
            singles[forecaster.name] = forecaster
    return tuple(singles.values())


def _forecast(
    series: RegularSeries, forecaster: Forecaster, plan: Plan, regressors: Floats
) -> tuple[Floats, FittedForecaster]:
    """Returns a model's forecasts from all origins, and the model as it was at the last."""
    forecasts = np.empty((plan.windows, plan.horizon))
    origins = plan.origins(len(series)).tolist()
    fitted = forecaster.fit(series.head(origins[0]), plan.horizon, regressors[: origins[0]])
    for window, origin in enumerate(origins):
        history = series.head(origin)
        if window and plan.refit_every and window % plan.refit_every == 0:
            fitted = forecaster.fit(history, plan.horizon, regressors[:origin])
        known = regressors[: origin + plan.horizon]
        forecasts[window] = predict_within(fitted, history, plan.horizon, known)
    return forecasts, fitted
