"""lintel.v1.SeriesService, through a real channel."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lintel.edge.service import DeviceServer
from lintel.v1 import series_pb2, series_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]
StartDevice = Callable[..., DeviceServer]
Stub = series_pb2_grpc.SeriesServiceStub

SERVICE = "lintel.v1.SeriesService"
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000


def moment_us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


START_US = moment_us("2026-03-29T00:30:00+01:00")


def counts(
    *values: float, name: str = "door", start_us: int = START_US, step_us: int = HOUR_US
) -> list[series_pb2.Count]:
    return [
        series_pb2.Count(series=name, timestamp_us=start_us + number * step_us, value=value)
        for number, value in enumerate(values)
    ]


@pytest.fixture
def berlin(start_device: StartDevice) -> DeviceServer:
    """A device in Berlin."""
    return start_device({"series": {"time_zone": "Europe/Berlin"}})


@pytest.fixture
def series(berlin: DeviceServer) -> Iterator[Stub]:
    with grpc.insecure_channel(berlin.addresses[0]) as channel:
        yield Stub(channel)


def read(
    stub: Stub, resolution: series_pb2.Resolution.ValueType, name: str = "door", **bounds: int
) -> tuple[list[int], list[float]]:
    request = series_pb2.ReadSeriesRequest(name=name, resolution=resolution, **bounds)
    response = stub.ReadSeries(request)
    assert response.time_zone == "Europe/Berlin"
    assert response.next_start_timestamp_us == 0
    return list(response.series.timestamps_us), list(response.series.values)


def test_counts_are_kept_and_rolled_up(series: Stub) -> None:
    # The night in which an hour is missing: 0:30, 1:30, 3:30, ...
    request = series_pb2.RecordCountsRequest(counts=counts(*range(1, 25)))
    assert series.RecordCounts(request).recorded == 24
    again = series_pb2.RecordCountsRequest(counts=counts(0.5))
    assert series.RecordCounts(again).recorded == 1

    timestamps_us, values = read(series, series_pb2.RESOLUTION_MINUTE)
    assert timestamps_us == [START_US + number * HOUR_US for number in range(24)]
    assert values == [1.5, *range(2, 25)]
    hours_us, values = read(series, series_pb2.RESOLUTION_UNSPECIFIED)
    assert hours_us == [timestamp_us - 30 * MINUTE_US for timestamp_us in timestamps_us]
    days_us, values = read(series, series_pb2.RESOLUTION_DAY)
    assert days_us == [moment_us("2026-03-29T00:00+01:00"), moment_us("2026-03-30T00:00+02:00")]
    assert values == [276.5, 24]


def test_a_stretch_is_read(series: Stub) -> None:
    series.RecordCounts(series_pb2.RecordCountsRequest(counts=counts(1, 2, 3, 4)))
    timestamps_us, values = read(
        series,
        series_pb2.RESOLUTION_HOUR,
        start_timestamp_us=START_US,
        end_timestamp_us=START_US + 2 * HOUR_US,
    )
    assert values == [2, 3]
    assert timestamps_us[0] == START_US + HOUR_US // 2


def test_a_count_without_a_time_is_of_this_minute(series: Stub) -> None:
    before = time.time()
    count = series_pb2.Count(series="door", value=3)
    series.RecordCounts(series_pb2.RecordCountsRequest(counts=[count]))
    (timestamp_us,), values = read(series, series_pb2.RESOLUTION_MINUTE)
    assert (before - 60) * 1e6 < timestamp_us <= time.time() * 1e6
    assert values == [3]


def test_series_are_listed_and_deleted(series: Stub, details_of: Details) -> None:
    assert list(series.ListSeries(series_pb2.ListSeriesRequest()).series) == []
    both = [*counts(1, 2, name="kiosk.left"), *counts(1)]
    series.RecordCounts(series_pb2.RecordCountsRequest(counts=both))
    door, kiosk = series.ListSeries(series_pb2.ListSeriesRequest()).series
    assert (door.name, door.minutes, door.hours, door.days) == ("door", 1, 1, 1)
    assert (kiosk.name, kiosk.minutes, kiosk.hours, kiosk.days) == ("kiosk.left", 2, 2, 1)
    assert kiosk.first_timestamp_us == moment_us("2026-03-29T00:00+01:00")
    assert kiosk.last_timestamp_us == START_US + HOUR_US

    series.DeleteSeries(series_pb2.DeleteSeriesRequest(name="kiosk.left"))
    (left,) = series.ListSeries(series_pb2.ListSeriesRequest()).series
    assert left.name == "door"
    for call in (
        lambda: series.DeleteSeries(series_pb2.DeleteSeriesRequest(name="kiosk.left")),
        lambda: series.ReadSeries(series_pb2.ReadSeriesRequest(name="kiosk.left")),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert details_of(caught.value)["ErrorInfo"].reason == "SERIES_NOT_FOUND"
        assert details_of(caught.value)["BadRequest"].field_violations[0].field == "name"


@pytest.mark.parametrize("buffered", [False, True])
def test_a_repeated_call_changes_nothing(series: Stub, buffered: bool) -> None:
    request = series_pb2.RecordCountsRequest(
        counts=counts(1, 2), idempotency_key="a", buffered=buffered
    )
    assert [series.RecordCounts(request).recorded for _ in range(3)] == [2, 0, 0]


def test_buffered_counts_are_read_when_they_are_written(start_device: StartDevice) -> None:
    device = start_device({"series": {"time_zone": "Europe/Berlin", "write_every_s": 0.05}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = Stub(channel)
        request = series_pb2.RecordCountsRequest(counts=counts(5), buffered=True)
        assert stub.RecordCounts(request).recorded == 1
        deadline = time.monotonic() + 30
        while not stub.ListSeries(series_pb2.ListSeriesRequest()).series:
            assert time.monotonic() < deadline
        assert read(stub, series_pb2.RESOLUTION_DAY)[1] == [5]


def test_buffered_counts_outlive_a_stop(start_device: StartDevice, tmp_path: Path) -> None:
    tree = {"series": {"path": str(tmp_path / "kept.db"), "time_zone": "Europe/Berlin"}}
    first = start_device(tree)
    with grpc.insecure_channel(first.addresses[0]) as channel:
        request = series_pb2.RecordCountsRequest(counts=counts(5), buffered=True)
        Stub(channel).RecordCounts(request)
    first.stop()
    second = start_device(tree)
    with grpc.insecure_channel(second.addresses[0]) as channel:
        assert read(Stub(channel), series_pb2.RESOLUTION_DAY)[1] == [5]


def test_they_outlive_a_model_that_hangs_and_the_stop_ends(
    start_device: StartDevice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("lintel.edge.service.server.MODELS_END_WITHIN_S", 0.1)
    tree = {"series": {"path": str(tmp_path / "kept.db"), "time_zone": "Europe/Berlin"}}
    device = start_device(tree)
    with grpc.insecure_channel(device.addresses[0]) as channel:
        request = series_pb2.RecordCountsRequest(counts=counts(5), buffered=True)
        Stub(channel).RecordCounts(request)
    with device._runtime.models["face"].pool.lease():
        stopping = threading.Thread(target=device.stop, daemon=True)
        stopping.start()
        stopping.join(20)
        assert not stopping.is_alive()
    assert "The model face was still running when it was closed." in caplog.messages
    second = start_device(tree)
    with grpc.insecure_channel(second.addresses[0]) as channel:
        assert read(Stub(channel), series_pb2.RESOLUTION_DAY)[1] == [5]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (series_pb2.RecordCountsRequest(), "counts"),
        (series_pb2.RecordCountsRequest(counts=counts(1) * 10_001), "counts"),
        (series_pb2.RecordCountsRequest(counts=counts(1, -1)), "counts[1].value"),
        (series_pb2.RecordCountsRequest(counts=counts(1, float("nan"))), "counts[1].value"),
        (
            series_pb2.RecordCountsRequest(counts=counts(1, 1, start_us=1 << 62)),
            "counts[0].timestamp_us",
        ),
        (series_pb2.RecordCountsRequest(counts=counts(1, name="Door")), "counts[0].series"),
        (
            series_pb2.RecordCountsRequest(counts=counts(1), idempotency_key="x" * 65),
            "idempotency_key",
        ),
        (series_pb2.ReadSeriesRequest(name="no name"), "name"),
        (series_pb2.ReadSeriesRequest(name="door", resolution=9), "resolution"),
        (series_pb2.DeleteSeriesRequest(name=""), "name"),
    ],
)
def test_what_is_wrong_is_named(
    series: Stub, details_of: Details, request_: Message, field: str
) -> None:
    method = getattr(series, type(request_).__name__.removesuffix("Request"))
    with pytest.raises(grpc.RpcError) as caught:
        method(request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(caught.value)["BadRequest"].field_violations[0].field == field
    assert list(series.ListSeries(series_pb2.ListSeriesRequest()).series) == []


def test_too_many_series_are_refused_without_a_retry(
    start_device: StartDevice, details_of: Details
) -> None:
    device = start_device({"series": {"max_series": 1}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = Stub(channel)
        stub.RecordCounts(series_pb2.RecordCountsRequest(counts=counts(1)))
        with pytest.raises(grpc.RpcError) as caught:
            stub.RecordCounts(series_pb2.RecordCountsRequest(counts=counts(1, name="other")))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details_of(caught.value)["ErrorInfo"].reason == "TOO_MANY_SERIES"
    assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == "-1"


def test_a_device_that_keeps_none_says_so(start_device: StartDevice, details_of: Details) -> None:
    device = start_device({"series": {"path": ""}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            Stub(channel).ListSeries(series_pb2.ListSeriesRequest())
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(service=SERVICE))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details_of(caught.value)["ErrorInfo"].reason == "SERIES_NOT_KEPT"
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_store_out_of_reach_stops_nothing_else(
    start_device: StartDevice, details_of: Details, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.write_bytes(b"a file where the folder should be")
    device = start_device({"series": {"path": str(place / "series.db")}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = Stub(channel)
        request = series_pb2.RecordCountsRequest(counts=counts(1))
        with pytest.raises(grpc.RpcError) as caught:
            stub.RecordCounts(request)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert details_of(caught.value)["ErrorInfo"].reason == "STORE_UNAVAILABLE"
        assert str(tmp_path) not in (caught.value.details() or "")
        place.unlink()
        assert stub.RecordCounts(request).recorded == 1


def test_recording_asks_for_one_role_and_deleting_for_another(start_device: StartDevice) -> None:
    tokens = [
        {"name": role, "sha256": hashlib.sha256(role.encode()).hexdigest(), "roles": [role]}
        for role in ("monitor", "infer", "admin")
    ]
    device = start_device({"server": {"tokens": tokens}})
    record = series_pb2.RecordCountsRequest(counts=counts(1))
    delete = series_pb2.DeleteSeriesRequest(name="door")
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = Stub(channel)

        def code(method: Callable[..., object], request: Message, role: str) -> str:
            try:
                method(request, metadata=(("authorization", f"Bearer {role}"),))
            except grpc.RpcError as error:
                return error.code().name
            return "OK"

        assert code(stub.RecordCounts, record, "monitor") == "PERMISSION_DENIED"
        assert code(stub.RecordCounts, record, "infer") == "OK"
        assert code(stub.DeleteSeries, delete, "infer") == "PERMISSION_DENIED"
        assert code(stub.DeleteSeries, delete, "admin") == "OK"
