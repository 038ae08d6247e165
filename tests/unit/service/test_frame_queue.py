"""The queue of a video stream: order, bounds, and who is let go when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.service.video import Arrival, FrameQueue
from lintel.v1 import video_pb2


def arrival(number: int) -> Arrival:
    frame = video_pb2.VideoFrame(sequence_number=number)
    return Arrival(frame, monotonic_ns(), error=None)


def serve(queue: FrameQueue) -> None:
    while (taken := queue.take()) is not None:
        frame, reply = taken
        reply.set_result(
            video_pb2.ProcessVideoResponse(
                sequence_number=frame.frame.sequence_number, dropped_frames=frame.dropped
            )
        )


@given(st.integers(0, 60), st.integers(1, 4), st.booleans())
def test_every_frame_is_answered_in_order_or_counted_as_dropped(
    count: int, window: int, newest_wins: bool
) -> None:
    queue = FrameQueue(window, newest_wins)

    def read() -> None:
        assert all(queue.put(arrival(number)) for number in range(count))
        queue.finish()

    with ThreadPoolExecutor(window + 1) as threads:
        reading = threads.submit(read)
        workers = [threads.submit(serve, queue) for _ in range(window)]
        replies = list(queue.replies())
        reading.result()
        for worker in workers:
            worker.result()
    numbers = [reply.sequence_number for reply in replies]
    assert numbers == sorted(numbers)
    assert len(replies) + sum(reply.dropped_frames for reply in replies) == count
    if count:
        assert numbers[-1] == count - 1
    if not newest_wins:
        assert numbers == list(range(count))


def test_a_newer_frame_takes_the_place_of_the_waiting_one() -> None:
    queue = FrameQueue(window=1, newest_wins=True)
    for number in range(5):
        assert queue.put(arrival(number))
    taken = queue.take()
    assert taken is not None
    assert taken[0].frame.sequence_number == 4
    assert taken[0].dropped == 4


def test_an_abandoned_queue_lets_everyone_go() -> None:
    queue = FrameQueue(window=1, newest_wins=False)
    queue.put(arrival(0))
    with ThreadPoolExecutor(3) as threads:
        blocked = threads.submit(queue.put, arrival(1))
        queue.abandon()
        assert blocked.result() is False
        assert queue.take() is None
        assert list(queue.replies()) == []


def test_a_failure_comes_after_the_replies_to_earlier_frames() -> None:
    queue = FrameQueue(window=2, newest_wins=False)
    queue.put(arrival(0))
    queue.finish(InvalidArgumentError("Something is wrong."))
    assert queue.put(arrival(1)) is False
    serve(queue)
    replies = queue.replies()
    assert next(replies).sequence_number == 0
    with pytest.raises(InvalidArgumentError):
        next(replies)
