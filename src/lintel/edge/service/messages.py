"""Between the contract's messages and the device's own types. No work is done here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message

from lintel.edge.errors import (
    CameraNotFoundError,
    InferenceFailedError,
    InvalidArgumentError,
    LintelError,
    ResultTooLargeError,
    TooManyImagesError,
)
from lintel.edge.images import ImageFormat, PixelFormat
from lintel.edge.service.admission import ensure_wanted
from lintel.edge.tasks.blur import BlurMethod, BlurShape
from lintel.edge.tasks.masks import MaskState
from lintel.edge.tasks.statistics import ChannelStatistics
from lintel.edge.workbench import (
    CoverOptions,
    DetectionOptions,
    EncodedImage,
    MaskOptions,
    MaskVerdicts,
    OutputOptions,
    RawImage,
    WorkResult,
)
from lintel.v1 import face_pb2, image_pb2, statistics_pb2

PIXEL_FORMATS = {
    image_pb2.PIXEL_FORMAT_BGR8: PixelFormat.BGR8,
    image_pb2.PIXEL_FORMAT_RGB8: PixelFormat.RGB8,
    image_pb2.PIXEL_FORMAT_GRAY8: PixelFormat.GRAY8,
    image_pb2.PIXEL_FORMAT_NV12: PixelFormat.NV12,
    image_pb2.PIXEL_FORMAT_I420: PixelFormat.I420,
}
PIXEL_FORMAT_NUMBERS = {format_: number for number, format_ in PIXEL_FORMATS.items()}
IMAGE_FORMATS = {
    image_pb2.IMAGE_FORMAT_UNSPECIFIED: None,
    image_pb2.IMAGE_FORMAT_JPEG: ImageFormat.JPEG,
    image_pb2.IMAGE_FORMAT_PNG: ImageFormat.PNG,
    image_pb2.IMAGE_FORMAT_WEBP: ImageFormat.WEBP,
}
BLUR_METHODS = {
    face_pb2.BLUR_METHOD_UNSPECIFIED: None,
    face_pb2.BLUR_METHOD_FILL: BlurMethod.FILL,
    face_pb2.BLUR_METHOD_PIXELATE: BlurMethod.PIXELATE,
    face_pb2.BLUR_METHOD_GAUSSIAN: BlurMethod.GAUSSIAN,
}
BLUR_SHAPES = {
    face_pb2.BLUR_SHAPE_UNSPECIFIED: None,
    face_pb2.BLUR_SHAPE_BOX: BlurShape.BOX,
    face_pb2.BLUR_SHAPE_ELLIPSE: BlurShape.ELLIPSE,
}
MASK_STATES = {
    MaskState.WORN: face_pb2.MASK_STATE_WORN,
    MaskState.NOT_WORN: face_pb2.MASK_STATE_NOT_WORN,
    MaskState.WORN_INCORRECTLY: face_pb2.MASK_STATE_WORN_INCORRECTLY,
    MaskState.UNSURE: face_pb2.MASK_STATE_UNSURE,
}
DEFAULT_QUALITY = 85
# Leaves room for what surrounds results in their reply, errors too.
SURROUNDINGS_BYTES = 64 * 1024

Value = TypeVar("Value")
Result = TypeVar("Result", bound=Message)


class CallLimits(NamedTuple):
    """What a call may carry.

    Attributes:
        images: Most pictures.
        message_bytes: Largest message, either way.
    """

    images: int
    message_bytes: int


def read_image(message: image_pb2.Image) -> EncodedImage | RawImage:
    """Reads a picture; its bytes are not looked at yet.

    Raises:
        InvalidArgumentError: No content is set, or the pixel format is unknown.
    """
    content = message.WhichOneof("content")
    if content == "encoded":
        return EncodedImage(message.encoded)
    if content == "raw":
        raw = message.raw
        pixel_format = choose(PIXEL_FORMATS, raw.pixel_format, "raw.pixel_format")
        return RawImage(raw.data, pixel_format, raw.width, raw.height, raw.stride_bytes)
    raise InvalidArgumentError("Either encoded or raw must be set.", field="content")


def read_detection(message: face_pb2.DetectionOptions) -> DetectionOptions:
    """Reads how to look for faces; errors name fields below "detection"."""
    min_score = message.min_score if message.HasField("min_score") else None
    return placed("detection", lambda: DetectionOptions(min_score, message.model))


def read_masks(message: face_pb2.MaskOptions) -> MaskOptions:
    """Reads how to judge masks; errors name fields below "masks"."""
    least = message.min_probability if message.HasField("min_probability") else None
    return placed("masks", lambda: MaskOptions(least, message.model))


def read_cover(message: face_pb2.BlurOptions) -> CoverOptions:
    """Reads how to destroy faces; errors name fields below "blur"."""
    return placed(
        "blur",
        lambda: CoverOptions(
            method=choose(BLUR_METHODS, message.method, "method"),
            shape=choose(BLUR_SHAPES, message.shape, "shape"),
            margin=message.margin if message.HasField("margin") else None,
            whole_frame=message.whole_frame,
        ),
    )


def read_output(message: face_pb2.OutputOptions) -> OutputOptions:
    """Reads how to write pictures; errors name fields below "output"."""
    quality = message.quality if message.HasField("quality") else DEFAULT_QUALITY
    return placed(
        "output", lambda: OutputOptions(choose(IMAGE_FORMATS, message.format, "format"), quality)
    )


def write_blurred(result: WorkResult) -> image_pb2.Image:
    """Writes the picture that is safe to show.

    Raises:
        InferenceFailedError: There is none; nothing else may take its place.
    """
    if result.blurred is None:
        raise InferenceFailedError("No blurred picture was made.")
    image = result.blurred.image
    if isinstance(image, EncodedImage):
        return image_pb2.Image(encoded=image.data)
    return image_pb2.Image(
        raw=image_pb2.RawFrame(
            pixel_format=PIXEL_FORMAT_NUMBERS[image.pixel_format],
            width=image.width,
            height=image.height,
            stride_bytes=image.stride_bytes,
            data=image.data,
        )
    )


def write_faces(result: WorkResult) -> list[face_pb2.Face]:
    """Writes faces, with their masks where these were judged; none where nobody looked."""
    detections = result.detections
    if detections is None:
        return []
    faces = [
        face_pb2.Face(
            box=image_pb2.BoundingBox(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max),
            score=score,
        )
        for (x_min, y_min, x_max, y_max), score in zip(
            detections.boxes.tolist(), detections.scores.tolist(), strict=True
        )
    ]
    if result.masks is not None:
        # Of the first faces only, where others were found just to be covered.
        for face, verdict in zip(faces, _write_verdicts(result.masks), strict=False):
            face.mask.CopyFrom(verdict)
    return faces


def write_verdict(state: MaskState, probabilities: Sequence[float]) -> face_pb2.MaskVerdict:
    """Writes what is said of a mask; the probabilities are in the order of MASK_LABELS."""
    worn, not_worn, worn_incorrectly = probabilities
    return face_pb2.MaskVerdict(
        state=MASK_STATES[state],
        worn_probability=worn,
        not_worn_probability=not_worn,
        worn_incorrectly_probability=worn_incorrectly,
    )


def write_detections(result: WorkResult) -> face_pb2.FaceDetections:
    """Writes the faces of a picture with its size."""
    return face_pb2.FaceDetections(
        faces=write_faces(result), width=result.width, height=result.height
    )


def write_statistics(result: WorkResult) -> statistics_pb2.ImageStatistics:
    """Writes the measurements of a picture.

    Raises:
        InferenceFailedError: There are none.
    """
    statistics = result.statistics
    if statistics is None:
        raise InferenceFailedError("The picture was not measured.")
    colours = (
        statistics_pb2.CHANNEL_RED,
        statistics_pb2.CHANNEL_GREEN,
        statistics_pb2.CHANNEL_BLUE,
    )
    return statistics_pb2.ImageStatistics(
        width=statistics.width,
        height=statistics.height,
        pixel_count=statistics.pixel_count,
        bit_depth=statistics.bit_depth,
        grey=_write_channel(statistics_pb2.CHANNEL_GREY, statistics.grey),
        channels=[
            _write_channel(colour, channel)
            for colour, channel in zip(colours, statistics.channels, strict=False)
        ],
        sharpness=statistics.sharpness,
    )


def write_error(error: LintelError) -> image_pb2.ImageError:
    """Writes the error of one picture."""
    code: int = grpc.StatusCode[error.code].value[0]
    return image_pb2.ImageError(
        code=code, reason=error.reason, message=error.message, field=error.field
    )


def for_each_image(
    images: Sequence[image_pb2.Image],
    limits: CallLimits,
    context: grpc.ServicerContext,
    work: Callable[[EncodedImage | RawImage, int], Result],
    failed: Callable[[image_pb2.ImageError], Result],
) -> list[Result]:
    """Works on the pictures of a call, so that one picture's error leaves the others alone.

    Args:
        images: The pictures, in order.
        limits: What the call may carry; results that no longer fit become errors.
        context: The call; work stops where its answer would reach nobody.
        work: Makes the result of a picture, which it is given with its place in the call.
        failed: Makes the result of a picture that could not be served.

    Returns:
        One result a picture, in order.

    Raises:
        InvalidArgumentError: There are no pictures.
        TooManyImagesError: There are too many.
        DeadlineExceededError: The deadline passed between two pictures.
        CancelledError: The caller went away between two pictures.
    """
    if not images:
        raise InvalidArgumentError(
            f"A call takes 1 to {limits.images} pictures, not 0.", field="images"
        )
    if len(images) > limits.images:
        raise TooManyImagesError(len(images), limits.images)
    results = []
    room = limits.message_bytes - SURROUNDINGS_BYTES
    for index, message in enumerate(images):
        if index:
            ensure_wanted(context)
        try:
            result = work(read_image(message), index)
            room -= ensure_fits(result, room)
            results.append(result)
        except LintelError as error:
            # What is wrong with a given face is told of the boxes that go with the picture.
            kind = "boxes" if error.field.startswith("boxes") else "images"
            results.append(failed(write_error(error.at(f"{kind}[{index}]"))))
    return results


def ensure_fits(result: Message, room: int) -> int:
    """Returns the bytes of a result, of which a reply holds no more than `room`.

    Raises:
        ResultTooLargeError: It is larger.
    """
    size = result.ByteSize()
    if size > room:
        raise ResultTooLargeError(size, room)
    return size


def choose(choices: dict[Any, Value], number: int, field: str) -> Value:
    """Looks an enum's number up.

    Raises:
        InvalidArgumentError: The number stands for nothing that can be served.
    """
    if number not in choices:
        allowed = ", ".join(str(int(known)) for known in choices)
        raise InvalidArgumentError(f"The value {number} is not one of {allowed}.", field=field)
    return choices[number]


def unknown_camera(known: Iterable[str], field: str) -> CameraNotFoundError:
    """Returns the error of a name that no camera has; whoever may ask so may list them too.

    Args:
        known: Names of the cameras that there are.
        field: Where the name stands in the request.
    """
    return CameraNotFoundError(
        f"The device has no camera of that name; it has {', '.join(known)}.", field=field
    )


def placed(field: str, read: Callable[[], Value]) -> Value:
    """Calls `read`, and places its errors below `field`."""
    try:
        return read()
    except LintelError as error:
        raise error.at(field) from None


def _write_verdicts(masks: MaskVerdicts) -> list[face_pb2.MaskVerdict]:
    return [
        write_verdict(state, probabilities)
        for state, probabilities in zip(masks.states, masks.probabilities.tolist(), strict=True)
    ]


def _write_channel(
    channel: statistics_pb2.Channel.ValueType, statistics: ChannelStatistics
) -> statistics_pb2.ChannelStatistics:
    return statistics_pb2.ChannelStatistics(
        channel=channel,
        mean=statistics.mean,
        standard_deviation=statistics.standard_deviation,
        minimum=statistics.minimum,
        maximum=statistics.maximum,
        histogram=statistics.histogram.tolist(),
        clipped_low_share=statistics.clipped_low_share,
        clipped_high_share=statistics.clipped_high_share,
    )
