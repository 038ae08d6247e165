"""Writes down what happens at the cameras, so that no frame waits for a memory card."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

from lintel.edge.errors import InvalidArgumentError, LintelError
from lintel.edge.pipeline.counting import Direction
from lintel.edge.pipeline.events import EventLog
from lintel.edge.series import EARLIEST_S, Count, Recorder

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
        self._undated = 0
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
        self._tell_of_undated()

    def count(self, name: str, timestamp_us: int) -> None:
        """Counts one in a series, at a moment in microseconds since 1970 UTC.

        What is counted before the clock was set is left out: it would be of a day in 1970.
        """
        if self._recorder is not None:
            with self._lock:
                if timestamp_us < EARLIEST_S * 1e6:
                    self._undated += 1
                else:
                    self._waiting.append(Count(name, timestamp_us, 1.0))

    def _tend(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._write()

    def _write(self) -> None:
        self._events.save()
        with self._lock:
            counts = list(self._waiting)
            self._waiting.clear()
        if counts:
            self._tell_of_undated()
            later, lost, why = self._record(counts)
            if lost:
                logger.error("%d counts are lost: %s", lost, why)
            with self._lock:
                self._waiting.extendleft(reversed(later))

    def _record(self, counts: Sequence[Count]) -> tuple[Sequence[Count], int, str]:
        """Returns what has to wait, how many can never be written, and why one of them."""
        assert self._recorder is not None  # noqa: S101 - nothing waits otherwise
        try:
            self._recorder.record(counts, buffered=True)
        except InvalidArgumentError as error:
            if len(counts) == 1:
                return (), 1, error.message
            # A clock that jumped: one that is too far ahead is not to take the others along.
            middle = len(counts) // 2
            earlier, lost, why = self._record(counts[:middle])
            later, more_lost, more_why = self._record(counts[middle:])
            return [*earlier, *later], lost + more_lost, why or more_why
        except LintelError as error:
            logger.warning("%d counts could not be written yet: %s", len(counts), error)
            return counts, 0, ""
        return (), 0, ""

    def _tell_of_undated(self) -> None:
        """Logs what was counted before the clock was set, once it is, or at the end."""
        with self._lock:
            undated, self._undated = self._undated, 0
        if undated:
            logger.error("%d counts are lost: the clock had not been set.", undated)
