"""lintel.v1.EventService, through a real channel, of what a replayed camera sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lintel.edge.service import DeviceServer
from lintel.v1 import event_pb2, event_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]
StartDevice = Callable[..., DeviceServer]

ENTERED, LEFT = event_pb2.EVENT_KIND_PERSON_ENTERED, event_pb2.EVENT_KIND_PERSON_LEFT
LOST = event_pb2.EVENT_KIND_CAMERA_LOST
SERVICE = "lintel.v1.EventService"
GONE = {"name": "yard", "source": "/nowhere/at/all.mp4"}


@pytest.fixture
def start_door(start_device: StartDevice, tmp_path: Path) -> Callable[..., DeviceServer]:
    """Starts a device with cameras, and a file of events that outlives it."""

    def start(*cameras: dict[str, Any], **pipeline: object) -> DeviceServer:
        kept = {"model": "face-320", "events_path": f"{tmp_path}/events.jsonl", **pipeline}
        masks = {"model": ""}
        return start_device({"cameras": list(cameras), "pipeline": kept, "masks": masks})

    return start


def follow(channel: grpc.Channel, **request: Any) -> Iterator[event_pb2.StreamEventsResponse]:
    stub = event_pb2_grpc.EventServiceStub(channel)
    return stub.StreamEvents(event_pb2.StreamEventsRequest(**request), timeout=60)


def take(device: DeviceServer, count: int, **request: Any) -> list[event_pb2.StreamEventsResponse]:
    """Returns the first replies of a stream."""
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stream = follow(channel, **request)
        return [next(stream) for _ in range(count)]


def numbers(replies: list[event_pb2.StreamEventsResponse]) -> list[int]:
    return [reply.sequence_number for reply in replies]


def test_who_walks_in_and_out_is_told_with_place_and_track(
    start_door: Callable[..., DeviceServer], walk: dict[str, Any]
) -> None:
    begin, *told = take(start_door(walk), 17, after_sequence_number=0)
    assert not begin.HasField("event")
    events = [reply.event for reply in told]
    assert [event.kind for event in events] == [ENTERED] * 8 + [LEFT] * 8
    places = [line["name"] for line in walk["lines"]]
    assert [event.place for event in events[:8]] == places
    assert {event.place for event in events[8:]} == set(places)
    assert {event.camera for event in events} == {"door"}
    assert len({event.track_id for event in events}) == 1
    assert events[0].track_id > 0
    assert numbers([begin, *told]) == list(range(17))
    assert [event.sequence_number for event in events] == list(range(1, 17))
    moments = [event.timestamp_us for event in events]
    assert moments == sorted(moments)


def test_a_stream_goes_on_where_another_was_left_also_after_a_restart(
    start_door: Callable[..., DeviceServer], walk: dict[str, Any]
) -> None:
    device = start_door(walk)
    first = take(device, 17, after_sequence_number=0)
    device.stop()
    again = take(start_door(walk), 28, after_sequence_number=first[5].sequence_number)
    assert numbers(again) == list(range(5, 33))
    assert sum(reply.missed_events for reply in again) == 0


def test_what_is_no_longer_kept_is_counted(
    start_door: Callable[..., DeviceServer], walk: dict[str, Any]
) -> None:
    device = start_door(walk, max_events=10)
    take(device, 17, after_sequence_number=0)
    begin, oldest, following = take(device, 3, after_sequence_number=2)
    assert begin.sequence_number == 2
    assert (oldest.sequence_number, oldest.missed_events) == (7, 4)
    assert (following.sequence_number, following.missed_events) == (8, 0)


def test_kinds_and_cameras_can_be_chosen(
    start_door: Callable[..., DeviceServer], walk: dict[str, Any]
) -> None:
    device = start_door(walk, GONE)
    left = take(device, 9, after_sequence_number=0, kinds=[LEFT])[1:]
    assert {reply.event.kind for reply in left} == {LEFT}
    _, lost = take(device, 2, after_sequence_number=0, cameras=["yard"])
    assert (lost.event.kind, lost.event.camera) == (LOST, "yard")


def test_without_a_number_a_stream_begins_now(
    start_door: Callable[..., DeviceServer], walk: dict[str, Any]
) -> None:
    device = start_door(walk)
    take(device, 17, after_sequence_number=0)
    assert take(device, 1)[0].sequence_number == 16
    assert take(device, 1, after_sequence_number=1 << 63)[0].sequence_number == 16


@pytest.mark.parametrize(
    ("request_", "code", "reason", "field"),
    [
        ({"kinds": [LEFT, 99]}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "kinds[1]"),
        ({"kinds": [0]}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "kinds[0]"),
        ({"cameras": ["yard", "moon"]}, "NOT_FOUND", "CAMERA_NOT_FOUND", "cameras[1]"),
    ],
)
def test_what_cannot_be_told_is_refused(
    start_door: Callable[..., DeviceServer],
    details_of: Details,
    request_: dict[str, Any],
    code: str,
    reason: str,
    field: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        take(start_door(GONE), 1, **request_)
    assert caught.value.code().name == code
    details = details_of(caught.value)
    assert details["ErrorInfo"].reason == reason
    assert details["BadRequest"].field_violations[0].field == field


def test_a_device_without_cameras_says_so(
    device: DeviceServer, channel: grpc.Channel, details_of: Details
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(follow(channel))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert details_of(caught.value)["ErrorInfo"].reason == "CAMERA_NOT_FOUND"
    health = health_pb2_grpc.HealthStub(channel)
    status = health.Check(health_pb2.HealthCheckRequest(service=SERVICE)).status
    assert status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_streams_end_when_the_device_does(
    start_door: Callable[..., DeviceServer], details_of: Details
) -> None:
    device = start_door(GONE)
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stream = follow(channel)
        next(stream)
        device.stop()
        with pytest.raises(grpc.RpcError) as caught:
            list(stream)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert details_of(caught.value)["ErrorInfo"].reason == "NOT_SERVING"
