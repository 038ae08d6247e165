"""Frames as they come in, until there is time for them."""

from __future__ import annotations

import threading
from collections import deque

from lintel.edge.cameras.frame import Frame


class Intake:
    """The newest frames of a camera, so many as are worked on together. Any thread may use it.

    Args:
        keeps_all: Let the camera wait rather than drop frames: for recordings played as fast as
            possible.
    """

    def __init__(self, *, keeps_all: bool) -> None:
        self._keeps_all = keeps_all
        self._changed = threading.Condition()
        self._frames: deque[Frame] = deque()
        self._room = 1
        self._dropped = 0
        self._is_open = True

    @property
    def dropped(self) -> int:
        """Frames that gave way to newer ones."""
        return self._dropped

    @property
    def is_open(self) -> bool:
        """Whether more frames may come."""
        return self._is_open

    def put(self, frame: Frame) -> None:
        """Adds a frame; the oldest gives way where there are too many."""
        with self._changed:
            if self._keeps_all:
                self._changed.wait_for(lambda: len(self._frames) < self._room or not self._is_open)
            self._frames.append(frame)
            while len(self._frames) > self._room:
                self._frames.popleft()
                self._dropped += 1
            self._changed.notify_all()

    def take(self, count: int) -> list[Frame]:
        """Waits for frames to work on together.

        Args:
            count: How many; fewer are returned where the camera was opened anew between them, and
                where no more come.

        Returns:
            Frames of one opening, the oldest first; none where it is closed.
        """
        with self._changed:
            self._room = count
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_ready(count) or not self._is_open)
            if not self._frames:
                return []
            opening = self._frames[0].opening
            taken: list[Frame] = []
            while self._frames and len(taken) < count and self._frames[0].opening == opening:
                taken.append(self._frames.popleft())
            self._changed.notify_all()
            return taken

    def wait(self, timeout_s: float) -> bool:
        """Waits for a frame without taking it; returns whether there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or not self._is_open, timeout_s)
            return bool(self._frames)

    def take_newest(self) -> Frame | None:
        """Takes the newest frame alone, and drops those before it; None where there is none."""
        with self._changed:
            if not self._frames:
                return None
            frame = self._frames.pop()
            self._dropped += len(self._frames)
            self._frames.clear()
            self._changed.notify_all()
            return frame

    def close(self) -> None:
        """Takes no more in; what waits can still be taken."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def _is_ready(self, count: int) -> bool:
        if len(self._frames) >= count:
            return True
        # What belongs together does not get more.
        return bool(self._frames) and self._frames[0].opening != self._frames[-1].opening
