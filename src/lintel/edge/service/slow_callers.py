"""Lets callers go who take too long to send a request or to take a reply."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import grpc

# A sender that takes longer is slow; most requests are there when their call is.
SLOW_S = 0.05


class _Wait(NamedTuple):
    """A call that waits for its caller.

    Attributes:
        began: When it began to, on the monotonic clock.
        timeout_s: Seconds that the caller may take.
        by_worker: Whether a worker waits.
        context: The call.
    """

    began: float
    timeout_s: float
    by_worker: bool
    context: grpc.ServicerContext


class SlowCallers:
    """Cancels calls whose request does not arrive, or whose reply is not taken, in time.

    gRPC sends a stream's reply only as fast as the caller reads, and its thread waits so long:
    a caller who never reads would hold a place for good. One thread looks after all calls,
    instead of a timer each.

    Args:
        receive_timeout_s: Seconds that a caller may take to send a request.
        send_timeout_s: Seconds that a caller may take to take one reply of a stream.
        stand_in: Told how many workers wait for senders; see CallThreads.
    """

    def __init__(
        self, receive_timeout_s: float, send_timeout_s: float, stand_in: Callable[[int], None]
    ) -> None:
        self._receive_timeout_s = receive_timeout_s
        self._send_timeout_s = send_timeout_s
        self._stand_in = stand_in
        self._waits: dict[int, _Wait] = {}
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="slow-callers", daemon=True)
        self._thread.start()

    @contextmanager
    def receiving(
        self, context: grpc.ServicerContext, *, by_worker: bool, timeout_s: float | None = None
    ) -> Iterator[None]:
        """Watches over a call while its request is received.

        Args:
            context: The call.
            by_worker: Whether a worker waits for it; streams have threads of their own.
            timeout_s: Seconds that the caller may take; None: as for all.
        """
        number = next(self._numbers)
        timeout_s = self._receive_timeout_s if timeout_s is None else timeout_s
        self._waits[number] = _Wait(time.monotonic(), timeout_s, by_worker, context)
        try:
            yield
        finally:
            del self._waits[number]

    @contextmanager
    def sending(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Watches over a stream while a reply is sent."""
        number = next(self._numbers)
        self._waits[number] = _Wait(time.monotonic(), self._send_timeout_s, False, context)
        try:
            yield
        finally:
            del self._waits[number]

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(SLOW_S):
            now = time.monotonic()
            slow = 0
            # A copy, made in one step under the interpreter's lock: calls come and go.
            for wait in list(self._waits.values()):
                if now - wait.began > wait.timeout_s:
                    wait.context.cancel()
                slow += wait.by_worker and now - wait.began > SLOW_S
            self._stand_in(slow)
