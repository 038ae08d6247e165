"""What happens at the device's cameras, followed over broken connections and restarts."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import grpc

from lintel.client import errors
from lintel.client.moments import to_datetime
from lintel.client.results import MaskVerdict, read_verdict
from lintel.v1 import event_pb2

# Waits before a stream that broke is opened again: doubled each time, each half random.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
# What passes by itself: the device restarts, the connection is cut, too many follow for now.
PASSING = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})


class EventKind(StrEnum):
    """Kinds of events."""

    PERSON_ENTERED = "person-entered"
    """Somebody came in over a line."""
    PERSON_LEFT = "person-left"
    """Somebody went out over a line."""
    MASK_MISSING = "mask-missing"
    """A face wears no mask."""
    MASK_INCORRECT = "mask-incorrect"
    """A face wears its mask wrongly."""
    CAMERA_LOST = "camera-lost"
    """A camera's frames no longer come."""
    CAMERA_BACK = "camera-back"
    """They come again."""
    UNKNOWN = "unknown"
    """A kind that a newer device knows."""


KINDS = {
    event_pb2.EVENT_KIND_PERSON_ENTERED: EventKind.PERSON_ENTERED,
    event_pb2.EVENT_KIND_PERSON_LEFT: EventKind.PERSON_LEFT,
    event_pb2.EVENT_KIND_MASK_MISSING: EventKind.MASK_MISSING,
    event_pb2.EVENT_KIND_MASK_INCORRECT: EventKind.MASK_INCORRECT,
    event_pb2.EVENT_KIND_CAMERA_LOST: EventKind.CAMERA_LOST,
    event_pb2.EVENT_KIND_CAMERA_BACK: EventKind.CAMERA_BACK,
}
KIND_NUMBERS = {str(kind): number for number, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        sequence_number: Grows by one from event to event, also over restarts of the device; a
            power cut leaves some out. Keep it to go on after it later.
        timestamp_us: When, in microseconds since 1970 UTC.
        kind: What.
        camera: At which camera, by name; "" where none is meant.
        track_id: Whose face, as in Face; 0 where none is meant.
        mask: The verdict, with the events about masks.
        place: Name of the line or zone, with the events of counting.
        missed_events: Events before this one that the device no longer keeps, of whatever kind.
    """

    sequence_number: int
    timestamp_us: int
    kind: EventKind
    camera: str
    track_id: int = 0
    mask: MaskVerdict | None = None
    place: str = ""
    missed_events: int = 0

    @property
    def timestamp(self) -> datetime:
        """When, in UTC."""
        return to_datetime(self.timestamp_us)


class EventCall(Protocol):
    """What gRPC returns of an open stream."""

    def __iter__(self) -> Iterator[event_pb2.StreamEventsResponse]:
        """Yields the replies."""

    def cancel(self) -> object:
        """Ends the stream, if it has not ended."""


class EventStream:
    """Follows events: iterate over `events` once.

    Args:
        open_call: Calls EventService.StreamEvents.
        after: Number of the last event that is known; 0: all that the device keeps; None: from
            now on.
        kinds: Those wanted; none: all.
        cameras: Names of those wanted; none: all.
        reconnect: Go on where the stream was, whenever it breaks.

    Raises:
        TypeError: `kinds` or `cameras` is a single word.
        ValueError: There is no such kind, or `after` is negative.
    """

    def __init__(
        self,
        open_call: Callable[[event_pb2.StreamEventsRequest], EventCall],
        after: int | None,
        kinds: Collection[str],
        cameras: Collection[str],
        *,
        reconnect: bool,
    ) -> None:
        if after is not None and after < 0:
            raise ValueError(f"after must be 0 or more, not {after}")
        _refuse_word(kinds, "kinds")
        _refuse_word(cameras, "cameras")
        self._request = event_pb2.StreamEventsRequest(
            after_sequence_number=after, kinds=map(_number_of, kinds), cameras=cameras
        )
        self._open_call = open_call
        self._reconnect = reconnect
        self._has_begun = False
        self._wait_s = FIRST_WAIT_S
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._call: EventCall | None = None

    def events(self) -> Generator[Event, None, None]:
        """Yields events as they happen.

        Raises:
            LintelError: The stream failed; where it is to go on by itself, only before it has
                begun, or for good.
        """
        try:
            while not self._over.is_set():
                try:
                    yield from self._once()
                except grpc.RpcError as error:
                    self._bear(error)
                if not self._reconnect:
                    return
                self._over.wait(self._wait_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
                self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        finally:
            self.stop()

    def stop(self) -> None:
        """Ends the stream. Any thread may call it, also while another waits for an event."""
        self._over.set()
        with self._lock:
            if self._call is not None:
                self._call.cancel()

    def _once(self) -> Iterator[Event]:
        """Yields the events of one connection."""
        with self._lock:
            call = self._call = self._open_call(self._request)
            if self._over.is_set():
                call.cancel()
        for response in call:
            self._request.after_sequence_number = response.sequence_number
            self._has_begun, self._wait_s = True, FIRST_WAIT_S
            if response.HasField("event"):
                yield _read_event(response)

    def _bear(self, error: grpc.RpcError) -> None:
        """Raises what does not pass by itself."""
        failure = errors.of_call(error)
        passes = self._reconnect and self._has_begun and failure.code in PASSING
        if not (passes or self._over.is_set()):
            raise failure from error


def _read_event(response: event_pb2.StreamEventsResponse) -> Event:
    event = response.event
    return Event(
        sequence_number=event.sequence_number,
        timestamp_us=event.timestamp_us,
        kind=KINDS.get(event.kind, EventKind.UNKNOWN),
        camera=event.camera,
        track_id=event.track_id,
        mask=read_verdict(event.mask) if event.HasField("mask") else None,
        place=event.place,
        missed_events=response.missed_events,
    )


def _number_of(kind: str) -> event_pb2.EventKind.ValueType:
    if kind not in KIND_NUMBERS:
        raise ValueError(f"kinds may be {', '.join(KIND_NUMBERS)}, not {kind!r}")
    return KIND_NUMBERS[kind]


def _refuse_word(words: Collection[str], name: str) -> None:
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of words, not one")
