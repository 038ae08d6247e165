"""lintel.v1.VideoService: frames in, results out, in order, on one stream.

A stream has a reader thread, which puts frames into a `FrameQueue`, and as many worker threads
as the device has workers, which take them out; gRPC's own thread sends the results. Workers
share the device's slots with all other requests.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic_ns

import grpc

from lintel.edge.errors import InvalidArgumentError, LintelError, NotServingError
from lintel.edge.service import messages
from lintel.edge.service.admission import Admission
from lintel.edge.workbench import (
    StageTimes,
    Task,
    Work,
    Workbench,
    WorkResult,
)
from lintel.v1 import video_pb2, video_pb2_grpc

logger = logging.getLogger("lintel.service")

TASKS = {
    video_pb2.VIDEO_TASK_DETECT_FACES: Task.DETECT,
    video_pb2.VIDEO_TASK_BLUR_FACES: Task.BLUR,
    video_pb2.VIDEO_TASK_IMAGE_STATISTICS: Task.STATISTICS,
    video_pb2.VIDEO_TASK_CLASSIFY_MASKS: Task.MASKS,
}
# Whether frames may be dropped for newer ones.
DROP_POLICIES = {
    video_pb2.DROP_POLICY_UNSPECIFIED: True,
    video_pb2.DROP_POLICY_NEWEST_WINS: True,
    video_pb2.DROP_POLICY_LOSSLESS: False,
}


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a stream's first message asks for."""

    work: Work
    newest_wins: bool


@dataclass(slots=True)
class Arrival:
    """A frame that waits, and how many gave way to it."""

    frame: video_pb2.VideoFrame
    arrived_ns: int
    error: LintelError | None
    dropped: int = 0


class FrameQueue:
    """Holds frames between the reader, the workers and the sender of one stream.

    Replies keep the order of frames: taking a frame and reserving the place of its reply is
    one step. No more than `window` replies are unsent at a time, so a caller that does not
    read holds its own frames back and costs no memory.

    Args:
        window: Frames at work, or done and not sent.
        newest_wins: Whether a waiting frame gives way to a newer one; if not, `put` waits.
    """

    def __init__(self, window: int, newest_wins: bool) -> None:
        self._window = window
        self._newest_wins = newest_wins
        self._changed = threading.Condition()
        self._waiting: Arrival | None = None
        self._replies: deque[Future[video_pb2.ProcessVideoResponse]] = deque()
        self._no_more_frames = False
        self._abandoned = False
        self._failure: LintelError | None = None

    def put(self, arrival: Arrival) -> bool:
        """Hands a frame in; returns False where nobody will take it any more."""
        with self._changed:
            if self._newest_wins and self._waiting is not None:
                arrival.dropped += self._waiting.dropped + 1
                self._waiting = None
            self._changed.wait_for(
                lambda: self._waiting is None or self._abandoned or self._no_more_frames
            )
            if self._abandoned or self._no_more_frames:
                return False
            self._waiting = arrival
            self._changed.notify_all()
            return True

    def take(self) -> tuple[Arrival, Future[video_pb2.ProcessVideoResponse]] | None:
        """Waits for a frame and reserves its reply's place; None when the stream is over."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._abandoned
                    or (self._waiting is not None and len(self._replies) < self._window)
                    or (self._waiting is None and self._no_more_frames)
                )
            )
            if self._abandoned or self._waiting is None:
                return None
            arrival, self._waiting = self._waiting, None
            reply: Future[video_pb2.ProcessVideoResponse] = Future()
            self._replies.append(reply)
            self._changed.notify_all()
            return arrival, reply

    def replies(self) -> Iterator[video_pb2.ProcessVideoResponse]:
        """Yields the replies in the order of the frames until the stream is over.

        Raises:
            LintelError: What `finish` was given, after the replies of all earlier frames.
        """
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: (
                        self._abandoned
                        or self._replies
                        or (self._waiting is None and self._no_more_frames)
                    )
                )
                if self._abandoned:
                    return
                if not self._replies:
                    break
                head = self._replies[0]
            reply = head.result()
            # Waiting workers may go on while this reply travels.
            with self._changed:
                if not self._abandoned:
                    self._replies.popleft()
                self._changed.notify_all()
            yield reply
        if self._failure is not None:
            raise self._failure

    def finish(self, failure: LintelError | None = None) -> None:
        """Takes no more frames, and says why where something is wrong."""
        with self._changed:
            self._failure = self._failure or failure
            self._no_more_frames = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Lets everyone go at once: the caller has gone, and replies reach nobody."""
        with self._changed:
            self._abandoned = True
            self._waiting = None
            self._replies.clear()
            self._changed.notify_all()


class VideoServicer(video_pb2_grpc.VideoServiceServicer):
    """Serves streams of frames.

    Args:
        workbench: Does the work on a frame.
        admission: Whose slots the frames share with all other requests.
        message_bytes: The largest reply.
    """

    def __init__(self, workbench: Workbench, admission: Admission, message_bytes: int) -> None:
        self._workbench = workbench
        self._admission = admission
        self._room = message_bytes - messages.SURROUNDINGS_BYTES
        self._open: set[FrameQueue] = set()
        self._lock = threading.Lock()
        self._draining = False

    def ProcessVideo(  # noqa: N802 - the contract's name
        self,
        request_iterator: Iterator[video_pb2.ProcessVideoRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[video_pb2.ProcessVideoResponse]:
        """Works on the frames of a stream."""
        options = _read_options(request_iterator)
        messages.placed("config", lambda: self._workbench.check_models(options.work))
        # Twice the workers, so that one slow frame at the head keeps no worker idle.
        queue = FrameQueue(2 * self._admission.workers, options.newest_wins)
        with self._lock:
            if self._draining:
                raise _shutting_down()
            self._open.add(queue)
        if not context.add_callback(queue.abandon):
            queue.abandon()
        threads = [threading.Thread(target=_read_frames, args=(request_iterator, queue))]
        threads += [
            threading.Thread(target=self._work, args=(queue, options, context))
            for _ in range(self._admission.workers)
        ]
        for thread in threads:
            thread.daemon = True
            thread.start()
        try:
            yield from queue.replies()
        finally:
            queue.abandon()
            with self._lock:
                self._open.discard(queue)

    def drain(self) -> None:
        """Ends every stream after the frames that have arrived, and refuses new streams."""
        with self._lock:
            self._draining = True
            for queue in self._open:
                queue.finish(_shutting_down())

    def _work(
        self, queue: FrameQueue, options: StreamOptions, context: grpc.ServicerContext
    ) -> None:
        while (taken := queue.take()) is not None:
            arrival, reply = taken
            try:
                reply.set_result(self._serve(arrival, options, context))
            except Exception:
                # The reply must come, or the stream would stand still for good.
                logger.exception("a frame failed unexpectedly")
                error = LintelError("The device failed on this frame; its log says more.")
                reply.set_result(_reply(arrival, error=error))

    def _serve(
        self, arrival: Arrival, options: StreamOptions, context: grpc.ServicerContext
    ) -> video_pb2.ProcessVideoResponse:
        times = StageTimes()
        started_ns = arrival.arrived_ns
        try:
            if arrival.error is not None:
                raise arrival.error
            with self._admission.slot(context):
                started_ns = monotonic_ns()
                result = messages.placed(
                    "image",
                    lambda: self._workbench.process(
                        messages.read_image(arrival.frame.image), options.work, times
                    ),
                )
                written = _write_result(result, options.work.tasks)
                messages.ensure_fits(written, self._room)
                reply = _reply(arrival, result=written)
        except LintelError as error:
            reply = _reply(arrival, error=error.at("frame"))
        _write_timings(reply.timings, times, arrival.arrived_ns, started_ns)
        return reply


def _read_options(requests: Iterator[video_pb2.ProcessVideoRequest]) -> StreamOptions:
    first = next(requests, None)
    if first is None or first.WhichOneof("message") != "config":
        raise InvalidArgumentError("The first message must carry config.", field="config")
    config = first.config
    return messages.placed(
        "config",
        lambda: StreamOptions(
            Work(
                tasks=_read_tasks(config.tasks),
                detection=messages.read_detection(config.detection),
                masks=messages.read_masks(config.masks),
                cover=messages.read_cover(config.blur),
                output=messages.read_output(config.output),
            ),
            newest_wins=messages.choose(DROP_POLICIES, config.drop_policy, "drop_policy"),
        ),
    )


def _read_tasks(numbers: Iterable[int]) -> frozenset[Task]:
    return frozenset(
        messages.choose(TASKS, number, f"tasks[{index}]") for index, number in enumerate(numbers)
    )


def _read_frames(requests: Iterator[video_pb2.ProcessVideoRequest], queue: FrameQueue) -> None:
    """Moves frames into the queue until the caller is done, goes away or errs."""
    last: int | None = None
    try:
        for request in requests:
            if request.WhichOneof("message") != "frame":
                queue.finish(
                    InvalidArgumentError("After config only frames may come.", field="frame")
                )
                return
            frame = request.frame
            error: LintelError | None = None
            if last is not None and frame.sequence_number <= last:
                error = InvalidArgumentError(
                    f"The number must be greater than {last}.", field="sequence_number"
                )
            else:
                last = frame.sequence_number
            if not queue.put(Arrival(frame, monotonic_ns(), error)):
                return
        queue.finish()
    except LintelError as failure:
        queue.finish(failure)
    except grpc.RpcError:
        # The caller went away; gRPC's callback has abandoned the queue or is about to.
        queue.abandon()


def _reply(
    arrival: Arrival,
    *,
    result: video_pb2.VideoFrameResult | None = None,
    error: LintelError | None = None,
) -> video_pb2.ProcessVideoResponse:
    return video_pb2.ProcessVideoResponse(
        sequence_number=arrival.frame.sequence_number,
        timestamp_us=arrival.frame.timestamp_us,
        result=result,
        error=messages.write_error(error) if error is not None else None,
        dropped_frames=arrival.dropped,
    )


def _write_result(result: WorkResult, tasks: frozenset[Task]) -> video_pb2.VideoFrameResult:
    return video_pb2.VideoFrameResult(
        detections=messages.write_detections(result) if result.detections is not None else None,
        blurred=messages.write_blurred(result) if Task.BLUR in tasks else None,
        statistics=messages.write_statistics(result) if Task.STATISTICS in tasks else None,
    )


def _write_timings(
    timings: video_pb2.Timings, times: StageTimes, arrived_ns: int, started_ns: int
) -> None:
    timings.queue_us = (started_ns - arrived_ns) // 1000
    timings.decode_us = times.decode_ns // 1000
    timings.detect_us = times.detect_ns // 1000
    timings.mask_us = times.masks_ns // 1000
    timings.blur_us = times.blur_ns // 1000
    timings.encode_us = times.encode_ns // 1000
    timings.statistics_us = times.statistics_ns // 1000
    timings.total_us = (monotonic_ns() - arrived_ns) // 1000


def _shutting_down() -> LintelError:
    return NotServingError("The device is shutting down.", retry_after_s=1.0)
