"""The threads that work on unary calls, and the bounded line before them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Task = tuple["Future[Any]", Callable[[], Any]]

REFUSER = "refuser"
# Calls that are refused, one after the other, until nobody may wait any more.
REFUSALS_TO_CLOSE = 40
# What a call that is taken gives back of the line, in what a refused one takes of it: polite
# callers, who come back later, do not shorten it.
REFUSALS_A_CALL = 3
# After so long without a refusal there is no flood, however short the line is.
CALM_S = 0.25
# Threads that may stand in for those that wait for slow senders.
MOST_STAND_INS = 8


class CallThreads(Executor):
    """As many threads as workers, a bounded line of calls, and one thread that refuses the rest.

    gRPC submits every call before it reads the call's bytes. With one thread a worker, calls wait
    in the line and not in threads: 14 threads for two cores carried a sixth less. A worker that
    waits for a slow sender is not at work; `stand_in` brings in others for the time being.

    The line is there for bursts. In a flood it helps nobody: workers find the next call without
    it, and those in it only wait. It therefore shortens, down to nothing, while most calls are
    refused, and grows again when they are not, or none is for some time (B. Maurer, Fail at Scale,
    2015, has queues do the like).

    Args:
        workers: Calls worked on at a time.
        capacity: Calls at work or waiting, at most; more go to the refusing thread.
    """

    def __init__(self, workers: int, capacity: int) -> None:
        self._workers = workers
        self._least_room = workers
        self._capacity = capacity
        self._room = float(capacity)
        self._step = (capacity - workers) / REFUSALS_TO_CLOSE
        self._refused_s = -CALM_S
        self._line: SimpleQueue[Task | None] = SimpleQueue()
        self._refuser = ThreadPoolExecutor(1, thread_name_prefix=REFUSER)
        self._lock = threading.Lock()
        self._in_flight = 0
        self._stand_ins = 0
        self._count = 0
        self._of_thread = threading.local()
        self.stand_in(0)

    @property
    def in_flight(self) -> int:
        """Calls at work, waiting, or being received."""
        return self._in_flight

    @property
    def room(self) -> int:
        """Calls that may be at work or waiting now: from the workers' number to the capacity."""
        # Sums of steps fall short of a whole by their last bits.
        return int(self._room + 1e-6)

    def submit(
        self,
        fn: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Future[Result]:
        """Puts a call in line, or gives it to the refusing thread where the line is full."""
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._refused_s >= CALM_S:
                self._room = self._capacity
            # Those who send slowly keep nobody else out.
            full = self._in_flight - self._stand_ins >= self.room
            if full:
                self._refused_s = now_s
                self._room = max(self._room - self._step, self._least_room)
            else:
                self._room = min(self._room + REFUSALS_A_CALL * self._step, self._capacity)
                self._in_flight += 1
        if full:
            return self._refuser.submit(fn, *args, **kwargs)
        future: Future[Result] = Future()
        self._line.put((future, partial(fn, *args, **kwargs)))
        return future

    def leave(self) -> None:
        """Gives back the place of the current thread's call, whose reply is about to be sent.

        Else a caller who has the reply, and calls again at once, could find the place taken still.
        """
        self._of_thread.has_left = True
        with self._lock:
            self._in_flight -= 1

    def stand_in(self, slow: int) -> None:
        """Keeps as many threads beyond the workers as there are workers that wait for senders.

        Args:
            slow: Workers that have waited for a sender for some time.
        """
        with self._lock:
            self._stand_ins = min(slow, MOST_STAND_INS)
            missing = max(self._workers + self._stand_ins - self._count, 0)
            self._count += missing
        for _ in range(missing):
            threading.Thread(target=self._work, name="call", daemon=True).start()

    def close(self) -> None:
        """Lets every thread go when its call is done."""
        with self._lock:
            count, self._workers, self._stand_ins = self._count, 0, 0
        for _ in range(count):
            self._line.put(None)
        self._refuser.shutdown(wait=False)

    def _work(self) -> None:
        while (task := self._line.get()) is not None:
            future, call = task
            try:
                future.set_result(call())
            except Exception as error:  # noqa: BLE001 - it is the future's to tell
                future.set_exception(error)
            # Nothing of a call outlives it in a thread that waits for the next.
            del task, future, call
            has_left, self._of_thread.has_left = getattr(self._of_thread, "has_left", False), False
            with self._lock:
                self._in_flight -= not has_left
                if self._count > self._workers + self._stand_ins:
                    self._count -= 1
                    return


class ProbeThreads(ThreadPoolExecutor):
    """CallThreads for a method of its own: gRPC takes nothing there but a ThreadPoolExecutor.

    Args:
        workers: Calls answered at a time.
        capacity: Calls being answered or waiting; more go to the refusing thread.
    """

    def __init__(self, workers: int, capacity: int) -> None:
        # Its own threads begin with the first call, which none of them gets.
        super().__init__(1)
        self._calls = CallThreads(workers, capacity)

    def submit(
        self,
        fn: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Future[Result]:
        """See `CallThreads.submit`."""
        return self._calls.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Lets every thread go when its call is done."""
        self._calls.close()
        super().shutdown(wait, cancel_futures=cancel_futures)


def refusing() -> bool:
    """Tells whether the current thread is there to refuse calls."""
    return threading.current_thread().name.startswith(REFUSER)
