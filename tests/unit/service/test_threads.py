"""The threads of unary calls: a bounded line, a refuser, and stand-ins for slow senders."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager

import pytest

from lintel.edge.service.threads import (
    CALM_S,
    REFUSALS_A_CALL,
    REFUSALS_TO_CLOSE,
    CallThreads,
    refusing,
)


@pytest.fixture
def threads() -> Iterator[CallThreads]:
    """One worker, and one that may wait."""
    threads = CallThreads(workers=1, capacity=2)
    yield threads
    threads.close()


def test_what_the_line_cannot_hold_goes_to_the_refuser(threads: CallThreads) -> None:
    gate = threading.Event()

    def work() -> bool:
        assert gate.wait(10)
        return refusing()

    accepted = [threads.submit(work) for _ in range(2)]
    assert threads.in_flight == 2
    assert threads.submit(refusing).result(10) is True
    gate.set()
    assert [future.result(10) for future in accepted] == [False, False]


def test_a_place_is_free_again_before_the_reply_is_sent(threads: CallThreads) -> None:
    gate = threading.Event()

    def work() -> bool:
        threads.leave()
        assert gate.wait(10)
        return refusing()

    first = [threads.submit(work) for _ in range(2)]
    while threads.in_flight > 1:
        time.sleep(0.0005)
    second = threads.submit(refusing)
    gate.set()
    assert [future.result(10) for future in (*first, second)] == [False, False, False]
    while threads.in_flight:
        time.sleep(0.0005)
    assert threads.in_flight == 0


def test_places_come_back_from_calls_that_fail(threads: CallThreads) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            threads.submit(lambda: 1 / 0).result(10)
    while threads.in_flight:
        pass
    assert threads.submit(refusing).result(10) is False


def test_stand_ins_work_while_workers_wait_and_leave_afterwards(threads: CallThreads) -> None:
    gate = threading.Event()
    slow = threads.submit(gate.wait, 10)
    waiting = threads.submit(refusing)
    threads.stand_in(1)
    assert waiting.result(10) is False
    assert not slow.done()
    # The slow one holds nobody's place.
    assert threads.submit(refusing).result(10) is False
    assert threads.submit(refusing).result(10) is False
    gate.set()
    assert slow.result(10) is True
    threads.stand_in(0)
    before = threading.active_count()
    wait([threads.submit(refusing) for _ in range(2)], 10)
    assert threading.active_count() <= before


def test_many_callers_lose_nothing() -> None:
    threads = CallThreads(workers=4, capacity=10_000)
    futures = [threads.submit(pow, number, 2) for number in range(5000)]
    assert [future.result(10) for future in futures] == [number**2 for number in range(5000)]
    threads.close()


class TestFloods:
    @pytest.fixture
    def threads(self) -> Iterator[CallThreads]:
        """Two workers, and four that may wait."""
        threads = CallThreads(workers=2, capacity=6)
        yield threads
        threads.close()

    def test_nobody_waits_in_a_flood(self, threads: CallThreads) -> None:
        with _busy(threads, calls=6):
            refused = [threads.submit(refusing) for _ in range(REFUSALS_TO_CLOSE)]
            assert all(future.result(10) for future in refused)
            assert threads.room == 2
        with _busy(threads, calls=2):
            assert threads.submit(refusing).result(10) is True

    def test_the_line_grows_again_with_the_calls_that_are_taken(self, threads: CallThreads) -> None:
        with _busy(threads, calls=6):
            for _ in range(10 * REFUSALS_TO_CLOSE):
                threads.submit(refusing).result(10)
        for _ in range(-(-REFUSALS_TO_CLOSE // REFUSALS_A_CALL)):
            assert threads.submit(refusing).result(10) is False
            _until_idle(threads)
        assert threads.room == 6

    def test_a_burst_after_a_flood_finds_the_whole_line(self, threads: CallThreads) -> None:
        with _busy(threads, calls=6):
            for _ in range(10 * REFUSALS_TO_CLOSE):
                threads.submit(refusing).result(10)
        time.sleep(CALM_S)
        with _busy(threads, calls=6):
            assert threads.submit(refusing).result(10) is True

    def test_callers_who_come_back_later_keep_their_line(self, threads: CallThreads) -> None:
        for _ in range(3 * REFUSALS_TO_CLOSE):
            with _busy(threads, calls=6):
                threads.submit(refusing).result(10)
            assert threads.room >= 5

    def test_workers_without_a_line_are_never_without_room(self) -> None:
        threads = CallThreads(workers=1, capacity=1)
        with _busy(threads, calls=1):
            assert all(threads.submit(refusing).result(10) for _ in range(3))
        assert threads.submit(refusing).result(10) is False
        threads.close()


@contextmanager
def _busy(threads: CallThreads, calls: int) -> Iterator[None]:
    """Keeps so many calls in flight for as long as it is open; all of them are taken."""
    gate = threading.Event()

    def work() -> bool:
        assert gate.wait(10)
        return refusing()

    futures = [threads.submit(work) for _ in range(calls)]
    try:
        yield
    finally:
        gate.set()
    assert not any(future.result(10) for future in futures)
    _until_idle(threads)


def _until_idle(threads: CallThreads) -> None:
    while threads.in_flight:
        time.sleep(0.0005)
