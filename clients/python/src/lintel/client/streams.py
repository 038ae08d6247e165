"""One video stream.

gRPC takes requests from an iterator on a thread of its own; the caller's thread reads the
replies; a third one only looks at the clock, since a read by itself never times out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol

import grpc

from lintel.client import errors
from lintel.client.frames import FrameResult, read_frame
from lintel.client.video import Progress, VideoInput, frame_request
from lintel.v1.video_pb2 import ProcessVideoRequest, ProcessVideoResponse


class StreamCall(Protocol):
    """What gRPC returns of an open stream."""

    def __iter__(self) -> Iterator[ProcessVideoResponse]:
        """Yields the replies."""

    def cancel(self) -> object:
        """Ends the stream, if it has not ended."""


class VideoStream:
    """One stream of frames: iterate over `results` once.

    Args:
        open_call: Calls VideoService.ProcessVideo.
        config: The first message.
        frames: What the caller gives.
        limit: Frames that may be unanswered; None: any number.
        timeout_s: Seconds that a frame may be unanswered.
    """

    def __init__(
        self,
        open_call: Callable[[Iterator[ProcessVideoRequest]], StreamCall],
        config: ProcessVideoRequest,
        frames: Iterable[VideoInput],
        limit: int | None,
        timeout_s: float,
    ) -> None:
        self._open_call = open_call
        self._config = config
        self._frames = frames
        self._room = threading.Semaphore(limit) if limit is not None else None
        self._progress = Progress(timeout_s, lossless=limit is not None)
        # Why the stream had to be ended from this side, if so.
        self._failure: Exception | None = None
        self._over = threading.Event()

    def results(self) -> Generator[FrameResult, None, None]:
        """Opens the stream, yields its results, and ends it when the caller has had enough.

        Raises:
            LintelError: The stream failed, or the device was late.
            Exception: Whatever the caller's iterator raised.
        """
        call = self._open_call(self._requests())
        threading.Thread(target=self._watch, args=(call,), daemon=True).start()
        try:
            self._progress.waiting()
            for response in call:
                self._progress.answered(response.sequence_number)
                self._make_room()
                yield read_frame(response)
                self._progress.waiting()
        except grpc.RpcError as error:
            if self._failure is None:
                raise errors.of_call(error) from error
        finally:
            self.stop()
        if self._failure is not None:
            raise self._failure
        self._progress.ended()

    def stop(self) -> None:
        """Ends the stream. Any thread may call it, also while another waits for results."""
        self._over.set()
        self._make_room()

    def _requests(self) -> Iterator[ProcessVideoRequest]:
        """Yields the messages of the stream; waits for room before taking each frame."""
        yield self._config
        try:
            frames = enumerate(self._frames)
            while self._has_room() and (numbered := next(frames, None)) is not None:
                request = frame_request(*numbered)
                self._progress.sent()
                yield request
        except Exception as failure:  # noqa: BLE001 - raised again where the caller sees it
            self._failure = failure
            self._over.set()
        self._progress.all_sent()

    def _watch(self, call: StreamCall) -> None:
        """Cancels the call when it is over, or the device late."""
        while not self._over.wait(max(self._progress.time_left(), 0.0)):
            if self._progress.time_left() <= 0:
                self._failure = self._progress.late()
                break
        call.cancel()

    def _has_room(self) -> bool:
        if self._room is not None:
            self._room.acquire()
        return not self._over.is_set()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.release()
