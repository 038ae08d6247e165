"""A camera that is watched: what stalls, vanishes or fails is closed and opened anew.

A reading may hang in a library or a driver, where no thread can be ended from outside. So each
opening has a thread of its own, which alone touches the camera; a thread that is late is let go,
closes the camera when its reading returns, and ends. How many may hang at a time is bounded.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from types import TracebackType
from typing import Self

from lintel.edge.cameras.backoff import Backoff
from lintel.edge.cameras.camera import Camera
from lintel.edge.cameras.faults import Fault
from lintel.edge.cameras.frame import Frame
from lintel.edge.cameras.reading import Reader
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images import PixelFormat

_log = logging.getLogger(__name__)

# Readings that hang at a time. Each holds a thread, and what the camera's library holds.
MOST_HANGING = 2
# How often a reading is looked at: late ones are noticed at most this much later.
_LOOK_EVERY_S = 0.1
_RATE_OVER_FRAMES = 60


class CameraState(StrEnum):
    """Whether frames come from a camera."""

    OPENING = "OPENING"
    STREAMING = "STREAMING"
    LOST = "LOST"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """How a camera is.

    Attributes:
        name: Of the camera, in the settings.
        description: Where its frames come from, without credentials; "" before it was opened.
        state: Whether frames come.
        state_age_s: Seconds since that is so.
        width: Of the newest frame, in pixels; 0 before the first.
        height: Of the newest frame, in pixels; 0 before the first.
        pixel_format: Of the newest frame; None before the first.
        frame_age_s: Seconds since the newest frame came; None before the first.
        frame_rate_hz: Frames a second that come, over the last ones; 0 where none come.
        captured: Frames that came.
        dropped: Frames that gave way to newer ones before they were taken.
        damaged: Frames that were left out because they were damaged.
        reopenings: How often frames came again after the camera was lost.
        hanging: Readings that were let go and have not returned.
        fault: Why it was lost last; None: it never was.
    """

    name: str
    description: str
    state: CameraState
    state_age_s: float
    width: int
    height: int
    pixel_format: PixelFormat | None
    frame_age_s: float | None
    frame_rate_hz: float
    captured: int
    dropped: int
    damaged: int
    reopenings: int
    hanging: int
    fault: Fault | None


class WatchedCamera:
    """Frames of a camera, for one taker, whatever becomes of the camera.

    The newest frame waits to be taken and gives way to a newer one; of a recording that is played
    as fast as possible (`replay = "fastest"`) none is dropped.

    Args:
        settings: Of the camera.
        open_camera: Opens it; called in a thread of its own, again and again.
        clock: Seconds that never jump.
        generator: The randomness of the waits between openings.
    """

    def __init__(
        self,
        settings: CameraSettings,
        open_camera: Callable[[CameraSettings], Camera],
        clock: Callable[[], float] = time.monotonic,
        generator: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self._open_camera = open_camera
        self._clock = clock
        self._backoff = Backoff(settings.reopen_longest_s, generator or random.Random())  # noqa: S311
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(
            target=self._watch, name=f"camera-{settings.name}", daemon=True
        )
        self._reader: Reader | None = None
        # Where the last frame came from.
        self._source: Reader | None = None
        self._hanging: list[Reader] = []
        self._waiting: Frame | None = None
        self._last: Frame | None = None
        self._arrivals: deque[float] = deque(maxlen=_RATE_OVER_FRAMES)
        self._state, self._state_since = CameraState.OPENING, clock()
        self._description = ""
        self._captured = self._dropped = self._damaged = self._reopenings = self._opening = 0
        self._fault: Fault | None = None

    def __enter__(self) -> Self:
        """Starts, and returns the camera."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops."""
        self.stop()

    def start(self) -> None:
        """Begins to open the camera; returns at once."""
        self._watcher.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Closes the camera. A reading that hangs for longer than `timeout_s` is left behind."""
        self._stopping.set()
        with self._changed:
            reader = self._reader
            self._changed.notify_all()
        if reader is not None:
            reader.let_go()
            reader.over.wait(timeout_s)
        if self._watcher.is_alive():
            self._watcher.join(timeout_s)

    @property
    def is_over(self) -> bool:
        """Whether no more frames will come: it was stopped, or the recording ended."""
        with self._changed:
            return self._stopping.is_set() or (
                self._state is CameraState.ENDED and self._waiting is None
            )

    def take(self, timeout_s: float) -> Frame | None:
        """Takes the newest frame that was not taken yet, and waits for one.

        Args:
            timeout_s: Longest wait in seconds.

        Returns:
            The frame; None: none came in time, or `is_over`.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._waiting is None:
                left = deadline - time.monotonic()
                over = self._stopping.is_set() or self._state is CameraState.ENDED
                if over or left <= 0 or not self._changed.wait(left):
                    break
            frame, self._waiting = self._waiting, None
            self._changed.notify_all()
        return frame

    def frames(self) -> Iterator[Frame]:
        """Yields frames until `is_over`, however long the camera is lost between."""
        while not self.is_over:
            frame = self.take(1.0)
            if frame is not None:
                yield frame

    def status(self) -> CameraStatus:
        """Tells how the camera is."""
        with self._changed:
            now, last = self._clock(), self._last
            streaming = self._state is CameraState.STREAMING
            return CameraStatus(
                name=self.settings.name,
                description=self._description,
                state=self._state,
                state_age_s=now - self._state_since,
                width=last.pixels.width if last else 0,
                height=last.pixels.height if last else 0,
                pixel_format=last.pixels.pixel_format if last else None,
                frame_age_s=now - self._arrivals[-1] if last else None,
                frame_rate_hz=_rate(self._arrivals) if streaming else 0.0,
                captured=self._captured,
                dropped=self._dropped,
                damaged=self._damaged,
                reopenings=self._reopenings,
                hanging=sum(not reader.over.is_set() for reader in self._hanging),
                fault=self._fault,
            )

    def _watch(self) -> None:
        """Opens the camera again and again, until it is stopped or a recording ends."""
        while not self._stopping.is_set():
            self._wait_for_hanging()
            if self._stopping.is_set():
                return
            reader = Reader(self.settings, self._open_camera, self._arrived, self._clock)
            with self._changed:
                self._reader = reader
                self._set_state(CameraState.OPENING)
            reader.start()
            fault = self._follow(reader)
            self._part_with(reader)
            if fault is None:
                break
            if reader.streamed_s > self.settings.reopen_longest_s:
                self._backoff.reset()
            self._lose(fault, reader.detail)
            self._stopping.wait(self._backoff.next_s())
        with self._changed:
            self._set_state(CameraState.ENDED)

    def _follow(self, reader: Reader) -> Fault | None:
        """Waits until a reading ends or is late; returns why, or None for a recording's end."""
        while not reader.over.wait(_LOOK_EVERY_S):
            if self._stopping.is_set():
                return None
            late = reader.lateness()
            if late is not None:
                return late
        if reader.truncated:
            with self._changed:
                self._fault = Fault.DAMAGED
        return reader.fault

    def _part_with(self, reader: Reader) -> None:
        """Lets a reader go, and keeps account of it until it has returned."""
        with self._changed:
            self._reader = None
            self._damaged += reader.damaged
            self._hanging.append(reader)
            self._changed.notify_all()
        reader.let_go()

    def _wait_for_hanging(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._hanging = [reader for reader in self._hanging if not reader.over.is_set()]
                if len(self._hanging) < MOST_HANGING:
                    return
                first = self._hanging[0]
            if self._fault is not Fault.HANGING:
                self._lose(Fault.HANGING)
            first.over.wait(_LOOK_EVERY_S)

    def _lose(self, fault: Fault, detail: str = "") -> None:
        with self._changed:
            # A camera that stays away is not told of with every try: logs wear memory cards out.
            if self._state is not CameraState.LOST or fault is not self._fault:
                more = f": {detail}" if detail else ""
                _log.warning(
                    "camera %s: %s (%s%s)", self.settings.name, fault.sentence, fault, more
                )
            self._fault = fault
            self._set_state(CameraState.LOST)

    def _set_state(self, state: CameraState) -> None:
        """Changes the state; between two openings it stays LOST until a frame comes."""
        if state is CameraState.OPENING and self._state is CameraState.LOST:
            return
        if state is not self._state:
            self._state, self._state_since = state, self._clock()
        self._changed.notify_all()

    def _arrived(self, reader: Reader, frame: Frame) -> None:
        """Takes a frame from a reader, in the reader's thread."""
        lossless = reader.is_recording and self.settings.replay == "fastest"
        with self._changed:
            while lossless and self._waiting is not None and self._is_wanted(reader):
                self._changed.wait()
            if not self._is_wanted(reader):
                return
            if self._last is not None:
                self._reopenings += reader is not self._source
                self._opening += reader is not self._source or _differ(self._last, frame)
            self._source = reader
            frame = replace(frame, sequence=self._captured, opening=self._opening)
            self._captured += 1
            self._dropped += self._waiting is not None
            self._waiting = self._last = frame
            self._description = reader.description
            self._arrivals.append(self._clock())
            if self._state is not CameraState.STREAMING:
                _log.info("camera %s: streaming", self.settings.name)
            self._set_state(CameraState.STREAMING)

    def _is_wanted(self, reader: Reader) -> bool:
        return reader is self._reader and not self._stopping.is_set()


def _differ(one: Frame, other: Frame) -> bool:
    return (one.pixels.width, one.pixels.height) != (other.pixels.width, other.pixels.height)


def _rate(arrivals: deque[float]) -> float:
    elapsed_s = arrivals[-1] - arrivals[0] if arrivals else 0.0
    return (len(arrivals) - 1) / elapsed_s if elapsed_s > 0 else 0.0
