"""The client for programs that wait for their answers."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
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


class Client(Connection):
    """Talks to one device. May be shared between threads; close it, or use it in `with`.

    A method on one picture returns its result or raises. The method that ends in `_each`
    takes many and yields one result a picture, in order, as they come; a picture that can't
    be served has a LintelError in its place. A call that fails as a whole raises.
    """

    def close(self) -> None:
        """Closes the connection and cancels what is under way."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def detect_faces(self, picture: Picture, **options: Unpack[DetectionOptions]) -> FaceDetections:
        """Finds the faces of a picture.

        Raises:
            LintelError: The picture could not be served, or the call failed.
            TypeError, ValueError, OSError: `picture` or an option is none, or can't be read.
        """
        return self._one(self._faces.DetectFaces, calls.detect_faces(options), picture)

    def detect_faces_each(
        self, pictures: Iterable[Picture], **options: Unpack[DetectionOptions]
    ) -> Iterator[FaceDetections | LintelError]:
        """Finds the faces of every picture. Raises as `detect_faces`, but see the class."""
        return self._each(self._faces.DetectFaces, calls.detect_faces(options), pictures)

    def blur_faces(self, picture: Picture, **options: Unpack[BlurOptions]) -> BlurredPicture:
        """Destroys the faces of a picture. Raises as `detect_faces`."""
        return self._one(self._faces.BlurFaces, calls.blur_faces(options), picture)

    def blur_faces_each(
        self, pictures: Iterable[Picture], **options: Unpack[BlurOptions]
    ) -> Iterator[BlurredPicture | LintelError]:
        """Destroys the faces of every picture. Raises as `detect_faces`, but see the class."""
        return self._each(self._faces.BlurFaces, calls.blur_faces(options), pictures)

    def classify_masks(
        self, picture: Picture, *, boxes: Boxes | None = None, **options: Unpack[MaskOptions]
    ) -> FaceDetections:
        """Tells of every face of a picture whether it wears a mask.

        Args:
            picture: The picture.
            boxes: Where its faces are, in pixels; None: they are looked for, unless
                `whole_image` says that the picture is a crop of one.
            **options: See MaskOptions.

        Returns:
            The faces with their `mask` set: best first, or in the order of `boxes`.

        Raises:
            LintelError, TypeError, ValueError, OSError: As `detect_faces`.
        """
        return self._one(self._masks.ClassifyMasks, masks.classify_masks(options, boxes), picture)

    def classify_masks_each(
        self,
        pictures: Iterable[Picture],
        *,
        boxes: Sequence[Boxes] | None = None,
        **options: Unpack[MaskOptions],
    ) -> Iterator[FaceDetections | LintelError]:
        """Judges the faces of every picture. Raises as `detect_faces`, but see the class.

        Args:
            pictures: The pictures.
            boxes: Where the faces of each are, one item a picture; otherwise as of
                `classify_masks`.
            **options: See MaskOptions.
        """
        call = masks.classify_masks_each(options, boxes)
        return self._each(self._masks.ClassifyMasks, call, masks.paired(pictures, boxes))

    def image_statistics(self, picture: Picture) -> ImageStatistics:
        """Measures a picture. Raises as `detect_faces`."""
        method = self._statistics.ComputeImageStatistics
        return self._one(method, calls.image_statistics(), picture)

    def image_statistics_each(
        self, pictures: Iterable[Picture]
    ) -> Iterator[ImageStatistics | LintelError]:
        """Measures every picture. Raises as `detect_faces`, but see the class."""
        method = self._statistics.ComputeImageStatistics
        return self._each(method, calls.image_statistics(), pictures)

    def process_video(
        self,
        frames: Iterable[VideoInput],
        *,
        tasks: Collection[VideoTask],
        drop_policy: DropPolicy = "lossless",
        window: int = video.DEFAULT_WINDOW,
        **options: Unpack[VideoOptions],
    ) -> Generator[FrameResult, None, None]:
        """Works on the frames of a video, on one stream.

        Args:
            frames: Pictures, or pairs of (capture time in microseconds, picture). Taken one by
                one on another thread, as fast as they can be sent.
            tasks: What to do with every frame, at least one.
            drop_policy: "lossless" serves every frame and holds the iterator back; with
                "newest_wins", waiting frames give way to newer ones, as live pictures should.
            window: In a lossless stream, frames taken whose results you have not.
            **options: As of `blur_faces`; see VideoOptions for those on masks.

        Yields:
            Results in the order of the frames. Leaving the loop ends the stream as soon as
            nothing holds the iterator any more; its close() ends it at once.

        Raises:
            LintelError: The stream failed, or a frame was unanswered for `timeout_s`.
            Exception: Whatever `frames` raised.
        """
        stream = self._stream(
            frames, tasks=tasks, drop_policy=drop_policy, window=window, options=options
        )
        return stream.results()

    def forecast(
        self, history: History, horizon: int, **options: Unpack[ForecastOptions]
    ) -> Forecast:
        """Forecasts the steps after a history.

        Args:
            history: Moments and as many values; what `read_series` returned; the name of a
                series that the device keeps; or values alone, with `start` and `step`.
            horizon: Steps to forecast, 1 to 1,000.
            **options: See ForecastOptions; without any, intervals of 80 and 95 %.

        Raises:
            LintelError: The device does not accept it, and names what by its index, such as
                `history.values[17]`; or the call failed.
            TypeError, ValueError: `history` or an option is none, or they contradict each other.
        """
        request = forecasts.forecast_request(history, horizon, options)
        response = self._asked(self._forecasts.Forecast, request)
        return forecasts.read_forecast(response, request.time_zone)

    def record_counts(
        self, counts: Counts, *, idempotency_key: str = "", buffered: bool = False
    ) -> int:
        """Adds counts to series that the device keeps: all of them, or none.

        Args:
            counts: What happens now, such as {"door": 3}; or an iterable of Count. At most
                10,000; those of one minute add up.
            idempotency_key: A call whose key the device has seen within a day changes nothing.
                Without one, the repeats that gRPC makes by itself are harmless all the same.
            buffered: Return before the counts are on the device's disk, which spares it; a power
                cut may lose them.

        Returns:
            How many were added: 0 where the key has been seen.

        Raises:
            LintelError: The call failed, and nothing was added.
            TypeError, ValueError: A count or its moment is none.
        """
        request = series.record_request(counts, idempotency_key, buffered)
        return self._asked(self._series.RecordCounts, request).recorded

    def list_series(self) -> tuple[SeriesSummary, ...]:
        """Lists the series that the device keeps, by name."""
        return series.read_summaries(self._asked(self._series.ListSeries, ListSeriesRequest()))

    def read_series(
        self,
        name: str,
        *,
        resolution: Resolution = "hour",
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> Series:
        """Reads a stretch of a series, in as many calls as it takes.

        Args:
            name: Of the series.
            resolution: Length of the steps: "minute", "hour" or "day".
            start: Steps that start earlier are left out.
            end: Steps that start then or later are left out.

        Raises:
            NotFoundError: The device keeps no such series.
            LintelError: The call failed.
            TypeError, ValueError: An argument is none.
        """
        reading = series.Reading(name, resolution, start, end)
        while (request := reading.request) is not None:
            reading.add(self._asked(self._series.ReadSeries, request))
        return reading.result()

    def delete_series(self, name: str) -> None:
        """Has the device forget a series and everything in it; asks for the role admin.

        Raises:
            NotFoundError: The device keeps no such series.
            LintelError: The call failed.
        """
        self._asked(self._series.DeleteSeries, DeleteSeriesRequest(name=name))

    def list_cameras(self) -> tuple[Camera, ...]:
        """Lists the device's cameras and how they are; asks for the role watch."""
        return cameras.read_cameras(self._asked(self._cameras.ListCameras, ListCamerasRequest()))

    def take_snapshot(
        self,
        camera: str = "",
        *,
        output_format: OutputFormat | None = None,
        quality: int | None = None,
    ) -> CameraFrame:
        """Takes the newest frame of a camera, blurred; asks for the role watch.

        Args:
            camera: Name of the camera; empty: the only one, or the first.
            output_format: How the picture is written; JPEG if None.
            quality: JPEG and WebP quality, 1 to 100; as the device is set if None.

        Raises:
            NotFoundError: There is no such camera.
            UnavailableError: It has given no picture yet, or none for ten seconds.
            LintelError: The call failed.
            ValueError: The format is unknown.
        """
        request = cameras.snapshot_request(camera, output_format, quality)
        return cameras.read_frame(self._asked(self._cameras.TakeSnapshot, request).frame)

    def stream_frames(
        self, camera: str = "", *, with_pictures: bool = False, max_frame_rate_hz: float = 0.0
    ) -> Generator[CameraFrame, None, None]:
        """Follows a camera frame by frame; asks for the role watch.

        Args:
            camera: Name of the camera; empty: the only one, or the first.
            with_pictures: Whether blurred pictures come too.
            max_frame_rate_hz: Most frames a second; 0: all.

        Yields:
            The newest frame that was not yielded yet: those that came while your loop was busy
            are left out. It ends where a recording does, and with the loop or close().

        Raises:
            NotFoundError: There is no such camera.
            LintelError: The stream failed.
        """
        return self._frame_stream(camera, with_pictures, max_frame_rate_hz).frames()

    def stream_events(
        self,
        *,
        after: int | None = None,
        kinds: Collection[str] = (),
        cameras: Collection[str] = (),
        reconnect: bool = True,
    ) -> Generator[Event, None, None]:
        """Follows what happens at the device's cameras; asks for the role watch.

        Args:
            after: Number of the last event that you have; 0: all that the device still keeps;
                None: from now on.
            kinds: Those wanted, as of EventKind; none: all.
            cameras: Names of the cameras wanted; none: all.
            reconnect: Once it has begun, go on whenever the connection breaks or the device
                restarts, however long it is away, without losing or repeating an event.

        Yields:
            Events as they happen, until you leave the loop or call close().

        Raises:
            NotFoundError: The device has no cameras, or none of a name.
            LintelError: The stream failed.
            TypeError, ValueError: An argument is none.
        """
        return self._event_stream(after, kinds, cameras, reconnect=reconnect).events()

    def is_serving(self, service: str = "") -> bool:
        """Asks whether the device is ready for work.

        Args:
            service: Full name of a service, such as "lintel.v1.FaceService"; empty: all.

        Raises:
            NotFoundError: The device has no such service.
            UnavailableError: The device can't be reached.
        """
        return received(self._start_check(service)).value == SERVING

    def wait_until_serving(self, timeout_s: float, service: str = "") -> None:
        """Waits until the device is ready for work, even if it can't be reached yet.

        Args:
            timeout_s: Seconds to wait at most.
            service: As of `is_serving`.

        Raises:
            DeadlineExceededError: It did not come about in time.
            UnavailableError: The device went away while it was waited for.
        """
        statuses = self._watch_health(service, timeout_s)
        try:
            if not any(status.value == SERVING for status in statuses):
                raise UnavailableError("The device went away while it was waited for.")
        except grpc.RpcError as error:
            raise errors.of_wait(error, timeout_s) from error
        finally:
            statuses.cancel()

    def _one(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        picture: Picture,
    ) -> Result:
        return call.single(self._asked(method, call.request(Batch(0, [load(picture)]))))

    def _asked(
        self, method: grpc.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> Response:
        try:
            return method(request, timeout=self.timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.of_call(error) from error

    def _each(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        pictures: Iterable[Picture],
    ) -> Iterator[Result | LintelError]:
        started = self._start_each(method, call, pictures)
        return self._merged(method, call, started)

    def _merged(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        call: Call[Request, Response, Result],
        started: Iterator[tuple[Batch, grpc.Future[Response] | None]],
    ) -> Iterator[Result | LintelError]:
        for batch, pending in started:
            try:
                response = received(pending) if pending is not None else None
            except LintelError as error:
                parts = self._smaller(batch, error)
                yield from self._merged(method, call, self._in_flight(method, call, parts))
            else:
                yield from call.merged(batch, response)
