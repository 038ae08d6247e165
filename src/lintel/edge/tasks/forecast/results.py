"""What is asked of a forecast, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from lintel.edge.tasks.forecast.series import Floats
from lintel.edge.tasks.forecast.zones import Integers


@dataclass(frozen=True, eq=False)
class Regressor:
    """Something that goes with a series and is known beforehand, such as a holiday.

    Attributes:
        name: Unlike that of the others.
        history_values: float64 (N,), one a point of the history.
        future_values: float64 (horizon,), one a step of the forecast.
    """

    name: str
    history_values: Floats
    future_values: Floats


@dataclass(frozen=True, slots=True)
class ForecastOptions:
    """What is asked of a forecast besides the history.

    Attributes:
        horizon: Steps to forecast, 1 to 1,000, and no more than the history spans.
        quantile_levels: Between 0 and 1 and rising, at most 32; the 80 % and 95 % intervals have
            0.025, 0.1, 0.9 and 0.975.
        model: Name of a model; empty: the one that did best in a backtest, and the naive one
            unless another is significantly better.
        season_length: Steps of a season; 1: none; 0: found from the step.
        time_zone: IANA name of the zone whose hours and weekdays matter; empty: UTC.
        regressors: What else is known of the past and the future.
    """

    horizon: int
    quantile_levels: tuple[float, ...] = ()
    model: str = ""
    season_length: int = 0
    time_zone: str = ""
    regressors: tuple[Regressor, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelScore:
    """How one model did in a backtest.

    Attributes:
        model: Its name.
        mean_absolute_error: Over all steps of all windows.
        relative_to_naive: That error over the naive model's, the better of the two naive ones.
        p_value: Of the Diebold-Mariano test against that naive model; 1 for itself.
    """

    model: str
    mean_absolute_error: float
    relative_to_naive: float
    p_value: float


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    """How the models did on the history's own end.

    Attributes:
        windows: How many origins.
        horizon: Steps forecast from each.
        scores: The models, best first.
    """

    windows: int
    horizon: int
    scores: tuple[ModelScore, ...]


@dataclass(frozen=True, eq=False)
class Forecast:
    """A forecast.

    Attributes:
        timestamps_us: int64 (horizon,), starts of the steps in microseconds since 1970 UTC.
        mean: float64 (horizon,), the forecast.
        quantile_levels: As asked for, Q of them.
        quantiles: float64 (horizon, Q), not falling along the levels.
        model: Name of the model that was used.
        reason: Why that one: a sentence.
        backtest: How the models did; None where the history is too short for one.
        step_s: Length of a step in seconds; 0 for days, working days and months.
        season_length: Steps of the season that was assumed; 1: none.
    """

    timestamps_us: Integers
    mean: Floats
    quantile_levels: tuple[float, ...]
    quantiles: Floats
    model: str
    reason: str
    backtest: BacktestSummary | None
    step_s: float
    season_length: int
