"""lintel.v1.CameraService, through a real channel, of replayed and synthetic cameras."""

from __future__ import annotations

import hashlib
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray

from lintel.edge.service import DeviceServer
from lintel.v1 import camera_pb2, camera_pb2_grpc, face_pb2, image_pb2

Details = Callable[[grpc.RpcError], dict[str, Message]]
StartDevice = Callable[..., DeviceServer]
StartDoor = Callable[..., DeviceServer]
Stub = camera_pb2_grpc.CameraServiceStub

SERVICE = "lintel.v1.CameraService"
LOST = {"name": "yard", "source": "/nowhere/at/all.mp4"}
STREAMING = camera_pb2.CAMERA_STATE_STREAMING


@pytest.fixture
def start_door(start_device: StartDevice, tmp_path: Path) -> StartDoor:
    """Starts a device with cameras."""

    def start(*cameras: dict[str, Any], **tables: Any) -> DeviceServer:
        pipeline = {
            "model": "face-320",
            "events_path": f"{tmp_path}/events.jsonl",
            **tables.pop("pipeline", {}),
        }
        masks = {"model": ""}
        return start_device(
            {"cameras": list(cameras), "pipeline": pipeline, "masks": masks, **tables}
        )

    return start


@pytest.fixture
def connect() -> Iterator[Callable[[DeviceServer], Stub]]:
    """Opens channels to devices."""
    channels: list[grpc.Channel] = []

    def open_(device: DeviceServer) -> Stub:
        channels.append(grpc.insecure_channel(device.addresses[0]))
        return Stub(channels[-1])

    yield open_
    for channel in channels:
        channel.close()


@pytest.fixture(scope="module")
def face(draw_face: Callable[..., NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A face before a wall, both of a strong texture of which a cover leaves nothing."""
    picture = draw_face(480, 360, 200).astype(np.int16)
    stripes = 24 * np.sign(np.sin(np.arange(480) * 2 * np.pi / 6))
    striped: NDArray[np.int16] = np.clip(picture + stripes[None, :, None], 0, 255)
    return striped.astype(np.uint8)


@pytest.fixture
def face_camera(face: NDArray[np.uint8], tmp_path: Path) -> dict[str, Any]:
    """A camera that replays the face again and again."""
    folder = tmp_path / "face"
    folder.mkdir()
    cv2.imwrite(str(folder / "face.png"), face)
    return {"name": "door", "source": str(folder)}


def synthetic(name: str = "door", **settings: Any) -> dict[str, Any]:
    return {"name": name, "source": "synthetic", "width": 320, "height": 240, **settings}


def snapshot(stub: Stub, camera: str = "", **output: Any) -> camera_pb2.CameraFrame:
    """Takes a snapshot as soon as there is one."""
    request = camera_pb2.TakeSnapshotRequest(camera=camera, output=face_pb2.OutputOptions(**output))
    while True:
        try:
            return stub.TakeSnapshot(request, timeout=60).frame
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise


def stream(stub: Stub, **request: Any) -> Any:
    return stub.StreamFrames(camera_pb2.StreamFramesRequest(**request), timeout=60)


def listed(stub: Stub) -> dict[str, camera_pb2.Camera]:
    response = stub.ListCameras(camera_pb2.ListCamerasRequest(), timeout=60)
    return {camera.name: camera for camera in response.cameras}


def pixels_of(frame: camera_pb2.CameraFrame) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(frame.blurred.encoded, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape[:2] == (frame.height, frame.width)
    return decoded.astype(np.uint8)


def texture(pixels: NDArray[np.uint8]) -> float:
    """Returns how strongly neighbours in a row differ: of the stripes, of a face's edges."""
    return float(np.abs(np.diff(pixels.astype(np.int16), axis=1)).mean())


def assert_is_covered(frame: camera_pb2.CameraFrame, original: NDArray[np.uint8]) -> None:
    """Nothing of the face's middle is left, neither its stripes nor its edges."""
    shown = pixels_of(frame)
    middle = np.s_[100:260, 170:310]
    assert texture(original[middle]) > 8
    assert texture(shown[middle]) < 1.5
    corner = np.s_[:40, :32]
    if frame.covered_whole:
        assert texture(shown[corner]) < 1.5
        assert not frame.faces
    else:
        # The picture is that of the camera, and not something else that has no face.
        assert np.abs(shown[corner].astype(int) - original[corner]).mean() < 6


@pytest.mark.parametrize("method", ["fill", "pixelate", "gaussian"])
def test_no_picture_shows_a_face(
    start_door: StartDoor,
    connect: Callable[[DeviceServer], Stub],
    face_camera: dict[str, Any],
    face: NDArray[np.uint8],
    method: str,
) -> None:
    stub = connect(start_door(face_camera, blur={"method": method}))
    formats = (
        image_pb2.IMAGE_FORMAT_UNSPECIFIED,
        image_pb2.IMAGE_FORMAT_JPEG,
        image_pb2.IMAGE_FORMAT_PNG,
        image_pb2.IMAGE_FORMAT_WEBP,
    )
    shots = [snapshot(stub, format=format_, quality=100) for format_ in formats]
    frames = stream(stub, with_pictures=True)
    shots += [next(frames).frame for _ in range(25)]
    for frame in shots:
        assert_is_covered(frame, face)
    found = [frame for frame in shots if frame.faces]
    assert found
    box = found[-1].faces[0].box
    assert box.x_min < 240 < box.x_max
    assert box.y_min < 180 < box.y_max
    assert found[-1].faces[0].track_id > 0


def test_a_face_that_nobody_can_find_is_covered_with_the_whole_frame(
    start_door: StartDoor,
    connect: Callable[[DeviceServer], Stub],
    face_camera: dict[str, Any],
    face: NDArray[np.uint8],
) -> None:
    device = start_door(face_camera)
    stub = connect(device)
    frames = stream(stub, with_pictures=True)
    next(frames)
    device._runtime.models["face-320"].pool.close()
    covered = next(reply.frame for reply in frames if reply.frame.covered_whole)
    assert_is_covered(covered, face)
    assert_is_covered(next(frames).frame, face)


def test_snapshots_are_written_as_asked(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], face_camera: dict[str, Any]
) -> None:
    stub = connect(start_door(face_camera))
    before_us = time.time_ns() // 1000
    png = snapshot(stub, "door", format=image_pb2.IMAGE_FORMAT_PNG)
    assert png.blurred.encoded.startswith(b"\x89PNG")
    assert (png.camera, png.width, png.height) == ("door", 480, 360)
    assert abs(png.timestamp_us - before_us) < 60_000_000
    assert png.latency_ms > 0
    coarse = snapshot(stub, quality=1).blurred.encoded
    assert coarse.startswith(b"\xff\xd8")
    assert len(coarse) < len(snapshot(stub).blurred.encoded)
    with pytest.raises(grpc.RpcError) as caught:
        snapshot(stub, quality=101)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_cameras_are_listed_with_how_they_are(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub]
) -> None:
    stub = connect(start_door(synthetic(), LOST))
    frames = stream(stub)
    for _ in range(3):
        next(frames)
    while (cameras := listed(stub))["yard"].state != camera_pb2.CAMERA_STATE_LOST:
        pass
    assert list(cameras) == ["door", "yard"]
    door, yard = cameras.values()
    assert (door.state, door.width, door.height, door.reason) == (STREAMING, 320, 240, "")
    assert door.captured_frames >= 3
    assert door.frame_rate_hz > 0
    assert door.latency_ms > 0
    assert door.HasField("frame_age_ms")
    assert (yard.reason, yard.captured_frames) == ("GONE", 0)
    assert not yard.HasField("frame_age_ms")


def test_who_came_in_and_did_not_go_is_inside(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], walk: dict[str, Any]
) -> None:
    pictures = sorted(Path(walk["source"]).iterdir())
    for picture in pictures[len(pictures) // 2 :]:
        picture.unlink()
    stub = connect(start_door({**walk, "lines": walk["lines"][:1]}))
    while (door := listed(stub)["door"]).people_inside == 0:
        time.sleep(0.02)
    assert door.people_inside == 1


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("TakeSnapshot", camera_pb2.TakeSnapshotRequest(camera="moon")),
        ("StreamFrames", camera_pb2.StreamFramesRequest(camera="moon")),
    ],
)
@pytest.mark.parametrize("cameras", [[], [LOST]])
def test_a_camera_that_is_not_there_is_named(
    start_door: StartDoor,
    connect: Callable[[DeviceServer], Stub],
    details_of: Details,
    method: str,
    request_: Message,
    cameras: list[dict[str, Any]],
) -> None:
    call = getattr(connect(start_door(*cameras)), method)
    with pytest.raises(grpc.RpcError) as caught:
        list(call(request_, timeout=60)) if method == "StreamFrames" else call(request_, timeout=60)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    details = details_of(caught.value)
    assert details["ErrorInfo"].reason == "CAMERA_NOT_FOUND"
    assert details["BadRequest"].field_violations[0].field == "camera"


def test_a_device_without_cameras_lists_none_and_is_not_serving_them(
    device: DeviceServer, channel: grpc.Channel
) -> None:
    assert listed(Stub(channel)) == {}
    health = health_pb2_grpc.HealthStub(channel)
    status = health.Check(health_pb2.HealthCheckRequest(service=SERVICE)).status
    assert status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_camera_without_a_picture_is_unavailable(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], details_of: Details
) -> None:
    stub = connect(start_door(LOST))
    with pytest.raises(grpc.RpcError) as caught:
        stub.TakeSnapshot(camera_pb2.TakeSnapshotRequest(), timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    details = details_of(caught.value)
    assert details["ErrorInfo"].reason == "CAMERA_UNAVAILABLE"
    assert details["RetryInfo"].retry_delay.ToMilliseconds() == 1000


def test_slow_callers_get_the_newest_frame(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub]
) -> None:
    device = start_door(
        synthetic(frame_rate_hz=60, width=640, height=480), pipeline={"jpeg_quality": 95}
    )
    # gRPC would hold megabytes on the way, once it has seen how fast the way is.
    options = [("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(device.addresses[0], options) as channel:
        frames = stream(Stub(channel), with_pictures=True)
        last = next(frames).frame.sequence_number
        while listed(connect(device))["door"].captured_frames < last + 200:
            time.sleep(0.05)
        jumps = []
        for _ in range(20):
            number = next(frames).frame.sequence_number
            jumps.append(number - last)
            last = number
    assert max(jumps) > 20
    assert min(jumps) > 0


def test_frames_come_no_faster_than_asked(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub]
) -> None:
    stub = connect(start_door(synthetic(frame_rate_hz=60)))
    frames = stream(stub, max_frame_rate_hz=5.0)
    moments = [next(frames).frame.timestamp_us for _ in range(6)]
    assert moments[-1] - moments[0] >= 5 * 200_000 * 0.9
    assert not next(frames).frame.HasField("blurred")
    for rate in (-1.0, 1001.0, float("nan")):
        with pytest.raises(grpc.RpcError) as caught:
            next(stream(stub, max_frame_rate_hz=rate))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_followers_are_bounded_and_make_room_when_they_leave(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], details_of: Details
) -> None:
    device = start_door(synthetic(), server={"max_streams": 2})
    stub = connect(device)
    following = [stream(stub) for _ in range(2)]
    for frames in following:
        next(frames)
    with pytest.raises(grpc.RpcError) as caught:
        next(stream(stub))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details_of(caught.value)["ErrorInfo"].reason == "OVERLOADED"
    with grpc.insecure_channel(device.addresses[0]) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(iter(watch)).status == health_pb2.HealthCheckResponse.SERVING
    following[0].cancel()
    while True:
        try:
            next(stream(stub))
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            break


def test_streams_end_when_the_device_does(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], details_of: Details
) -> None:
    device = start_door(synthetic(), server={"drain_s": 30.0})
    frames = stream(connect(device))
    next(frames)
    device.stop()
    with pytest.raises(grpc.RpcError) as caught:
        list(frames)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert details_of(caught.value)["ErrorInfo"].reason == "NOT_SERVING"


def test_a_stream_of_a_recording_ends_with_it(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], face_camera: dict[str, Any]
) -> None:
    stub = connect(start_door({**face_camera, "loop": False, "frame_rate_hz": 0.5}))
    numbers = [reply.frame.sequence_number for reply in stream(stub)]
    assert numbers in ([], [0])
    while listed(stub)["door"].state != camera_pb2.CAMERA_STATE_ENDED:
        pass


def test_only_the_role_watch_sees_cameras(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub]
) -> None:
    tokens = [
        {"name": role, "sha256": hashlib.sha256(role.encode()).hexdigest(), "roles": [role]}
        for role in ("monitor", "infer", "watch", "admin")
    ]
    stub = connect(start_door(LOST, server={"tokens": tokens}))
    request = camera_pb2.ListCamerasRequest()

    def code(role: str) -> str:
        metadata = (("authorization", f"Bearer {role}"),)
        try:
            stub.ListCameras(request, metadata=metadata, timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"

    assert code("watch") == "OK"
    assert {code(role) for role in ("monitor", "infer", "admin")} == {"PERMISSION_DENIED"}
    assert code("nobody") == "UNAUTHENTICATED"


def test_the_metrics_page_tells_of_every_camera(
    start_door: StartDoor, connect: Callable[[DeviceServer], Stub], unused_port: int
) -> None:
    address = f"127.0.0.1:{unused_port}"
    device = start_door(synthetic(), LOST, metrics={"listen": address})
    next(stream(connect(device)))

    def page() -> dict[str, float]:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as opened:
            lines = opened.read().decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if line.startswith("lintel_camera"))
        return {name: float(value) for name, _, value in samples}

    samples = page()
    assert samples['lintel_camera_captured_frames_total{camera="door"}'] > 0
    assert samples['lintel_camera_streaming{camera="door"}'] == 1
    assert samples['lintel_camera_streaming{camera="yard"}'] == 0
    assert samples['lintel_camera_latency_seconds{camera="door"}'] > 0
    assert samples['lintel_camera_latency_p99_seconds{camera="door"}'] > 0
    assert samples['lintel_camera_shown_frames_total{camera="door"}'] > 0
    assert samples['lintel_camera_stage_seconds{camera="door",stage="blur"}'] > 0
    assert samples['lintel_camera_work_seconds_total{camera="door",stage="blur"}'] > 0
    assert samples['lintel_camera_people_inside{camera="door"}'] == 0
    for name in ("dropped_frames", "failed_frames", "reopenings"):
        assert f'lintel_camera_{name}_total{{camera="yard"}}' in samples
    assert not [name for name in samples if re.search(r'age_seconds\{camera="yard"', name)]
