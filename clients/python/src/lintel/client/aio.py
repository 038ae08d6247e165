"""The client for programs built on asyncio.

It waits for the calls of gRPC's ordinary channel without holding the event loop. gRPC's own
asyncio channel is not used: it replaces the status of a stream that ends while a message is
being sent by INTERNAL, so that nobody learns why it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar, Unpack

import grpc

from lintel.client import calls, cameras, errors, forecasts, masks, series, video
from lintel.client.batches import Batch
from lintel.client.calls import BlurOptions, Call, DetectionOptions, OutputFormat
from lintel.client.cameras import Camera, CameraFrame
from lintel.client.connection import SERVING, Connection, received
from lintel.client.errors import LintelError, UnavailableError
from lintel.client.events import Event
from lintel.client.forecasts import Forecast, ForecastOptions, History
from lintel.client.frames import FrameResult
from lintel.client.masks import Boxes, MaskOptions
from lintel.client.moments import Moment
from lintel.client.outputs import BlurredPicture
from lintel.client.pictures import Picture, load
from lintel.client.results import FaceDetections, ImageStatistics
from lintel.client.series import Counts, Resolution, Series, SeriesSummary
from lintel.client.video import DropPolicy, VideoInput, VideoOptions, VideoTask
from lintel.v1.camera_pb2 import ListCamerasRequest
from lintel.v1.series_pb2 import DeleteSeriesRequest, ListSeriesRequest

Request = TypeVar("Request")
Response = TypeVar("Response")
Result = TypeVar("Result")
Item = TypeVar("Item")


class AsyncClient(Connection):
    """Talks to one device, without ever holding the event loop.

    Methods, arguments and errors are those of Client; what there is an iterator is here an
    asynchronous one. Files are read, and plain iterables are pulled, on threads.
    """

    async def close(self) -> None:
        """Closes the connection and cancels what is under way."""
        self._channel.close()

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

    async def classify_masks(
        self, picture: Picture, *, boxes: Boxes | None = None, **options: Unpack[MaskOptions]
    ) -> FaceDetections:
        """Tells of every face whether it wears a mask, as Client.classify_masks."""
        call = masks.classify_masks(options, boxes)
        return await self._one(self._masks.ClassifyMasks, call, picture)

    def classify_masks_each(
        self,
        pictures: Iterable[Picture],
        *,
        boxes: Sequence[Boxes] | None = None,
        **options: Unpack[MaskOptions],
    ) -> AsyncIterator[FaceDetections | LintelError]:
        """Judges the faces of every picture, as Client.classify_masks_each."""
        call = masks.classify_masks_each(options, boxes)
        return self._each(self._masks.ClassifyMasks, call, masks.paired(pictures, boxes))

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
        **options: Unpack[VideoOptions],
    ) -> AsyncGenerator[FrameResult, None]:
        """Works on the frames of a video, as Client.process_video; aclose() ends it at once."""
        pulled = _Pulled(frames) if isinstance(frames, AsyncIterable) else frames
        stream = self._stream(
            pulled, tasks=tasks, drop_policy=drop_policy, window=window, options=options
        )

        def stop() -> None:
            stream.stop()
            if isinstance(pulled, _Pulled):
                pulled.stop()

        return _iterated(stream.results(), stop)

    async def forecast(
        self, history: History, horizon: int, **options: Unpack[ForecastOptions]
    ) -> Forecast:
        """Forecasts the steps after a history, as Client.forecast."""
        request = forecasts.forecast_request(history, horizon, options)
        response = await self._asked(self._forecasts.Forecast, request)
        return forecasts.read_forecast(response, request.time_zone)

    async def record_counts(
        self, counts: Counts, *, idempotency_key: str = "", buffered: bool = False
    ) -> int:
        """Adds counts to series that the device keeps, as Client.record_counts."""
        request = series.record_request(counts, idempotency_key, buffered)
        return (await self._asked(self._series.RecordCounts, request)).recorded

    async def list_series(self) -> tuple[SeriesSummary, ...]:
        """Lists the series that the device keeps, by name."""
        response = await self._asked(self._series.ListSeries, ListSeriesRequest())
        return series.read_summaries(response)

    async def read_series(
        self,
        name: str,
        *,
        resolution: Resolution = "hour",
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> Series:
        """Reads a stretch of a series, as Client.read_series."""
        reading = series.Reading(name, resolution, start, end)
        while (request := reading.request) is not None:
            reading.add(await self._asked(self._series.ReadSeries, request))
        return reading.result()

    async def delete_series(self, name: str) -> None:
        """Has the device forget a series, as Client.delete_series."""
        await self._asked(self._series.DeleteSeries, DeleteSeriesRequest(name=name))

    async def list_cameras(self) -> tuple[Camera, ...]:
        """Lists the device's cameras and how they are, as Client.list_cameras."""
        response = await self._asked(self._cameras.ListCameras, ListCamerasRequest())
        return cameras.read_cameras(response)

    async def take_snapshot(
        self,
        camera: str = "",
        *,
        output_format: OutputFormat | None = None,
        quality: int | None = None,
    ) -> CameraFrame:
        """Takes the newest frame of a camera, blurred, as Client.take_snapshot."""
        request = cameras.snapshot_request(camera, output_format, quality)
        response = await self._asked(self._cameras.TakeSnapshot, request)
        return cameras.read_frame(response.frame)

    def stream_frames(
        self, camera: str = "", *, with_pictures: bool = False, max_frame_rate_hz: float = 0.0
    ) -> AsyncGenerator[CameraFrame, None]:
        """Follows a camera, as Client.stream_frames; aclose() ends it at once."""
        stream = self._frame_stream(camera, with_pictures, max_frame_rate_hz)
        return _iterated(stream.frames(), stream.stop)

    def stream_events(
        self,
        *,
        after: int | None = None,
        kinds: Collection[str] = (),
        cameras: Collection[str] = (),
        reconnect: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Follows what happens, as Client.stream_events; aclose() ends it at once."""
        stream = self._event_stream(after, kinds, cameras, reconnect=reconnect)
        return _iterated(stream.events(), stream.stop)

    async def is_serving(self, service: str = "") -> bool:
        """Asks whether the device is ready for work, as Client.is_serving."""
        answer = await _settled(self._start_check(service))
        return answer.value == SERVING

    async def wait_until_serving(self, timeout_s: float, service: str = "") -> None:
        """Waits until the device is ready for work, as Client.wait_until_serving."""
        statuses = self._watch_health(service, timeout_s)
        try:
            async for status in _iterated(iter(statuses), statuses.cancel):
                if status.value == SERVING:
                    return
        except grpc.RpcError as error:
            raise errors.of_wait(error, timeout_s) from error
        raise UnavailableError("The device went away while it was waited for.")

    async def _one(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        picture: Picture,
    ) -> Result:
        # Bytes are only copied; a thread would cost more than that.
        is_ready = isinstance(picture, bytes)
        image = load(picture) if is_ready else await asyncio.to_thread(load, picture)
        return call.single(await self._asked(method, call.request(Batch(0, [image]))))

    async def _asked(
        self, method: grpc.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> Response:
        return await _settled(self._start(method, request))

    def _each(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        pictures: Iterable[Picture],
    ) -> AsyncIterator[Result | LintelError]:
        return self._merged(method, call, self._start_each(method, call, pictures))

    async def _merged(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        started: Iterator[tuple[Batch, grpc.Future[Response] | None]],
    ) -> AsyncIterator[Result | LintelError]:
        while (pair := await asyncio.to_thread(next, started, None)) is not None:
            batch, pending = pair
            try:
                response: Response | None = None
                if pending is not None:
                    response = await _settled(pending)
            except LintelError as error:
                parts = self._in_flight(method, call, self._smaller(batch, error))
                async for result in self._merged(method, call, parts):
                    yield result
            else:
                for result in call.merged(batch, response):
                    yield result


async def _settled(pending: grpc.Future[Response]) -> Response:
    """Waits for a call without holding the loop; cancels it when cancelled itself.

    Raises:
        LintelError: The call failed.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def tell(_: object) -> None:
        # The loop may have been closed meanwhile, and then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(done.set)

    pending.add_done_callback(tell)
    try:
        await done.wait()
    finally:
        pending.cancel()
    return received(pending)


async def _iterated(
    items: Iterator[Item], stop: Callable[[], object]
) -> AsyncGenerator[Item, None]:
    """Yields from an iterator that waits, on a thread of its own.

    Args:
        items: The iterator.
        stop: Makes it end, also while it waits.
    """
    loop = asyncio.get_running_loop()
    # One of its own, so that many streams do not take all threads from one another.
    thread = ThreadPoolExecutor(1)
    try:
        while (item := await loop.run_in_executor(thread, next, items, None)) is not None:
            yield item
    finally:
        stop()
        thread.shutdown(wait=False)


class _Pulled:
    """Iterates, on another thread, over an asynchronous iterable of the running loop."""

    def __init__(self, frames: AsyncIterable[VideoInput]) -> None:
        self._frames = aiter(frames)
        self._loop = asyncio.get_running_loop()
        self._taking: Future[tuple[VideoInput] | None] | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[VideoInput]:
        while True:
            self._taking = asyncio.run_coroutine_threadsafe(self._take(), self._loop)
            if self._stopped:
                self._taking.cancel()
            taken = self._taking.result()
            if taken is None:
                return
            yield taken[0]

    def stop(self) -> None:
        """Lets nobody wait for a frame any more."""
        self._stopped = True
        if self._taking is not None:
            self._taking.cancel()

    async def _take(self) -> tuple[VideoInput] | None:
        async for given in self._frames:
            return (given,)
        return None
