"""Work on pictures in this process."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lintel.cli.engines import (
    MASK_LABELS,
    UNSURE,
    BlurChoices,
    Blurred,
    EngineFailedError,
    Face,
    JudgedFace,
    MaskChoices,
    Measurements,
)

if TYPE_CHECKING:
    from lintel.edge.config import Settings
    from lintel.edge.workbench import WorkResult


class LocalEngine:
    """Works in this process, as the settings say.

    Args:
        settings: The device's settings.

    Raises:
        LintelError: The models cannot be had.
    """

    def __init__(self, settings: Settings) -> None:
        from lintel.edge.runtime import Runtime  # noqa: PLC0415 - takes a quarter of a second
        from lintel.edge.workbench import Workbench  # noqa: PLC0415

        self.settings = settings
        self.workers = settings.server.workers or len(os.sched_getaffinity(0))
        self._runtime = Runtime(settings, self.workers)
        self._workbench = Workbench(self._runtime, settings)

    def __enter__(self) -> Self:
        """Returns the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the models."""
        self._runtime.close()

    def detect(self, data: bytes, min_score: float | None) -> list[Face]:
        """Finds the faces of a picture file, best first."""
        from lintel.edge.workbench import DetectionOptions, EncodedImage  # noqa: PLC0415

        result = self._workbench.detect(EncodedImage(data), DetectionOptions(min_score))
        if result.detections is None:
            return []
        boxes, scores = result.detections.boxes.tolist(), result.detections.scores.tolist()
        return [Face._make((*box, score)) for box, score in zip(boxes, scores, strict=True)]

    def blur(self, data: bytes, choices: BlurChoices) -> Blurred:
        """Destroys the faces of a picture file."""
        from lintel.edge.images import ImageFormat  # noqa: PLC0415
        from lintel.edge.tasks.blur import BlurMethod, BlurShape  # noqa: PLC0415
        from lintel.edge.workbench import (  # noqa: PLC0415
            CoverOptions,
            DetectionOptions,
            EncodedImage,
            OutputOptions,
        )

        result = self._workbench.blur(
            EncodedImage(data),
            DetectionOptions(choices.min_score),
            CoverOptions(
                method=BlurMethod(choices.method) if choices.method else None,
                shape=BlurShape(choices.shape) if choices.shape else None,
                margin=choices.margin,
                whole_frame=choices.whole_frame,
            ),
            OutputOptions(
                format=ImageFormat(choices.output_format) if choices.output_format else None,
                quality=choices.quality,
            ),
        )
        if result.blurred is None:
            raise EngineFailedError("The picture was not blurred.")
        faces = len(result.detections.boxes) if result.detections is not None else 0
        return Blurred(result.blurred.image.data, faces)

    def judge_masks(self, data: bytes, choices: MaskChoices) -> list[JudgedFace]:
        """Judges the masks of the faces of a picture file."""
        from lintel.edge.errors import ModelNotFoundError  # noqa: PLC0415
        from lintel.edge.workbench import (  # noqa: PLC0415
            Box,
            DetectionOptions,
            EncodedImage,
            GivenFaces,
            MaskOptions,
        )

        given: GivenFaces | None = None
        if choices.whole_picture:
            given = GivenFaces()
        elif choices.boxes is not None:
            given = GivenFaces(tuple(Box(*box) for box in choices.boxes))
        try:
            result = self._workbench.classify_masks(
                EncodedImage(data),
                DetectionOptions(choices.min_score),
                MaskOptions(choices.min_probability, choices.model or ""),
                given,
            )
        except ModelNotFoundError as error:
            # No picture would fare better.
            raise EngineFailedError(error.message) from error
        return _judged(result)

    def statistics(self, data: bytes) -> Measurements:
        """Measures a picture file."""
        from lintel.edge.workbench import EncodedImage  # noqa: PLC0415

        result = self._workbench.statistics(EncodedImage(data))
        if result.statistics is None:
            raise EngineFailedError("The picture was not measured.")
        return result.statistics


def _judged(result: WorkResult) -> list[JudgedFace]:
    from lintel.edge.tasks.masks import MaskState  # noqa: PLC0415

    if result.detections is None or result.masks is None:
        raise EngineFailedError("The picture's masks were not judged.")
    boxes, scores = result.detections.boxes.tolist(), result.detections.scores.tolist()
    # In the precision in which a server tells them.
    rows = result.masks.probabilities.astype("float32").tolist()
    states = result.masks.states
    labels = [
        UNSURE if state is MaskState.UNSURE else MASK_LABELS[row.index(max(row))]
        for state, row in zip(states, rows, strict=True)
    ]
    return [
        JudgedFace._make((*box, score, label, *row))
        for box, score, label, row in zip(boxes, scores, labels, rows, strict=True)
    ]
