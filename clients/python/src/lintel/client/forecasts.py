"""The method on forecasts: the request made, the reply read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict

from lintel.client.calls import number_of, refuse_unknown
from lintel.client.moments import (
    MICROSECOND,
    Moment,
    Moments,
    all_to_microseconds,
    to_datetime,
    to_microseconds,
)
from lintel.client.series import RESOLUTIONS, Resolution, Series, find_zone
from lintel.v1 import forecast_pb2, series_pb2

if TYPE_CHECKING:
    from numpy.typing import NDArray

Numbers: TypeAlias = "Iterable[float] | NDArray[Any]"
# Moments and as many values; what `read_series` returned; the name of a series that the device
# keeps; or values alone, with `start` and `step` in the options.
History: TypeAlias = "tuple[Moments, Numbers] | Series | str | Sequence[float] | NDArray[Any]"

DEFAULT_LEVELS = (80.0, 95.0)


class Regressor(NamedTuple):
    """Something that goes with a series and is known beforehand, such as a holiday.

    Attributes:
        history: A finite value for every point of the history.
        future: A finite value for every step of the forecast.
    """

    history: Numbers
    future: Numbers


class ForecastOptions(TypedDict, total=False):
    """How to forecast.

    Attributes:
        levels: Intervals wanted, in percent; 80 and 95 where no quantiles are asked for.
        quantiles: Quantiles wanted, between 0 and 1 and rising, instead of intervals.
        model: Name of a model; the one that does best, but the naive one unless another is
            significantly better, if empty.
        season_length: Steps of a season, such as 24 for hours; found from the step if 0.
        time_zone: IANA name of the zone whose hours and weekdays matter; the device's if empty.
        regressors: What else is known of the past and the future, by name.
        start: Of values alone: the moment of the first.
        step: Of values alone: the time from one to the next.
        resolution: Of a series that the device keeps: length of the steps; "hour" if left out.
        max_points: Of a series that the device keeps: newest points to go by; all if 0.
    """

    levels: Sequence[float]
    quantiles: Sequence[float]
    model: str
    season_length: int
    time_zone: str
    regressors: Mapping[str, Regressor]
    start: Moment
    step: timedelta
    resolution: Resolution
    max_points: int


@dataclass(frozen=True, slots=True)
class ModelScore:
    """How one model did in a backtest.

    Attributes:
        model: Its name.
        mean_absolute_error: Over all steps of all windows.
        relative_to_naive: The same error over that of the naive model.
        p_value: Of the Diebold-Mariano test against the naive model: how probable such a
            difference is where there is none.
    """

    model: str
    mean_absolute_error: float
    relative_to_naive: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts from several moments of the past, made only from what was known then.

    Attributes:
        windows: How many moments.
        horizon: Steps forecast from each.
        scores: The models, best first.
    """

    windows: int
    horizon: int
    scores: tuple[ModelScore, ...]


@dataclass(frozen=True)
class Forecast:
    """A forecast, and how sure it is.

    Attributes:
        timestamps_us: Starts of the steps in microseconds since 1970 UTC.
        mean: The forecast of each step.
        quantile_levels: The quantiles that were asked for.
        quantiles: Of each step, one a level, not falling.
        model: Name of the model that was used.
        reason: Why that one: a sentence.
        backtest: How the models did on the history's own end; None where it is too short.
        step_s: Length of a step in seconds; 0 for days of a time zone, working days and months.
        season_length: Steps of the season that was assumed; 1: none.
        time_zone: As asked for.
    """

    timestamps_us: tuple[int, ...]
    mean: tuple[float, ...]
    quantile_levels: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    model: str
    reason: str
    backtest: Backtest | None
    step_s: float
    season_length: int
    time_zone: str

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self.mean)

    @cached_property
    def timestamps(self) -> tuple[datetime, ...]:
        """Starts of the steps in the time zone that was asked for, or in UTC."""
        zone = find_zone(self.time_zone)
        return tuple(to_datetime(timestamp_us, zone) for timestamp_us in self.timestamps_us)

    def quantile(self, level: float) -> tuple[float, ...]:
        """Returns one quantile of every step.

        Raises:
            ValueError: It was not asked for.
        """
        for index, known in enumerate(self.quantile_levels):
            if math.isclose(known, level, abs_tol=1e-9):
                return tuple(quantiles[index] for quantiles in self.quantiles)
        raise ValueError(f"the quantile {level:g} was not asked for")

    def interval(self, level: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Returns the lower and upper bounds of every step.

        Args:
            level: In percent, such as 80.

        Raises:
            ValueError: It was not asked for.
        """
        low, high = _bounds(level)
        try:
            return self.quantile(low), self.quantile(high)
        except ValueError:
            known = ", ".join(f"{one:g}" for one in self._interval_levels()) or "none"
            raise ValueError(
                f"the interval of {level:g} % was not asked for; asked for were: {known}"
            ) from None

    def _interval_levels(self) -> list[float]:
        """Returns of which intervals both ends were asked for, in percent."""
        return [
            100 - 200 * low
            for low in reversed(self.quantile_levels)
            if low < 0.5
            and any(math.isclose(1 - low, high, abs_tol=1e-9) for high in self.quantile_levels)
        ]


def forecast_request(
    history: History, horizon: int, options: ForecastOptions
) -> forecast_pb2.ForecastRequest:
    """Makes the request for a forecast.

    Raises:
        TypeError: An option is unknown, or the history or a moment is none.
        ValueError: Options contradict each other, or a moment does not tell its time zone.
    """
    refuse_unknown(options, ForecastOptions)
    stored = _stored(history, options) if isinstance(history, str) else None
    points = None if isinstance(history, str) else _points(history, options)
    regressors = options.get("regressors", {}).items()
    for name, regressor in regressors:
        if not isinstance(regressor, Regressor):
            raise TypeError(
                f"regressors[{name!r}] must be a Regressor(history, future), not"
                f" {type(regressor).__name__}"
            )
    return forecast_pb2.ForecastRequest(
        history=points,
        stored=stored,
        horizon=horizon,
        quantile_levels=_quantile_levels(options),
        model=options.get("model", ""),
        season_length=options.get("season_length", 0),
        time_zone=options.get("time_zone", ""),
        regressors=[
            forecast_pb2.Regressor(
                name=name,
                history_values=_numbers(regressor.history, f"regressors[{name!r}].history"),
                future_values=_numbers(regressor.future, f"regressors[{name!r}].future"),
            )
            for name, regressor in regressors
        ],
    )


def read_forecast(response: forecast_pb2.ForecastResponse, time_zone: str) -> Forecast:
    """Reads a forecast.

    Args:
        response: The device's.
        time_zone: As asked for.
    """
    return Forecast(
        timestamps_us=tuple(step.timestamp_us for step in response.steps),
        mean=tuple(step.mean for step in response.steps),
        quantile_levels=tuple(response.quantile_levels),
        quantiles=tuple(tuple(step.quantiles) for step in response.steps),
        model=response.model,
        reason=response.reason,
        backtest=_read_backtest(response.backtest) if response.HasField("backtest") else None,
        step_s=response.step_s,
        season_length=response.season_length,
        time_zone=time_zone,
    )


def _read_backtest(message: forecast_pb2.Backtest) -> Backtest:
    return Backtest(
        windows=message.windows,
        horizon=message.horizon,
        scores=tuple(
            ModelScore(
                score.model, score.mean_absolute_error, score.relative_to_naive, score.p_value
            )
            for score in message.scores
        ),
    )


def _stored(name: str, options: ForecastOptions) -> forecast_pb2.StoredSeries:
    _refuse(options, ("start", "step"), "a series that the device keeps")
    return forecast_pb2.StoredSeries(
        name=name,
        resolution=number_of(options.get("resolution", "hour"), RESOLUTIONS, "resolution"),
        max_points=options.get("max_points", 0),
    )


def _points(history: History, options: ForecastOptions) -> series_pb2.TimeSeries:
    _refuse(options, ("resolution", "max_points"), "a history that is sent")
    if isinstance(history, Series):
        _refuse(options, ("start", "step"), "a history that has its moments")
        return series_pb2.TimeSeries(timestamps_us=history.timestamps_us, values=history.values)
    pair: Any = history
    if not isinstance(pair, tuple) or len(pair) != 2 or _is_number(pair[0]):
        return _evenly(_numbers(history, "history"), options)
    _refuse(options, ("start", "step"), "a history that has its moments")
    return series_pb2.TimeSeries(
        timestamps_us=all_to_microseconds(pair[0], "history[0]"),
        values=_numbers(pair[1], "history[1]"),
    )


def _evenly(values: list[float], options: ForecastOptions) -> series_pb2.TimeSeries:
    """Gives values alone their moments."""
    start, step = options.get("start"), options.get("step")
    if start is None or step is None:
        raise ValueError(
            "values alone have no moments: give start and step, or (moments, values) as history"
        )
    if step <= timedelta(0):
        raise ValueError(f"step must be greater than 0, not {step}")
    start_us, step_us = to_microseconds(start, "start"), step // MICROSECOND
    return series_pb2.TimeSeries(
        timestamps_us=[start_us + number * step_us for number in range(len(values))], values=values
    )


def _refuse(options: ForecastOptions, names: Iterable[str], what: str) -> None:
    given = next((name for name in names if name in options), None)
    if given is not None:
        raise ValueError(f"{given} is not for {what}: leave it out")


def _numbers(values: Any, name: str) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers in a row") from error


def _is_number(value: object) -> bool:
    return hasattr(value, "__float__") and not hasattr(value, "__len__")


def _quantile_levels(options: ForecastOptions) -> list[float]:
    """Returns the quantiles that are asked for, themselves or as the ends of intervals."""
    if "quantiles" not in options:
        levels = options.get("levels", DEFAULT_LEVELS)
        return sorted({bound for level in levels for bound in _bounds(level)})
    if "levels" in options:
        raise ValueError("levels and quantiles contradict each other: give one of them")
    return [float(quantile) for quantile in options["quantiles"]]


def _bounds(level: float) -> tuple[float, float]:
    """Returns the quantiles between which an interval lies, such as 0.1 and 0.9 of 80 %.

    Raises:
        ValueError: It is no percentage between 0 and 100.
    """
    if not 0 < level < 100:
        raise ValueError(f"a level is a percentage between 0 and 100, not {level}")
    return (100 - level) / 200, (100 + level) / 200
