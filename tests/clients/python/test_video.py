"""Streams of frames: against a real device, and against one that can be held still."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import grpc
import numpy as np
import pytest

from lintel.client import (
    AsyncClient,
    Client,
    DeadlineExceededError,
    InvalidArgumentError,
    LintelError,
)
from lintel.client.video import Progress
from lintel.edge.service import DeviceServer
from lintel.v1 import video_pb2, video_pb2_grpc

Response = video_pb2.ProcessVideoResponse


class Puppet(video_pb2_grpc.VideoServiceServicer):
    """Answers a frame when the test says so.

    Attributes:
        arrived: Numbers of the frames that have arrived.
        ended: Set when the stream is over for the server.
    """

    def __init__(self) -> None:
        self.arrived: queue.Queue[int] = queue.Queue()
        self.ended = threading.Event()
        self._replies: queue.Queue[Response | None] = queue.Queue()

    def reply(self, number: int) -> None:
        self._replies.put(Response(sequence_number=number))

    def end(self) -> None:
        self._replies.put(None)

    def ProcessVideo(self, request_iterator: Any, context: Any) -> Iterator[Response]:  # noqa: N802
        def over() -> None:
            self.ended.set()
            self.end()

        if not context.add_callback(over):
            over()

        def receive() -> None:
            try:
                for request in request_iterator:
                    if request.WhichOneof("message") == "frame":
                        self.arrived.put(request.frame.sequence_number)
            except grpc.RpcError:
                self.ended.set()

        threading.Thread(target=receive, daemon=True).start()
        yield from iter(self._replies.get, None)


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def puppet_address(start_server: Callable[..., str], puppet: Puppet) -> str:
    return start_server(
        lambda server: video_pb2_grpc.add_VideoServiceServicer_to_server(puppet, server)
    )


def test_every_frame_is_answered_in_order(
    ask: Any, device: DeviceServer, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    frames = [(number * 40_000, face_jpeg if number % 2 else plain_jpeg) for number in range(20)]
    results = ask(
        device.addresses[0],
        "process_video",
        iter(frames),
        tasks=["detect_faces", "blur_faces", "image_statistics"],
        method="fill",
        output_format="png",
    )
    assert [result.sequence_number for result in results] == list(range(20))
    assert [result.timestamp_us for result in results] == [frame[0] for frame in frames]
    assert [len(result.detections.faces) for result in results] == [0, 1] * 10
    assert all(result.blurred.data.startswith(b"\x89PNG") for result in results)
    assert {result.statistics.width for result in results} == {64, 320}
    assert all(result.error is None and result.dropped_frames == 0 for result in results)
    assert all(result.timings.total_us >= result.timings.decode_us > 0 for result in results)


def test_what_was_not_asked_for_is_none(ask: Any, device: DeviceServer, plain_jpeg: bytes) -> None:
    (result,) = ask(device.addresses[0], "process_video", [plain_jpeg], tasks=("image_statistics",))
    assert result.detections is result.blurred is None
    assert result.timestamp_us > 0


def test_arrays_come_back_as_arrays(ask: Any, device: DeviceServer) -> None:
    frames = [np.full((24, 32, 3), (number, 100, 200), np.uint8) for number in range(5)]
    results = ask(device.addresses[0], "process_video", frames, tasks=["blur_faces"])
    for frame, result in zip(frames, results, strict=True):
        assert np.array_equal(result.blurred.to_array(), frame)


def test_a_bad_frame_leaves_the_stream_alive(
    ask: Any, device: DeviceServer, plain_jpeg: bytes
) -> None:
    results = ask(
        device.addresses[0],
        "process_video",
        [plain_jpeg, b"no picture", plain_jpeg],
        tasks=["detect_faces"],
    )
    assert [result.error is None for result in results] == [True, False, True]
    assert isinstance(results[1].error, InvalidArgumentError)
    assert results[1].detections is None


def test_a_stream_without_frames_has_no_results(ask: Any, device: DeviceServer) -> None:
    assert ask(device.addresses[0], "process_video", [], tasks=["detect_faces"]) == []


def test_newest_wins_accounts_for_every_frame(
    ask: Any, device: DeviceServer, face_jpeg: bytes
) -> None:
    results = ask(
        device.addresses[0],
        "process_video",
        itertools.repeat(face_jpeg, 50),
        tasks=["blur_faces"],
        drop_policy="newest_wins",
    )
    numbers = [result.sequence_number for result in results]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 49
    assert len(results) + sum(result.dropped_frames for result in results) == 50


def test_an_asynchronous_iterator_of_frames_will_do(
    device: DeviceServer, plain_jpeg: bytes
) -> None:
    async def frames() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(0)
            yield plain_jpeg

    async def work() -> list[int]:
        async with AsyncClient(device.addresses[0]) as client:
            results = client.process_video(frames(), tasks=["detect_faces"])
            return [result.sequence_number async for result in results]

    assert asyncio.run(work()) == list(range(10))


@pytest.mark.parametrize(
    ("named", "match"),
    [
        ({"tasks": []}, "tasks"),
        ({"tasks": "blur_faces"}, "tasks"),
        ({"tasks": ["dance"]}, "tasks must be one of detect_faces, blur_faces, image_statistics"),
        ({"tasks": ["blur_faces"], "drop_policy": "oldest"}, "drop_policy must be one of"),
        ({"tasks": ["blur_faces"], "window": 0}, "window"),
    ],
)
def test_arguments_are_checked_at_once(ask: Any, named: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ask("127.0.0.1:1", "process_video", [b"jpeg"], **named)


@pytest.mark.parametrize("failure", [RuntimeError("the camera fell off"), KeyError("camera")])
def test_what_the_iterator_raises_reaches_the_caller_and_ends_the_stream(
    ask: Any, puppet: Puppet, puppet_address: str, failure: Exception
) -> None:
    def frames() -> Iterator[bytes]:
        yield b"jpeg"
        raise failure

    with pytest.raises(type(failure)) as caught:
        ask(puppet_address, "process_video", frames(), tasks=["detect_faces"])
    assert caught.value is failure
    assert puppet.ended.wait(10)


@pytest.mark.parametrize("bad", [None, "no-such-file.jpg", np.zeros((2, 2), float)])
def test_a_frame_that_cannot_be_sent_is_raised(
    ask: Any, puppet: Puppet, puppet_address: str, bad: Any
) -> None:
    with pytest.raises((TypeError, FileNotFoundError, ValueError)):
        ask(puppet_address, "process_video", [b"jpeg", bad], tasks=["detect_faces"])
    assert puppet.ended.wait(10)


def test_no_more_frames_are_taken_than_the_window_holds(
    puppet: Puppet, puppet_address: str
) -> None:
    taken: list[int] = []

    def frames() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"jpeg"

    with Client(puppet_address) as client:
        results = client.process_video(frames(), tasks=["detect_faces"], window=3)
        first: list[int] = []
        reader = threading.Thread(target=lambda: first.append(next(results).sequence_number))
        reader.start()
        assert [puppet.arrived.get(timeout=10) for _ in range(3)] == [0, 1, 2]
        assert taken == [0, 1, 2]
        puppet.reply(0)
        assert puppet.arrived.get(timeout=10) == 3
        reader.join()
        assert first == [0]
        assert taken == [0, 1, 2, 3]
        results.close()


def test_no_more_frames_are_taken_than_the_window_holds_in_asyncio(
    puppet: Puppet, puppet_address: str
) -> None:
    taken: list[int] = []

    async def frames() -> AsyncIterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield b"jpeg"

    async def work() -> None:
        async with AsyncClient(puppet_address) as client:
            results = client.process_video(frames(), tasks=["detect_faces"], window=3)
            first = asyncio.create_task(anext(results))
            arrived = [await asyncio.to_thread(puppet.arrived.get, timeout=10) for _ in range(3)]
            assert arrived == taken == [0, 1, 2]
            puppet.reply(0)
            assert await asyncio.to_thread(puppet.arrived.get, timeout=10) == 3
            assert (await first).sequence_number == 0
            assert taken == [0, 1, 2, 3]
            await results.aclose()

    asyncio.run(work())


def test_where_the_device_drops_nothing_is_held_back(puppet: Puppet, puppet_address: str) -> None:
    with Client(puppet_address) as client:
        frames = itertools.repeat(b"jpeg", 50)
        results = client.process_video(
            frames, tasks=["detect_faces"], drop_policy="newest_wins", window=1
        )
        puppet.reply(0)
        assert next(results).sequence_number == 0
        assert [puppet.arrived.get(timeout=10) for _ in range(50)] == list(range(50))
        results.close()


def test_leaving_the_loop_ends_the_stream(puppet: Puppet, puppet_address: str) -> None:
    puppet.reply(0)
    with Client(puppet_address) as client:
        for result in client.process_video(itertools.repeat(b"jpeg"), tasks=["detect_faces"]):
            assert result.sequence_number == 0
            break
        assert puppet.ended.wait(10)


def test_leaving_the_loop_ends_the_stream_in_asyncio(puppet: Puppet, puppet_address: str) -> None:
    async def work() -> bool:
        async with AsyncClient(puppet_address) as client:
            stream = client.process_video(itertools.repeat(b"jpeg"), tasks=["detect_faces"])
            async with aclosing(stream) as results:
                async for result in results:
                    assert result.sequence_number == 0
                    break
            return await asyncio.to_thread(puppet.ended.wait, 10)

    puppet.reply(0)
    assert asyncio.run(work())


def test_an_asynchronous_iterator_that_waits_is_told_of_the_end(
    puppet: Puppet, puppet_address: str
) -> None:
    async def work() -> None:
        waiting, closed = asyncio.Event(), asyncio.Event()

        async def frames() -> AsyncIterator[bytes]:
            try:
                yield b"jpeg"
                waiting.set()
                await asyncio.get_running_loop().create_future()
            finally:
                closed.set()

        async with AsyncClient(puppet_address) as client:
            async with aclosing(client.process_video(frames(), tasks=["detect_faces"])) as results:
                await anext(results)
                await asyncio.wait_for(waiting.wait(), 10)
            await asyncio.wait_for(closed.wait(), 10)

    puppet.reply(0)
    asyncio.run(work())
    assert puppet.ended.wait(10)


def test_an_iterator_that_waits_does_not_hold_back_the_end(
    puppet: Puppet, puppet_address: str
) -> None:
    release = threading.Event()

    def frames() -> Iterator[bytes]:
        yield b"jpeg"
        release.wait()

    puppet.reply(0)
    with Client(puppet_address) as client:
        with closing(client.process_video(frames(), tasks=["detect_faces"])) as results:
            next(results)
        assert puppet.ended.wait(10)
    release.set()


def test_what_an_asynchronous_iterator_raises_reaches_the_caller(
    puppet: Puppet, puppet_address: str
) -> None:
    async def frames() -> AsyncIterator[bytes]:
        yield b"jpeg"
        raise RuntimeError("the camera fell off")

    async def work() -> None:
        async with AsyncClient(puppet_address) as client:
            async for _ in client.process_video(frames(), tasks=["detect_faces"]):
                pass

    with pytest.raises(RuntimeError, match="the camera fell off"):
        asyncio.run(work())
    assert puppet.ended.wait(10)


@pytest.mark.usefixtures("puppet")
def test_a_frame_left_unanswered_is_late(ask: Any, puppet_address: str) -> None:
    with pytest.raises(DeadlineExceededError, match=r"0\.2 s"):
        ask(
            puppet_address,
            "process_video",
            [b"jpeg"],
            tasks=["detect_faces"],
            client={"timeout_s": 0.2},
        )


def test_a_stream_that_is_not_ended_is_late(ask: Any, puppet: Puppet, puppet_address: str) -> None:
    puppet.reply(0)
    with pytest.raises(DeadlineExceededError):
        ask(
            puppet_address,
            "process_video",
            [b"jpeg"],
            tasks=["detect_faces"],
            client={"timeout_s": 0.2},
        )


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_device_is_late_only_when_it_owes_something_and_someone_waits() -> None:
    clock = Clock()
    progress = Progress(timeout_s=10, lossless=True, clock=clock)
    progress.waiting()
    clock.now += 60
    # A camera that gives no frames: nothing is owed.
    assert progress.time_left() == 10
    progress.sent()
    clock.now += 4
    assert progress.time_left() == 6
    progress.sent()
    # The first is answered, the second is owed from now on; nobody waits for it yet.
    progress.answered(0)
    clock.now += 60
    assert progress.time_left() == 10
    progress.waiting()
    clock.now += 11
    assert progress.time_left() == -1
    progress.answered(1)
    progress.waiting()
    clock.now += 60
    assert progress.time_left() == 10


def test_a_reply_settles_the_frames_dropped_before_it() -> None:
    clock = Clock()
    progress = Progress(timeout_s=10, lossless=False, clock=clock)
    for _ in range(5):
        progress.sent()
    progress.answered(0)
    progress.answered(4)
    progress.waiting()
    clock.now += 60
    assert progress.time_left() == 10


def test_a_frame_passed_over_in_a_lossless_stream_is_no_secret(
    ask: Any, puppet: Puppet, puppet_address: str
) -> None:
    puppet.reply(0)
    puppet.reply(2)
    with pytest.raises(LintelError, match="frame 2 before 1") as caught:
        ask(puppet_address, "process_video", [b"jpeg"] * 5, tasks=["detect_faces"])
    assert caught.value.code == "DATA_LOSS"
    assert puppet.ended.wait(10)


@pytest.mark.parametrize("drop_policy", ["lossless", "newest_wins"])
def test_a_stream_that_the_device_ends_early_has_not_ended_well(
    ask: Any, puppet: Puppet, puppet_address: str, drop_policy: str
) -> None:
    puppet.reply(0)
    puppet.end()
    with pytest.raises(LintelError, match="before it had answered every frame") as caught:
        ask(
            puppet_address,
            "process_video",
            [b"jpeg"] * 5,
            tasks=["detect_faces"],
            drop_policy=drop_policy,
        )
    assert caught.value.code == "DATA_LOSS"
