"""The method on masks: where the faces are, and how they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from lintel.client.batches import Batch, refuse_single
from lintel.client.calls import Call, mask_message, refuse_unknown
from lintel.client.pictures import Picture
from lintel.client.results import Box, FaceDetections, read_detections
from lintel.v1 import face_pb2, image_pb2, mask_pb2

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The boxes of the faces of one picture: each a Box, or x_min, y_min, x_max, y_max in pixels; an
# array of shape (N, 4) will do.
Boxes: TypeAlias = "Iterable[Box | Sequence[float]] | NDArray[Any]"


class MaskOptions(TypedDict, total=False):
    """How to judge masks. None: as the device is set.

    Attributes:
        min_probability: States less probable than this are UNSURE, 0 to 1.
        model: Name of a mask model on the device; its default if empty.
        whole_image: Every picture is a crop of one face: none is looked for.
        min_score: Of faces that are looked for: leave out those scored below, 0 to 1.
        face_model: Of faces that are looked for: name of a face model on the device; its
            default if empty.
    """

    min_probability: float | None
    model: str
    whole_image: bool
    min_score: float | None
    face_model: str


ClassifyMasks: TypeAlias = Call[
    mask_pb2.ClassifyMasksRequest, mask_pb2.ClassifyMasksResponse, FaceDetections
]


def classify_masks(options: MaskOptions, boxes: Boxes | None) -> ClassifyMasks:
    """Prepares MaskService.ClassifyMasks for one picture.

    Args:
        options: How to judge masks.
        boxes: Where its faces are; None: they are looked for, or the picture is a crop.

    Raises:
        TypeError: An option is unknown, or `boxes` is none.
        ValueError: A box is none, or options contradict each other.
    """
    return _call(options, None if boxes is None else [_boxes_message(boxes, "boxes")])


def classify_masks_each(options: MaskOptions, boxes: Sequence[Boxes] | None) -> ClassifyMasks:
    """Prepares MaskService.ClassifyMasks for many pictures.

    Args:
        options: How to judge masks.
        boxes: Where the faces of each picture are; None: they are looked for, or the pictures
            are crops.

    Raises:
        TypeError: An option is unknown, or an item of `boxes` is none.
        ValueError: A box is none, or options contradict each other.
    """
    if boxes is None:
        return _call(options, None)
    return _call(
        options, [_boxes_message(each, f"boxes[{index}]") for index, each in enumerate(boxes)]
    )


def paired(pictures: Iterable[Picture], boxes: Sequence[Boxes] | None) -> Iterable[Picture]:
    """Returns the pictures, which raise where they turn out more or fewer than the boxes' lists.

    Raises:
        TypeError: `pictures` is one picture, or not iterable.
    """
    refuse_single(pictures)
    return pictures if boxes is None else _counted(pictures, len(boxes))


def _call(options: MaskOptions, boxes: Sequence[mask_pb2.FaceBoxes] | None) -> ClassifyMasks:
    refuse_unknown(options, MaskOptions)
    source = _face_source(options, boxes)
    detection = face_pb2.DetectionOptions(
        min_score=options.get("min_score"), model=options.get("face_model", "")
    )
    masks = mask_message(options.get("min_probability"), options.get("model", ""))

    def request(batch: Batch) -> mask_pb2.ClassifyMasksRequest:
        return mask_pb2.ClassifyMasksRequest(
            images=batch.images,
            face_source=source,
            boxes=[boxes[position] for position in batch.positions] if boxes is not None else (),
            detection=detection,
            masks=masks,
        )

    return Call(
        request,
        lambda response: response.results,
        lambda outcome: read_detections(outcome.detections),
    )


def _face_source(
    options: MaskOptions, boxes: Sequence[mask_pb2.FaceBoxes] | None
) -> mask_pb2.FaceSource.ValueType:
    is_whole = options.get("whole_image", False)
    if boxes is None and not is_whole:
        return mask_pb2.FACE_SOURCE_DETECTOR
    if boxes is not None and is_whole:
        raise ValueError("boxes and whole_image contradict each other: give one of them")
    if options.get("min_score") is not None or options.get("face_model"):
        raise ValueError(
            "min_score and face_model are for faces that are looked for:"
            " leave them out with boxes or whole_image"
        )
    return mask_pb2.FACE_SOURCE_WHOLE_IMAGE if is_whole else mask_pb2.FACE_SOURCE_BOXES


def _counted(pictures: Iterable[Picture], expected: int) -> Iterator[Picture]:
    count = 0
    for picture in pictures:
        count += 1
        if count > expected:
            break
        yield picture
    if count != expected:
        than = "fewer" if count > expected else "more"
        raise ValueError(
            f"boxes must have one item a picture: it has {expected}, {than} than there are pictures"
        )


def _boxes_message(boxes: Boxes, name: str) -> mask_pb2.FaceBoxes:
    if not isinstance(boxes, Iterable):
        raise TypeError(f"{name} must be boxes, one a face, not {type(boxes).__name__}")
    return mask_pb2.FaceBoxes(
        boxes=[_box_message(box, f"{name}[{index}]") for index, box in enumerate(boxes)]
    )


def _box_message(box: Box | Sequence[float], name: str) -> image_pb2.BoundingBox:
    try:
        sides = (
            (box.x_min, box.y_min, box.x_max, box.y_max)
            if isinstance(box, Box)
            else tuple(float(side) for side in box)
        )
        x_min, y_min, x_max, y_max = sides
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be a Box or the four numbers x_min, y_min, x_max, y_max, not {box!r}"
        ) from error
    return image_pb2.BoundingBox(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)
