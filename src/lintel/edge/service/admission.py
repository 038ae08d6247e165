"""Bounded admission: so many requests at work, so many waiting, the rest refused at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from lintel.edge.errors import CancelledError, DeadlineExceededError, OverloadedError
from lintel.edge.service.threads import CallThreads

SHORTEST_RETRY_S = 0.05
LONGEST_RETRY_S = 5.0
# Weight of the newest request in the running mean of the time that work takes.
SMOOTHING = 0.1
# What a camera's frame waits for a slot.
CAMERA_PATIENCE_S = 0.02


class Caller(Protocol):
    """What admission asks of the one who waits; grpc.ServicerContext is one."""

    def is_active(self) -> bool:
        """Tells whether the caller still waits for an answer."""

    def time_remaining(self) -> float | None:
        """Returns the seconds to the caller's deadline, None where there is none."""


class Admission:
    """The gate before all work.

    Unary calls come through `threads`, which holds up to `workers + max_queue` of them. Whatever is
    worked on, frames of video streams too, holds one of `workers` slots; a stream has its own
    bound on frames (see video.py).

    Args:
        workers: Requests worked on at a time, at least 1.
        max_queue: Requests that may wait for a worker.

    Attributes:
        threads: What gRPC runs unary calls on.
    """

    def __init__(self, workers: int, max_queue: int) -> None:
        self.workers = workers
        self.capacity = workers + max_queue
        self.threads = CallThreads(workers, self.capacity)
        # A queue of tokens: unlike threading.Semaphore it waits in C, which calls can feel.
        self._slots: SimpleQueue[None] = SimpleQueue()
        for _ in range(workers):
            self._slots.put(None)
        self._mean_work_s = SHORTEST_RETRY_S

    @property
    def in_flight(self) -> int:
        """Unary calls at work, waiting, or being received."""
        return self.threads.in_flight

    @contextmanager
    def slot(self, caller: Caller) -> Iterator[None]:
        """Waits for a slot and holds it.

        Raises:
            DeadlineExceededError: The caller's deadline passed while waiting.
            CancelledError: The caller went away while waiting.
        """
        remaining = caller.time_remaining()
        # A request without a deadline reports one of centuries, more than get() can wait.
        timeout = None if remaining is None else min(max(remaining, 0.0), 86_400.0)
        try:
            self._slots.get(timeout=timeout)
        except Empty:
            raise DeadlineExceededError("The deadline passed while the request waited.") from None
        started = time.monotonic()
        try:
            ensure_wanted(caller)
            yield
        finally:
            self._slots.put(None)
            spent = time.monotonic() - started
            self._mean_work_s += SMOOTHING * (spent - self._mean_work_s)

    @contextmanager
    def camera_slot(self) -> Iterator[None]:
        """Holds a slot for work on a camera's frame, or soon goes on without one.

        Calls and cameras share the device as long as there is room for both; a flood of calls
        must not stop the door.
        """
        has_slot = True
        try:
            self._slots.get(timeout=CAMERA_PATIENCE_S)
        except Empty:
            has_slot = False
        try:
            yield
        finally:
            if has_slot:
                self._slots.put(None)

    def overloaded(self) -> OverloadedError:
        """Makes the error of a call beyond the capacity.

        `retry_after_s` estimates when those before it are done.
        """
        wait_s = self._mean_work_s * self.capacity / self.workers
        return OverloadedError(
            f"The device is at its limit, {self.threads.room} requests for now; try again later.",
            retry_after_s=min(max(wait_s, SHORTEST_RETRY_S), LONGEST_RETRY_S),
        )


class StreamRoom:
    """Room for so many streams at a time.

    A stream holds a thread for as long as it lives; the threads are streams' own, so that they
    never starve unary calls.

    Args:
        what: The streams in a word, such as "watchers".
        limit: Most of them.

    Attributes:
        threads: Their threads, and one more to refuse what is too much.
    """

    def __init__(self, what: str, limit: int) -> None:
        self.threads = ThreadPoolExecutor(limit + 1, thread_name_prefix=what)
        self._what = what
        self._limit = limit
        self._places = threading.BoundedSemaphore(limit)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place.

        Raises:
            OverloadedError: Every place is taken.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError(
                f"The device is at its limit of {self._limit} {self._what}; try again later.",
                retry_after_s=1.0,
            )
        try:
            yield
        finally:
            self._places.release()


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms for streams, so that none of a kind keeps others out.

    Attributes:
        streams: Of videos that are sent to the device.
        followers: Of those who follow cameras and events.
        watchers: Of those who watch the health.
    """

    streams: StreamRoom
    followers: StreamRoom
    watchers: StreamRoom

    @classmethod
    def of(cls, limit: int) -> Rooms:
        """Makes rooms for so many streams each."""
        return cls(*(StreamRoom(what, limit) for what in ("streams", "followers", "watchers")))

    def close(self) -> None:
        """Lets their threads go."""
        for room in (self.streams, self.followers, self.watchers):
            room.threads.shutdown(wait=False)


def ensure_wanted(caller: Caller) -> None:
    """Raises where the answer would reach nobody.

    Raises:
        DeadlineExceededError: The caller's deadline has passed.
        CancelledError: The caller has gone.
    """
    remaining = caller.time_remaining()
    if remaining is not None and remaining <= 0:
        raise DeadlineExceededError("The deadline passed before the work was done.")
    if not caller.is_active():
        raise CancelledError("The caller has gone.")
