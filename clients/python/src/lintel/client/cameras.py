"""The device's own cameras: how they are, and what they see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import grpc

from lintel.client import errors
from lintel.client.calls import OUTPUT_FORMATS, OutputFormat, number_of
from lintel.client.errors import LintelError
from lintel.client.moments import to_datetime
from lintel.client.outputs import OutputPicture, read_output
from lintel.client.results import Face, read_faces
from lintel.v1 import camera_pb2, face_pb2


class CameraState(StrEnum):
    """Whether frames come from a camera."""

    OPENING = "opening"
    """It is being opened."""
    STREAMING = "streaming"
    """Frames come."""
    LOST = "lost"
    """None came for too long, or it cannot be opened; it is tried again."""
    ENDED = "ended"
    """It was a recording, and is over."""
    UNKNOWN = "unknown"
    """A state that a newer device knows."""


STATES = {
    camera_pb2.CAMERA_STATE_OPENING: CameraState.OPENING,
    camera_pb2.CAMERA_STATE_STREAMING: CameraState.STREAMING,
    camera_pb2.CAMERA_STATE_LOST: CameraState.LOST,
    camera_pb2.CAMERA_STATE_ENDED: CameraState.ENDED,
}


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of the device, and how it is.

    Attributes:
        name: Its name.
        state: Whether frames come.
        width: Width of its frames in pixels; 0 before the first.
        height: Height of its frames in pixels; 0 before the first.
        captured_frames: Frames that came, of this run of the device.
        dropped_frames: Frames that gave way to newer ones before they were looked at.
        reopenings: How often it was opened anew.
        frame_rate_hz: Frames a second, found, tracked and blurred, over the last seconds.
        frame_age_ms: How old the newest frame is; None before the first.
        latency_ms: Median time from capture to the blurred picture.
        reason: Why no frames come, such as "STALLED"; "" where they do.
        people_inside: People counted in, less those counted out, since the day began.
    """

    name: str
    state: CameraState
    width: int
    height: int
    captured_frames: int
    dropped_frames: int
    reopenings: int
    frame_rate_hz: float
    frame_age_ms: int | None
    latency_ms: float
    reason: str
    people_inside: int


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """What was seen in one frame of a camera.

    Attributes:
        camera: Name of the camera.
        sequence_number: Grows from frame to frame; those between were dropped.
        timestamp_us: When it was captured, in microseconds since 1970 UTC.
        width: Width in pixels.
        height: Height in pixels.
        faces: With their tracks and, where masks are read, the verdicts on them.
        picture: The blurred picture; None where it was not asked for.
        covered_whole: The whole frame was covered, for nobody could tell where faces are.
        latency_ms: From capture to the blurred picture, on the device.
    """

    camera: str
    sequence_number: int
    timestamp_us: int
    width: int
    height: int
    faces: tuple[Face, ...]
    picture: OutputPicture | None
    covered_whole: bool
    latency_ms: float

    @property
    def timestamp(self) -> datetime:
        """When it was captured, in UTC."""
        return to_datetime(self.timestamp_us)


def read_cameras(response: camera_pb2.ListCamerasResponse) -> tuple[Camera, ...]:
    """Reads how the cameras are."""
    return tuple(
        Camera(
            name=camera.name,
            state=STATES.get(camera.state, CameraState.UNKNOWN),
            width=camera.width,
            height=camera.height,
            captured_frames=camera.captured_frames,
            dropped_frames=camera.dropped_frames,
            reopenings=camera.reopenings,
            frame_rate_hz=camera.frame_rate_hz,
            frame_age_ms=camera.frame_age_ms if camera.HasField("frame_age_ms") else None,
            latency_ms=camera.latency_ms,
            reason=camera.reason,
            people_inside=camera.people_inside,
        )
        for camera in response.cameras
    )


def read_frame(message: camera_pb2.CameraFrame) -> CameraFrame:
    """Reads what was seen in a frame."""
    return CameraFrame(
        camera=message.camera,
        sequence_number=message.sequence_number,
        timestamp_us=message.timestamp_us,
        width=message.width,
        height=message.height,
        faces=read_faces(message.faces),
        picture=read_output(message.blurred) if message.HasField("blurred") else None,
        covered_whole=message.covered_whole,
        latency_ms=message.latency_ms,
    )


def snapshot_request(
    camera: str, output_format: OutputFormat | None, quality: int | None
) -> camera_pb2.TakeSnapshotRequest:
    """Makes the request for a snapshot.

    Raises:
        ValueError: The format is unknown.
    """
    format_ = number_of(output_format, OUTPUT_FORMATS, "output_format")
    output = face_pb2.OutputOptions(format=format_, quality=quality)
    return camera_pb2.TakeSnapshotRequest(camera=camera, output=output)


class FrameCall(Protocol):
    """What gRPC returns of an open stream."""

    def __iter__(self) -> Iterator[camera_pb2.StreamFramesResponse]:
        """Yields the replies."""

    def cancel(self) -> object:
        """Ends the stream, if it has not ended."""


class FrameStream:
    """Follows a camera: iterate over `frames` once.

    A thread takes what comes at once, and keeps the newest: gRPC would hold seconds of frames
    for a caller who is slow.

    Args:
        open_call: Calls CameraService.StreamFrames.
    """

    def __init__(self, open_call: Callable[[], FrameCall]) -> None:
        self._open_call = open_call
        self._call: FrameCall | None = None
        self._changed = threading.Condition()
        self._newest: camera_pb2.CameraFrame | None = None
        self._is_over = False
        self._failure: LintelError | None = None

    def frames(self) -> Generator[CameraFrame, None, None]:
        """Yields the newest frame that it has not yielded, until the stream ends.

        Raises:
            LintelError: The stream failed.
        """
        with self._changed:
            if self._is_over:
                return
            call = self._call = self._open_call()
        threading.Thread(target=self._take, args=(call,), daemon=True).start()
        try:
            while (frame := self._next()) is not None:
                yield read_frame(frame)
        finally:
            self.stop()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends the stream. Any thread may call it, also while another waits for a frame."""
        with self._changed:
            self._is_over = True
            call = self._call
            self._changed.notify_all()
        if call is not None:
            call.cancel()

    def _next(self) -> camera_pb2.CameraFrame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._is_over)
            frame, self._newest = self._newest, None
            return frame

    def _take(self, call: FrameCall) -> None:
        failure: LintelError | None = None
        try:
            for response in call:
                with self._changed:
                    self._newest = response.frame
                    self._changed.notify_all()
        except grpc.RpcError as error:
            failure = errors.of_call(error)
        with self._changed:
            if not self._is_over:
                self._failure = failure
            self._is_over = True
            self._changed.notify_all()
