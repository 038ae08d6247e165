"""Cameras and events through the real clients, against real devices."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.event_receivers import free_port
from tests.walks import FACE, HEIGHT, write_walk

from lintel.client import (
    AsyncClient,
    CameraState,
    Client,
    Event,
    EventKind,
    InvalidArgumentError,
    LintelError,
    NotFoundError,
    OutputPicture,
    UnavailableError,
)
from lintel.edge.service import DeviceServer

Ask = Callable[..., Any]
Take = Callable[..., list[Any]]
StartDoor = Callable[..., DeviceServer]

LOST = {"name": "yard", "source": "/nowhere/at/all.mp4"}


@pytest.fixture
def start_door(start_device: Callable[..., DeviceServer], tmp_path: Path) -> StartDoor:
    """Starts a device with cameras."""

    def start(*cameras: dict[str, Any], **server: Any) -> DeviceServer:
        pipeline = {"model": "face-320", "events_path": f"{tmp_path}/events.jsonl"}
        masks = {"model": ""}
        tree = {"cameras": list(cameras), "pipeline": pipeline, "masks": masks, "server": server}
        return start_device(tree)

    return start


@pytest.fixture(params=["waiting", "asyncio"])
def take(request: pytest.FixtureRequest) -> Take:
    """Takes the first items of a stream: take(address, count, method, **named)."""

    def wait(address: str, count: int, name: str, **named: Any) -> list[Any]:
        with Client(address) as client:
            stream = getattr(client, name)(**named)
            taken = [next(stream) for _ in range(count)]
            stream.close()
            return taken

    async def wait_asynchronously(address: str, count: int, name: str, **named: Any) -> list[Any]:
        async with AsyncClient(address) as client:
            stream = getattr(client, name)(**named)
            taken = [await anext(stream) for _ in range(count)]
            await stream.aclose()
            return taken

    if request.param == "waiting":
        return wait
    return lambda *values, **named: asyncio.run(wait_asynchronously(*values, **named))


def synthetic(**settings: Any) -> dict[str, Any]:
    return {"name": "door", "source": "synthetic", "width": 320, "height": 240, **settings}


@pytest.fixture
def walk(tmp_path: Path, draw_face: Callable[..., NDArray[np.uint8]]) -> dict[str, Any]:
    """A camera before which somebody comes in and goes out again, once."""
    folder = write_walk(tmp_path / "walk", draw_face(640, HEIGHT, FACE), reach=110, steps=9)
    mat = {"name": "mat", "start": [0.5, 0], "end": [0.5, 1], "inside": [1, 0.5]}
    source = {"source": str(folder), "replay": "fastest", "loop": False}
    return {"name": "door", "lines": [mat], **source}


def test_cameras_are_listed(ask: Ask, start_door: StartDoor) -> None:
    address = start_door(synthetic(), LOST).addresses[0]
    door, yard = ask(address, "list_cameras")
    while (door.state, yard.state) != (CameraState.STREAMING, CameraState.LOST):
        door, yard = ask(address, "list_cameras")
    assert (door.name, door.width, door.height, door.reason) == ("door", 320, 240, "")
    assert door.frame_age_ms is not None
    assert (yard.name, yard.reason, yard.frame_age_ms) == ("yard", "GONE", None)
    assert (yard.captured_frames, yard.people_inside) == (0, 0)


def test_a_device_without_cameras_lists_none(ask: Ask, device: DeviceServer) -> None:
    address = device.addresses[0]
    assert ask(address, "list_cameras") == ()
    with pytest.raises(NotFoundError) as caught:
        ask(address, "take_snapshot")
    assert caught.value.reason == "CAMERA_NOT_FOUND"
    for stream in ("stream_frames", "stream_events"):
        with pytest.raises(NotFoundError):
            ask(address, stream)


def test_a_snapshot_is_a_picture_that_can_be_saved(
    ask: Ask, start_door: StartDoor, tmp_path: Path
) -> None:
    address = start_door(synthetic()).addresses[0]
    frame = ask(address, "take_snapshot", "door", output_format="png")
    assert (frame.camera, frame.width, frame.height) == ("door", 320, 240)
    assert frame.timestamp.timestamp() == pytest.approx(time.time(), abs=60)
    assert isinstance(frame.picture, OutputPicture)
    frame.picture.save(tmp_path / "door.png")
    saved = cv2.imread(str(tmp_path / "door.png"))
    assert saved is not None
    assert saved.shape == (240, 320, 3)
    with pytest.raises(ValueError, match="output_format"):
        ask(address, "take_snapshot", output_format="bmp")
    with pytest.raises(InvalidArgumentError):
        ask(address, "take_snapshot", quality=0)


def test_a_camera_is_followed_with_and_without_pictures(take: Take, start_door: StartDoor) -> None:
    address = start_door(synthetic()).addresses[0]
    bare = take(address, 3, "stream_frames")
    numbers = [frame.sequence_number for frame in bare]
    assert numbers == sorted(set(numbers))
    assert {frame.picture for frame in bare} == {None}
    (shown,) = take(address, 1, "stream_frames", camera="door", with_pictures=True)
    assert shown.picture.data.startswith(b"\xff\xd8")


def test_a_slow_loop_gets_the_newest(start_door: StartDoor) -> None:
    address = start_door(synthetic(frame_rate_hz=60)).addresses[0]
    with Client(address) as client, Client(address) as other:
        frames = client.stream_frames(with_pictures=True)
        first = next(frames).sequence_number
        while other.list_cameras()[0].captured_frames < first + 100:
            time.sleep(0.05)
        assert next(frames).sequence_number >= first
        assert next(frames).sequence_number > first + 50
        frames.close()


def test_a_stream_ends_with_a_recording_and_tells_faces(
    ask: Ask, start_door: StartDoor, walk: dict[str, Any]
) -> None:
    walk = {**walk, "replay": "real-time", "frame_rate_hz": 5}
    frames = ask(start_door(walk).addresses[0], "stream_frames")
    tracks = {face.track_id for frame in frames for face in frame.faces}
    assert len(tracks) == 1
    assert 0 not in tracks


def test_events_are_told_from_a_number_on(
    take: Take, start_door: StartDoor, walk: dict[str, Any]
) -> None:
    address = start_door(walk).addresses[0]
    entered, left = take(address, 2, "stream_events", after=0)
    assert (entered.sequence_number, entered.kind) == (1, EventKind.PERSON_ENTERED)
    assert (entered.camera, entered.place, entered.missed_events) == ("door", "mat", 0)
    assert entered.timestamp.timestamp() == pytest.approx(time.time(), abs=60)
    assert left.kind is EventKind.PERSON_LEFT
    assert left.track_id == entered.track_id > 0
    assert take(address, 1, "stream_events", after=1) == [left]
    assert take(address, 1, "stream_events", after=0, kinds=["person-left"]) == [left]
    assert take(address, 1, "stream_events", after=0, cameras=["door"]) == [entered]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"after": -1}, ValueError),
        ({"kinds": ["door-opened"]}, ValueError),
        ({"kinds": "person-left"}, TypeError),
        ({"cameras": "door"}, TypeError),
        ({"cameras": ["moon"]}, NotFoundError),
    ],
)
def test_wrong_arguments_are_named(
    take: Take, start_door: StartDoor, arguments: dict[str, Any], error: type[Exception]
) -> None:
    address = start_door(LOST).addresses[0]
    with pytest.raises(error) as caught:
        take(address, 1, "stream_events", **arguments)
    assert next(iter(arguments)) in f"{caught.value} {getattr(caught.value, 'field', '')}"


def test_events_go_on_when_the_device_restarts(start_door: StartDoor, walk: dict[str, Any]) -> None:
    listen = {"listen": [f"127.0.0.1:{free_port()}"]}
    device = start_door(walk, **listen)
    with Client(device.addresses[0]) as client:
        events = client.stream_events(after=0)
        told = [next(events) for _ in range(2)]
        device.stop()
        start_door(walk, **listen)
        told += [next(events) for _ in range(2)]
        events.close()
    assert [event.sequence_number for event in told] == [1, 2, 3, 4]
    assert [event.missed_events for event in told] == [0] * 4


def test_without_reconnecting_a_broken_stream_raises(start_door: StartDoor) -> None:
    device = start_door(LOST)
    with Client(device.addresses[0]) as client:
        events = client.stream_events(after=0, reconnect=False)
        assert next(events).kind is EventKind.CAMERA_LOST
        device.stop()
        with pytest.raises(UnavailableError) as caught:
            next(events)
    assert caught.value.reason == "NOT_SERVING"


def test_a_device_that_is_not_there_is_told_at_once() -> None:
    with Client(f"127.0.0.1:{free_port()}") as client, pytest.raises(UnavailableError):
        next(client.stream_events())


def test_a_stream_that_waits_ends_when_it_is_closed(take: Take, start_door: StartDoor) -> None:
    """Nothing more happens at the door; the end must come all the same."""
    address = start_door(LOST).addresses[0]
    (lost,) = take(address, 1, "stream_events", after=0)
    assert isinstance(lost, Event)

    async def leave() -> None:
        async with AsyncClient(address) as client:
            stream = client.stream_events()
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(asyncio.wait_for(leave(), 30))


def test_closing_the_client_ends_a_stream_of_another_thread(start_door: StartDoor) -> None:
    address = start_door(LOST).addresses[0]
    client = Client(address)
    begun = threading.Event()

    def follow() -> list[Event]:
        events = client.stream_events(after=0)
        next(events)
        begun.set()
        return list(events)

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(follow)
        assert begun.wait(60)
        client.close()
        with pytest.raises(LintelError) as caught:
            following.result(60)
    assert caught.value.code == "CANCELLED"
