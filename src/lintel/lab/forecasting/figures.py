"""Figures of a backtest: how far models are off, how sure they are, and what is luck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lintel.edge.tasks.forecast import RegularSeries, mean_absolute_error
from lintel.lab.forecasting import metrics
from lintel.lab.forecasting.running import Backtest


@dataclass(frozen=True, slots=True)
class IntervalFigures:
    """How intervals of one level did.

    Attributes:
        level: Percent of the values that they are to hold.
        coverage: Share that they held.
        width: Their mean width.
    """

    level: int
    coverage: float
    width: float


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """How one model did; figures are NaN where they cannot be had.

    Attributes:
        model: Its name.
        mae: Mean absolute error over all steps of all windows.
        rmse: Root mean squared error.
        mase: The mean absolute error over that of repeating the season on the history.
        rmsse: The same of the root mean squared errors.
        smape: Symmetric mean absolute percentage error, 0 to 200.
        relative: The mean absolute error over the reference's.
        statistic: Of the Diebold-Mariano test against the reference; negative: better.
        p_value: How probable as large a difference is by chance; 1 for the reference.
        pinball: Mean pinball loss over the ends of all intervals.
        intervals: By level.
        mae_by_step: Mean absolute error of each step ahead.
    """

    model: str
    mae: float
    rmse: float
    mase: float
    rmsse: float
    smape: float
    relative: float
    statistic: float
    p_value: float
    pinball: float
    intervals: tuple[IntervalFigures, ...]
    mae_by_step: tuple[float, ...]


def measure(backtest: Backtest) -> tuple[ModelFigures, ...]:
    """Computes the figures of all models, the best first by the mean absolute error."""
    found = [_measure(backtest, name) for name in backtest.result.forecasts]
    return tuple(sorted(found, key=lambda each: each.mae))


def scales(backtest: Backtest) -> tuple[float, float]:
    """Returns the scales of MASE and RMSSE: see lintel.lab.forecasting.metrics.naive_scales."""
    series = backtest.series
    return metrics.naive_scales(_before(series, backtest), series.season_length)


def _before(series: RegularSeries, backtest: Backtest) -> metrics.Floats:
    return series.values[: backtest.protocol.first_origin(len(series))]


def _measure(backtest: Backtest, name: str) -> ModelFigures:
    result = backtest.result
    actual, forecast = result.actual, result.forecasts[name]
    absolute, squared = scales(backtest)
    mae = mean_absolute_error(actual, forecast)
    rmse = metrics.root_mean_squared_error(actual, forecast)
    comparison = result.compare(name, backtest.reference)
    return ModelFigures(
        model=name,
        mae=mae,
        rmse=rmse,
        mase=_share(mae, absolute),
        rmsse=_share(rmse, squared),
        smape=metrics.symmetric_percentage_error(actual, forecast),
        relative=_share(mae, result.mean_absolute_error(backtest.reference)),
        statistic=comparison.statistic,
        p_value=comparison.p_value,
        pinball=metrics.pinball_loss(
            actual, backtest.quantiles[name], backtest.protocol.quantile_levels
        ),
        intervals=_interval_figures(backtest, name),
        mae_by_step=tuple(
            mean_absolute_error(actual[:, step], forecast[:, step])
            for step in range(actual.shape[1])
        ),
    )


def _interval_figures(backtest: Backtest, name: str) -> tuple[IntervalFigures, ...]:
    actual = backtest.result.actual
    found = []
    for level in backtest.protocol.levels:
        low, high = backtest.interval(name, level)
        found.append(
            IntervalFigures(
                level,
                metrics.coverage(actual, low, high),
                metrics.mean_width(actual, low, high),
            )
        )
    return tuple(found)


def _share(value: float, scale: float) -> float:
    return value / scale if scale > 0 and np.isfinite(scale) else math.nan
