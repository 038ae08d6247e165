"""Devices that are busy, silent, strange or suddenly gone."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from lintel.client import (
    Client,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    LintelError,
    OverloadedError,
    UnavailableError,
)
from lintel.client.errors import DETAILS_KEY
from lintel.v1 import face_pb2, face_pb2_grpc, video_pb2_grpc

Answer = Callable[[face_pb2.DetectFacesRequest, Any], face_pb2.DetectFacesResponse]


class Faces(face_pb2_grpc.FaceServiceServicer):
    """Answers DetectFaces as the test says, and counts."""

    def __init__(self, answer: Answer) -> None:
        self.calls = 0
        self._answer = answer

    def DetectFaces(  # noqa: N802
        self, request: face_pb2.DetectFacesRequest, context: Any
    ) -> face_pb2.DetectFacesResponse:
        self.calls += 1
        return self._answer(request, context)

    def BlurFaces(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise NotImplementedError

    def add(self, server: grpc.Server) -> None:
        face_pb2_grpc.add_FaceServiceServicer_to_server(self, server)


def nothing_found(request: face_pb2.DetectFacesRequest, _: Any) -> face_pb2.DetectFacesResponse:
    result = face_pb2.DetectFacesResult(detections=face_pb2.FaceDetections())
    return face_pb2.DetectFacesResponse(results=[result] * len(request.images))


def abort(context: Any, code: grpc.StatusCode, *details: Any) -> Any:
    """Ends a call as a device does."""
    status = status_pb2.Status(code=code.value[0], message="A sentence.")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata(
        ((DETAILS_KEY, status.SerializeToString()), ("grpc-retry-pushback-ms", "1"))
    )
    context.abort(code, "A sentence.")


def busy(times: float, code: grpc.StatusCode = grpc.StatusCode.RESOURCE_EXHAUSTED) -> Answer:
    """Refuses so many calls, then answers."""
    numbers = itertools.count()

    def answer(request: face_pb2.DetectFacesRequest, context: Any) -> Any:
        if next(numbers) < times:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMilliseconds(1500)
            abort(context, code, error_details_pb2.ErrorInfo(reason="OVERLOADED"), retry)
        return nothing_found(request, context)

    return answer


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE])
@pytest.mark.parametrize("size", [10, 10 << 20])
def test_a_busy_device_is_tried_again_whatever_the_size_of_the_picture(
    ask: Any, start_server: Any, code: grpc.StatusCode, size: int
) -> None:
    faces = Faces(busy(2, code))
    found = ask(start_server(faces.add), "detect_faces", bytes(size))
    assert found.faces == ()
    assert faces.calls == 3


def test_a_device_that_stays_busy_is_given_up(ask: Any, start_server: Any) -> None:
    faces = Faces(busy(float("inf")))
    with pytest.raises(OverloadedError) as caught:
        ask(start_server(faces.add), "detect_faces", b"jpeg")
    assert faces.calls == 5
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
    assert caught.value.message == "A sentence."
    assert caught.value.retry_after_s == 1.5


def test_a_message_larger_than_the_device_takes_is_no_overload(ask: Any, start_server: Any) -> None:
    faces = Faces(nothing_found)
    with pytest.raises(InvalidArgumentError) as caught:
        ask(start_server(faces.add, message_bytes=1 << 20), "detect_faces", bytes(2 << 20))
    assert faces.calls == 0
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert str(1 << 20) in caught.value.message


def test_among_many_calls_each_is_tried_again(ask: Any, start_server: Any) -> None:
    faces = Faces(busy(4))
    results = ask(start_server(faces.add), "detect_faces_each", [b"jpeg"] * 200)
    assert len(results) == 200
    assert faces.calls == 25 + 4


def test_what_will_not_get_better_is_not_tried_again(ask: Any, start_server: Any) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="detection.min_score")

    def refuse(_: Any, context: Any) -> Any:
        abort(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            error_details_pb2.ErrorInfo(reason="INVALID_ARGUMENT"),
            error_details_pb2.BadRequest(field_violations=[violation]),
        )

    faces = Faces(refuse)
    with pytest.raises(InvalidArgumentError) as caught:
        ask(start_server(faces.add), "detect_faces", b"jpeg")
    assert faces.calls == 1
    assert caught.value.field == "detection.min_score"
    assert caught.value.retry_after_s is None
    assert isinstance(caught.value.__cause__, grpc.RpcError)


@pytest.mark.parametrize("limit", ["", "0", "8", "many"])
def test_a_limit_that_does_not_help_is_the_callers_to_see(
    ask: Any, start_server: Any, limit: str
) -> None:
    info = error_details_pb2.ErrorInfo(reason="TOO_MANY_IMAGES", metadata={"limit": limit})
    faces = Faces(lambda _, context: abort(context, grpc.StatusCode.INVALID_ARGUMENT, info))
    with pytest.raises(InvalidArgumentError) as caught:
        ask(start_server(faces.add), "detect_faces_each", [b"jpeg"] * 8)
    assert faces.calls == 1
    assert caught.value.metadata == {"limit": limit}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
def test_every_status_has_an_error(ask: Any, start_server: Any, code: grpc.StatusCode) -> None:
    faces = Faces(lambda _, context: abort(context, code))
    with pytest.raises(LintelError) as caught:
        ask(start_server(faces.add), "detect_faces", b"jpeg", client={"timeout_s": 10})
    assert caught.value.code == caught.value.reason == code.name
    assert type(caught.value).code in {code.name, "UNKNOWN"}


def test_mangled_details_leave_code_and_message(ask: Any, start_server: Any) -> None:
    def refuse(_: Any, context: Any) -> None:
        context.set_trailing_metadata(((DETAILS_KEY, b"\xff\xff mangled"),))
        context.abort(grpc.StatusCode.INTERNAL, "A sentence.")

    with pytest.raises(InternalError, match="A sentence") as caught:
        ask(start_server(Faces(refuse).add), "detect_faces", b"jpeg")
    assert (caught.value.reason, caught.value.field) == ("INTERNAL", "")


@pytest.mark.parametrize("method", ["detect_faces", "detect_faces_each"])
def test_a_silent_device_is_not_waited_for_for_ever(
    ask: Any, start_server: Any, method: str
) -> None:
    gone = threading.Event()

    def wait(_: Any, context: Any) -> face_pb2.DetectFacesResponse:
        context.add_callback(gone.set)
        gone.wait(30)
        return face_pb2.DetectFacesResponse()

    picture: Any = b"jpeg" if method == "detect_faces" else [b"jpeg"]
    with pytest.raises(DeadlineExceededError):
        ask(start_server(Faces(wait).add), method, picture, client={"timeout_s": 0.2})
    assert gone.wait(10)


def test_a_device_that_answers_too_few_or_nothing_is_not_trusted(
    ask: Any, start_server: Any
) -> None:
    short = start_server(Faces(lambda *_: face_pb2.DetectFacesResponse()).add)
    with pytest.raises(InternalError, match="0 of 2 pictures"):
        ask(short, "detect_faces_each", [b"jpeg"] * 2)
    empty = face_pb2.DetectFacesResponse(results=[face_pb2.DetectFacesResult()])
    with pytest.raises(InternalError, match="unanswered"):
        ask(start_server(Faces(lambda *_: empty).add), "detect_faces", b"jpeg")


def test_a_device_that_is_not_there_is_unavailable(ask: Any, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/none"
    with pytest.raises(UnavailableError):
        ask(address, "detect_faces", b"jpeg")
    with pytest.raises(UnavailableError):
        ask(address, "process_video", [b"jpeg"], tasks=["detect_faces"])
    with pytest.raises(DeadlineExceededError):
        ask(address, "wait_until_serving", 0.2)


def test_a_refused_stream_is_not_tried_again_lest_frames_be_lost(
    ask: Any, start_server: Any
) -> None:
    calls = itertools.count()

    class Video(video_pb2_grpc.VideoServiceServicer):
        def ProcessVideo(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
            next(calls)
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMilliseconds(1500)
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, retry)

    address = start_server(
        lambda server: video_pb2_grpc.add_VideoServiceServicer_to_server(Video(), server)
    )
    with pytest.raises(OverloadedError) as caught:
        ask(address, "process_video", [b"jpeg"], tasks=["detect_faces"])
    assert caught.value.retry_after_s == 1.5
    assert next(calls) == 1


def test_waiting_ends_when_the_device_says_it_serves(ask: Any, start_server: Any) -> None:
    status = health_pb2.HealthCheckResponse
    servicer = health.HealthServicer()
    servicer.set("", status.NOT_SERVING)
    address = start_server(
        lambda server: health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    )
    assert ask(address, "is_serving") is False
    waited: list[None] = []
    waiting = threading.Thread(
        target=lambda: waited.append(ask(address, "wait_until_serving", 30.0))
    )
    waiting.start()
    servicer.set("", status.SERVING)
    waiting.join()
    assert waited == [None]


def test_waiting_for_a_service_that_never_comes_ends(ask: Any, start_server: Any) -> None:
    servicer = health.HealthServicer()
    address = start_server(
        lambda server: health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    )
    with pytest.raises(DeadlineExceededError, match=r"was not serving within 0\.2 s"):
        ask(address, "wait_until_serving", 0.2, "lintel.v1.NoService")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A real device in a process of its own, so that it can be killed."""
    address = f"unix:{tmp_path}/socket"
    script = f"""
import signal
from lintel.edge.config import parse
from lintel.edge.service import DeviceServer
with DeviceServer(parse({{"server": {{"listen": [{address!r}]}}}})):
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        yield process, address
        process.kill()


def test_a_device_killed_in_mid_stream_is_unavailable(
    ask: Any, process: tuple[subprocess.Popen[bytes], str], plain_jpeg: bytes
) -> None:
    device, address = process
    ask(address, "wait_until_serving", 60.0)

    def frames() -> Iterator[bytes]:
        for number in itertools.count():
            if number == 20:
                device.send_signal(signal.SIGKILL)
                device.wait()
            yield plain_jpeg

    with pytest.raises(UnavailableError):
        ask(address, "process_video", frames(), tasks=["detect_faces"])


def test_a_client_outlives_its_device(
    process: tuple[subprocess.Popen[bytes], str],
    start_device: Callable[..., Any],
    plain_jpeg: bytes,
) -> None:
    device, address = process
    with Client(address) as client:
        client.wait_until_serving(60.0)
        assert client.detect_faces(plain_jpeg).width == 64
        device.kill()
        device.wait()
        with pytest.raises(UnavailableError):
            client.detect_faces(plain_jpeg)
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)
        start_device({"server": {"listen": [address]}})
        client.wait_until_serving(60.0)
        assert client.detect_faces(plain_jpeg).width == 64
