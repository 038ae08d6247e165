"""The file of events: a line an event, written at the end, and now and then anew.

Lines are few and small, for the memory card's sake. A power cut may tear the last one, which is
then left out.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.pipeline.results import MaskVerdict

logger = logging.getLogger("lintel.pipeline")

# Numbers that are set aside in the file before they are given: after a power cut the next number
# lies beyond all of them, so that none is given twice.
RESERVED = 256
# Lines beyond those that are kept, until the file is written anew.
_SLACK = 1000
# Stretches of numbers that power cuts left out: the newest are known.
_MOST_SKIPPED = 100


class EventKind(StrEnum):
    """Kinds of events."""

    PERSON_ENTERED = "person-entered"
    PERSON_LEFT = "person-left"
    MASK_MISSING = "mask-missing"
    MASK_INCORRECT = "mask-incorrect"
    CAMERA_LOST = "camera-lost"
    CAMERA_BACK = "camera-back"


class Event(NamedTuple):
    """Something that happened.

    Attributes:
        sequence_number: Grows by one from event to event, also over restarts; a power cut leaves
            some out.
        timestamp_us: When, in microseconds since 1970 UTC.
        kind: What.
        camera: At which camera, by name.
        track_id: Whose face; 0 where none is meant.
        mask: The verdict, with the events about masks.
        place: Name of the line or zone, with the events of counting.
    """

    sequence_number: int
    timestamp_us: int
    kind: EventKind
    camera: str
    track_id: int = 0
    mask: MaskVerdict | None = None
    place: str = ""


class _Next(msgspec.Struct, tag="next", forbid_unknown_fields=True):
    """A line that says from which number on none has been given."""

    number: int


class _Line(msgspec.Struct, tag="event", forbid_unknown_fields=True):
    """A line with an event."""

    event: Event


class Skipped(msgspec.Struct, tag="skipped", forbid_unknown_fields=True, frozen=True):
    """Numbers that a power cut left out: whether they were ever given, nobody knows any more.

    Attributes:
        first: The first of them.
        following: The first number after them.
    """

    first: int
    following: int

    def between(self, known: int, number: int) -> int:
        """Returns how many of them lie between two numbers."""
        return max(min(self.following, number) - max(self.first, known + 1), 0)


_Item = _Next | _Line | Skipped
_DECODER = msgspec.json.Decoder(_Item)


class EventFile:
    """Events on the disk; for one thread at a time.

    Args:
        path: The file.
        most: Events that are kept.

    Attributes:
        skipped: Numbers that power cuts left out, oldest first; known once the file was read.
    """

    def __init__(self, path: Path, most: int) -> None:
        self.skipped: deque[Skipped] = deque(maxlen=_MOST_SKIPPED)
        self._path = path
        self._most = most
        self._lines = 0
        self._reserved = 0
        # What a power cut left is not appended to.
        self._is_whole = False
        self._is_unreadable = False
        self._lock: int | None = None

    def claim(self) -> None:
        """Keeps other processes from writing the file, until `close` or the end of this one.

        Raises:
            SettingsInvalidError: Another one writes it.
        """
        try:
            self._make_folder()
            # Not the file itself, in whose place new ones are put.
            lock = os.open(_beside(self._path, ".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError:
            # Then nobody can write there, which `write` tells.
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise SettingsInvalidError(
                f"Another device writes its events to {self._path}: end it first, or name another"
                " file in pipeline.events_path.",
                field="pipeline.events_path",
            ) from error
        except OSError as error:
            # Some file systems of other machines have no locks.
            os.close(lock)
            logger.warning("The file of events cannot be locked: %s", error.strerror)
            return
        self._lock = lock

    def read(self) -> tuple[list[Event], int]:
        """Reads the file, as far as it can be read.

        Returns:
            The newest events, and the next number.
        """
        events: list[Event] = []
        following = 1
        for item in self._items():
            if isinstance(item, _Next):
                following = item.number
            elif isinstance(item, Skipped):
                self.skipped.append(item)
            elif not events or item.event.sequence_number > events[-1].sequence_number:
                events.append(item.event)
        if events:
            following = max(following, events[-1].sequence_number + 1)
        self._reserved = following
        self._skip_to(following, events)
        return events[-self._most :], following

    def write(self, new: Sequence[Event], kept: Sequence[Event], following: int) -> None:
        """Adds events; they are on the disk when this returns.

        Args:
            new: Those to add.
            kept: All that are kept, those too: the file is now and then written anew.
            following: The next number. As many from there on as may be given until the next
                time are set aside with it.

        Raises:
            OSError: They cannot be written; the file is as it was, or as good as.
        """
        reserved = self._reserved
        if following > reserved - RESERVED // 2:
            reserved = following + RESERVED
        if not self._is_whole or self._lines + len(new) > self._most + _SLACK:
            self._write_anew(kept, reserved)
        elif new or reserved != self._reserved:
            # Before the events: a torn end must not take the number along.
            self._add([_Next(reserved)] if reserved != self._reserved else [], new)
        self._reserved = reserved

    def close(self, following: int) -> None:
        """Gives back the numbers that were set aside.

        Raises:
            OSError: See `write`.
        """
        try:
            if self._is_whole:
                self._add([_Next(following)], [])
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _skip_to(self, following: int, events: Sequence[Event]) -> None:
        """Notes the numbers that were set aside and that nothing is known of."""
        newest = events[-1].sequence_number if events else 0
        first = max([newest + 1, *(skipped.following for skipped in self.skipped)])
        if first < following:
            self.skipped.append(Skipped(first, following))

    def _items(self) -> Iterable[_Item]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            logger.error("The file of events %s cannot be read: %s", self._path, error.strerror)
            self._is_unreadable = True
            return
        damaged = 0
        for line in lines:
            try:
                yield _DECODER.decode(line)
            except (msgspec.DecodeError, ValueError):
                damaged += 1
        if damaged:
            logger.warning("%d lines of the file of events were damaged.", damaged)

    def _write_anew(self, kept: Sequence[Event], reserved: int) -> None:
        self._make_folder()
        fresh = _beside(self._path, ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_encode([_Next(reserved), *self.skipped], kept))
            file.flush()
            os.fsync(file.fileno())
        if self._is_unreadable:
            # Whatever is in it is not thrown away.
            with suppress(FileNotFoundError):
                self._path.replace(_beside(self._path, ".unreadable"))
            self._is_unreadable = False
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._lines, self._is_whole = 1 + len(self.skipped) + len(kept), True

    def _make_folder(self) -> None:
        # What happened at a door is nobody else's to read.
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _add(self, notes: list[_Next], new: Sequence[Event]) -> None:
        self._is_whole = False
        with self._path.open("ab") as file:
            file.write(_encode(notes, new))
            file.flush()
            os.fsync(file.fileno())
        self._lines += len(notes) + len(new)
        self._is_whole = True


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _encode(notes: Iterable[_Next | Skipped], events: Iterable[Event]) -> bytes:
    return msgspec.json.Encoder().encode_lines([*notes, *map(_Line, events)])
