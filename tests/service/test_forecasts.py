"""lintel.v1.ForecastService, through a real channel."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lintel.edge.service import DeviceServer
from lintel.edge.service.forecast import ForecastServicer
from lintel.edge.tasks.forecast import Drift, ForecastingEngine, SeasonalNaive
from lintel.v1 import forecast_pb2, forecast_pb2_grpc, series_pb2, series_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]
StartDevice = Callable[..., DeviceServer]
Stub = forecast_pb2_grpc.ForecastServiceStub

HOUR_US = 3_600_000_000
# 2026-03-02T00:00Z, a Monday.
START_US = 1_772_409_600_000_000
LEVELS = [0.025, 0.1, 0.9, 0.975]


@pytest.fixture
def forecasts(channel: grpc.Channel) -> Stub:
    return Stub(channel)


def day_curve(hours: int, noise: float = 3.0) -> list[float]:
    """Counts of people by the hour: few at night, many at noon."""
    chance = np.random.default_rng(5)
    curve = 40 - 30 * np.cos(2 * np.pi * np.arange(hours) / 24)
    counts = np.maximum(np.round(curve + noise * chance.standard_normal(hours)), 0)
    return [float(count) for count in counts]


def history(values: Sequence[float], step_us: int = HOUR_US) -> series_pb2.TimeSeries:
    timestamps_us = [START_US + number * step_us for number in range(len(values))]
    return series_pb2.TimeSeries(timestamps_us=timestamps_us, values=values)


def ask(stub: Stub, **fields: Any) -> forecast_pb2.ForecastResponse:
    fields = {"horizon": 24, "quantile_levels": LEVELS, **fields}
    return stub.Forecast(forecast_pb2.ForecastRequest(**fields))


def test_the_steps_after_a_history_are_forecast(forecasts: Stub) -> None:
    values = day_curve(240)
    response = ask(forecasts, history=history(values), model="seasonal-naive")
    assert [step.timestamp_us for step in response.steps] == [
        START_US + hour * HOUR_US for hour in range(240, 264)
    ]
    assert [step.mean for step in response.steps] == values[-24:]
    assert list(response.quantile_levels) == LEVELS
    for step in response.steps:
        assert list(step.quantiles) == sorted(step.quantiles)
        assert step.quantiles[0] <= step.mean <= step.quantiles[-1]
        assert all(quantile >= 0 for quantile in step.quantiles)
    assert (response.model, response.season_length) == ("seasonal-naive", 24)
    assert response.step_s == 3600
    assert response.reason


def test_a_model_is_chosen_and_the_backtest_told(forecasts: Stub) -> None:
    # Around a level that stays, the mean of many days is better than any one of them.
    chance = np.random.default_rng(1)
    values = 100 + 10 * chance.standard_normal(90)
    points = history(values.tolist(), step_us=24 * HOUR_US)
    response = ask(forecasts, history=points, horizon=2)
    assert response.model not in {"naive", "seasonal-naive"}
    assert (response.backtest.horizon, response.season_length) == (2, 7)
    assert response.backtest.windows >= 5
    errors = [score.mean_absolute_error for score in response.backtest.scores]
    assert errors == sorted(errors)
    scores = {score.model: score for score in response.backtest.scores}
    assert {"naive", "seasonal-naive", response.model} <= scores.keys()
    assert scores[response.model].relative_to_naive < 1
    assert scores[response.model].p_value < 0.05
    assert 1 in {score.relative_to_naive for score in scores.values()}


def test_a_repeated_question_has_the_same_answer(forecasts: Stub) -> None:
    values = day_curve(300)
    first, second = (
        ask(forecasts, history=history(values), model="drift", horizon=3) for _ in range(2)
    )
    assert first == second


def test_gaps_working_days_and_quantiles_may_be(forecasts: Stub) -> None:
    days = [day for day in range(120) if day % 7 < 5 and day != 17]
    points = series_pb2.TimeSeries(
        timestamps_us=[START_US + day * 24 * HOUR_US for day in days], values=days
    )
    response = ask(forecasts, history=points, horizon=6, quantile_levels=[], model="naive")
    passed = [(step.timestamp_us - START_US) // (24 * HOUR_US) for step in response.steps]
    # After a Monday: Tuesday to Friday, and the Monday and Tuesday after them.
    assert passed == [120, 121, 122, 123, 126, 127]
    assert response.step_s == 0
    assert all(not step.quantiles for step in response.steps)


def test_steps_may_be_months(forecasts: Stub) -> None:
    zone = ZoneInfo("Europe/Berlin")
    firsts = [datetime(2023 + month // 12, month % 12 + 1, 1, tzinfo=zone) for month in range(32)]
    starts_us = [int(first.timestamp()) * 1_000_000 for first in firsts]
    points = series_pb2.TimeSeries(timestamps_us=starts_us[:30], values=range(30))
    response = ask(forecasts, history=points, horizon=2, model="naive", time_zone=zone.key)
    assert [step.timestamp_us for step in response.steps] == starts_us[30:]
    assert (response.step_s, response.season_length) == (0, 12)


class TestStored:
    @pytest.fixture
    def device(self, start_device: StartDevice) -> DeviceServer:
        return start_device({"series": {"time_zone": "Asia/Kolkata", "max_future_s": 86_400.0}})

    @pytest.fixture
    def stubs(
        self, device: DeviceServer
    ) -> Iterator[tuple[series_pb2_grpc.SeriesServiceStub, Stub]]:
        with grpc.insecure_channel(device.addresses[0]) as channel:
            yield series_pb2_grpc.SeriesServiceStub(channel), Stub(channel)

    def record(self, series: series_pb2_grpc.SeriesServiceStub, starts_us: Sequence[int]) -> None:
        counts = [
            series_pb2.Count(series="door", timestamp_us=start_us, value=number)
            for number, start_us in enumerate(starts_us, 1)
        ]
        series.RecordCounts(series_pb2.RecordCountsRequest(counts=counts))

    def test_a_series_that_is_kept_goes_on_with_the_step_that_is_not_over(
        self, stubs: tuple[series_pb2_grpc.SeriesServiceStub, Stub]
    ) -> None:
        series, forecasts = stubs
        # Hours of India begin half past; this one is not over for an hour from now at most.
        half_us = HOUR_US // 2
        current_us = (time.time_ns() // 1000 - half_us) // HOUR_US * HOUR_US + half_us
        self.record(series, [current_us + hour * HOUR_US for hour in range(-50, 1)])
        stored = forecast_pb2.StoredSeries(name="door", resolution=series_pb2.RESOLUTION_HOUR)
        response = ask(forecasts, stored=stored, horizon=2, model="naive")
        late = (time.time_ns() // 1000 - half_us) // HOUR_US * HOUR_US + half_us
        assert response.steps[0].timestamp_us in {current_us, late}
        assert response.steps[0].mean in {50, 51}

    def test_days_are_those_of_the_device(
        self, stubs: tuple[series_pb2_grpc.SeriesServiceStub, Stub]
    ) -> None:
        series, forecasts = stubs
        self.record(series, [START_US + day * 24 * HOUR_US for day in range(40)])
        stored = forecast_pb2.StoredSeries(
            name="door", resolution=series_pb2.RESOLUTION_DAY, max_points=30
        )
        response = ask(forecasts, stored=stored, horizon=1, model="naive")
        # Midnight in India is half past six in the evening before.
        assert response.steps[0].timestamp_us == START_US + 40 * 24 * HOUR_US - 11 * HOUR_US // 2
        assert response.step_s == 0

    @pytest.mark.parametrize(
        ("stored", "code", "field"),
        [
            ({"name": "nowhere"}, "NOT_FOUND", "stored.name"),
            ({"name": "No name"}, "INVALID_ARGUMENT", "stored.name"),
            ({"name": "door"}, "INVALID_ARGUMENT", "stored.values"),
            ({"name": "door", "resolution": 7}, "INVALID_ARGUMENT", "stored.resolution"),
            ({"name": "door", "max_points": 1 << 20}, "INVALID_ARGUMENT", "stored.max_points"),
        ],
    )
    def test_what_is_wrong_is_named(
        self,
        stubs: tuple[series_pb2_grpc.SeriesServiceStub, Stub],
        details_of: Details,
        stored: dict[str, Any],
        code: str,
        field: str,
    ) -> None:
        series, forecasts = stubs
        self.record(series, [START_US])
        with pytest.raises(grpc.RpcError) as caught:
            ask(forecasts, stored=forecast_pb2.StoredSeries(**stored))
        assert caught.value.code().name == code
        assert details_of(caught.value)["BadRequest"].field_violations[0].field == field


def test_without_a_store_only_what_is_sent_is_forecast(
    start_device: StartDevice, details_of: Details
) -> None:
    device = start_device({"series": {"path": ""}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = Stub(channel)
        assert ask(stub, history=history(day_curve(72)), model="naive").steps
        with pytest.raises(grpc.RpcError) as caught:
            ask(stub, stored=forecast_pb2.StoredSeries(name="door"))
        assert details_of(caught.value)["ErrorInfo"].reason == "SERIES_NOT_KEPT"
        request = health_pb2.HealthCheckRequest(service="lintel.v1.ForecastService")
        answer = health_pb2_grpc.HealthStub(channel).Check(request)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


GOOD = day_curve(72)


def spoilt(index: int, value: float) -> series_pb2.TimeSeries:
    values = list(GOOD)
    values[index] = value
    return history(values)


def moved(index: int, timestamp_us: int) -> series_pb2.TimeSeries:
    points = history(GOOD)
    points.timestamps_us[index] = timestamp_us
    return points


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "history"),
        ({"history": series_pb2.TimeSeries()}, "history.values"),
        ({"history": history([1.0])}, "history.values"),
        ({"history": history([1.0] * 100_001)}, "history"),
        (
            {"history": series_pb2.TimeSeries(timestamps_us=[START_US] * 3, values=[1, 2])},
            "history.values",
        ),
        ({"history": spoilt(17, math.nan)}, "history.values[17]"),
        ({"history": spoilt(0, -math.inf)}, "history.values[0]"),
        ({"history": moved(5, START_US)}, "history.timestamps_us[5]"),
        ({"history": moved(5, START_US + 4 * HOUR_US)}, "history.timestamps_us[5]"),
        ({"history": moved(5, 1 << 62)}, "history.timestamps_us[5]"),
        ({"history": moved(5, START_US + 5 * HOUR_US + 7)}, "history.timestamps_us[5]"),
        ({"history": history(GOOD), "horizon": 0}, "horizon"),
        ({"history": history(GOOD), "horizon": 1001}, "horizon"),
        ({"history": history(GOOD), "horizon": 73}, "horizon"),
        ({"history": history(GOOD), "season_length": 60}, "season_length"),
        ({"history": history(GOOD), "time_zone": "Berlin"}, "time_zone"),
        ({"history": history(GOOD), "quantile_levels": [0.9, 0.1]}, "quantile_levels[1]"),
        ({"history": history(GOOD), "quantile_levels": [0.0]}, "quantile_levels[0]"),
        (
            {
                "history": history(GOOD),
                "regressors": [
                    forecast_pb2.Regressor(
                        name="holiday", history_values=[0] * 72, future_values=[0] * 23
                    )
                ],
            },
            "regressors[0].future_values",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_index(
    forecasts: Stub, details_of: Details, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(forecasts, **fields)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(caught.value)["BadRequest"].field_violations[0].field == field


def test_a_model_that_is_not_there_is_not_found(forecasts: Stub, details_of: Details) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(forecasts, history=history(GOOD), model="oracle")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert details_of(caught.value)["ErrorInfo"].reason == "MODEL_NOT_FOUND"
    assert details_of(caught.value)["BadRequest"].field_violations[0].field == "model"


def test_what_is_known_beforehand_goes_along(forecasts: Stub) -> None:
    holiday = forecast_pb2.Regressor(
        name="holiday", history_values=[0.0] * 72, future_values=[1.0] * 24
    )
    response = ask(forecasts, history=history(GOOD), model="drift", regressors=[holiday])
    assert len(response.steps) == 24


class TestFitting:
    """Fitting takes seconds: it never takes all workers, and others are told to come back."""

    @pytest.fixture
    def fit(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, ...]]:
        """Makes every forecast take until it is released; tells when one has begun."""
        begun, released = threading.Event(), threading.Event()
        forecast = ForecastingEngine.forecast

        def slowly(engine: ForecastingEngine, *arguments: Any, **named: Any) -> Any:
            begun.set()
            assert released.wait(60)
            return forecast(engine, *arguments, **named)

        monkeypatch.setattr(ForecastingEngine, "forecast", slowly)
        yield begun, released
        released.set()

    def test_other_calls_go_on(
        self, start_device: StartDevice, fit: tuple[threading.Event, ...], details_of: Details
    ) -> None:
        begun, released = fit
        device = start_device({"server": {"workers": 2}})
        request = forecast_pb2.ForecastRequest(history=history(GOOD), horizon=1, model="naive")
        with grpc.insecure_channel(device.addresses[0]) as channel:
            stub, series = Stub(channel), series_pb2_grpc.SeriesServiceStub(channel)
            first = stub.Forecast.future(request)
            assert begun.wait(60)
            with pytest.raises(grpc.RpcError) as caught:
                stub.Forecast(request)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert details_of(caught.value)["ErrorInfo"].reason == "OVERLOADED"
            assert details_of(caught.value)["RetryInfo"].retry_delay.ToTimedelta()
            series.ListSeries(series_pb2.ListSeriesRequest())
            assert not first.done()
            released.set()
            assert len(first.result().steps) == 1
            assert len(stub.Forecast(request).steps) == 1

    def test_nothing_more_is_fitted_for_a_caller_who_has_gone(
        self, start_device: StartDevice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, gone, ended = threading.Event(), threading.Event(), threading.Event()
        fitted: list[str] = []
        serve = ForecastServicer.Forecast

        def watched(servicer: ForecastServicer, request: Any, context: Any) -> Any:
            context.add_callback(gone.set)
            try:
                return serve(servicer, request, context)
            finally:
                ended.set()

        def fit(model: Any, *_arguments: Any) -> Any:
            fitted.append(model.name)
            begun.set()
            assert gone.wait(60)
            return Drift()

        monkeypatch.setattr(ForecastServicer, "Forecast", watched)
        monkeypatch.setattr(SeasonalNaive, "fit", fit)
        monkeypatch.setattr(Drift, "fit", fit)
        request = forecast_pb2.ForecastRequest(
            history=history(day_curve(96)), horizon=1, model="drift"
        )
        with grpc.insecure_channel(start_device().addresses[0]) as channel:
            call = Stub(channel).Forecast.future(request)
            assert begun.wait(60)
            call.cancel()
            assert ended.wait(60)
        assert fitted == ["seasonal-naive"]
