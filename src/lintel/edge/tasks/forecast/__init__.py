"""Forecasts of series, and how sure they are; no gRPC, no wall clock."""

from lintel.edge.tasks.forecast.backtesting import BacktestResult, Plan, backtest
from lintel.edge.tasks.forecast.forecaster import FittedForecaster, Forecaster
from lintel.edge.tasks.forecast.metrics import (
    DieboldMariano,
    diebold_mariano,
    mean_absolute_error,
)
from lintel.edge.tasks.forecast.naive import Drift, Naive, SeasonalNaive
from lintel.edge.tasks.forecast.regularity import place_regressors, regularise
from lintel.edge.tasks.forecast.results import (
    BacktestSummary,
    Forecast,
    ForecastOptions,
    ModelScore,
    Regressor,
)
from lintel.edge.tasks.forecast.series import RegularSeries, TimeSeries
from lintel.edge.tasks.forecast.zones import find_zone

__all__ = [
    "BacktestResult",
    "BacktestSummary",
    "DieboldMariano",
    "Drift",
    "FittedForecaster",
    "Forecast",
    "ForecastOptions",
    "Forecaster",
    "ModelScore",
    "Naive",
    "Plan",
    "Regressor",
    "RegularSeries",
    "SeasonalNaive",
    "TimeSeries",
    "backtest",
    "diebold_mariano",
    "find_zone",
    "mean_absolute_error",
    "place_regressors",
    "regularise",
]
