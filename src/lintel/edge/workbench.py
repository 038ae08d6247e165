"""The work on one picture, the same for a call, a video frame and the command line.

Decode, measure, find faces, destroy them, encode: each picture is decoded once however much
is asked of it, and no further than the work needs. Anything raised on the way means that no
picture comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InferenceFailedError, InvalidArgumentError
from lintel.edge.images import (
    ImageFormat,
    ImageLimits,
    Picture,
    PixelFormat,
    decode,
    encode,
    from_raw,
    to_raw,
)
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape, blur_regions, blur_whole
from lintel.edge.tasks.faces import Detections
from lintel.edge.tasks.statistics import ImageStatistics, compute_statistics

if TYPE_CHECKING:
    from lintel.edge.config import Settings
    from lintel.edge.runtime import Runtime
    from lintel.edge.tasks.faces import FaceDetector


class Task(StrEnum):
    """What can be asked of a picture."""

    DETECT = "detect"
    BLUR = "blur"
    STATISTICS = "statistics"


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A complete JPEG, PNG or WebP file.

    Attributes:
        data: The bytes of the file.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class RawImage:
    """Uncompressed pixels, as a camera or a decoder delivers them.

    Attributes:
        data: The rows, top to bottom, one plane after the other.
        pixel_format: Order and packing of the samples.
        width: In pixels.
        height: In pixels.
        stride_bytes: From the start of one row to the next; 0: tightly packed.
    """

    data: bytes
    pixel_format: PixelFormat
    width: int
    height: int
    stride_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """How to look for faces.

    Attributes:
        min_score: Faces scored below are left out, 0 to 1; None: the device's setting.
        model: Name of a face model; "": the device's setting.

    Raises:
        InvalidArgumentError: `min_score` is outside its range.
    """

    min_score: float | None = None
    model: str = ""

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise InvalidArgumentError("The least score must be 0 to 1.", field="min_score")


@dataclass(frozen=True, slots=True)
class CoverOptions:
    """How to destroy faces; what is None is taken from the device's settings.

    Attributes:
        method: What takes the place of a face.
        shape: The outline of what is covered.
        margin: Reach beyond the box on every side, as a share of its size, 0 to 2.
        whole_frame: Cover the whole picture, without looking for faces.

    Raises:
        InvalidArgumentError: `margin` is outside its range.
    """

    method: BlurMethod | None = None
    shape: BlurShape | None = None
    margin: float | None = None
    whole_frame: bool = False

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 <= self.margin <= 2:
            raise InvalidArgumentError("The margin must be 0 to 2.", field="margin")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How to write a picture.

    Attributes:
        format: The format; None: as the picture came.
        quality: Of JPEG and WebP, 1 to 100.

    Raises:
        InvalidArgumentError: `quality` is outside its range.
    """

    format: ImageFormat | None = None
    quality: int = 85

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise InvalidArgumentError("The quality must be 1 to 100.", field="quality")


@dataclass(frozen=True, slots=True)
class Work:
    """All that is to be done to a picture.

    Attributes:
        tasks: What is asked for, at least one.
        detection: How to look for faces.
        cover: How to destroy them.
        output: How to write the blurred picture.

    Raises:
        InvalidArgumentError: There are no tasks.
    """

    tasks: frozenset[Task]
    detection: DetectionOptions = DetectionOptions()
    cover: CoverOptions = CoverOptions()
    output: OutputOptions = OutputOptions()

    def __post_init__(self) -> None:
        if not self.tasks:
            raise InvalidArgumentError("At least one task must be asked for.", field="tasks")


@dataclass(slots=True)
class StageTimes:
    """Nanoseconds of the monotonic clock spent on each stage; 0 where it did not run."""

    decode_ns: int = 0
    detect_ns: int = 0
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


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What came of a picture; what was not asked for is None.

    Attributes:
        width: Of the whole picture in pixels, after orientation.
        height: Of the whole picture in pixels, after orientation.
        detections: The faces found, in pixels of the whole picture, best first. Also set where
            blur was asked for, unless the whole frame was covered unseen.
        blurred: The picture with its faces destroyed.
        statistics: The measurements of the picture as it came.
        times: Where the time went.
    """

    width: int
    height: int
    detections: Detections | None = None
    blurred: BlurredImage | None = None
    statistics: ImageStatistics | None = None
    times: StageTimes = field(default_factory=StageTimes)


class Workbench:
    """Does the work on single pictures; may be used by many threads at once."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._limits = ImageLimits(
            max_bytes=settings.images.max_bytes, max_pixels=settings.images.max_pixels
        )

    def detect(
        self, image: EncodedImage | RawImage, detection: DetectionOptions = DetectionOptions()
    ) -> WorkResult:
        """Finds the faces of a picture; see `process`."""
        return self.process(image, Work(frozenset({Task.DETECT}), detection))

    def blur(
        self,
        image: EncodedImage | RawImage,
        detection: DetectionOptions = DetectionOptions(),
        cover: CoverOptions = CoverOptions(),
        output: OutputOptions = OutputOptions(),
    ) -> WorkResult:
        """Destroys the faces of a picture; see `process`."""
        return self.process(image, Work(frozenset({Task.BLUR}), detection, cover, output))

    def statistics(self, image: EncodedImage | RawImage) -> WorkResult:
        """Measures a picture; see `process`."""
        return self.process(image, Work(frozenset({Task.STATISTICS})))

    def check_model(self, detection: DetectionOptions) -> None:
        """Tells early what would go wrong with every picture.

        Args:
            detection: Whose model must be there.

        Raises:
            ModelNotFoundError: There is no face model of that name.
        """
        self._runtime.face_detector(detection.model)

    def process(
        self, image: EncodedImage | RawImage, work: Work, times: StageTimes | None = None
    ) -> WorkResult:
        """Does everything that is asked of one picture.

        Args:
            image: The picture.
            work: What is to be done.
            times: Filled with the time of each stage, also where an error is raised.

        Returns:
            The results of all tasks.

        Raises:
            LintelError: The picture is refused or damaged, or a model is missing or failed.
                Nothing is returned then, whatever had been done already.
        """
        times = times if times is not None else StageTimes()
        tasks = work.tasks
        look = Task.DETECT in tasks or (Task.BLUR in tasks and not work.cover.whole_frame)
        detector = self._runtime.face_detector(work.detection.model) if look else None
        with times.measure("decode"):
            picture = self._decode(image, tasks, detector)
        statistics: ImageStatistics | None = None
        if Task.STATISTICS in tasks:
            with times.measure("statistics"):
                statistics = compute_statistics(picture.pixels)
            if picture.pixels.dtype != np.uint8 and len(tasks) > 1:
                # Rare enough to read twice: measured in 16 bits, looked at and shown in 8.
                with times.measure("decode"):
                    picture = self._decode(image, tasks - {Task.STATISTICS}, detector)
        detections: Detections | None = None
        if detector is not None:
            with times.measure("detect"):
                detections = detector.detect(picture, self._min_score(work))
        blurred: BlurredImage | None = None
        if Task.BLUR in tasks:
            with times.measure("blur"):
                self._cover(picture, detections, work.cover)
            with times.measure("encode"):
                blurred = _write(picture, work.output)
        return WorkResult(picture.width, picture.height, detections, blurred, statistics, times)

    def _min_score(self, work: Work) -> float | None:
        """Returns the least score that is asked for: None for the model's own."""
        if work.detection.min_score is not None:
            return work.detection.min_score
        if Task.BLUR in work.tasks:
            return self._settings.blur.min_score
        return self._settings.faces.min_score

    def _decode(
        self, image: EncodedImage | RawImage, tasks: frozenset[Task], detector: FaceDetector | None
    ) -> Picture:
        """Decodes no further than `tasks` need."""
        if isinstance(image, RawImage):
            size = (image.width, image.height)
            return from_raw(image.data, image.pixel_format, *size, image.stride_bytes, self._limits)
        if detector is not None and tasks == {Task.DETECT}:
            return decode(image.data, self._limits, depth8=True, long_side=detector.long_side)
        return decode(image.data, self._limits, depth8=Task.STATISTICS not in tasks)

    def _cover(self, picture: Picture, detections: Detections | None, cover: CoverOptions) -> None:
        """Destroys `detections`, or everything where there are none to go by."""
        method = cover.method or BlurMethod(self._settings.blur.method)
        pixels = _eight_bit(picture)
        if detections is None or cover.whole_frame:
            blur_whole(pixels, method)
            return
        options = BlurOptions(
            method=method,
            shape=cover.shape or BlurShape(self._settings.blur.shape),
            margin=self._settings.blur.margin if cover.margin is None else cover.margin,
        )
        blur_regions(pixels, detections.boxes, options)


def _eight_bit(picture: Picture) -> NDArray[np.uint8]:
    """Returns the pixels of a picture that was decoded to 8 bits.

    Raises:
        InferenceFailedError: The picture has 16 bits, which nothing may be drawn on.
    """
    pixels = picture.pixels
    if pixels.dtype != np.uint8:
        raise InferenceFailedError("The picture was not decoded to 8 bits.")
    return pixels.view(np.uint8)


def _write(picture: Picture, output: OutputOptions) -> BlurredImage:
    """Encodes a covered picture, or packs it as the raw frame that it came as."""
    pixels = _eight_bit(picture)
    format_ = output.format or picture.format
    if format_ is not None:
        return BlurredImage(EncodedImage(encode(pixels, format_, output.quality)), format_)
    if picture.raw_format is None:
        raise InvalidArgumentError("The picture has no format to be written in.", field="format")
    data = to_raw(pixels, picture.raw_format)
    height, width = pixels.shape[:2]
    return BlurredImage(RawImage(data, picture.raw_format, width, height), None)
