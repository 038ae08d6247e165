"""Series of counts through the real clients, against real devices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import numpy as np
import pytest

from lintel.client import Count, InvalidArgumentError, NotFoundError, Series
from lintel.client.moments import all_to_microseconds, to_microseconds
from lintel.edge.series import store as store_module
from lintel.edge.service import DeviceServer
from lintel.v1 import series_pb2

Ask = Callable[..., Any]
StartDevice = Callable[..., DeviceServer]
StartServer = Callable[..., str]
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 29, 12, 0, 30, tzinfo=BERLIN)
HOUR = timedelta(hours=1)


@pytest.fixture
def address(start_device: StartDevice) -> str:
    """A device in Berlin."""
    return start_device({"series": {"time_zone": "Europe/Berlin"}}).addresses[0]


def test_counts_are_recorded_listed_read_and_deleted(ask: Ask, address: str) -> None:
    counts = [Count("door", number, NOON + number * HOUR) for number in range(3)]
    assert ask(address, "record_counts", iter(counts)) == 3
    assert ask(address, "record_counts", {"yard": 2}) == 1

    door, yard = ask(address, "list_series")
    assert (door.name, door.minutes, door.hours, door.days) == ("door", 3, 3, 1)
    assert door.first == datetime(2026, 3, 29, tzinfo=BERLIN)
    assert door.last == datetime(2026, 3, 29, 14, tzinfo=BERLIN)
    assert yard.last.tzinfo is UTC

    hours = ask(address, "read_series", "door", start=NOON)
    assert hours == Series(
        "door",
        "hour",
        tuple(to_microseconds(NOON.replace(hour=hour, second=0), "") for hour in (13, 14)),
        (1.0, 2.0),
        "Europe/Berlin",
    )
    assert len(hours) == 2
    assert hours.timestamps[0].isoformat() == "2026-03-29T13:00:00+02:00"
    days = ask(address, "read_series", "door", resolution="day", end=date(2026, 3, 30))
    assert days.timestamps == (datetime(2026, 3, 29, tzinfo=BERLIN),)
    assert days.values == (3.0,)

    assert ask(address, "delete_series", "yard") is None
    with pytest.raises(NotFoundError) as caught:
        ask(address, "delete_series", "yard")
    assert caught.value.reason == "SERIES_NOT_FOUND"


def test_a_repeated_call_is_harmless(ask: Ask, address: str) -> None:
    recorded = [
        ask(address, "record_counts", {"door": 1}, idempotency_key="k", buffered=buffered)
        for buffered in (False, True, False)
    ]
    assert recorded == [1, 0, 0]


def test_what_the_device_refuses_is_named(ask: Ask, address: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        ask(address, "record_counts", [Count("door", 1), Count("door", -1)])
    assert caught.value.field == "counts[1].value"
    assert ask(address, "list_series") == ()


def test_a_long_stretch_is_read_in_parts(
    ask: Ask, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MOST_POINTS", 3)
    ask(address, "record_counts", [Count("door", hour, NOON + hour * HOUR) for hour in range(8)])
    read = ask(address, "read_series", "door", resolution="minute")
    assert read.values == tuple(range(8))
    assert len(read.timestamps) == 8


class LosesTheFirstReply:
    """Two methods of the service, whose first reply is lost on its way."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def record(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._lose_the_first(request, context)
        return series_pb2.RecordCountsResponse(recorded=1)

    def delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._lose_the_first(request, context)
        return series_pb2.DeleteSeriesResponse()

    def add_to(self, server: grpc.Server) -> None:
        kinds = (
            ("RecordCounts", self.record, series_pb2.RecordCountsRequest),
            ("DeleteSeries", self.delete, series_pb2.DeleteSeriesRequest),
        )
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                method, kind.FromString, lambda response: response.SerializeToString()
            )
            for name, method, kind in kinds
        }
        service = "lintel.v1.SeriesService"
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])

    def _lose_the_first(self, request: Any, context: grpc.ServicerContext) -> None:
        self.requests.append(request)
        if len(self.requests) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the reply was lost")


def test_a_repeat_that_grpc_makes_has_the_same_key(ask: Ask, start_server: StartServer) -> None:
    servicer = LosesTheFirstReply()
    address = start_server(servicer.add_to)
    assert ask(address, "record_counts", {"door": 1}) == 1
    assert ask(address, "record_counts", {"door": 1}) == 1
    first, repeat, other = (request.idempotency_key for request in servicer.requests)
    assert first == repeat != other
    assert first


def test_a_deletion_that_may_have_happened_is_not_repeated(
    ask: Ask, start_server: StartServer
) -> None:
    servicer = LosesTheFirstReply()
    address = start_server(servicer.add_to)
    with pytest.raises(Exception, match="the reply was lost"):
        ask(address, "delete_series", "door")
    assert len(servicer.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([("door", 1)],), TypeError, "counts[0] must be a Count, not tuple"),
        (([Count("door", 1, datetime(2026, 1, 1))],), ValueError, "counts[0].moment must tell"),
        (([Count("door", 1, "noon")],), TypeError, "counts[0].moment must be an aware"),
    ],
)
def test_an_argument_that_is_none_is_named(
    ask: Ask, address: str, arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        ask(address, "record_counts", *arguments)
    assert message in str(caught.value)


def test_a_resolution_that_is_none_is_named(ask: Ask, address: str) -> None:
    with pytest.raises(ValueError, match="resolution must be one of minute, hour, day, not 'week'"):
        ask(address, "read_series", "door", resolution="week")


@pytest.mark.parametrize("end", [NOON, date(2026, 3, 29)])
def test_a_stretch_that_ends_before_it_starts_is_refused(
    ask: Ask, address: str, end: datetime | date
) -> None:
    with pytest.raises(ValueError, match="end must be later than start"):
        ask(address, "read_series", "door", start=NOON, end=end)


def test_moments_come_in_many_kinds() -> None:
    noon_us = 1_774_778_430_000_000
    assert to_microseconds(NOON, "") == noon_us
    assert to_microseconds(np.int64(noon_us), "") == noon_us
    assert to_microseconds(date(1970, 1, 2), "") == 86_400_000_000
    array = np.array(["2026-03-29T10:00:30"], "datetime64[s]")
    assert all_to_microseconds(array, "") == [noon_us]
    with pytest.raises(TypeError, match="bool"):
        to_microseconds(True, "moment")
    with pytest.raises(TypeError, match=r"history\[0\]\[1\] must be an aware datetime"):
        all_to_microseconds([noon_us, 1.5], "history[0]")  # type: ignore[list-item]
