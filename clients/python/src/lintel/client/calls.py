"""The unary methods: options into requests, responses into results."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar

from lintel.client.batches import Batch
from lintel.client.errors import InternalError, LintelError, of_picture
from lintel.client.outputs import BlurredPicture, read_blurred
from lintel.client.results import (
    FaceDetections,
    ImageStatistics,
    read_detections,
    read_statistics,
)
from lintel.v1 import face_pb2, image_pb2, statistics_pb2

BlurMethod = Literal["fill", "pixelate", "gaussian"]
BlurShape = Literal["box", "ellipse"]
OutputFormat = Literal["jpeg", "png", "webp"]

# None: as the device is set.
BLUR_METHODS: dict[BlurMethod | None, face_pb2.BlurMethod.ValueType] = {
    None: face_pb2.BLUR_METHOD_UNSPECIFIED,
    "fill": face_pb2.BLUR_METHOD_FILL,
    "pixelate": face_pb2.BLUR_METHOD_PIXELATE,
    "gaussian": face_pb2.BLUR_METHOD_GAUSSIAN,
}
BLUR_SHAPES: dict[BlurShape | None, face_pb2.BlurShape.ValueType] = {
    None: face_pb2.BLUR_SHAPE_UNSPECIFIED,
    "box": face_pb2.BLUR_SHAPE_BOX,
    "ellipse": face_pb2.BLUR_SHAPE_ELLIPSE,
}
OUTPUT_FORMATS: dict[OutputFormat | None, image_pb2.ImageFormat.ValueType] = {
    None: image_pb2.IMAGE_FORMAT_UNSPECIFIED,
    "jpeg": image_pb2.IMAGE_FORMAT_JPEG,
    "png": image_pb2.IMAGE_FORMAT_PNG,
    "webp": image_pb2.IMAGE_FORMAT_WEBP,
}


class DetectionOptions(TypedDict, total=False):
    """How to look for faces.

    Attributes:
        min_score: Leave out faces scored below this, 0 to 1; the device's setting if None.
        model: Name of a face model on the device; its default if empty.
    """

    min_score: float | None
    model: str


class BlurOptions(DetectionOptions, total=False):
    """How to destroy faces, and how to write the result. None: as the device is set.

    Attributes:
        method: What takes the place of a face; none can be undone.
        shape: The outline of what is covered.
        margin: Reach beyond the found box on every side, as a share of its size, 0 to 2.
        whole_frame: Cover the whole picture, without looking for faces.
        output_format: How the picture is written; as it came if None.
        quality: JPEG and WebP quality, 1 to 100.
    """

    method: BlurMethod | None
    shape: BlurShape | None
    margin: float | None
    whole_frame: bool
    output_format: OutputFormat | None
    quality: int | None


class _Outcome(Protocol):
    """The result of one picture, as every method's response holds it."""

    @property
    def error(self) -> image_pb2.ImageError: ...
    def WhichOneof(self, oneof_group: Literal["outcome"]) -> str | None: ...  # noqa: N802


Request = TypeVar("Request")
Response = TypeVar("Response")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call(Generic[Request, Response, Result]):
    """One unary method with its options.

    Attributes:
        request: Makes the request for the images of a batch.
        outcomes: Takes the results, one a picture, out of a response.
        read: Reads one of them that is not an error.
    """

    request: Callable[[Batch], Request]
    outcomes: Callable[[Response], Sequence[Any]]
    read: Callable[[Any], Result]

    def single(self, response: Response) -> Result:
        """Returns the result of the only picture.

        Raises:
            LintelError: The picture could not be served.
        """
        (result,) = self._results(response, 1)
        if isinstance(result, LintelError):
            raise result
        return result

    def merged(self, batch: Batch, response: Response | None) -> list[Result | LintelError]:
        """Returns the results of a batch in the order of its pictures, unsent ones included.

        Args:
            batch: What was loaded.
            response: The device's; None where there was nothing to send.
        """
        results = iter(self._results(response, len(batch.images)) if response is not None else ())
        merged: list[Result | LintelError] = []
        for position, outcome in enumerate(batch.outcomes, start=batch.first):
            result = outcome if isinstance(outcome, LintelError) else next(results)
            if isinstance(result, LintelError):
                # The device counts within the call; the user, within all pictures.
                result.field = re.sub(r"^(images|boxes)\[\d+\]", rf"\1[{position}]", result.field)
            merged.append(result)
        return merged

    def _results(self, response: Response, count: int) -> list[Result | LintelError]:
        outcomes = self.outcomes(response)
        if len(outcomes) != count:
            raise InternalError(f"The device answered {len(outcomes)} of {count} pictures.")
        return [self._result(outcome) for outcome in outcomes]

    def _result(self, outcome: _Outcome) -> Result | LintelError:
        kind = outcome.WhichOneof("outcome")
        if kind is None:
            return InternalError("The device left a picture unanswered.")
        return of_picture(outcome.error) if kind == "error" else self.read(outcome)


def detect_faces(
    options: DetectionOptions,
) -> Call[face_pb2.DetectFacesRequest, face_pb2.DetectFacesResponse, FaceDetections]:
    """Prepares FaceService.DetectFaces."""
    refuse_unknown(options, DetectionOptions)
    detection = detection_message(options)
    return Call(
        lambda batch: face_pb2.DetectFacesRequest(images=batch.images, detection=detection),
        lambda response: response.results,
        lambda outcome: read_detections(outcome.detections),
    )


def blur_faces(
    options: BlurOptions,
) -> Call[face_pb2.BlurFacesRequest, face_pb2.BlurFacesResponse, BlurredPicture]:
    """Prepares FaceService.BlurFaces."""
    refuse_unknown(options, BlurOptions)
    detection, blur = detection_message(options), blur_message(options)
    output = output_message(options)
    return Call(
        lambda batch: face_pb2.BlurFacesRequest(
            images=batch.images, detection=detection, blur=blur, output=output
        ),
        lambda response: response.results,
        lambda outcome: read_blurred(outcome.blurred),
    )


def image_statistics() -> Call[
    statistics_pb2.ComputeImageStatisticsRequest,
    statistics_pb2.ComputeImageStatisticsResponse,
    ImageStatistics,
]:
    """Prepares StatisticsService.ComputeImageStatistics."""
    return Call(
        lambda batch: statistics_pb2.ComputeImageStatisticsRequest(images=batch.images),
        lambda response: response.results,
        lambda outcome: read_statistics(outcome.statistics),
    )


def detection_message(options: DetectionOptions) -> face_pb2.DetectionOptions:
    """Makes the message of options on detection."""
    return face_pb2.DetectionOptions(
        min_score=options.get("min_score"), model=options.get("model", "")
    )


def blur_message(options: BlurOptions) -> face_pb2.BlurOptions:
    """Makes the message of options on blur.

    Raises:
        ValueError: A method or shape is unknown.
    """
    method, shape = options.get("method"), options.get("shape")
    return face_pb2.BlurOptions(
        method=number_of(method, BLUR_METHODS, "method"),
        shape=number_of(shape, BLUR_SHAPES, "shape"),
        margin=options.get("margin"),
        whole_frame=options.get("whole_frame", False),
    )


def mask_message(min_probability: float | None, model: str) -> face_pb2.MaskOptions:
    """Makes the message of options on masks.

    Args:
        min_probability: Of a state that is said, 0 to 1; None: as the device is set.
        model: Name of a mask model; "": as the device is set.
    """
    return face_pb2.MaskOptions(min_probability=min_probability, model=model)


def output_message(options: BlurOptions) -> face_pb2.OutputOptions:
    """Makes the message of options on the output.

    Raises:
        ValueError: The format is unknown.
    """
    format_ = options.get("output_format")
    return face_pb2.OutputOptions(
        format=number_of(format_, OUTPUT_FORMATS, "output_format"),
        quality=options.get("quality"),
    )


Word = TypeVar("Word")
Number = TypeVar("Number")


def number_of(word: Word, numbers: Mapping[Word, Number], name: str) -> Number:
    """Returns the number of a word in one of the contract's enumerations.

    Args:
        word: Such as "gaussian".
        numbers: Those there are.
        name: What the user knows the argument by.

    Raises:
        ValueError: There is no such word.
    """
    if word not in numbers:
        allowed = ", ".join(str(known) for known in numbers)
        raise ValueError(f"{name} must be one of {allowed}, not {word!r}")
    return numbers[word]


def refuse_unknown(options: Collection[str], known: type) -> None:
    """Refuses options that a type checker would have refused.

    Raises:
        TypeError: Names the option and those there are.
    """
    unknown = next((name for name in options if name not in known.__annotations__), None)
    if unknown is not None:
        # All of a TypedDict's annotations, inherited ones too, are its own.
        raise TypeError(f"unknown option {unknown!r}; known are {', '.join(known.__annotations__)}")
