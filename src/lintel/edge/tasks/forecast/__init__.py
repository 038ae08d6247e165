"""Forecasts of series, and how sure they are; no gRPC, no wall clock."""

from lintel.edge.tasks.forecast.backtesting import BacktestResult, Plan, backtest
from lintel.edge.tasks.forecast.combination import Combination
from lintel.edge.tasks.forecast.engine import ForecastingEngine, default_forecasters
from lintel.edge.tasks.forecast.forecaster import FittedForecaster, Forecaster, predict_within
from lintel.edge.tasks.forecast.intervals import ConformalIntervals, intervals_along
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
from lintel.edge.tasks.forecast.selection import Selection, plan_backtest, select
from lintel.edge.tasks.forecast.series import RegularSeries, TimeSeries
from lintel.edge.tasks.forecast.smoothing import ExponentialSmoothing
from lintel.edge.tasks.forecast.theta import Theta
from lintel.edge.tasks.forecast.trees import Trees
from lintel.edge.tasks.forecast.windows import WindowForecaster
from lintel.edge.tasks.forecast.zones import find_zone

__all__ = [
    "BacktestResult",
    "BacktestSummary",
    "Combination",
    "ConformalIntervals",
    "DieboldMariano",
    "Drift",
    "ExponentialSmoothing",
    "FittedForecaster",
    "Forecast",
    "ForecastOptions",
    "Forecaster",
    "ForecastingEngine",
    "ModelScore",
    "Naive",
    "Plan",
    "Regressor",
    "RegularSeries",
    "SeasonalNaive",
    "Selection",
    "Theta",
    "TimeSeries",
    "Trees",
    "WindowForecaster",
    "backtest",
    "default_forecasters",
    "diebold_mariano",
    "find_zone",
    "intervals_along",
    "mean_absolute_error",
    "place_regressors",
    "plan_backtest",
    "predict_within",
    "regularise",
    "select",
]
