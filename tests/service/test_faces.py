"""lintel.v1.FaceService, through a real channel."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from numpy.typing import NDArray

from lintel.edge.images import ImageFormat, decode, encode
from lintel.edge.service import DeviceServer
from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2

Details = Callable[[grpc.RpcError], dict[str, Message]]
DrawFace = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def faces(channel: grpc.Channel) -> face_pb2_grpc.FaceServiceStub:
    return face_pb2_grpc.FaceServiceStub(channel)


def encoded(*pictures: bytes) -> list[image_pb2.Image]:
    return [image_pb2.Image(encoded=picture) for picture in pictures]


def raw_bgr(pixels: NDArray[np.uint8]) -> image_pb2.Image:
    height, width = pixels.shape[:2]
    return image_pb2.Image(
        raw=image_pb2.RawFrame(
            pixel_format=image_pb2.PIXEL_FORMAT_BGR8,
            width=width,
            height=height,
            data=pixels.tobytes(),
        )
    )


def test_a_face_is_found_where_it_is(
    faces: face_pb2_grpc.FaceServiceStub, face_jpeg: bytes
) -> None:
    response = faces.DetectFaces(face_pb2.DetectFacesRequest(images=encoded(face_jpeg)))
    detections = response.results[0].detections
    assert (detections.width, detections.height) == (320, 320)
    best = detections.faces[0]
    assert best.box.x_min < 160 < best.box.x_max
    assert best.box.y_min < 160 < best.box.y_max
    assert 0.5 < best.score <= 1


def test_no_face_is_an_ordinary_outcome(
    faces: face_pb2_grpc.FaceServiceStub, plain_jpeg: bytes
) -> None:
    response = faces.DetectFaces(face_pb2.DetectFacesRequest(images=encoded(plain_jpeg)))
    assert response.results[0].WhichOneof("outcome") == "detections"
    assert not response.results[0].detections.faces


def test_scores_below_the_least_are_left_out(
    faces: face_pb2_grpc.FaceServiceStub, face_jpeg: bytes
) -> None:
    request = face_pb2.DetectFacesRequest(
        images=encoded(face_jpeg), detection=face_pb2.DetectionOptions(min_score=1.0)
    )
    assert not faces.DetectFaces(request).results[0].detections.faces


def test_a_damaged_picture_fails_alone(
    faces: face_pb2_grpc.FaceServiceStub, face_jpeg: bytes
) -> None:
    damaged = face_jpeg[: len(face_jpeg) // 2]
    pictures = encoded(face_jpeg, damaged, face_jpeg)
    response = faces.BlurFaces(face_pb2.BlurFacesRequest(images=pictures))
    outcomes = [result.WhichOneof("outcome") for result in response.results]
    assert outcomes == ["blurred", "error", "blurred"]
    error = response.results[1].error
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert error.reason == "IMAGE_UNDECODABLE"
    assert error.field == "images[1].encoded"


def test_a_result_that_does_not_fit_into_the_reply_fails_alone(
    start_device: Callable[..., DeviceServer], plain_jpeg: bytes, noise_jpeg: bytes
) -> None:
    device = start_device({"server": {"max_message_mib": 1}})
    request = face_pb2.BlurFacesRequest(
        images=encoded(plain_jpeg, noise_jpeg, plain_jpeg),
        detection=face_pb2.DetectionOptions(min_score=1.0),
        output=face_pb2.OutputOptions(format=image_pb2.IMAGE_FORMAT_PNG),
    )
    with grpc.insecure_channel(device.addresses[0]) as channel:
        results = face_pb2_grpc.FaceServiceStub(channel).BlurFaces(request).results
    assert [result.WhichOneof("outcome") for result in results] == ["blurred", "error", "blurred"]
    error = results[1].error
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (error.reason, error.field) == ("RESULT_TOO_LARGE", "images[1]")


def test_the_face_is_destroyed_and_the_rest_is_left(
    faces: face_pb2_grpc.FaceServiceStub, draw_face: DrawFace
) -> None:
    original = draw_face(320, 240)
    request = face_pb2.BlurFacesRequest(
        images=[raw_bgr(original)],
        blur=face_pb2.BlurOptions(
            method=face_pb2.BLUR_METHOD_FILL, shape=face_pb2.BLUR_SHAPE_BOX, margin=0.0
        ),
    )
    blurred = faces.BlurFaces(request).results[0].blurred
    shown = np.frombuffer(blurred.image.raw.data, np.uint8).reshape(original.shape)
    assert blurred.faces
    covered = np.zeros(original.shape[:2], bool)
    for face in blurred.faces:
        rows = slice(int(face.box.y_min), int(np.ceil(face.box.y_max)))
        columns = slice(int(face.box.x_min), int(np.ceil(face.box.x_max)))
        assert len(np.unique(shown[rows, columns].reshape(-1, 3), axis=0)) == 1
        covered[rows, columns] = True
    assert np.array_equal(shown[~covered], original[~covered])


def test_a_picture_comes_back_in_its_format_unless_asked_otherwise(
    faces: face_pb2_grpc.FaceServiceStub, draw_face: DrawFace
) -> None:
    png = encode(draw_face(160, 120), ImageFormat.PNG)
    as_sent = faces.BlurFaces(face_pb2.BlurFacesRequest(images=encoded(png)))
    assert as_sent.results[0].blurred.image.encoded.startswith(b"\x89PNG")
    request = face_pb2.BlurFacesRequest(
        images=encoded(png),
        output=face_pb2.OutputOptions(format=image_pb2.IMAGE_FORMAT_WEBP, quality=50),
    )
    assert faces.BlurFaces(request).results[0].blurred.image.encoded[8:12] == b"WEBP"


def test_a_whole_frame_is_covered_without_looking(
    faces: face_pb2_grpc.FaceServiceStub, draw_face: DrawFace
) -> None:
    request = face_pb2.BlurFacesRequest(
        images=[raw_bgr(draw_face(320, 240))],
        blur=face_pb2.BlurOptions(method=face_pb2.BLUR_METHOD_PIXELATE, whole_frame=True),
    )
    blurred = faces.BlurFaces(request).results[0].blurred
    shown = np.frombuffer(blurred.image.raw.data, np.uint8).reshape(-1, 3)
    assert not blurred.faces
    assert len(np.unique(shown, axis=0)) <= 64


def test_a_device_without_a_face_model_covers_whole_frames(
    start_device: Callable[..., DeviceServer], face_jpeg: bytes
) -> None:
    device = start_device({"faces": {"model": ""}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        faces = face_pb2_grpc.FaceServiceStub(channel)
        request = face_pb2.BlurFacesRequest(images=encoded(face_jpeg))
        with pytest.raises(grpc.RpcError) as caught:
            faces.BlurFaces(request)
        assert caught.value.details() == "The device is set to have no face model (faces.model)."
        request.blur.whole_frame = True
        assert faces.BlurFaces(request).results[0].blurred.image.encoded


def test_an_upright_result_for_a_picture_stored_on_its_side(
    faces: face_pb2_grpc.FaceServiceStub, draw_face: DrawFace
) -> None:
    stored = encode(np.rot90(draw_face(320, 240)).copy(), ImageFormat.JPEG, 95)
    # An EXIF block whose only entry says: turn by 90 degrees clockwise.
    exif = (
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00"
        b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    )
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    picture = stored[:2] + segment + stored[2:]
    blurred = faces.BlurFaces(face_pb2.BlurFacesRequest(images=encoded(picture)))
    result = blurred.results[0].blurred
    assert (result.width, result.height) == (320, 240)
    assert result.faces
    assert b"Exif" not in result.image.encoded
    assert decode(result.image.encoded).pixels.shape == (240, 320, 3)


@pytest.mark.parametrize("count", [0, 65])
def test_the_number_of_pictures_is_bounded(
    faces: face_pb2_grpc.FaceServiceStub, plain_jpeg: bytes, details_of: Details, count: int
) -> None:
    request = face_pb2.DetectFacesRequest(images=encoded(*[plain_jpeg] * count))
    with pytest.raises(grpc.RpcError) as caught:
        faces.DetectFaces(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    violation = details_of(caught.value)["BadRequest"].field_violations[0]
    assert violation.field == "images"
    assert "1 to 64" in violation.description
    info = details_of(caught.value)["ErrorInfo"]
    assert info.reason == ("TOO_MANY_IMAGES" if count else "INVALID_ARGUMENT")
    assert dict(info.metadata) == ({"limit": "64"} if count else {})


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"detection": {"min_score": 1.5}}, "detection.min_score"),
        ({"detection": {"min_score": float("nan")}}, "detection.min_score"),
        ({"blur": {"margin": -0.1}}, "blur.margin"),
        ({"blur": {"margin": float("inf")}}, "blur.margin"),
        ({"blur": {"method": 77}}, "blur.method"),
        ({"blur": {"shape": 77}}, "blur.shape"),
        ({"output": {"quality": 0}}, "output.quality"),
        ({"output": {"quality": 101}}, "output.quality"),
        ({"output": {"format": 9}}, "output.format"),
    ],
)
def test_a_wrong_option_is_named(
    faces: face_pb2_grpc.FaceServiceStub,
    plain_jpeg: bytes,
    details_of: Details,
    request_: dict[str, dict[str, float]],
    field: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        faces.BlurFaces(face_pb2.BlurFacesRequest(images=encoded(plain_jpeg), **request_))
    details = details_of(caught.value)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details["BadRequest"].field_violations[0].field == field


def test_an_unknown_model_fails_the_call(
    faces: face_pb2_grpc.FaceServiceStub, plain_jpeg: bytes, details_of: Details
) -> None:
    request = face_pb2.DetectFacesRequest(
        images=encoded(plain_jpeg), detection=face_pb2.DetectionOptions(model="nobody")
    )
    with pytest.raises(grpc.RpcError) as caught:
        faces.DetectFaces(request)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    info = details_of(caught.value)["ErrorInfo"]
    assert (info.reason, info.domain) == ("MODEL_NOT_FOUND", "lintel")


@pytest.mark.parametrize(
    ("image", "field", "reason"),
    [
        (image_pb2.Image(), "images[0].content", "INVALID_ARGUMENT"),
        (image_pb2.Image(encoded=b""), "images[0].encoded", "IMAGE_UNDECODABLE"),
        (image_pb2.Image(encoded=b"GIF89a" + bytes(50)), "images[0].encoded", None),
        (
            image_pb2.Image(raw=image_pb2.RawFrame(width=2, height=2, data=bytes(12))),
            "images[0].raw.pixel_format",
            "INVALID_ARGUMENT",
        ),
        (
            image_pb2.Image(
                raw=image_pb2.RawFrame(
                    pixel_format=image_pb2.PIXEL_FORMAT_BGR8, width=2, height=2, data=bytes(11)
                )
            ),
            "images[0].raw.data",
            "INVALID_ARGUMENT",
        ),
        (
            image_pb2.Image(
                raw=image_pb2.RawFrame(
                    pixel_format=image_pb2.PIXEL_FORMAT_NV12, width=3, height=2, data=bytes(9)
                )
            ),
            "images[0].raw.width",
            "INVALID_ARGUMENT",
        ),
    ],
)
def test_what_is_wrong_with_a_picture_is_named(
    faces: face_pb2_grpc.FaceServiceStub, image: image_pb2.Image, field: str, reason: str | None
) -> None:
    error = faces.DetectFaces(face_pb2.DetectFacesRequest(images=[image])).results[0].error
    assert error.field == field
    assert error.message.endswith(".")
    if reason is not None:
        assert error.reason == reason
