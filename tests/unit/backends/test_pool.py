"""A session is in one thread's hands at a time, and what failed is not used again."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.builders import Network, run_reference

from lintel.edge.backends import Session, SessionPool, Tensor, TensorSpec
from lintel.edge.backends.litert import LiteRtSession
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    ModelUnavailableError,
    OverloadedError,
)

PATIENCE_S = 30.0


class WatchedSession:
    """Notes whether two threads were ever in it at once."""

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self) -> None:
        self.inside = threading.Lock()

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        assert self.inside.acquire(blocking=False), "Two threads are in one session."
        # Gives the other threads every chance to come in.
        time.sleep(0)
        self.inside.release()
        return dict(feeds)


class WatchedPool(SessionPool):
    """A pool of watched sessions that remembers what it opened."""

    def __init__(self, size: int) -> None:
        self.opened: list[Session] = []
        super().__init__(self._make, size)

    def _make(self) -> Session:
        self.opened.append(WatchedSession())
        return self.opened[-1]


def test_no_session_is_ever_in_two_threads() -> None:
    pool = WatchedPool(3)

    def work(_: int) -> None:
        with pool.lease(PATIENCE_S) as session:
            session.run({})

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(work, range(3000)))
    assert len(pool.opened) <= 3
    assert pool.counters.success_count == 3000
    assert pool.counters.failure_count == 0


def test_real_sessions_give_right_answers_to_many_threads(
    tiny_tflite: bytes, network: Network
) -> None:
    pool = SessionPool(lambda: LiteRtSession(tiny_tflite, 1), 2)

    def work(seed: int) -> float:
        inputs = network.inputs(1 + seed % 3, seed)
        with pool.lease(PATIENCE_S) as session:
            results = session.run({"input": inputs})["probabilities"]
        return float(np.abs(results - run_reference(network, inputs)).max())

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(work, range(400))) < 1e-5


def test_sessions_are_opened_when_needed_and_used_again() -> None:
    pool = WatchedPool(2)
    assert pool.opened == []
    for _ in range(3):
        with pool.lease() as session:
            assert session is pool.opened[0]
    with pool.lease() as first, pool.lease() as second:
        assert first is not second
    assert len(pool.opened) == 2


def test_waiting_ends_with_the_time_given() -> None:
    pool = WatchedPool(1)
    with pool.lease():
        for timeout_s in (0.0, 0.01):
            with pytest.raises(OverloadedError) as caught, pool.lease(timeout_s):
                pytest.fail("There was no session to lend.")
    assert caught.value.retry_after_s
    assert (pool.counters.success_count, pool.counters.failure_count) == (1, 2)


def test_one_who_waits_gets_the_session_that_comes_back() -> None:
    pool = WatchedPool(1)
    waiting = threading.Event()

    def work() -> Session:
        waiting.set()
        with pool.lease(PATIENCE_S) as session:
            return session

    with ThreadPoolExecutor(1) as threads:
        with pool.lease() as session:
            later = threads.submit(work)
            waiting.wait(PATIENCE_S)
        assert later.result(PATIENCE_S) is session


def test_a_session_that_failed_is_thrown_away() -> None:
    pool = WatchedPool(1)
    with pytest.raises(InferenceFailedError), pool.lease() as failed:
        raise InferenceFailedError("It failed.")
    with pool.lease() as session:
        assert session is not failed
    assert len(pool.opened) == 2
    assert (pool.counters.success_count, pool.counters.failure_count) == (1, 1)


def test_a_session_that_refused_its_feeds_is_kept() -> None:
    # Else a caller could make the device open models all day long.
    pool = WatchedPool(1)
    with pytest.raises(InvalidArgumentError), pool.lease() as kept:
        raise InvalidArgumentError("It does not fit.")
    with pool.lease() as session:
        assert session is kept
    assert len(pool.opened) == 1


def test_a_session_that_cannot_be_opened_leaves_its_place_free() -> None:
    fails = True

    def open_session() -> Session:
        if fails:
            raise ModelUnavailableError("Not now.")
        return WatchedSession()

    pool = SessionPool(open_session, 1)
    with pytest.raises(ModelUnavailableError), pool.lease(0):
        pytest.fail("There was no session to lend.")
    fails = False
    with pool.lease(0) as session:
        assert session is not None


def test_closing_waits_for_what_is_lent_and_lends_no_more() -> None:
    pool = WatchedPool(2)
    with ThreadPoolExecutor(1) as threads:
        with pool.lease():
            assert not pool.close(timeout_s=0)
            closing = threads.submit(pool.close)
            with pytest.raises(ModelUnavailableError), pool.lease(PATIENCE_S):
                pytest.fail("The pool is closed.")
            assert not closing.done()
        assert closing.result(PATIENCE_S)


def test_closing_turns_away_those_who_wait() -> None:
    pool = WatchedPool(1)
    waiting = threading.Event()

    def work() -> None:
        waiting.set()
        with pool.lease(PATIENCE_S):
            pytest.fail("The pool is closed.")

    with ThreadPoolExecutor(1) as threads, pool.lease():
        later = threads.submit(work)
        waiting.wait(PATIENCE_S)
        pool.close(timeout_s=0)
        with pytest.raises(ModelUnavailableError):
            later.result(PATIENCE_S)


def test_times_and_the_last_moment_are_counted() -> None:
    pool = WatchedPool(1)
    before_ms = time.time_ns() // 1_000_000
    with pool.lease() as session:
        session.run({})
    counters = pool.counters
    assert counters.compute_ns > 0
    assert counters.queue_ns > 0
    assert before_ms <= counters.last_inference_ms <= time.time_ns() // 1_000_000
    counters.reset()
    assert (counters.success_count, counters.compute_ns, counters.last_inference_ms) == (0, 0, 0)


def test_a_pool_without_places_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="at least one"):
        WatchedPool(0)
