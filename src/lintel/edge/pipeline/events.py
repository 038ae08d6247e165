"""What happened at the door, numbered: kept in bounds, and over restarts."""

from __future__ import annotations

import logging
import threading
from collections import deque
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from lintel.edge.pipeline.event_file import Event, EventFile, EventKind
from lintel.edge.pipeline.results import MaskVerdict

logger = logging.getLogger("lintel.pipeline")


class Told(NamedTuple):
    """An event as one who follows gets it.

    Attributes:
        event: The event.
        missed: Events between the one that was known and this one, which are no longer kept.
            Numbers that a power cut left out are none.
    """

    event: Event
    missed: int


class EventLog:
    """The newest events. Any thread may use it.

    `append` touches no disk; `save` writes what is new, in one go. A power cut loses what was not
    saved, but no number is ever given twice. Where the file cannot be written, events are kept in
    memory all the same, and writing is tried again at the next `save`.

    Args:
        path: The file; None: in memory alone, and numbers begin at 1 each time.
        most: Events that are kept.
        read_only: Only tell what the file holds, which another device may write: for one that has
            no events of its own.

    Raises:
        SettingsInvalidError: Another device writes the file.
    """

    def __init__(self, path: Path | None, most: int, *, read_only: bool = False) -> None:
        self._file = EventFile(path, most) if path is not None else None
        self._read_only = read_only
        if self._file is not None and not read_only:
            self._file.claim()
        events, self._next = self._file.read() if self._file is not None else ([], 1)
        self._events: deque[Event] = deque(events, maxlen=most)
        self._saved = self._next
        self._changed = threading.Condition()
        self._saving = threading.Lock()
        self._is_open = True
        self._is_failing = False
        self.save()

    @property
    def last_sequence_number(self) -> int:
        """The last number that may have been given, 0 before the first ever."""
        return self._next - 1

    def append(
        self,
        kind: EventKind,
        camera: str,
        timestamp_us: int,
        *,
        track_id: int = 0,
        mask: MaskVerdict | None = None,
        place: str = "",
    ) -> Event:
        """Adds an event, and wakes those who wait for it; see Event."""
        with self._changed:
            event = Event(self._next, timestamp_us, kind, camera, track_id, mask, place)
            self._next += 1
            self._events.append(event)
            self._changed.notify_all()
        return event

    def newest(self, count: int) -> list[Event]:
        """Returns the newest events, the oldest of them first."""
        with self._changed:
            return list(self._events)[-count:] if count > 0 else []

    def next(self, after: int, timeout_s: float | None = None) -> Told | None:
        """Waits for the first event after a number.

        Args:
            after: Number of the last event that is known, 0 or more. One that was never given is
                taken for that of the newest event.
            timeout_s: Seconds to wait; None: as long as it takes.

        Returns:
            None where none came in time, or the log is closed.
        """
        with self._changed:
            known = min(after, self._next - 1)
            self._changed.wait_for(
                lambda: self._newest_number > known or not self._is_open, timeout_s
            )
            if not self._is_open or self._newest_number <= known:
                return None
            event = self._first_after(known)
            return Told(event, self._given_between(known, event.sequence_number))

    def count_after(self, number: int) -> int:
        """Returns how many events are kept that have a greater number."""
        with self._changed:
            newer = takewhile(lambda event: event.sequence_number > number, reversed(self._events))
            return sum(1 for _ in newer)

    def save(self) -> None:
        """Writes what is new to the file, and logs where that fails, and where it works again."""
        if self._file is None or self._read_only:
            return
        with self._saving:
            with self._changed:
                following = self._next
                kept = list(self._events)
            new = [event for event in kept if event.sequence_number >= self._saved]
            try:
                self._file.write(new, kept, following)
            except OSError as error:
                # Once until it works again: lines wear memory cards out.
                if not self._is_failing:
                    logger.error("Events could not be written yet: %s", error.strerror)
                self._is_failing = True
            else:
                if self._is_failing:
                    logger.info("Events are written again.")
                self._saved, self._is_failing = following, False

    def close(self) -> None:
        """Writes what is new, and lets those who wait go."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        self.save()
        if self._file is not None and not self._read_only:
            with self._saving:
                try:
                    self._file.close(self._next)
                except OSError as error:
                    logger.error("The file of events could not be closed: %s", error.strerror)

    @property
    def _newest_number(self) -> int:
        """Number of the newest event that is kept: a power cut may have left out later ones."""
        return self._events[-1].sequence_number if self._events else 0

    def _given_between(self, known: int, number: int) -> int:
        """Returns how many events there were between two numbers, as far as anybody knows."""
        skipped = self._file.skipped if self._file is not None else ()
        return number - known - 1 - sum(each.between(known, number) for each in skipped)

    def _first_after(self, known: int) -> Event:
        """Returns the oldest event that is kept with a greater number; there is one."""
        # Most who ask know all but the newest.
        found = self._events[-1]
        for event in reversed(self._events):
            if event.sequence_number <= known:
                break
            found = event
        return found
