"""Writes down what happens at the cameras, so that no frame waits for a memory card."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

from lintel.edge.errors import InvalidArgumentError, LintelError
from lintel.edge.pipeline.counting import Direction
from lintel.edge.pipeline.events import EventLog
from lintel.edge.series import Count, Recorder

logger = logging.getLogger("lintel.pipeline")

_EVERY_S = 5.0
# Counts that wait where the store cannot be written to; the oldest are lost beyond.
_MOST_WAITING = 10_000


def series_name(camera: str, place: str, direction: Direction) -> str:
    """Returns the name of the series that crossings are counted in."""
    return f"{camera}.{place}.{direction.value}"


class Clerk:
    """Brings counts into the store of series, and events into their file, every few seconds.

    Args:
        events: Saved.
        recorder: The way into the store; None where the device keeps none.
    """

    def __init__(self, events: EventLog, recorder: Recorder | None) -> None:
        self._events = events
        self._recorder = recorder
        self._lock = threading.Lock()
        self._waiting: deque[Count] = deque(maxlen=_MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tend, name="door-clerk", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Writes all that waits, and ends."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._write()

    def count(self, name: str, timestamp_us: int) -> None:
        """Counts one in a series, at a moment in microseconds since 1970 UTC."""
        if self._recorder is not None:
            with self._lock:
                self._waiting.append(Count(name, timestamp_us, 1.0))

    def _tend(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._write()

    def _write(self) -> None:
        self._events.save()
        with self._lock:
            counts = list(self._waiting)
            self._waiting.clear()
        if counts and not self._record(counts):
            with self._lock:
                self._waiting.extendleft(reversed(counts))

    def _record(self, counts: Sequence[Count]) -> bool:
        """Returns whether they are done with."""
        assert self._recorder is not None  # noqa: S101 - nothing waits otherwise
        try:
            self._recorder.record(counts, buffered=True)
        except InvalidArgumentError as error:
            # A clock that jumped: they can never be written.
            logger.error("%d counts are lost: %s", len(counts), error)
        except LintelError as error:
            logger.warning("%d counts could not be written yet: %s", len(counts), error)
            return False
        return True
