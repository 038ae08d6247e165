"""The client for programs built on asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, Unpack

import grpc

from lintel.client import calls, errors, video
from lintel.client.aio_streams import exchange
from lintel.client.batches import CALLS_IN_FLIGHT, Batch, batches, refuse_single
from lintel.client.calls import BlurOptions, Call, DetectionOptions
from lintel.client.connection import (
    HEALTH_CHECK,
    HEALTH_WATCH,
    SERVING,
    Connection,
    HealthRequest,
    HealthResponse,
)
from lintel.client.errors import LintelError, UnavailableError
from lintel.client.pictures import Picture, load
from lintel.client.results import (
    BlurredPicture,
    FaceDetections,
    FrameResult,
    ImageStatistics,
)
from lintel.client.video import DropPolicy, VideoInput, VideoTask
from lintel.v1 import face_pb2_grpc, statistics_pb2_grpc, video_pb2_grpc

Request = TypeVar("Request")
Response = TypeVar("Response")
Result = TypeVar("Result")


class AsyncClient(Connection):
    """Talks to one device, without ever holding the event loop. To be made within a running one.

    Methods, arguments and errors are those of Client; what there is an iterator is here an
    asynchronous one. Files are read, and plain iterables are pulled, on threads.
    """

    def _open(self, options: Sequence[tuple[str, int | str]]) -> None:
        # A channel belongs to the loop it is made in; without one, this says so.
        asyncio.get_running_loop()
        self._channel = (
            grpc.aio.secure_channel(self.address, self._credentials, options)
            if self._credentials
            else grpc.aio.insecure_channel(self.address, options)
        )
        self._faces = face_pb2_grpc.FaceServiceStub(self._channel)
        self._statistics = statistics_pb2_grpc.StatisticsServiceStub(self._channel)
        self._video = video_pb2_grpc.VideoServiceStub(self._channel)

    async def close(self) -> None:
        """Closes the connection and cancels what is under way."""
        await self._channel.close(grace=None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def detect_faces(
        self, picture: Picture, **options: Unpack[DetectionOptions]
    ) -> FaceDetections:
        """Finds the faces of a picture, as Client.detect_faces."""
        return await self._one(self._faces.DetectFaces, calls.detect_faces(options), picture)

    def detect_faces_each(
        self, pictures: Iterable[Picture], **options: Unpack[DetectionOptions]
    ) -> AsyncIterator[FaceDetections | LintelError]:
        """Finds the faces of every picture, as Client.detect_faces_each."""
        return self._each(self._faces.DetectFaces, calls.detect_faces(options), pictures)

    async def blur_faces(self, picture: Picture, **options: Unpack[BlurOptions]) -> BlurredPicture:
        """Destroys the faces of a picture, as Client.blur_faces."""
        return await self._one(self._faces.BlurFaces, calls.blur_faces(options), picture)

    def blur_faces_each(
        self, pictures: Iterable[Picture], **options: Unpack[BlurOptions]
    ) -> AsyncIterator[BlurredPicture | LintelError]:
        """Destroys the faces of every picture, as Client.blur_faces_each."""
        return self._each(self._faces.BlurFaces, calls.blur_faces(options), pictures)

    async def image_statistics(self, picture: Picture) -> ImageStatistics:
        """Measures a picture, as Client.image_statistics."""
        method = self._statistics.ComputeImageStatistics
        return await self._one(method, calls.image_statistics(), picture)

    def image_statistics_each(
        self, pictures: Iterable[Picture]
    ) -> AsyncIterator[ImageStatistics | LintelError]:
        """Measures every picture, as Client.image_statistics_each."""
        method = self._statistics.ComputeImageStatistics
        return self._each(method, calls.image_statistics(), pictures)

    def process_video(
        self,
        frames: AsyncIterable[VideoInput] | Iterable[VideoInput],
        *,
        tasks: Collection[VideoTask],
        drop_policy: DropPolicy = "lossless",
        window: int = video.DEFAULT_WINDOW,
        **options: Unpack[BlurOptions],
    ) -> AsyncGenerator[FrameResult, None]:
        """Works on the frames of a video, as Client.process_video; ended at once by aclose()."""
        config = video.config_request(tasks, drop_policy, options)
        limit = video.unanswered_limit(drop_policy, window)
        open_stream = partial(self._video.ProcessVideo, metadata=self._metadata)
        return exchange(open_stream, config, frames, limit, self.timeout_s)

    async def is_serving(self, service: str = "") -> bool:
        """Asks whether the device is ready for work, as Client.is_serving."""
        check = self._channel.unary_unary(
            HEALTH_CHECK,
            request_serializer=HealthRequest.SerializeToString,
            response_deserializer=HealthResponse.FromString,
        )
        request = HealthRequest(value=service)
        try:
            answer = await check(request, timeout=self.timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.of_call(error) from error
        status: int = answer.value
        return status == SERVING

    async def wait_until_serving(self, timeout_s: float, service: str = "") -> None:
        """Waits until the device is ready for work, as Client.wait_until_serving."""
        watch = self._channel.unary_stream(
            HEALTH_WATCH,
            request_serializer=HealthRequest.SerializeToString,
            response_deserializer=HealthResponse.FromString,
        )
        statuses = watch(
            HealthRequest(value=service),
            timeout=timeout_s,
            metadata=self._metadata,
            wait_for_ready=True,
        )
        try:
            async for status in statuses:
                if status.value == SERVING:
                    return
        except grpc.RpcError as error:
            raise errors.of_call(error) from error
        finally:
            statuses.cancel()
        raise UnavailableError("The device went away while it was waited for.")

    async def _one(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        picture: Picture,
    ) -> Result:
        request = call.request([await asyncio.to_thread(load, picture)])
        try:
            response = await method(request, timeout=self.timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.of_call(error) from error
        return call.single(response)

    def _each(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        pictures: Iterable[Picture],
    ) -> AsyncIterator[Result | LintelError]:
        refuse_single(pictures)
        return self._each_batch(method, call, batches(pictures))

    async def _each_batch(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        loaded: Iterator[Batch],
    ) -> AsyncIterator[Result | LintelError]:
        """Keeps a few calls in flight, so that the device does not wait for this side."""
        in_flight: deque[tuple[Batch, grpc.aio.UnaryUnaryCall[Request, Response] | None]] = deque()
        try:
            while (batch := await asyncio.to_thread(next, loaded, None)) is not None:
                in_flight.append((batch, self._start(method, call, batch)))
                if len(in_flight) == CALLS_IN_FLIGHT:
                    for result in await _finish(call, *in_flight.popleft()):
                        yield result
            while in_flight:
                for result in await _finish(call, *in_flight.popleft()):
                    yield result
        finally:
            for _, pending in in_flight:
                if pending is not None:
                    pending.cancel()

    def _start(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        batch: Batch,
    ) -> grpc.aio.UnaryUnaryCall[Request, Response] | None:
        images = batch.images
        if not images:
            return None
        request = call.request(images)
        return method(request, timeout=self.timeout_s, metadata=self._metadata)


async def _finish(
    call: Call[Request, Response, Result],
    batch: Batch,
    pending: grpc.aio.UnaryUnaryCall[Request, Response] | None,
) -> list[Result | LintelError]:
    try:
        return call.merged(batch, await pending if pending is not None else None)
    except grpc.RpcError as error:
        raise errors.of_call(error) from error
