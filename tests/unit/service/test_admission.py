"""Admission: no more at work than there are workers, and nobody whom the answer would miss."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from lintel.edge.errors import CancelledError, DeadlineExceededError
from lintel.edge.service.admission import Admission


@dataclass
class Caller:
    remaining: float | None = None
    active: bool = True

    def is_active(self) -> bool:
        return self.active

    def time_remaining(self) -> float | None:
        return self.remaining


def test_a_slot_comes_back_from_work_that_fails() -> None:
    admission = Admission(workers=1, max_queue=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.slot(Caller()):
            raise ZeroDivisionError
    with admission.slot(Caller(remaining=1.0)):
        pass


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
        with admission.slot(Caller()):
            with lock:
                at_work += 1
                most = max(most, at_work)
            with lock:
                at_work -= 1

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(500)))
    assert most <= 2


def test_the_hint_grows_with_the_time_that_work_takes() -> None:
    admission = Admission(workers=1, max_queue=9)
    hints = []
    for mean in (0.001, 0.2, 100.0):
        admission._mean_work_s = mean
        hints.append(admission.overloaded().retry_after_s)
    assert hints == [0.05, 2.0, 5.0]
