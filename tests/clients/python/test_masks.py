"""Mask verdicts through both clients: what is sent, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from lintel.client import Box, Face, FaceDetections, MaskState, MaskVerdict, NotFoundError
from lintel.v1 import face_pb2, image_pb2, mask_pb2, mask_pb2_grpc, video_pb2, video_pb2_grpc

Ask = Callable[..., Any]
Request = mask_pb2.ClassifyMasksRequest
Result = mask_pb2.ClassifyMasksResult
NOWHERE = "127.0.0.1:1"


class Recorder(mask_pb2_grpc.MaskServiceServicer, video_pb2_grpc.VideoServiceServicer):
    """Answers with one face a picture, whose box begins where the picture's bytes say.

    Attributes:
        requests: Those that have come.
        configs: Those of streams that have been opened.
        verdict: What is said of every face.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.configs: list[video_pb2.VideoConfig] = []
        self.verdict = face_pb2.MaskVerdict(
            state=face_pb2.MASK_STATE_WORN,
            worn_probability=0.75,
            not_worn_probability=0.125,
            worn_incorrectly_probability=0.125,
        )

    def ClassifyMasks(self, request: Request, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.requests.append(request)
        results = [self.result(index, image) for index, image in enumerate(request.images)]
        return mask_pb2.ClassifyMasksResponse(results=results)

    def ProcessVideo(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        self.configs += [message.config for message in request_iterator]
        yield from ()

    def result(self, index: int, image: image_pb2.Image) -> Result:
        if image.encoded == b"bad box":
            error = image_pb2.ImageError(code=3, field=f"boxes[{index}].boxes[2]")
            return Result(error=error)
        left = float(len(image.encoded))
        face = face_pb2.Face(
            box=image_pb2.BoundingBox(x_min=left, y_min=2, x_max=left + 3, y_max=4),
            score=1,
            mask=self.verdict,
        )
        return Result(detections=face_pb2.FaceDetections(faces=[face], width=640, height=480))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def address(start_server: Callable[..., str], recorder: Recorder) -> str:
    return start_server(
        lambda server: mask_pb2_grpc.add_MaskServiceServicer_to_server(recorder, server),
        lambda server: video_pb2_grpc.add_VideoServiceServicer_to_server(recorder, server),
    )


def boxes_of(message: mask_pb2.FaceBoxes) -> list[tuple[float, ...]]:
    return [(box.x_min, box.y_min, box.x_max, box.y_max) for box in message.boxes]


def test_a_verdict_stands_with_its_face(ask: Ask, address: str) -> None:
    found = ask(address, "classify_masks", b"jpeg")
    verdict = MaskVerdict(MaskState.WORN, 0.75, 0.125, 0.125)
    assert found == FaceDetections((Face(Box(4, 2, 7, 4), 1.0, verdict),), 640, 480)
    assert verdict.probability == 0.75
    assert verdict.state == "with_mask"


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (face_pb2.MASK_STATE_WORN, MaskState.WORN),
        (face_pb2.MASK_STATE_NOT_WORN, MaskState.NOT_WORN),
        (face_pb2.MASK_STATE_WORN_INCORRECTLY, MaskState.WORN_INCORRECTLY),
        (face_pb2.MASK_STATE_UNSURE, MaskState.UNSURE),
        # Of a device that knows more states.
        (99, MaskState.UNSURE),
    ],
)
def test_every_state_has_its_word(
    ask: Ask, address: str, recorder: Recorder, number: Any, state: MaskState
) -> None:
    recorder.verdict.state = number
    assert ask(address, "classify_masks", b"jpeg").faces[0].mask.state is state


def test_the_device_decides_where_nothing_is_said(
    ask: Ask, address: str, recorder: Recorder
) -> None:
    ask(address, "classify_masks", b"jpeg")
    (request,) = recorder.requests
    assert request.face_source == mask_pb2.FACE_SOURCE_DETECTOR
    assert not request.boxes
    assert not request.masks.HasField("min_probability")
    assert not request.detection.HasField("min_score")


def test_every_option_reaches_the_device(ask: Ask, address: str, recorder: Recorder) -> None:
    options = {"model": "mask-2", "min_probability": 0.75, "min_score": 0.5, "face_model": "face-2"}
    ask(address, "classify_masks", b"jpeg", **options)
    (request,) = recorder.requests
    assert request.masks == face_pb2.MaskOptions(min_probability=0.75, model="mask-2")
    assert request.detection == face_pb2.DetectionOptions(min_score=0.5, model="face-2")


def test_a_whole_image_is_sent_as_such(ask: Ask, address: str, recorder: Recorder) -> None:
    ask(address, "classify_masks", b"jpeg", whole_image=True)
    assert recorder.requests[0].face_source == mask_pb2.FACE_SOURCE_WHOLE_IMAGE


@pytest.mark.parametrize(
    "boxes",
    [
        [Box(1, 2, 3, 4), Box(5, 6, 7, 8)],
        [(1, 2, 3, 4), [5.0, 6.0, 7.0, 8.0]],
        np.arange(1, 9, dtype=np.float32).reshape(2, 4),
    ],
    ids=["boxes", "numbers", "array"],
)
def test_boxes_are_taken_in_any_form(
    ask: Ask, address: str, recorder: Recorder, boxes: Any
) -> None:
    ask(address, "classify_masks", b"jpeg", boxes=boxes)
    (request,) = recorder.requests
    assert request.face_source == mask_pb2.FACE_SOURCE_BOXES
    assert [boxes_of(message) for message in request.boxes] == [[(1, 2, 3, 4), (5, 6, 7, 8)]]


def test_of_many_pictures_each_goes_with_its_own_boxes(
    ask: Ask, address: str, recorder: Recorder, tmp_path: Path
) -> None:
    pictures: list[Any] = [b"j" * (number + 1) for number in range(20)]
    pictures[3] = tmp_path / "missing.jpg"
    boxes = [[(0, 0, number + 1, 1)] * (number % 3) for number in range(20)]
    results = ask(address, "classify_masks_each", iter(pictures), boxes=boxes)
    assert isinstance(results[3], NotFoundError)
    assert [result.faces[0].box.x_min for index, result in enumerate(results) if index != 3] == [
        number + 1 for number in range(20) if number != 3
    ]
    sent = {
        len(image.encoded) - 1: boxes_of(message)
        for request in recorder.requests
        for image, message in zip(request.images, request.boxes, strict=True)
    }
    assert sent == {number: boxes[number] for number in range(20) if number != 3}


def test_a_picture_without_boxes_has_no_faces_to_judge(
    ask: Ask, address: str, recorder: Recorder
) -> None:
    ask(address, "classify_masks", b"jpeg", boxes=[])
    (request,) = recorder.requests
    assert request.face_source == mask_pb2.FACE_SOURCE_BOXES
    assert [boxes_of(message) for message in request.boxes] == [[]]


def test_a_box_that_is_refused_is_named_by_the_place_of_its_picture(ask: Ask, address: str) -> None:
    pictures = [*[b"jpeg"] * 10, b"bad box"]
    results = ask(address, "classify_masks_each", pictures, boxes=[[]] * 11)
    assert results[10].field == "boxes[10].boxes[2]"


@pytest.mark.parametrize(("count", "than"), [(1, "fewer"), (3, "more")])
def test_boxes_of_another_number_of_pictures_are_refused(
    ask: Ask, address: str, count: int, than: str
) -> None:
    with pytest.raises(ValueError, match=f"it has {count}, {than} than there are pictures"):
        ask(address, "classify_masks_each", iter([b"jpeg"] * 2), boxes=[[]] * count)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"boxes": [], "whole_image": True}, ValueError, "contradict"),
        ({"boxes": [], "min_score": 0.5}, ValueError, "min_score and face_model are for faces"),
        ({"whole_image": True, "face_model": "face"}, ValueError, "leave them out"),
        ({"boxes": [(1, 2, 3)]}, ValueError, r"boxes\[0\] must be a Box or the four numbers"),
        ({"boxes": [(1, 2, 3, 4), 5]}, ValueError, r"boxes\[1\] must be"),
        ({"boxes": [("left", 2, 3, 4)]}, ValueError, r"boxes\[0\] must be"),
        ({"boxes": Box(1, 2, 3, 4)}, TypeError, "boxes must be boxes, one a face, not Box"),
        ({"margin": 0.2}, TypeError, "margin"),
    ],
)
def test_arguments_are_checked_before_anything_is_sent(
    ask: Ask, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        ask(NOWHERE, "classify_masks", b"jpeg", **options)


def test_a_wrong_box_among_many_pictures_is_named(ask: Ask) -> None:
    boxes = [[(1, 2, 3, 4)], [(1, 2, 3, 4), (1, 2)]]
    with pytest.raises(ValueError, match=r"boxes\[1\]\[1\] must be"):
        ask(NOWHERE, "classify_masks_each", [b"jpeg"] * 2, boxes=boxes)


def test_one_picture_where_many_are_asked_for_is_refused(ask: Ask) -> None:
    with pytest.raises(TypeError, match="pictures must be an iterable"):
        ask(NOWHERE, "classify_masks_each", "photo.jpg", boxes=[[]] * 9)


def test_a_stream_says_how_masks_are_to_be_judged(
    ask: Ask, address: str, recorder: Recorder
) -> None:
    options = {"min_probability": 0.75, "mask_model": "mask-2", "model": "face-2"}
    ask(address, "process_video", [], tasks=["classify_masks"], **options)
    (config,) = recorder.configs
    assert list(config.tasks) == [video_pb2.VIDEO_TASK_CLASSIFY_MASKS]
    assert config.masks == face_pb2.MaskOptions(min_probability=0.75, model="mask-2")
    assert config.detection.model == "face-2"
