"""One open video stream of the waiting client.

gRPC takes requests from an iterator on a thread of its own; the caller's thread reads the
replies; a third one only looks at the clock, since a read by itself never times out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol

import grpc

from lintel.client import errors
from lintel.client.results import FrameResult, read_frame
from lintel.client.video import Progress, VideoInput, frame_request
from lintel.v1.video_pb2 import ProcessVideoRequest, ProcessVideoResponse


class StreamCall(Protocol):
    """What gRPC returns of an open stream."""

    def __iter__(self) -> Iterator[ProcessVideoResponse]:
        """Yields the replies."""

    def cancel(self) -> object:
        """Ends the stream, if it has not ended."""


class Sender:
    """Feeds a stream from the caller's iterator.

    Args:
        config: The first message.
        frames: What the caller gives.
        limit: Frames that may be unanswered; None: any number.
        progress: Told of every frame sent.

    Attributes:
        failure: Why the stream had to be ended from this side, if so.
        over: Set when there is no more use for the stream.
    """

    def __init__(
        self,
        config: ProcessVideoRequest,
        frames: Iterable[VideoInput],
        limit: int | None,
        progress: Progress,
    ) -> None:
        self.failure: Exception | None = None
        self.over = threading.Event()
        self._config = config
        self._frames = frames
        self._progress = progress
        self._room = threading.Semaphore(limit) if limit is not None else None

    def requests(self) -> Iterator[ProcessVideoRequest]:
        """Yields the messages of the stream; waits for room before taking each frame."""
        yield self._config
        try:
            frames = enumerate(self._frames)
            while self._has_room() and (numbered := next(frames, None)) is not None:
                request = frame_request(*numbered)
                self._progress.sent()
                yield request
        except Exception as failure:  # noqa: BLE001 - raised again where the caller sees it
            self.failure = failure
            self.over.set()
        self._progress.sent()

    def make_room(self) -> None:
        """Lets one more frame be sent."""
        if self._room is not None:
            self._room.release()

    def stop(self) -> None:
        """Ends the sending, also where it waits for room."""
        self.over.set()
        self.make_room()

    def watch(self, call: StreamCall) -> None:
        """Cancels the call when it is over, or the device late."""
        while not self.over.wait(max(self._progress.time_left(), 0.0)):
            if self._progress.time_left() <= 0:
                self.failure = self._progress.late()
                break
        call.cancel()

    def _has_room(self) -> bool:
        if self._room is not None:
            self._room.acquire()
        return not self.over.is_set()


def exchange(
    open_stream: Callable[[Iterator[ProcessVideoRequest]], StreamCall],
    config: ProcessVideoRequest,
    frames: Iterable[VideoInput],
    limit: int | None,
    timeout_s: float,
) -> Generator[FrameResult, None, None]:
    """Opens a stream, yields its results, and ends it when the caller has had enough.

    Args:
        open_stream: Calls VideoService.ProcessVideo.
        config: The first message.
        frames: What the caller gives.
        limit: Frames that may be unanswered; None: any number.
        timeout_s: Seconds that a frame may be unanswered.

    Raises:
        LintelError: The stream failed, or the device was late.
        Exception: Whatever `frames` raised.
    """
    progress = Progress(timeout_s, lossless=limit is not None)
    sender = Sender(config, frames, limit, progress)
    call = open_stream(sender.requests())
    threading.Thread(target=sender.watch, args=(call,), daemon=True).start()
    try:
        progress.waiting()
        for response in call:
            progress.answered(response.sequence_number)
            sender.make_room()
            yield read_frame(response)
            progress.waiting()
    except grpc.RpcError as error:
        if sender.failure is None:
            raise errors.of_call(error) from error
    finally:
        sender.stop()
    if sender.failure is not None:
        raise sender.failure
