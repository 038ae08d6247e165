"""Streams as callers really make them: good frames, bad ones, and an end at any point."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lintel.edge.service import DeviceServer
from lintel.v1 import image_pb2, video_pb2

Request = video_pb2.ProcessVideoRequest
Reply = video_pb2.ProcessVideoResponse

MAX_STREAMS = 2
DEADLINE_S = 30.0
# A frame's picture and what comes of it, by name; "repeated" has the number of the one before.
FRAMES = ["plain", "face", "raw", "damaged", "empty", "unknown", "lying", "repeated"]
REASONS = {
    "damaged": "IMAGE_UNDECODABLE",
    "empty": "INVALID_ARGUMENT",
    "unknown": "INVALID_ARGUMENT",
    "lying": "IMAGE_TOO_LARGE",
    "repeated": "INVALID_ARGUMENT",
}
POLICIES = [video_pb2.DROP_POLICY_LOSSLESS, video_pb2.DROP_POLICY_NEWEST_WINS]
# What a caller may send where a frame belongs, each of which ends the stream.
BREAKS = {"config": Request(config={"tasks": [1]}), "nothing": Request(), "garbage": b"\xff\xff"}

frames = st.lists(st.sampled_from(FRAMES), max_size=25)
few = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def images(
    draw_face: Callable[..., Any], face_jpeg: bytes, plain_jpeg: bytes
) -> dict[str, image_pb2.Image]:
    pixels = cv2.cvtColor(draw_face(160, 120), cv2.COLOR_BGR2GRAY).tobytes()
    raw = {"pixel_format": 3, "width": 160, "height": 120, "data": pixels}
    return {
        "plain": image_pb2.Image(encoded=plain_jpeg),
        "face": image_pb2.Image(encoded=face_jpeg),
        "raw": image_pb2.Image(raw=raw),
        "damaged": image_pb2.Image(encoded=face_jpeg[: len(face_jpeg) // 2]),
        "empty": image_pb2.Image(),
        "unknown": image_pb2.Image(raw={**raw, "pixel_format": 77}),
        "lying": image_pb2.Image(raw={**raw, "height": 1 << 31}),
        "repeated": image_pb2.Image(encoded=plain_jpeg),
    }


@pytest.fixture
def stream(
    start_device: Callable[..., DeviceServer], images: dict[str, image_pb2.Image]
) -> Iterator[Callable[..., Any]]:
    """Opens streams on a device that has few places for them, as soon as one is free."""
    device = start_device({"server": {"max_streams": MAX_STREAMS}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        call = channel.stream_stream(
            "/lintel.v1.VideoService/ProcessVideo", response_deserializer=Reply.FromString
        )

        def open_stream(
            kinds: list[str], policy: video_pb2.DropPolicy.ValueType, last: bytes | None = None
        ) -> Any:
            config = {"tasks": video_pb2.VideoTask.values()[1:], "drop_policy": policy}
            requests = [Request(config=config), *number(kinds, images)]
            data = [request.SerializeToString() for request in requests]
            return call(iter(data + ([last] if last is not None else [])), timeout=DEADLINE_S)

        yield open_stream


def number(kinds: list[str], images: dict[str, image_pb2.Image]) -> Iterator[Request]:
    """Makes frames, numbered from 1 but for those that repeat a number."""
    reached = 0
    for position, kind in enumerate(kinds):
        reached += kind != "repeated"
        frame = {"sequence_number": reached, "timestamp_us": position, "image": images[kind]}
        yield Request(frame=frame)


def check_reply(reply: Reply, kind: str) -> None:
    """Holds one reply to what its frame was."""
    if kind in REASONS:
        assert reply.error.reason == REASONS[kind]
        assert not reply.HasField("result")
        return
    assert not reply.HasField("error"), reply.error
    assert bool(reply.result.detections.faces) == (kind in ("face", "raw"))
    assert reply.result.blurred.WhichOneof("content") == ("raw" if kind == "raw" else "encoded")
    assert reply.result.statistics.pixel_count > 0


def without_a_first_repetition(kinds: list[str]) -> list[str]:
    """Leaves out repetitions that have nothing before them to repeat."""
    while kinds[:1] == ["repeated"]:
        kinds = kinds[1:]
    return kinds


@few
@given(kinds=frames.map(without_a_first_repetition))
def test_lossless_streams_answer_every_frame_in_order(
    stream: Callable[..., Any], kinds: list[str]
) -> None:
    replies = list(stream(kinds, video_pb2.DROP_POLICY_LOSSLESS))
    assert [reply.timestamp_us for reply in replies] == list(range(len(kinds)))
    assert not any(reply.dropped_frames for reply in replies)
    for reply, kind in zip(replies, kinds, strict=True):
        check_reply(reply, kind)


@few
@given(kinds=frames.map(without_a_first_repetition))
def test_newest_wins_answers_in_order_and_counts_the_rest(
    stream: Callable[..., Any], kinds: list[str]
) -> None:
    answered = -1
    for reply in stream(kinds, video_pb2.DROP_POLICY_NEWEST_WINS):
        # Every frame between two replies is counted in the second.
        assert reply.timestamp_us == answered + 1 + reply.dropped_frames
        answered = reply.timestamp_us
        check_reply(reply, kinds[answered])
    # The newest of all is never dropped.
    assert answered == len(kinds) - 1


@few
@given(
    kinds=frames.map(without_a_first_repetition),
    policy=st.sampled_from(POLICIES),
    broken=st.sampled_from(sorted(BREAKS)),
)
def test_a_broken_stream_answers_what_came_before_and_says_why(
    stream: Callable[..., Any],
    kinds: list[str],
    policy: video_pb2.DropPolicy.ValueType,
    broken: str,
) -> None:
    end = BREAKS[broken]
    call = stream(kinds, policy, end if isinstance(end, bytes) else end.SerializeToString())
    answered = -1
    with pytest.raises(grpc.RpcError) as caught:
        for reply in call:
            assert reply.timestamp_us == answered + 1 + reply.dropped_frames
            answered = reply.timestamp_us
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert answered == len(kinds) - 1


@few
@given(
    kinds=frames.map(without_a_first_repetition),
    policy=st.sampled_from(POLICIES),
    read=st.integers(0, 12),
)
def test_callers_that_leave_at_any_point_free_their_places(
    stream: Callable[..., Any],
    wait: Callable[..., None],
    kinds: list[str],
    policy: video_pb2.DropPolicy.ValueType,
    read: int,
) -> None:
    for _ in range(MAX_STREAMS):
        leaving = stream(kinds, policy)
        with contextlib.suppress(StopIteration, grpc.RpcError):
            for _ in range(read):
                next(leaving)
        leaving.cancel()

    def all_places_are_free() -> bool:
        together = [stream(["plain"], policy) for _ in range(MAX_STREAMS)]
        try:
            return all(len(list(call)) == 1 for call in together)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            return False

    wait(all_places_are_free, "every place to be free again")
