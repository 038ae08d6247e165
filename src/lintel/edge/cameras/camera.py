"""What every camera can do, and waiting that can be cut short."""

from __future__ import annotations

import threading
from typing import Protocol

from lintel.edge.cameras.frame import Frame


class Camera(Protocol):
    """A camera that is open. One thread reads and closes it; any may interrupt it.

    Attributes:
        description: Where the frames come from, fit to be shown: without credentials.
        is_recording: Frames are replayed: none is to be lost unless asked, and sizes may change.
    """

    description: str
    is_recording: bool

    def read(self) -> Frame:
        """Waits for the next frame.

        Raises:
            CameraFailedError: There is none, and will be none until it is opened anew.
            DamagedFrameError: This one was damaged.
            RecordingEndedError: All of the recording was read.
        """

    def interrupt(self) -> None:
        """Lets a `read` in another thread return soon, where that can be done."""

    def close(self) -> None:
        """Gives the camera back."""


class Pace:
    """Hands out frames of a recording when they are due.

    Args:
        real_time: Wait for the time of a frame; False: never wait.
    """

    # Whoever is behind by more than this has been held up, and goes on from here.
    _MOST_BEHIND_NS = 1_000_000_000

    def __init__(self, *, real_time: bool) -> None:
        self._real_time = real_time
        self._start_ns: int | None = None
        self._interrupted = threading.Event()

    def wait(self, timeline_ns: int, now_ns: int) -> None:
        """Waits until a frame is due.

        Args:
            timeline_ns: Where the frame stands in the recording.
            now_ns: The time, on the clock of `time.monotonic_ns`.
        """
        if not self._real_time:
            return
        if self._start_ns is None:
            self._start_ns = now_ns - timeline_ns
        early_ns = self._start_ns + timeline_ns - now_ns
        if early_ns > 0:
            self._interrupted.wait(early_ns / 1e9)
        elif early_ns < -self._MOST_BEHIND_NS:
            self._start_ns = now_ns - timeline_ns

    def interrupt(self) -> None:
        """Ends a wait in another thread, and all later ones."""
        self._interrupted.set()
