"""What the two clients share of a video stream: its messages, and who waits for whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Literal, TypeAlias

from lintel.client.calls import (
    BlurOptions,
    blur_message,
    detection_message,
    mask_message,
    number_of,
    output_message,
    refuse_unknown,
)
from lintel.client.errors import DeadlineExceededError, LintelError
from lintel.client.pictures import Picture, load
from lintel.v1 import video_pb2

# Two keep a device of two cores busy; two more cover the way there and back.
DEFAULT_WINDOW = 4

VideoTask = Literal["detect_faces", "blur_faces", "image_statistics", "classify_masks"]
DropPolicy = Literal["lossless", "newest_wins"]
VIDEO_TASKS: dict[VideoTask, video_pb2.VideoTask.ValueType] = {
    "detect_faces": video_pb2.VIDEO_TASK_DETECT_FACES,
    "blur_faces": video_pb2.VIDEO_TASK_BLUR_FACES,
    "image_statistics": video_pb2.VIDEO_TASK_IMAGE_STATISTICS,
    "classify_masks": video_pb2.VIDEO_TASK_CLASSIFY_MASKS,
}
DROP_POLICIES: dict[DropPolicy, video_pb2.DropPolicy.ValueType] = {
    "lossless": video_pb2.DROP_POLICY_LOSSLESS,
    "newest_wins": video_pb2.DROP_POLICY_NEWEST_WINS,
}
# A picture, captured as it is taken from the iterator, or one with its capture time in
# microseconds of the sender's clock.
VideoInput: TypeAlias = "Picture | tuple[int, Picture]"


class VideoOptions(BlurOptions, total=False):
    """How to work on frames: how to find and destroy faces, and how to judge masks.

    Attributes:
        min_probability: Mask states less probable than this are UNSURE, 0 to 1; the device's
            setting if None.
        mask_model: Name of a mask model on the device; its default if empty. `model` is the
            name of a face model.
    """

    min_probability: float | None
    mask_model: str


def config_request(
    tasks: Collection[VideoTask], drop_policy: DropPolicy, options: VideoOptions
) -> video_pb2.ProcessVideoRequest:
    """Makes the first message of a stream.

    Raises:
        TypeError: An option is unknown.
        ValueError: A task, policy or option value is unknown, or there is no task.
    """
    refuse_unknown(options, VideoOptions)
    if isinstance(tasks, str) or not tasks:
        raise ValueError('tasks must name at least one task, such as ("blur_faces",)')
    return video_pb2.ProcessVideoRequest(
        config=video_pb2.VideoConfig(
            tasks=[number_of(task, VIDEO_TASKS, "tasks") for task in tasks],
            drop_policy=number_of(drop_policy, DROP_POLICIES, "drop_policy"),
            detection=detection_message(options),
            blur=blur_message(options),
            output=output_message(options),
            masks=mask_message(options.get("min_probability"), options.get("mask_model", "")),
        )
    )


def unanswered_limit(drop_policy: DropPolicy, window: int) -> int | None:
    """Returns how many frames may be unanswered; None where the device drops what is too many.

    Raises:
        ValueError: The window is no positive number.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, not {window}")
    return window if drop_policy == "lossless" else None


def frame_request(number: int, given: VideoInput) -> video_pb2.ProcessVideoRequest:
    """Makes the message of one frame.

    Raises:
        TypeError, ValueError, OSError, InvalidArgumentError: As `pictures.load`.
    """
    timestamp_us, picture = given if isinstance(given, tuple) else (time.time_ns() // 1000, given)
    frame = video_pb2.VideoFrame(
        sequence_number=number,
        timestamp_us=timestamp_us,
        image=load(picture, f"frames[{number}]"),
    )
    return video_pb2.ProcessVideoRequest(frame=frame)


class Progress:
    """Knows what a device owes, and how long it has been waited for.

    All methods may be called by any thread.

    Args:
        timeout_s: Seconds that a device may owe something without any answer.
        lossless: Whether every frame must have a reply of its own.
        clock: Seconds that only grow.
    """

    def __init__(
        self, timeout_s: float, *, lossless: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s = timeout_s
        self._lossless = lossless
        self._clock = clock
        self._lock = threading.Lock()
        self._sent = 0
        self._answered = 0
        self._all_sent = False
        # Since when the caller waits for a reply, and since when one is owed; None: not so.
        self._waiting_since: float | None = None
        self._owed_since: float | None = None

    def sent(self) -> None:
        """Tells that a frame is on its way."""
        with self._lock:
            self._sent += 1
            self._owe()

    def all_sent(self) -> None:
        """Tells that no more frames will come; what is owed from now on is the end."""
        with self._lock:
            self._all_sent = True
            self._owe()

    def waiting(self) -> None:
        """Tells that the caller begins to wait for a reply."""
        with self._lock:
            self._waiting_since = self._clock()

    def answered(self, sequence_number: int) -> None:
        """Tells that the reply to a frame has come, and the caller is busy with it.

        It settles the frames before it too: dropped ones have no reply of their own.

        Raises:
            LintelError: A frame of a lossless stream was passed over.
        """
        with self._lock:
            if self._lossless and sequence_number != self._answered:
                raise LintelError(
                    f"The device answered frame {sequence_number} before {self._answered}.",
                    code="DATA_LOSS",
                )
            self._answered = sequence_number + 1
            self._waiting_since = None
            self._owed_since = None
            if self._all_sent or self._answered < self._sent:
                self._owe()

    def ended(self) -> None:
        """Tells that the device has ended the stream well.

        Raises:
            LintelError: It had not answered all frames. Even where frames give way to newer
                ones, the last is answered.
        """
        with self._lock:
            if not self._all_sent or self._answered != self._sent:
                raise LintelError(
                    "The device ended the stream before it had answered every frame.",
                    code="DATA_LOSS",
                )

    def time_left(self) -> float:
        """Returns the seconds until the device is late: 0 or less, it is.

        With nothing owed, or nobody waiting, it is the whole timeout.
        """
        with self._lock:
            if self._waiting_since is None or self._owed_since is None:
                return self._timeout_s
            since = max(self._waiting_since, self._owed_since)
            return self._timeout_s - (self._clock() - since)

    def late(self) -> DeadlineExceededError:
        """Makes the error of a device that is late."""
        return DeadlineExceededError(
            f"The device has left a frame unanswered for {self._timeout_s:g} s."
        )

    def _owe(self) -> None:
        if self._owed_since is None:
            self._owed_since = self._clock()
