"""Forecasts through the real clients: what is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lintel.client import (
    Count,
    Forecast,
    InvalidArgumentError,
    NotFoundError,
    Regressor,
    Series,
)
from lintel.client.forecasts import forecast_request
from lintel.edge.service import DeviceServer
from lintel.v1 import forecast_pb2, series_pb2

Ask = Callable[..., Any]
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
START_US = 1_772_323_200_000_000
HOUR_US = 3_600_000_000


def request(history: Any, **options: Any) -> forecast_pb2.ForecastRequest:
    return forecast_request(history, 3, options)


def test_a_history_may_be_given_in_many_ways() -> None:
    moments = [START + number * HOUR for number in range(3)]
    timestamps_us = [START_US + number * HOUR_US for number in range(3)]
    expected = series_pb2.TimeSeries(timestamps_us=timestamps_us, values=[1, 2, 3])
    array = np.array([1, 2, 3], np.float32)
    hours = np.datetime64("2026-03-01T00", "h") + np.arange(3)
    for history, options in (
        ((moments, [1, 2, 3]), {}),
        ((timestamps_us, (1, 2, 3)), {}),
        ((np.array(timestamps_us), array), {}),
        ((hours, array), {}),
        ((iter(moments), iter([1, 2, 3])), {}),
        (Series("door", "hour", tuple(timestamps_us), (1.0, 2.0, 3.0), "UTC"), {}),
        ([1, 2, 3], {"start": START, "step": HOUR}),
        (array, {"start": date(2026, 3, 1), "step": HOUR}),
        ((1.0, 2.0, 3.0), {"start": START, "step": HOUR}),
    ):
        assert request(history, **options).history == expected
    two = request((1.0, 2.0), start=START, step=HOUR).history
    assert list(two.values) == [1, 2]


def test_a_series_that_the_device_keeps_is_named() -> None:
    stored = request("door", resolution="day", max_points=100).stored
    assert (stored.name, stored.resolution, stored.max_points) == (
        "door",
        series_pb2.RESOLUTION_DAY,
        100,
    )
    assert request("door").stored.resolution == series_pb2.RESOLUTION_HOUR


def test_intervals_become_quantiles() -> None:
    assert list(request("door").quantile_levels) == [0.025, 0.1, 0.9, 0.975]
    assert list(request("door", levels=[50]).quantile_levels) == [0.25, 0.75]
    assert list(request("door", levels=[]).quantile_levels) == []
    assert list(request("door", quantiles=[0.1, 0.5]).quantile_levels) == [0.1, 0.5]


def test_what_else_is_known_goes_along() -> None:
    holiday = Regressor(np.zeros(3), [0, 1, 0])
    sent = request(
        "door", model="theta", season_length=24, time_zone="UTC", regressors={"holiday": holiday}
    )
    assert (sent.model, sent.season_length, sent.time_zone) == ("theta", 24, "UTC")
    (regressor,) = sent.regressors
    assert regressor.name == "holiday"
    assert list(regressor.history_values) == [0, 0, 0]
    assert list(regressor.future_values) == [0, 1, 0]


def test_a_history_that_is_sent_is_forecast(ask: Ask, device: DeviceServer) -> None:
    values = np.tile(np.arange(24.0), 5)
    forecast = ask(
        device.addresses[0],
        "forecast",
        values,
        6,
        start=START,
        step=HOUR,
        model="seasonal-naive",
        time_zone="Asia/Kolkata",
    )
    assert type(forecast) is Forecast
    assert len(forecast) == 6
    assert forecast.timestamps_us[0] == START_US + 120 * HOUR_US
    assert forecast.timestamps[0] == START + 120 * HOUR
    assert forecast.timestamps[0].tzinfo == ZoneInfo("Asia/Kolkata")
    assert list(forecast.mean) == [0, 1, 2, 3, 4, 5]
    assert (forecast.model, forecast.step_s, forecast.season_length) == ("seasonal-naive", 3600, 24)
    assert forecast.quantile_levels == (0.025, 0.1, 0.9, 0.975)
    low, high = forecast.interval(80)
    assert all(below <= above for below, above in zip(low, high, strict=True))
    assert forecast.quantile(0.9) == high
    with pytest.raises(ValueError, match=r"the quantile 0\.25 was not asked for"):
        forecast.quantile(0.25)
    with pytest.raises(ValueError, match="50 % was not asked for; asked for were: 80, 95"):
        forecast.interval(50)
    assert forecast.backtest is not None
    assert forecast.backtest.horizon == 6
    assert {score.model for score in forecast.backtest.scores} >= {"naive", "seasonal-naive"}
    assert "seasonal-naive" in forecast.reason


def test_a_series_that_is_kept_is_forecast(
    ask: Ask, start_device: Callable[..., DeviceServer]
) -> None:
    address = start_device({"series": {"time_zone": "UTC"}}).addresses[0]
    counts = [Count("door", number % 7, START + number * 24 * HOUR) for number in range(60)]
    ask(address, "record_counts", counts)
    options = {"resolution": "day", "model": "seasonal-naive", "quantiles": [0.5]}
    forecast = ask(address, "forecast", "door", 2, **options)
    assert forecast.timestamps == (START + 60 * 24 * HOUR, START + 61 * 24 * HOUR)
    assert forecast.mean == (4, 5)
    assert forecast.quantile(0.5) == forecast.mean
    read = ask(address, "read_series", "door", resolution="day")
    del options["resolution"]
    assert ask(address, "forecast", read, 2, time_zone="UTC", **options).mean == (4, 5)
    with pytest.raises(NotFoundError) as caught:
        ask(address, "forecast", "yard", 2)
    assert caught.value.reason == "SERIES_NOT_FOUND"


def test_a_point_that_is_not_accepted_is_named(ask: Ask, device: DeviceServer) -> None:
    values = [1.0, 2.0, float("nan"), 4.0]
    with pytest.raises(InvalidArgumentError) as caught:
        ask(device.addresses[0], "forecast", values, 1, start=START, step=HOUR)
    assert caught.value.field == "history.values[2]"


@pytest.mark.parametrize(
    ("history", "options", "error", "message"),
    [
        ([1, 2], {}, ValueError, "values alone have no moments"),
        ([1, 2], {"start": START, "step": -HOUR}, ValueError, "step must be greater than 0"),
        ("door", {"start": START}, ValueError, "start is not for a series that the device keeps"),
        (([0], [1]), {"step": HOUR}, ValueError, "step is not for a history that has its moments"),
        (([0], [1]), {"resolution": "day"}, ValueError, "resolution is not for a history"),
        ("door", {"resolution": "week"}, ValueError, "resolution must be one of minute, hour"),
        ("door", {"levels": [80], "quantiles": [0.5]}, ValueError, "contradict each other"),
        ("door", {"levels": [0.8, 100]}, ValueError, "between 0 and 100, not 100"),
        ("door", {"horizon_s": 3}, TypeError, "unknown option 'horizon_s'"),
        (([datetime(2026, 1, 1)], [1]), {}, ValueError, r"history[0][0] must tell its time zone"),
        (([START], ["one"]), {}, TypeError, "history[1] must be numbers in a row"),
        (3, {}, TypeError, "history must be numbers in a row"),
        (
            "door",
            {"regressors": {"holiday": [0.0]}},
            TypeError,
            "regressors['holiday'] must be a Regressor(history, future), not list",
        ),
    ],
)
def test_an_argument_that_is_none_is_named(
    history: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        request(history, **options)
    assert message in str(caught.value)
