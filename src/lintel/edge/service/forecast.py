"""lintel.v1.ForecastService: what comes after a series, and how sure that is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import grpc
import numpy as np

from lintel.edge.errors import InvalidArgumentError, LintelError, OverloadedError
from lintel.edge.forecasts import MOST_POINTS, Forecasts
from lintel.edge.service.admission import ensure_wanted
from lintel.edge.service.messages import choose
from lintel.edge.service.series import RESOLUTIONS
from lintel.v1 import forecast_pb2, forecast_pb2_grpc

if TYPE_CHECKING:
    from lintel.edge.tasks.forecast import BacktestSummary, Forecast, ForecastOptions, TimeSeries

# A forecast that needs no fitting is over sooner than that.
_LONGEST_WAIT_S = 0.25
_RETRY_S = 1.0


class ForecastServicer(forecast_pb2_grpc.ForecastServiceServicer):
    """Serves forecasts, never on all workers at a time: fitting a model takes seconds.

    Args:
        forecasts: Does the work.
        workers: Requests that the device works on at a time.
    """

    def __init__(self, forecasts: Forecasts, workers: int) -> None:
        self._forecasts = forecasts
        self._places = threading.BoundedSemaphore(max(workers - 1, 1))

    def Forecast(  # noqa: N802 - the contract's name
        self, request: forecast_pb2.ForecastRequest, context: grpc.ServicerContext
    ) -> forecast_pb2.ForecastResponse:
        """Forecasts the steps after a history that is sent or kept."""
        source = request.WhichOneof("source")
        if source is None:
            raise InvalidArgumentError("Either history or stored must be set.", field="history")
        with self._place():
            options = _read_options(request)
            checkpoint = partial(ensure_wanted, context)
            if source == "history":
                series = _read_history(request.history.timestamps_us, request.history.values)
                forecast = self._forecasts.forecast(series, options, checkpoint)
            else:
                stored = request.stored
                resolution = choose(RESOLUTIONS, stored.resolution, "stored.resolution")
                forecast = self._forecasts.forecast_stored(
                    stored.name, resolution, stored.max_points, options, checkpoint
                )
        return _write_forecast(forecast)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Holds a place among those that forecast.

        Raises:
            OverloadedError: None came free for a while.
        """
        if not self._places.acquire(timeout=_LONGEST_WAIT_S):
            raise OverloadedError(
                "The device is busy fitting models to other series; try again later.",
                retry_after_s=_RETRY_S,
            )
        try:
            yield
        finally:
            self._places.release()


def _read_options(request: forecast_pb2.ForecastRequest) -> ForecastOptions:
    from lintel.edge.tasks.forecast import (  # noqa: PLC0415 - for those who forecast
        ForecastOptions,
        Regressor,
    )

    return ForecastOptions(
        horizon=request.horizon,
        quantile_levels=tuple(request.quantile_levels),
        model=request.model,
        season_length=request.season_length,
        time_zone=request.time_zone,
        regressors=tuple(
            Regressor(
                regressor.name,
                np.array(regressor.history_values, np.float64),
                np.array(regressor.future_values, np.float64),
            )
            for regressor in request.regressors
        ),
    )


def _read_history(timestamps_us: Sequence[int], values: Sequence[float]) -> TimeSeries:
    """Reads a history.

    Raises:
        InvalidArgumentError: It has too many points, or one is wrong; `field` has its index, such
            as "history.values[17]".
    """
    from lintel.edge.tasks.forecast import TimeSeries  # noqa: PLC0415 - for those who forecast

    points = max(len(timestamps_us), len(values))
    if points > MOST_POINTS:
        raise InvalidArgumentError(
            f"A history has at most {MOST_POINTS} points, not {points}.", field="history"
        )
    try:
        return TimeSeries(np.array(timestamps_us, np.int64), np.array(values, np.float64))
    except LintelError as error:
        raise error.at("history") from None


def _write_forecast(forecast: Forecast) -> forecast_pb2.ForecastResponse:
    columns = (forecast.timestamps_us, forecast.mean, forecast.quantiles)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    backtest = _write_backtest(forecast.backtest) if forecast.backtest is not None else None
    return forecast_pb2.ForecastResponse(
        steps=[
            forecast_pb2.ForecastStep(timestamp_us=timestamp_us, mean=mean, quantiles=quantiles)
            for timestamp_us, mean, quantiles in rows
        ],
        quantile_levels=forecast.quantile_levels,
        model=forecast.model,
        reason=forecast.reason,
        backtest=backtest,
        step_s=forecast.step_s,
        season_length=forecast.season_length,
    )


def _write_backtest(summary: BacktestSummary) -> forecast_pb2.Backtest:
    return forecast_pb2.Backtest(
        windows=summary.windows,
        horizon=summary.horizon,
        scores=[
            forecast_pb2.ModelScore(
                model=score.model,
                mean_absolute_error=score.mean_absolute_error,
                relative_to_naive=score.relative_to_naive,
                p_value=score.p_value,
            )
            for score in summary.scores
        ],
    )
