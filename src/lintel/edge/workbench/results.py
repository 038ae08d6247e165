"""What came of a picture, and where the time went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import NamedTuple

from lintel.edge.images import ImageFormat
from lintel.edge.tasks.faces import Detections
from lintel.edge.tasks.masks import MaskState, Probabilities
from lintel.edge.tasks.statistics import ImageStatistics
from lintel.edge.workbench.requests import EncodedImage, RawImage


@dataclass(slots=True)
class StageTimes:
    """Nanoseconds of the monotonic clock spent on each stage; 0 where it did not run."""

    decode_ns: int = 0
    detect_ns: int = 0
    masks_ns: int = 0
    blur_ns: int = 0
    encode_ns: int = 0
    statistics_ns: int = 0

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time of the enclosed work to `stage`, also where the work fails."""
        start = perf_counter_ns()
        try:
            yield
        finally:
            name = f"{stage}_ns"
            setattr(self, name, getattr(self, name) + perf_counter_ns() - start)


@dataclass(frozen=True, slots=True)
class BlurredImage:
    """A picture that is safe to show.

    Attributes:
        image: The picture, upright and without metadata; raw ones are tightly packed.
        format: The format of an encoded picture; None for a raw one.
    """

    image: EncodedImage | RawImage
    format: ImageFormat | None


class MaskVerdicts(NamedTuple):
    """Whether faces wear masks.

    Attributes:
        states: One a face, N in all.
        probabilities: float64 (N, 3), columns in the order of MASK_LABELS, calibrated.
    """

    states: list[MaskState]
    probabilities: Probabilities


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What came of a picture; what was not asked for is None.

    Attributes:
        width: Of the whole picture in pixels, after orientation.
        height: Of the whole picture in pixels, after orientation.
        detections: The faces found, in pixels of the whole picture, best first; or those that
            were given, in their order, with a score of 1. Also set where blur was asked for,
            unless the whole frame was covered unseen.
        masks: The verdicts of the first of these faces: of all but those that were found only to
            be covered, being too doubtful to be told of.
        blurred: The picture with its faces destroyed.
        statistics: The measurements of the picture as it came.
        times: Where the time went.
    """

    width: int
    height: int
    detections: Detections | None = None
    masks: MaskVerdicts | None = None
    blurred: BlurredImage | None = None
    statistics: ImageStatistics | None = None
    times: StageTimes = field(default_factory=StageTimes)
