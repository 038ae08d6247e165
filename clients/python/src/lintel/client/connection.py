"""What both clients do alike: everything but the waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol, TypeVar

import grpc
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from lintel.client import errors, video
from lintel.client.batches import CALLS_IN_FLIGHT, PICTURES_PER_CALL, Batch, batches, refuse_single
from lintel.client.calls import Call
from lintel.client.cameras import FrameStream
from lintel.client.channel import PemSource, open_channel
from lintel.client.errors import LintelError
from lintel.client.events import EventCall, EventStream
from lintel.client.pictures import Picture
from lintel.client.streams import StreamCall, VideoStream
from lintel.client.video import DropPolicy, VideoInput, VideoOptions, VideoTask
from lintel.v1 import (
    camera_pb2_grpc,
    event_pb2_grpc,
    face_pb2_grpc,
    forecast_pb2_grpc,
    mask_pb2_grpc,
    series_pb2_grpc,
    statistics_pb2_grpc,
    video_pb2_grpc,
)
from lintel.v1.camera_pb2 import StreamFramesRequest
from lintel.v1.event_pb2 import StreamEventsRequest
from lintel.v1.video_pb2 import ProcessVideoRequest

Request = TypeVar("Request")
Response = TypeVar("Response")
Result = TypeVar("Result")

# The messages of grpc.health.v1 have one field each and on the wire are the same as these
# well-known ones, which spares a dependency.
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
SERVING = 1
# The reason of a device that takes fewer pictures in a call; its metadata tells how many.
TOO_MANY = "TOO_MANY_IMAGES"


class HealthWatch(Protocol):
    """What gRPC returns of an open watch."""

    def __iter__(self) -> Iterator[Int32Value]:
        """Yields the status, and every change of it."""

    def cancel(self) -> object:
        """Ends the watch, if it has not ended."""


class Connection:
    """An open channel to a device, and the ways to start calls on it.

    Args:
        address: "HOST:PORT", "[IPV6]:PORT" or "unix:/path/to/socket".
        token: Bearer token; sent over TLS or within this machine only, but see `insecure`.
        root_certificates: The authority that signed the device's certificate, as a PEM file or
            its bytes. Giving it turns TLS on.
        client_certificate: This client's certificate chain for mutual TLS, likewise.
        client_key: The certificate's private key, likewise.
        timeout_s: Seconds that the device may take for one call, retries included; in a stream,
            for the reply to a frame.
        insecure: Send the token in plain text to another machine.

    Raises:
        ValueError: An argument is malformed, or the token would travel in plain text.
        OSError: A PEM file can't be read.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        token: str | None = None,
        root_certificates: PemSource | None = None,
        client_certificate: PemSource | None = None,
        client_key: PemSource | None = None,
        timeout_s: float = 30.0,
        insecure: bool = False,
    ) -> None:
        if timeout_s <= 0:
            raise ValueError(f"timeout_s must be greater than 0, not {timeout_s}")
        self.address = address
        self.timeout_s = timeout_s
        self._pictures_per_call = PICTURES_PER_CALL
        self._channel, self._metadata = open_channel(
            address,
            token=token,
            root_certificates=root_certificates,
            client_certificate=client_certificate,
            client_key=client_key,
            insecure=insecure,
        )
        self._faces = face_pb2_grpc.FaceServiceStub(self._channel)
        self._masks = mask_pb2_grpc.MaskServiceStub(self._channel)
        self._statistics = statistics_pb2_grpc.StatisticsServiceStub(self._channel)
        self._video = video_pb2_grpc.VideoServiceStub(self._channel)
        self._series = series_pb2_grpc.SeriesServiceStub(self._channel)
        self._cameras = camera_pb2_grpc.CameraServiceStub(self._channel)
        self._events = event_pb2_grpc.EventServiceStub(self._channel)
        self._forecasts = forecast_pb2_grpc.ForecastServiceStub(self._channel)
        self._check = self._channel.unary_unary(
            HEALTH_CHECK,
            request_serializer=StringValue.SerializeToString,
            response_deserializer=Int32Value.FromString,
        )
        self._watch = self._channel.unary_stream(
            HEALTH_WATCH,
            request_serializer=StringValue.SerializeToString,
            response_deserializer=Int32Value.FromString,
        )

    def _start_check(self, service: str) -> grpc.Future[Int32Value]:
        return self._start(self._check, StringValue(value=service))

    def _watch_health(self, service: str, timeout_s: float) -> HealthWatch:
        request = StringValue(value=service)
        return self._watch(request, timeout=timeout_s, metadata=self._metadata, wait_for_ready=True)

    def _start(
        self, method: grpc.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> grpc.Future[Response]:
        return method.future(request, timeout=self.timeout_s, metadata=self._metadata)

    def _start_each(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        pictures: Iterable[Picture],
    ) -> Iterator[tuple[Batch, grpc.Future[Response] | None]]:
        """Loads many pictures and starts their calls.

        Returns:
            The batches in order, each with its call; without one, where nothing of it can be
            sent.
        """
        refuse_single(pictures)
        loaded = batches(pictures, lambda: self._pictures_per_call)
        return self._in_flight(method, call, loaded)

    def _smaller(self, batch: Batch, error: LintelError) -> Iterator[Batch]:
        """Cuts a batch that had too many pictures for the device, and remembers how many may be.

        Args:
            batch: What was sent.
            error: What the device said.

        Raises:
            LintelError: The error, where it is another or does not help.
        """
        limit = error.metadata.get("limit", "")
        fewer = int(limit) if error.reason == TOO_MANY and limit.isdecimal() else 0
        if not 0 < fewer < len(batch.images):
            raise error
        self._pictures_per_call = min(self._pictures_per_call, fewer)
        return batch.parts(fewer)

    def _in_flight(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        loaded: Iterator[Batch],
    ) -> Iterator[tuple[Batch, grpc.Future[Response] | None]]:
        """Keeps a few calls in flight, so that the device does not wait for this side."""
        started: deque[tuple[Batch, grpc.Future[Response] | None]] = deque()
        try:
            for batch in loaded:
                pending = self._start(method, call.request(batch)) if batch.images else None
                started.append((batch, pending))
                if len(started) == CALLS_IN_FLIGHT:
                    yield started.popleft()
            while started:
                yield started.popleft()
        finally:
            for _, pending in started:
                if pending is not None:
                    pending.cancel()

    def _stream(
        self,
        frames: Iterable[VideoInput],
        *,
        tasks: Collection[VideoTask],
        drop_policy: DropPolicy,
        window: int,
        options: VideoOptions,
    ) -> VideoStream:
        config = video.config_request(tasks, drop_policy, options)
        limit = video.unanswered_limit(drop_policy, window)
        return VideoStream(self._open_stream, config, frames, limit, self.timeout_s)

    def _frame_stream(
        self, camera: str, with_pictures: bool, max_frame_rate_hz: float
    ) -> FrameStream:
        request = StreamFramesRequest(
            camera=camera, with_pictures=with_pictures, max_frame_rate_hz=max_frame_rate_hz
        )
        return FrameStream(lambda: self._cameras.StreamFrames(request, metadata=self._metadata))

    def _event_stream(
        self,
        after: int | None,
        kinds: Collection[str],
        cameras: Collection[str],
        *,
        reconnect: bool,
    ) -> EventStream:
        return EventStream(self._open_events, after, kinds, cameras, reconnect=reconnect)

    def _open_events(self, request: StreamEventsRequest) -> EventCall:
        return self._events.StreamEvents(request, metadata=self._metadata)

    def _open_stream(self, requests: Iterator[ProcessVideoRequest]) -> StreamCall:
        return self._video.ProcessVideo(requests, metadata=self._metadata)


def received(pending: grpc.Future[Response]) -> Response:
    """Waits for the response of a call.

    Raises:
        LintelError: The call failed.
    """
    try:
        return pending.result()
    except grpc.RpcError as error:
        raise errors.of_call(error) from error
    except grpc.FutureCancelledError as error:
        raise LintelError("The client was closed.", code="CANCELLED") from error
