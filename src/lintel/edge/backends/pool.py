"""Sessions shared by threads, one thread to a session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lintel.edge.backends.counters import InferenceCounters
from lintel.edge.backends.session import Session
from lintel.edge.errors import InvalidArgumentError, ModelUnavailableError, OverloadedError

RETRY_AFTER_S = 0.1


class SessionPool:
    """At most so many sessions of one model, opened when first needed.

    A lease counts as an inference: keep what is no part of it out of the `with`.

    Attributes:
        counters: What was done with the sessions.
    """

    def __init__(self, open: Callable[[], Session], size: int) -> None:  # noqa: A002
        """Makes a pool; nothing is opened yet.

        Args:
            open: Opens a session; may be called by several threads at once.
            size: Most sessions open at a time, at least 1.
        """
        if size < 1:
            raise ValueError("A pool has at least one session.")
        self.counters = InferenceCounters()
        self._open = open
        self._size = size
        self._idle: list[Session] = []
        self._leased = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def lease(self, timeout_s: float | None = None) -> Iterator[Session]:
        """Lends a session that nobody else uses meanwhile.

        A session that an error came out of is thrown away, and another opened when next needed;
        but for InvalidArgumentError, which says that the session was not touched.

        Args:
            timeout_s: Seconds to wait for one; None: as long as it takes.

        Raises:
            OverloadedError: None came free in time.
            ModelUnavailableError: The pool is closed.
            LintelError: What opening a session raised.
        """
        began_ns = time.perf_counter_ns()
        try:
            session = self._take(timeout_s)
        except BaseException:
            self.counters.failed()
            raise
        leased_ns = time.perf_counter_ns()
        try:
            yield session
        except BaseException as error:
            self.counters.failed()
            self._give_back(session if isinstance(error, InvalidArgumentError) else None)
            raise
        self.counters.succeeded(leased_ns - began_ns, time.perf_counter_ns() - leased_ns)
        self._give_back(session)

    def close(self, timeout_s: float | None = None) -> bool:
        """Lends no more, and waits until what is lent is back.

        Args:
            timeout_s: Seconds to wait; None: as long as it takes.

        Returns:
            Whether everything is back.
        """
        with self._changed:
            self._closed = True
            self._idle.clear()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._leased == 0, timeout_s)

    def _take(self, timeout_s: float | None) -> Session:
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._closed or self._leased < self._size, timeout_s
            ):
                raise OverloadedError(
                    "All sessions of the model are busy.", retry_after_s=RETRY_AFTER_S
                )
            if self._closed:
                raise ModelUnavailableError("The model is being closed.")
            self._leased += 1
            # The one used last has its memory warm.
            session = self._idle.pop() if self._idle else None
        if session is not None:
            return session
        try:
            # Opening takes long: others may take and give back meanwhile.
            return self._open()
        except BaseException:
            self._give_back(None)
            raise

    def _give_back(self, session: Session | None) -> None:
        """Ends a lease; None where its session is not to be used again."""
        with self._changed:
            self._leased -= 1
            if session is not None and not self._closed:
                self._idle.append(session)
            self._changed.notify_all()
