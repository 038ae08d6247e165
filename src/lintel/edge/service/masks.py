"""lintel.v1.MaskService: telling of faces whether they wear a mask."""

from __future__ import annotations

from enum import Enum, auto

import grpc

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.service import messages
from lintel.edge.workbench import (
    Box,
    EncodedImage,
    GivenFaces,
    RawImage,
    Task,
    Work,
    Workbench,
    check_box_count,
)
from lintel.v1 import mask_pb2, mask_pb2_grpc


class FaceSource(Enum):
    """Where the faces of a picture are."""

    DETECTOR = auto()
    BOXES = auto()
    WHOLE_IMAGE = auto()


FACE_SOURCES = {
    mask_pb2.FACE_SOURCE_UNSPECIFIED: FaceSource.DETECTOR,
    mask_pb2.FACE_SOURCE_DETECTOR: FaceSource.DETECTOR,
    mask_pb2.FACE_SOURCE_BOXES: FaceSource.BOXES,
    mask_pb2.FACE_SOURCE_WHOLE_IMAGE: FaceSource.WHOLE_IMAGE,
}


class MaskServicer(mask_pb2_grpc.MaskServiceServicer):
    """Serves the mask method.

    Args:
        workbench: Does the work.
        limits: What a call may carry.
    """

    def __init__(self, workbench: Workbench, limits: messages.CallLimits) -> None:
        self._workbench = workbench
        self._limits = limits

    def ClassifyMasks(  # noqa: N802 - the contract's name
        self, request: mask_pb2.ClassifyMasksRequest, context: grpc.ServicerContext
    ) -> mask_pb2.ClassifyMasksResponse:
        """Judges the masks of every picture."""
        source = messages.choose(FACE_SOURCES, request.face_source, "face_source")
        _check_lists(request, source)
        # The same for every picture, but for boxes: those are each picture's own.
        given = None if source is FaceSource.DETECTOR else GivenFaces()
        detection = messages.read_detection(request.detection)
        masks = messages.read_masks(request.masks)
        self._workbench.check_models(Work(frozenset({Task.MASKS}), detection, masks, given))

        def work(image: EncodedImage | RawImage, index: int) -> mask_pb2.ClassifyMasksResult:
            faces = _read_boxes(request.boxes[index]) if source is FaceSource.BOXES else given
            result = self._workbench.classify_masks(image, detection, masks, faces)
            return mask_pb2.ClassifyMasksResult(detections=messages.write_detections(result))

        results = messages.for_each_image(
            request.images,
            self._limits,
            context,
            work,
            lambda error: mask_pb2.ClassifyMasksResult(error=error),
        )
        return mask_pb2.ClassifyMasksResponse(results=results)


def _check_lists(request: mask_pb2.ClassifyMasksRequest, source: FaceSource) -> None:
    """Checks that there are as many lists of boxes as there must be.

    Raises:
        InvalidArgumentError: There are not.
    """
    if source is not FaceSource.BOXES and request.boxes:
        raise InvalidArgumentError("Boxes may be given with FACE_SOURCE_BOXES only.", field="boxes")
    if source is FaceSource.BOXES and len(request.boxes) != len(request.images):
        raise InvalidArgumentError(
            f"FACE_SOURCE_BOXES takes one list of boxes a picture: {len(request.images)}, "
            f"not {len(request.boxes)}.",
            field="boxes",
        )


def _read_boxes(message: mask_pb2.FaceBoxes) -> GivenFaces:
    """Reads where the faces of a picture are; whether that can be, its size will tell."""
    boxes = message.boxes
    check_box_count(len(boxes))
    return GivenFaces(tuple(Box(box.x_min, box.y_min, box.x_max, box.y_max) for box in boxes))
