"""lintel.v1.MaskService, through a real channel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from tests.mask_packages import expected, plain, write_mask_package

from lintel.edge.config import parse
from lintel.edge.images import ImageFormat, encode
from lintel.edge.service import DeviceServer
from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2, mask_pb2, mask_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]
StartDevice = Callable[..., DeviceServer]
Request = mask_pb2.ClassifyMasksRequest
Stub = mask_pb2_grpc.MaskServiceStub

GREENISH, REDDISH, BLUEISH = (40, 200, 90), (30, 60, 220), (230, 110, 100)
WORN, NOT_WORN = face_pb2.MASK_STATE_WORN, face_pb2.MASK_STATE_NOT_WORN
WORN_INCORRECTLY, UNSURE = face_pb2.MASK_STATE_WORN_INCORRECTLY, face_pb2.MASK_STATE_UNSURE
BOXES, WHOLE_IMAGE = mask_pb2.FACE_SOURCE_BOXES, mask_pb2.FACE_SOURCE_WHOLE_IMAGE


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a device listens that has two mask models."""
    folder = tmp_path_factory.mktemp("device")
    write_mask_package(folder / "models")
    write_mask_package(folder / "models", "sure", output_keys="min_probability = 1.0")
    tree: dict[str, Any] = {
        "server": {"listen": ["127.0.0.1:0"], "drain_s": 2.0},
        "series": {"path": str(folder / "series.db")},
        "models": {"directory": str(folder / "models")},
    }
    with DeviceServer(parse(tree)) as device:
        yield device.addresses[0]


@pytest.fixture
def masks(address: str) -> Iterator[Stub]:
    with grpc.insecure_channel(address) as channel:
        yield Stub(channel)


def png(pixels: NDArray[np.uint8]) -> image_pb2.Image:
    return image_pb2.Image(encoded=encode(pixels, ImageFormat.PNG))


def boxes(*corners: tuple[float, float, float, float]) -> mask_pb2.FaceBoxes:
    names = ("x_min", "y_min", "x_max", "y_max")
    return mask_pb2.FaceBoxes(
        boxes=[image_pb2.BoundingBox(**dict(zip(names, box, strict=True))) for box in corners]
    )


def states(result: mask_pb2.ClassifyMasksResult) -> list[int]:
    return [face.mask.state for face in result.detections.faces]


def probabilities(face: face_pb2.Face) -> list[float]:
    verdict = face.mask
    return [
        verdict.worn_probability,
        verdict.not_worn_probability,
        verdict.worn_incorrectly_probability,
    ]


class TestVerdicts:
    def test_faces_are_found_and_judged(self, masks: Stub, address: str, face_jpeg: bytes) -> None:
        images = [image_pb2.Image(encoded=face_jpeg)]
        (result,) = masks.ClassifyMasks(Request(images=images)).results
        assert states(result) == [NOT_WORN]
        assert (result.detections.width, result.detections.height) == (320, 320)
        (face,) = result.detections.faces
        assert sum(probabilities(face)) == pytest.approx(1)
        with grpc.insecure_channel(address) as channel:
            request = face_pb2.DetectFacesRequest(images=images)
            found = face_pb2_grpc.FaceServiceStub(channel).DetectFaces(request)
        (alone,) = found.results[0].detections.faces
        assert face.box.x_min == pytest.approx(alone.box.x_min, abs=8)
        assert face.score == pytest.approx(alone.score, abs=0.1)
        assert not alone.HasField("mask")

    def test_a_picture_without_faces_is_an_ordinary_outcome(
        self, masks: Stub, plain_jpeg: bytes
    ) -> None:
        request = Request(images=[image_pb2.Image(encoded=plain_jpeg)])
        (result,) = masks.ClassifyMasks(request).results
        assert result.WhichOneof("outcome") == "detections"
        assert not result.detections.faces

    def test_given_faces_are_judged_in_their_order(self, masks: Stub) -> None:
        pixels = np.hstack([plain(colour) for colour in (GREENISH, REDDISH, BLUEISH)])
        corners = [(80.5, 10, 110, 40), (0, 0, 40, 48), (140, 10, 192, 40)]
        request = Request(
            images=[png(pixels), png(plain(REDDISH)), png(plain(GREENISH))],
            face_source=BOXES,
            boxes=[boxes(*corners), boxes(), boxes((0, 0, 64, 48))],
        )
        first, second, third = masks.ClassifyMasks(request).results
        assert states(first) == [NOT_WORN, WORN, WORN_INCORRECTLY]
        assert (states(second), states(third)) == ([], [WORN])
        told = [
            (f.box.x_min, f.box.y_min, f.box.x_max, f.box.y_max) for f in first.detections.faces
        ]
        assert told == corners
        assert [face.score for face in first.detections.faces] == [1, 1, 1]
        assert probabilities(first.detections.faces[0]) == pytest.approx(
            expected(REDDISH), abs=1e-5
        )

    def test_whole_pictures_may_be_faces(self, masks: Stub) -> None:
        colours = (GREENISH, REDDISH, BLUEISH)
        request = Request(
            images=[png(plain(colour)) for colour in colours], face_source=WHOLE_IMAGE
        )
        results = masks.ClassifyMasks(request).results
        assert [states(result) for result in results] == [[WORN], [NOT_WORN], [WORN_INCORRECTLY]]
        (face,) = results[0].detections.faces
        assert (face.score, face.box.x_max, face.box.y_max) == (1, 64, 48)

    def test_what_is_less_probable_than_asked_is_unsure(self, masks: Stub) -> None:
        # 0.64 for worn.
        images = [png(plain((125, 140, 128)))]
        for options, state in (
            ({}, WORN),
            ({"min_probability": 0.6}, WORN),
            ({"min_probability": 0.7}, UNSURE),
            ({"model": "sure"}, UNSURE),
            ({"model": "sure", "min_probability": 0.0}, WORN),
        ):
            request = Request(
                images=images, face_source=WHOLE_IMAGE, masks=face_pb2.MaskOptions(**options)
            )
            (result,) = masks.ClassifyMasks(request).results
            assert states(result) == [state], options
            # Unsure or not, what is known is told.
            assert probabilities(result.detections.faces[0])[0] == pytest.approx(0.64, abs=0.01)

    def test_only_faces_that_are_sure_enough_are_judged(
        self, masks: Stub, face_jpeg: bytes
    ) -> None:
        request = Request(
            images=[image_pb2.Image(encoded=face_jpeg)],
            detection=face_pb2.DetectionOptions(min_score=1.0),
        )
        assert not masks.ClassifyMasks(request).results[0].detections.faces


class TestRefusals:
    def refused(self, masks: Stub, request: Request, details_of: Details) -> tuple[str, str, str]:
        """Returns the status, the field and the sentence of a call that is refused."""
        with pytest.raises(grpc.RpcError) as caught:
            masks.ClassifyMasks(request)
        (violation,) = details_of(caught.value)["BadRequest"].field_violations
        return caught.value.code().name, violation.field, violation.description

    @pytest.mark.parametrize(
        ("keys", "field", "words"),
        [
            ({"face_source": 9}, "face_source", "0, 1, 2, 3"),
            ({"boxes": [boxes()]}, "boxes", "FACE_SOURCE_BOXES only"),
            ({"boxes": [boxes()], "face_source": 1}, "boxes", "FACE_SOURCE_BOXES only"),
            ({"boxes": [boxes()], "face_source": 3}, "boxes", "FACE_SOURCE_BOXES only"),
            ({"face_source": 2}, "boxes", "1, not 0"),
            ({"boxes": [boxes(), boxes()], "face_source": 2}, "boxes", "1, not 2"),
            ({"masks": {"min_probability": 1.5}}, "masks.min_probability", "0 to 1"),
            ({"masks": {"min_probability": float("nan")}}, "masks.min_probability", "0 to 1"),
            ({"detection": {"min_score": -1}}, "detection.min_score", "0 to 1"),
        ],
    )
    def test_what_is_wrong_with_a_call_is_named(
        self,
        masks: Stub,
        plain_jpeg: bytes,
        details_of: Details,
        keys: dict[str, Any],
        field: str,
        words: str,
    ) -> None:
        request = Request(images=[image_pb2.Image(encoded=plain_jpeg)], **keys)
        code, named, sentence = self.refused(masks, request, details_of)
        assert (code, named) == ("INVALID_ARGUMENT", field)
        assert words in sentence

    @pytest.mark.parametrize(
        ("keys", "field"),
        [
            ({"masks": {"model": "nobody"}}, "masks.model"),
            ({"masks": {"model": "face"}}, "masks.model"),
            ({"detection": {"model": "nobody"}}, "detection.model"),
            ({"detection": {"model": "mask"}}, "detection.model"),
        ],
    )
    def test_a_model_that_is_not_there_is_named(
        self, masks: Stub, plain_jpeg: bytes, details_of: Details, keys: dict[str, Any], field: str
    ) -> None:
        request = Request(images=[image_pb2.Image(encoded=plain_jpeg)], **keys)
        with pytest.raises(grpc.RpcError) as caught:
            masks.ClassifyMasks(request)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        details: dict[str, Any] = dict(details_of(caught.value))
        assert details["ErrorInfo"].reason == "MODEL_NOT_FOUND"
        assert details["BadRequest"].field_violations[0].field == field

    @pytest.mark.parametrize("count", [0, 65])
    def test_the_number_of_pictures_is_bounded(
        self, masks: Stub, plain_jpeg: bytes, details_of: Details, count: int
    ) -> None:
        images = [image_pb2.Image(encoded=plain_jpeg)] * count
        for request in (
            Request(images=images),
            Request(images=images, face_source=BOXES, boxes=[boxes()] * count),
        ):
            code, field, sentence = self.refused(masks, request, details_of)
            assert (code, field) == ("INVALID_ARGUMENT", "images")
            assert "1 to 64" in sentence

    @pytest.mark.parametrize(
        ("given", "field", "words"),
        [
            ([(0, 0, 9, 9)] * 3 + [(0, 0, 65, 9)], "boxes[1].boxes[3].x_max", "0 to 64"),
            ([(0, 0, 9, 49)], "boxes[1].boxes[0].y_max", "0 to 48"),
            ([(-1, 0, 9, 9)], "boxes[1].boxes[0].x_min", "0 to 64"),
            ([(float("nan"), 0, 9, 9)], "boxes[1].boxes[0].x_min", "0 to 64"),
            ([(0, float("inf"), 9, 9)], "boxes[1].boxes[0].y_min", "0 to 48"),
            ([(9, 0, 9, 9)], "boxes[1].boxes[0].x_max", "greater than its x_min"),
            ([(0, 9, 9, 8)], "boxes[1].boxes[0].y_max", "greater than its y_min"),
            ([(0, 0, 9, 9)] * 257, "boxes[1].boxes", "at most 256 boxes, not 257"),
        ],
    )
    def test_a_box_that_cannot_be_fails_its_picture_alone(
        self,
        masks: Stub,
        given: list[tuple[float, float, float, float]],
        field: str,
        words: str,
    ) -> None:
        request = Request(
            images=[png(plain(GREENISH))] * 3,
            face_source=BOXES,
            boxes=[boxes((0, 0, 9, 9)), boxes(*given), boxes((9, 9, 30, 30))],
        )
        first, second, third = masks.ClassifyMasks(request).results
        assert (states(first), states(third)) == ([WORN], [WORN])
        assert second.error.field == field
        assert words in second.error.message
        assert second.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert second.error.reason == "INVALID_ARGUMENT"

    def test_a_damaged_picture_fails_alone(self, masks: Stub, face_jpeg: bytes) -> None:
        pictures = [face_jpeg, face_jpeg[: len(face_jpeg) // 2], face_jpeg]
        images = [image_pb2.Image(encoded=picture) for picture in pictures]
        results = masks.ClassifyMasks(Request(images=images)).results
        assert [result.WhichOneof("outcome") for result in results] == [
            "detections",
            "error",
            "detections",
        ]
        assert results[1].error.field == "images[1].encoded"
        given = Request(images=images, face_source=BOXES, boxes=[boxes((0, 0, 9, 9))] * 3)
        assert masks.ClassifyMasks(given).results[1].error.field == "images[1].encoded"

    @pytest.mark.parametrize("source", [0, BOXES, WHOLE_IMAGE])
    def test_a_picture_without_content_is_named(self, masks: Stub, source: int) -> None:
        lists = [boxes()] if source == BOXES else []
        request = Request(images=[image_pb2.Image()], boxes=lists)
        request.face_source = source  # type: ignore[assignment]
        assert masks.ClassifyMasks(request).results[0].error.field == "images[0].content"


class TestDevice:
    @pytest.mark.parametrize("breaks", ["missing", "broken", "none"])
    def test_without_a_mask_model_all_else_is_served(
        self,
        start_device: StartDevice,
        tmp_path: Path,
        face_jpeg: bytes,
        details_of: Details,
        caplog: pytest.LogCaptureFixture,
        breaks: str,
    ) -> None:
        folder = write_mask_package(tmp_path / "models", "door-mask")
        if breaks == "broken":
            (folder / "model.bin").write_bytes(b"other bytes")
        name = {"missing": "another-mask", "broken": "door-mask", "none": ""}[breaks]
        with caplog.at_level(logging.WARNING, logger="lintel.service"):
            device = start_device(
                {"models": {"directory": str(tmp_path / "models")}, "masks": {"model": name}}
            )
        told = [one for one in caplog.records if "no masks are judged" in one.getMessage()]
        assert [one.__dict__["model"] for one in told] == ([name] if name else [])
        images = [image_pb2.Image(encoded=face_jpeg)]
        with grpc.insecure_channel(device.addresses[0]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            served = {
                service: health.Check(health_pb2.HealthCheckRequest(service=service)).status
                for service in ("", "lintel.v1.FaceService", "lintel.v1.MaskService")
            }
            serving, not_serving = (
                health_pb2.HealthCheckResponse.SERVING,
                health_pb2.HealthCheckResponse.NOT_SERVING,
            )
            assert list(served.values()) == [serving, serving, not_serving]
            blur = face_pb2.BlurFacesRequest(images=images)
            assert face_pb2_grpc.FaceServiceStub(channel).BlurFaces(blur).results[0].blurred.faces
            with pytest.raises(grpc.RpcError) as caught:
                Stub(channel).ClassifyMasks(Request(images=images))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        details: dict[str, Any] = dict(details_of(caught.value))
        assert details["ErrorInfo"].reason == "MODEL_NOT_FOUND"
        assert details["BadRequest"].field_violations[0].field == "masks.model"

    def test_without_a_face_model_given_faces_are_judged(
        self, start_device: StartDevice, tmp_path: Path
    ) -> None:
        write_mask_package(tmp_path / "models")
        device = start_device(
            {"models": {"directory": str(tmp_path / "models")}, "faces": {"model": ""}}
        )
        with grpc.insecure_channel(device.addresses[0]) as channel:
            stub = Stub(channel)
            request = Request(images=[png(plain(GREENISH))], face_source=WHOLE_IMAGE)
            assert states(stub.ClassifyMasks(request).results[0]) == [WORN]
            request.face_source = mask_pb2.FACE_SOURCE_DETECTOR
            with pytest.raises(grpc.RpcError) as caught:
                stub.ClassifyMasks(request)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
