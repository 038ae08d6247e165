"""Admission: so many at work, so many waiting, the rest refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from lintel.edge.errors import CancelledError, DeadlineExceededError, OverloadedError
from lintel.edge.service.admission import Admission


@dataclass
class Caller:
    remaining: float | None = None
    active: bool = True

    def is_active(self) -> bool:
        return self.active

    def time_remaining(self) -> float | None:
        return self.remaining


def test_tickets_are_bounded_and_come_back() -> None:
    admission = Admission(workers=1, max_queue=1)
    with admission.ticket(), admission.ticket():
        assert admission.in_flight == 2
        with pytest.raises(OverloadedError) as caught, admission.ticket():
            pytest.fail("a third ticket was given out")
        assert caught.value.retry_after_s is not None
        with pytest.raises(OverloadedError):
            admission.refuse_if_full()
    assert admission.in_flight == 0
    admission.refuse_if_full()


def test_a_ticket_comes_back_from_work_that_fails() -> None:
    admission = Admission(workers=1, max_queue=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.ticket(), admission.slot(Caller()):
            raise ZeroDivisionError
    with admission.ticket(), admission.slot(Caller()):
        assert admission.in_flight == 1


def test_a_caller_without_time_or_presence_never_reaches_the_work() -> None:
    admission = Admission(workers=1, max_queue=0)
    with pytest.raises(DeadlineExceededError), admission.slot(Caller(remaining=0.0)):
        pytest.fail("the work began")
    with pytest.raises(CancelledError), admission.slot(Caller(active=False)):
        pytest.fail("the work began")
    with admission.slot(Caller(remaining=60.0)):
        pass


def test_the_deadline_ends_the_waiting() -> None:
    admission = Admission(workers=1, max_queue=1)
    with (
        admission.slot(Caller()),
        pytest.raises(DeadlineExceededError),
        admission.slot(Caller(remaining=0.01)),
    ):
        pytest.fail("two were at work at once")


def test_no_more_work_at_once_than_there_are_workers() -> None:
    admission = Admission(workers=2, max_queue=30)
    at_work = 0
    most = 0
    lock = threading.Lock()

    def work(_: int) -> None:
        nonlocal at_work, most
        with admission.ticket(), admission.slot(Caller()):
            with lock:
                at_work += 1
                most = max(most, at_work)
            with lock:
                at_work -= 1

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(500)))
    assert most <= 2
    assert admission.in_flight == 0


def test_the_hint_grows_with_the_time_that_work_takes() -> None:
    admission = Admission(workers=1, max_queue=9)
    hints = []
    for mean in (0.001, 0.2, 100.0):
        admission._mean_work_s = mean
        hints.append(admission._overloaded().retry_after_s)
    assert hints == [0.05, 2.0, 5.0]
