"""lintel.v1.CameraService: the device's own cameras, blurred."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc

from lintel.edge.cameras import CameraState
from lintel.edge.errors import (
    CameraNotFoundError,
    CameraUnavailableError,
    InvalidArgumentError,
    NotServingError,
)
from lintel.edge.images import ImageFormat
from lintel.edge.pipeline import CameraPipeline, DoorPipeline, FrameResult, TrackedFace
from lintel.edge.service import messages
from lintel.v1 import camera_pb2, camera_pb2_grpc, face_pb2, image_pb2

STATES = {
    CameraState.OPENING: camera_pb2.CAMERA_STATE_OPENING,
    CameraState.STREAMING: camera_pb2.CAMERA_STATE_STREAMING,
    CameraState.LOST: camera_pb2.CAMERA_STATE_LOST,
    CameraState.ENDED: camera_pb2.CAMERA_STATE_ENDED,
}
# What is older is not shown as if it were so now.
OLDEST_SNAPSHOT_S = 10.0
HIGHEST_RATE_HZ = 1000.0


class Pace:
    """Tells which frames of a stream to send, so that there are so many a second on average.

    Args:
        rate_hz: Frames a second, up to HIGHEST_RATE_HZ; 0: all.

    Raises:
        InvalidArgumentError: It is no such number.
    """

    def __init__(self, rate_hz: float) -> None:
        if not 0 <= rate_hz <= HIGHEST_RATE_HZ:
            raise InvalidArgumentError(
                f"The rate must be 0 to {HIGHEST_RATE_HZ:g} frames a second.",
                field="max_frame_rate_hz",
            )
        self._interval_ns = 1e9 / rate_hz if rate_hz else 0.0
        self._due_ns: float | None = None

    def wants(self, captured_ns: int) -> bool:
        """Tells whether to send a frame that was captured then."""
        if self._due_ns is None:
            self._due_ns = captured_ns
        if captured_ns < self._due_ns:
            return False
        # Frames that came late do not let others follow faster.
        self._due_ns = max(self._due_ns + self._interval_ns, captured_ns)
        return True


class CameraServicer(camera_pb2_grpc.CameraServiceServicer):
    """Serves what the cameras see, once it is safe to show.

    Args:
        door: The cameras; None where the device has none.
    """

    def __init__(self, door: DoorPipeline | None) -> None:
        self._door = door
        self._cameras = dict(door.cameras) if door is not None else {}
        self._draining = False

    def ListCameras(  # noqa: N802 - the contract's name
        self, request: camera_pb2.ListCamerasRequest, context: grpc.ServicerContext
    ) -> camera_pb2.ListCamerasResponse:
        """Lists the cameras."""
        cameras = [self._describe(camera) for camera in self._cameras.values()]
        return camera_pb2.ListCamerasResponse(cameras=cameras)

    def TakeSnapshot(  # noqa: N802 - the contract's name
        self, request: camera_pb2.TakeSnapshotRequest, context: grpc.ServicerContext
    ) -> camera_pb2.TakeSnapshotResponse:
        """Gives the newest frame; it waits for none, for a call that waits holds a worker."""
        output = messages.read_output(request.output)
        result = self._find(request.camera).latest
        if result is None:
            raise CameraUnavailableError(
                "The camera has given no picture yet.", field="camera", retry_after_s=1.0
            )
        if (time.monotonic_ns() - result.captured_ns) / 1e9 > OLDEST_SNAPSHOT_S:
            raise CameraUnavailableError(
                f"The camera has given no picture for {OLDEST_SNAPSHOT_S:g} seconds.",
                field="camera",
                retry_after_s=1.0,
            )
        format_ = output.format or ImageFormat.JPEG
        if format_ is ImageFormat.JPEG and not request.output.HasField("quality"):
            data = result.picture.jpeg()
        else:
            data = result.picture.encode(format_, output.quality)
        return camera_pb2.TakeSnapshotResponse(frame=write_frame(result, data))

    def StreamFrames(  # noqa: N802 - the contract's name
        self, request: camera_pb2.StreamFramesRequest, context: grpc.ServicerContext
    ) -> Iterator[camera_pb2.StreamFramesResponse]:
        """Sends the newest frame whenever the caller has taken the one before."""
        camera = self._find(request.camera)
        pace = Pace(request.max_frame_rate_hz)
        with camera.follow(with_pictures=request.with_pictures) as subscription:
            if not context.add_callback(subscription.close):
                return
            while (result := subscription.get()) is not None:
                if pace.wants(result.captured_ns):
                    data = result.picture.jpeg() if request.with_pictures else None
                    yield camera_pb2.StreamFramesResponse(frame=write_frame(result, data))
        if self._draining:
            raise NotServingError("The device is shutting down.", retry_after_s=1.0)

    def drain(self) -> None:
        """Has streams say, where they end from now on, that the device is shutting down."""
        self._draining = True

    def _find(self, name: str) -> CameraPipeline:
        if not self._cameras:
            raise CameraNotFoundError("The device has no cameras.", field="camera")
        if not name:
            return next(iter(self._cameras.values()))
        if name not in self._cameras:
            raise messages.unknown_camera(self._cameras, "camera")
        return self._cameras[name]

    def _describe(self, camera: CameraPipeline) -> camera_pb2.Camera:
        assert self._door is not None  # noqa: S101 - it has cameras
        status = camera.status()
        source = status.camera
        age_s = source.frame_age_s
        is_lost = source.state is CameraState.LOST and source.fault is not None
        return camera_pb2.Camera(
            name=camera.name,
            state=STATES[source.state],
            width=source.width,
            height=source.height,
            captured_frames=source.captured,
            dropped_frames=status.dropped,
            reopenings=source.reopenings,
            frame_rate_hz=status.frame_rate_hz,
            frame_age_ms=round(age_s * 1e3) if age_s is not None else None,
            latency_ms=status.latency_s * 1e3,
            reason=source.fault or "" if is_lost else "",
            people_inside=self._door.today(camera.name).inside,
        )


def write_frame(result: FrameResult, picture: bytes | None) -> camera_pb2.CameraFrame:
    """Writes what came of a frame.

    Args:
        result: The frame.
        picture: Its blurred picture as a file; None: left out.
    """
    return camera_pb2.CameraFrame(
        camera=result.camera,
        sequence_number=result.sequence_number,
        timestamp_us=result.captured_us,
        width=result.width,
        height=result.height,
        faces=map(_write_face, result.faces),
        blurred=image_pb2.Image(encoded=picture) if picture is not None else None,
        covered_whole=result.covered_whole is not None,
        latency_ms=result.times.latency_ns / 1e6,
    )


def _write_face(face: TrackedFace) -> face_pb2.Face:
    x_min, y_min, x_max, y_max = face.box
    return face_pb2.Face(
        box=image_pb2.BoundingBox(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max),
        score=face.score,
        mask=messages.write_verdict(*face.mask) if face.mask is not None else None,
        track_id=face.track_id,
    )
