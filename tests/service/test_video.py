"""lintel.v1.VideoService, through a real channel."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from numpy.typing import NDArray
from tests.mask_packages import write_mask_package

from lintel.edge.images import decode
from lintel.edge.service import DeviceServer
from lintel.v1 import face_pb2, image_pb2, video_pb2, video_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]
Request = video_pb2.ProcessVideoRequest


@pytest.fixture
def video(channel: grpc.Channel) -> video_pb2_grpc.VideoServiceStub:
    return video_pb2_grpc.VideoServiceStub(channel)


def config(
    *tasks: video_pb2.VideoTask.ValueType,
    policy: video_pb2.DropPolicy.ValueType = video_pb2.DROP_POLICY_LOSSLESS,
) -> Request:
    return Request(config=video_pb2.VideoConfig(tasks=tasks, drop_policy=policy))


def frame(number: int, data: bytes) -> Request:
    image = image_pb2.Image(encoded=data)
    return Request(
        frame=video_pb2.VideoFrame(sequence_number=number, timestamp_us=number * 10, image=image)
    )


def test_replies_come_in_order_with_what_was_asked_for(
    video: video_pb2_grpc.VideoServiceStub, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    pictures = [face_jpeg, plain_jpeg] * 10
    requests = [config(video_pb2.VIDEO_TASK_BLUR_FACES, video_pb2.VIDEO_TASK_IMAGE_STATISTICS)]
    requests += [frame(number, data) for number, data in enumerate(pictures)]
    replies = list(video.ProcessVideo(iter(requests)))
    assert [reply.sequence_number for reply in replies] == list(range(20))
    assert [reply.timestamp_us for reply in replies] == list(range(0, 200, 10))
    assert all(reply.result.blurred.encoded.startswith(b"\xff\xd8") for reply in replies)
    assert all(reply.result.statistics.pixel_count for reply in replies)
    assert [bool(reply.result.detections.faces) for reply in replies] == [True, False] * 10
    assert all(reply.dropped_frames == 0 for reply in replies)


def test_a_result_that_does_not_fit_into_a_reply_leaves_the_stream_alone(
    start_device: Callable[..., DeviceServer], plain_jpeg: bytes, noise_jpeg: bytes
) -> None:
    device = start_device({"server": {"max_message_mib": 1}})
    first = config(video_pb2.VIDEO_TASK_BLUR_FACES)
    first.config.detection.min_score = 1.0
    first.config.output.format = image_pb2.IMAGE_FORMAT_PNG
    requests = [first, frame(1, noise_jpeg), frame(2, plain_jpeg)]
    with grpc.insecure_channel(device.addresses[0]) as channel:
        replies = list(video_pb2_grpc.VideoServiceStub(channel).ProcessVideo(iter(requests)))
    assert [reply.WhichOneof("outcome") for reply in replies] == ["error", "result"]
    assert replies[0].error.reason == "RESULT_TOO_LARGE"
    assert replies[0].error.field == "frame"


def test_timings_tell_where_the_time_went(
    video: video_pb2_grpc.VideoServiceStub, face_jpeg: bytes
) -> None:
    requests = [config(video_pb2.VIDEO_TASK_BLUR_FACES), frame(1, face_jpeg)]
    timings = next(iter(video.ProcessVideo(iter(requests)))).timings
    stages = timings.decode_us + timings.detect_us + timings.blur_us + timings.encode_us
    assert timings.detect_us > 0
    assert timings.statistics_us == 0
    assert stages + timings.queue_us <= timings.total_us


def test_only_what_was_asked_for_is_done(
    video: video_pb2_grpc.VideoServiceStub, face_jpeg: bytes
) -> None:
    requests = [config(video_pb2.VIDEO_TASK_IMAGE_STATISTICS), frame(1, face_jpeg)]
    result = next(iter(video.ProcessVideo(iter(requests)))).result
    assert result.HasField("statistics")
    assert not result.HasField("detections")
    assert not result.HasField("blurred")


def test_masks_are_judged_in_frames(
    start_device: Callable[..., DeviceServer], tmp_path: Path, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    write_mask_package(tmp_path / "models")
    device = start_device({"models": {"directory": str(tmp_path / "models")}})
    requests = [config(video_pb2.VIDEO_TASK_CLASSIFY_MASKS)]
    requests += [frame(1, face_jpeg), frame(2, face_jpeg[:200]), frame(3, plain_jpeg)]
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        judged, damaged, empty = stub.ProcessVideo(iter(requests))
        requests[0].config.tasks.append(video_pb2.VIDEO_TASK_BLUR_FACES)
        requests[0].config.masks.min_probability = 1.0
        blurred = next(iter(stub.ProcessVideo(iter(requests[:2]))))
    (face,) = judged.result.detections.faces
    # The drawn skin is red more than green or blue.
    assert face.mask.state == face_pb2.MASK_STATE_NOT_WORN
    assert not judged.result.HasField("blurred")
    assert 0 < judged.timings.mask_us < judged.timings.total_us
    assert damaged.error.field == "frame.image.encoded"
    assert empty.result.HasField("detections")
    assert not empty.result.detections.faces
    # Of the face as it came, not of what covers it.
    again = blurred.result.detections.faces[0].mask
    assert again.state == face_pb2.MASK_STATE_UNSURE
    assert again.not_worn_probability == face.mask.not_worn_probability
    assert blurred.result.blurred.encoded


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        ({"min_probability": 1.5}, "INVALID_ARGUMENT", "config.masks.min_probability"),
        ({"model": "nobody"}, "NOT_FOUND", "config.masks.model"),
        ({"model": "face"}, "NOT_FOUND", "config.masks.model"),
        ({}, "NOT_FOUND", "config.masks.model"),
    ],
)
def test_masks_that_cannot_be_judged_are_refused_at_the_beginning(
    start_device: Callable[..., DeviceServer],
    face_jpeg: bytes,
    details_of: Details,
    options: dict[str, Any],
    code: str,
    field: str,
) -> None:
    device = start_device({"masks": {"model": ""}})
    first = config(video_pb2.VIDEO_TASK_CLASSIFY_MASKS, video_pb2.VIDEO_TASK_BLUR_FACES)
    first.config.masks.CopyFrom(face_pb2.MaskOptions(**options))
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.ProcessVideo(iter([first, frame(1, face_jpeg)])))
        # Without that task all else goes on.
        del first.config.tasks[0]
        first.config.ClearField("masks")
        (reply,) = stub.ProcessVideo(iter([first, frame(1, face_jpeg)]))
    assert caught.value.code().name == code
    assert details_of(caught.value)["BadRequest"].field_violations[0].field == field
    assert reply.result.blurred.encoded


def test_a_device_without_a_face_model_measures_frames_all_the_same(
    start_device: Callable[..., DeviceServer], face_jpeg: bytes, details_of: Details
) -> None:
    device = start_device({"faces": {"model": ""}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        measured = config(video_pb2.VIDEO_TASK_IMAGE_STATISTICS)
        (reply,) = stub.ProcessVideo(iter([measured, frame(1, face_jpeg)]))
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.ProcessVideo(iter([config(video_pb2.VIDEO_TASK_BLUR_FACES)])))
    assert reply.result.statistics.pixel_count == 320 * 320
    violation = details_of(caught.value)["BadRequest"].field_violations[0]
    assert violation.field == "config.detection.model"


def test_nobody_looks_for_faces_in_frames_covered_whole_unless_asked_to(
    video: video_pb2_grpc.VideoServiceStub, face_jpeg: bytes
) -> None:
    start = config(video_pb2.VIDEO_TASK_BLUR_FACES)
    start.config.blur.whole_frame = True
    reply = next(iter(video.ProcessVideo(iter([start, frame(1, face_jpeg)]))))
    assert reply.result.HasField("blurred")
    assert not reply.result.HasField("detections")
    assert reply.timings.detect_us == 0
    start.config.tasks.append(video_pb2.VIDEO_TASK_DETECT_FACES)
    result = next(iter(video.ProcessVideo(iter([start, frame(1, face_jpeg)])))).result
    assert result.detections.faces
    whole = decode(result.blurred.encoded).pixels
    # All of it is smooth, far from the face too.
    assert np.abs(np.diff(whole.astype(np.int16), axis=1)).max() < 20


def test_a_damaged_frame_is_answered_and_the_stream_goes_on(
    video: video_pb2_grpc.VideoServiceStub, plain_jpeg: bytes
) -> None:
    requests = [
        config(video_pb2.VIDEO_TASK_BLUR_FACES),
        frame(1, plain_jpeg[:100]),
        frame(2, plain_jpeg),
    ]
    replies = list(video.ProcessVideo(iter(requests)))
    assert [reply.WhichOneof("outcome") for reply in replies] == ["error", "result"]
    assert replies[0].error.field == "frame.image.encoded"


def test_a_number_that_does_not_grow_is_refused(
    video: video_pb2_grpc.VideoServiceStub, plain_jpeg: bytes
) -> None:
    requests = [config(video_pb2.VIDEO_TASK_DETECT_FACES)]
    requests += [frame(number, plain_jpeg) for number in (5, 5, 4, 6)]
    replies = list(video.ProcessVideo(iter(requests)))
    assert [reply.WhichOneof("outcome") for reply in replies] == [
        "result",
        "error",
        "error",
        "result",
    ]
    assert replies[1].error.field == "frame.sequence_number"


def test_newest_wins_drops_frames_and_says_how_many(
    video: video_pb2_grpc.VideoServiceStub, draw_face: Callable[..., NDArray[np.uint8]]
) -> None:
    pixels = draw_face(1920, 1080)
    image = image_pb2.Image(
        raw=image_pb2.RawFrame(
            pixel_format=image_pb2.PIXEL_FORMAT_BGR8, width=1920, height=1080, data=pixels.tobytes()
        )
    )
    requests = [
        config(
            video_pb2.VIDEO_TASK_DETECT_FACES,
            video_pb2.VIDEO_TASK_IMAGE_STATISTICS,
            policy=video_pb2.DROP_POLICY_NEWEST_WINS,
        )
    ]
    requests += [
        Request(frame=video_pb2.VideoFrame(sequence_number=number, image=image))
        for number in range(40)
    ]
    replies = list(video.ProcessVideo(iter(requests)))
    numbers = [reply.sequence_number for reply in replies]
    assert numbers == sorted(numbers)
    # The last frame always survives, and every frame is either answered or counted.
    assert numbers[-1] == 39
    assert len(replies) + sum(reply.dropped_frames for reply in replies) == 40
    assert len(replies) < 40


def test_a_lossless_sender_is_held_back(
    video: video_pb2_grpc.VideoServiceStub, draw_face: Callable[..., NDArray[np.uint8]]
) -> None:
    pixels = draw_face(1280, 720)
    image = image_pb2.Image(
        raw=image_pb2.RawFrame(
            pixel_format=image_pb2.PIXEL_FORMAT_BGR8, width=1280, height=720, data=pixels.tobytes()
        )
    )
    sent = 0

    def requests() -> Iterator[Request]:
        nonlocal sent
        yield config(video_pb2.VIDEO_TASK_DETECT_FACES)
        for number in range(60):
            sent = number
            yield Request(frame=video_pb2.VideoFrame(sequence_number=number, image=image))

    replies = video.ProcessVideo(requests())
    next(replies)
    # 2.7 MB a frame: what is sent ahead is bounded by the device's window and HTTP/2's.
    assert sent < 30
    assert sum(1 for _ in replies) == 59


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "config"),
        ([Request()], "config"),
        ([frame(1, b"")], "config"),
        ([config()], "config.tasks"),
        ([config(video_pb2.VIDEO_TASK_UNSPECIFIED)], "config.tasks[0]"),
        (
            [
                Request(
                    config=video_pb2.VideoConfig(
                        tasks=[video_pb2.VIDEO_TASK_BLUR_FACES], drop_policy=9
                    )
                )
            ],
            "config.drop_policy",
        ),
        ([config(video_pb2.VIDEO_TASK_BLUR_FACES)] * 2, "frame"),
    ],
)
def test_a_wrong_beginning_is_named(
    video: video_pb2_grpc.VideoServiceStub,
    details_of: Details,
    requests: list[Request],
    field: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(video.ProcessVideo(iter(requests)))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    violation = details_of(caught.value)["BadRequest"].field_violations[0]
    assert violation.field == field


def test_streams_are_bounded(
    start_device: Callable[..., DeviceServer], plain_jpeg: bytes, details_of: Details
) -> None:
    device = start_device({"server": {"max_streams": 1}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        first: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        first.put(config(video_pb2.VIDEO_TASK_DETECT_FACES))
        first.put(frame(1, plain_jpeg))
        open_stream = stub.ProcessVideo(iter(first.get, None))
        next(open_stream)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.ProcessVideo(iter([config(video_pb2.VIDEO_TASK_DETECT_FACES)])))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "RetryInfo" in details_of(caught.value)
        first.put(None)
        assert not list(open_stream)


def test_a_caller_that_leaves_frees_its_stream(
    start_device: Callable[..., DeviceServer], plain_jpeg: bytes
) -> None:
    device = start_device({"server": {"max_streams": 1}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        for _ in range(5):
            replies = _open_when_free(stub, plain_jpeg)
            assert next(replies).HasField("result")
            replies.cancel()


def test_a_caller_that_never_reads_is_let_go(
    start_device: Callable[..., DeviceServer], plain_jpeg: bytes
) -> None:
    device = start_device({"server": {"max_streams": 1, "send_timeout_s": 0.3}})
    raw = {"pixel_format": "PIXEL_FORMAT_BGR8", "width": 640, "height": 480}
    image = image_pb2.Image(raw=image_pb2.RawFrame(**raw, data=bytes(640 * 480 * 3)))
    frames = (
        Request(frame=video_pb2.VideoFrame(sequence_number=number, image=image))
        for number in itertools.count(1)
    )
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        start = [config(video_pb2.VIDEO_TASK_BLUR_FACES)]
        unread = stub.ProcessVideo(itertools.chain(start, frames))
        assert next(unread).sequence_number == 1
        replies = _open_when_free(stub, plain_jpeg)
        assert next(replies).HasField("result")
        replies.cancel()
        with pytest.raises(grpc.RpcError):
            list(unread)
        assert unread.code() is grpc.StatusCode.CANCELLED


def test_draining_ends_a_stream_after_its_frames(
    start_device: Callable[..., DeviceServer], plain_jpeg: bytes, details_of: Details
) -> None:
    device = start_device()
    with grpc.insecure_channel(device.addresses[0]) as channel:
        stub = video_pb2_grpc.VideoServiceStub(channel)
        requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        requests.put(config(video_pb2.VIDEO_TASK_DETECT_FACES))
        requests.put(frame(1, plain_jpeg))
        replies = stub.ProcessVideo(iter(requests.get, None))
        assert next(replies).sequence_number == 1
        device.stop()
        with pytest.raises(grpc.RpcError) as caught:
            next(replies)
        requests.put(None)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert details_of(caught.value)["ErrorInfo"].reason == "NOT_SERVING"


def _open_when_free(
    stub: video_pb2_grpc.VideoServiceStub, picture: bytes
) -> Iterator[video_pb2.ProcessVideoResponse]:
    """Opens an endless stream, again and again while the one before is still closing."""
    while True:
        frames = (frame(number, picture) for number in itertools.count(1))
        start = [config(video_pb2.VIDEO_TASK_DETECT_FACES)]
        replies = stub.ProcessVideo(itertools.chain(start, frames), timeout=30)
        try:
            next(replies)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            return replies
