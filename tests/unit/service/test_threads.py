"""The threads of unary calls: a bounded line, a refuser, and stand-ins for slow senders."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from lintel.edge.service.threads import CallThreads, refusing


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
