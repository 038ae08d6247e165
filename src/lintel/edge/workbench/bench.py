"""Where the work on a picture is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InferenceFailedError, InvalidArgumentError, LintelError
from lintel.edge.images import (
    ImageHeader,
    ImageLimits,
    Picture,
    decode,
    encode,
    from_raw,
    read_header,
    to_raw,
)
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape, blur_regions, blur_whole
from lintel.edge.tasks.faces import SHRINKING, Detections
from lintel.edge.tasks.masks import mask_states
from lintel.edge.tasks.statistics import ImageStatistics, compute_statistics
from lintel.edge.workbench.requests import (
    CoverOptions,
    DetectionOptions,
    EncodedImage,
    GivenFaces,
    MaskOptions,
    OutputOptions,
    RawImage,
    Task,
    Work,
)
from lintel.edge.workbench.results import BlurredImage, MaskVerdicts, StageTimes, WorkResult

if TYPE_CHECKING:
    from lintel.edge.config import Settings
    from lintel.edge.runtime import Runtime
    from lintel.edge.tasks.faces import FaceDetector
    from lintel.edge.tasks.masks import MaskClassifier


# Everything as the settings say.
_DETECTION, _MASKS = DetectionOptions(), MaskOptions()
_COVER, _OUTPUT = CoverOptions(), OutputOptions()


class Workbench:
    """Does the work on single pictures; may be used by many threads at once."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._limits = ImageLimits(
            max_bytes=settings.images.max_bytes, max_pixels=settings.images.max_pixels
        )

    def detect(
        self, image: EncodedImage | RawImage, detection: DetectionOptions = _DETECTION
    ) -> WorkResult:
        """Finds the faces of a picture; see `process`."""
        return self.process(image, Work(frozenset({Task.DETECT}), detection))

    def blur(
        self,
        image: EncodedImage | RawImage,
        detection: DetectionOptions = _DETECTION,
        cover: CoverOptions = _COVER,
        output: OutputOptions = _OUTPUT,
    ) -> WorkResult:
        """Destroys the faces of a picture; see `process`."""
        work = Work(frozenset({Task.BLUR}), detection, cover=cover, output=output)
        return self.process(image, work)

    def classify_masks(
        self,
        image: EncodedImage | RawImage,
        detection: DetectionOptions = _DETECTION,
        masks: MaskOptions = _MASKS,
        given: GivenFaces | None = None,
    ) -> WorkResult:
        """Judges the masks of a picture's faces; see `process`."""
        return self.process(image, Work(frozenset({Task.MASKS}), detection, masks, given))

    def statistics(self, image: EncodedImage | RawImage) -> WorkResult:
        """Measures a picture; see `process`."""
        return self.process(image, Work(frozenset({Task.STATISTICS})))

    def check_models(self, work: Work) -> None:
        """Tells early what would go wrong with every picture.

        Args:
            work: Whose models must be there.

        Raises:
            ModelNotFoundError: There is no face model or no mask model of the name that `work`
                has; `field` is "detection.model" or "masks.model".
        """
        if work.looks_for_faces:
            self.check_face_model(work.detection)
        if Task.MASKS in work.tasks:
            try:
                self._runtime.mask_classifier(work.masks.model)
            except LintelError as error:
                raise error.at("masks") from None

    def check_face_model(self, detection: DetectionOptions) -> None:
        """Tells early where the face model is missing, whatever the work.

        Args:
            detection: Whose model must be there.

        Raises:
            ModelNotFoundError: There is no face model of that name; `field` is "detection.model".
        """
        try:
            self._runtime.face_detector(detection.model)
        except LintelError as error:
            raise error.at("detection") from None

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
                Nothing is returned then, whatever had been done already. What is wrong with a
                given face has a `field` that begins with "boxes".
        """
        times = times if times is not None else StageTimes()
        tasks = work.tasks
        self.check_models(work)
        with times.measure("decode"):
            picture = self._decode(image, work, tasks)
        statistics: ImageStatistics | None = None
        if Task.STATISTICS in tasks:
            with times.measure("statistics"):
                statistics = compute_statistics(picture.pixels)
            if picture.pixels.dtype != np.uint8 and len(tasks) > 1:
                # Rare enough to read twice: measured in 16 bits, looked at and shown in 8.
                with times.measure("decode"):
                    picture = self._decode(image, work, tasks - {Task.STATISTICS})
        detections, masks = self._look(picture, work, times)
        blurred: BlurredImage | None = None
        # Last: whatever looks at the picture must see its faces.
        if Task.BLUR in tasks:
            with times.measure("blur"):
                self._cover(picture, detections, work.cover)
            with times.measure("encode"):
                blurred = _write(picture, work.output)
        size = (picture.width, picture.height)
        return WorkResult(*size, detections, masks, blurred, statistics, times)

    def _look(
        self, picture: Picture, work: Work, times: StageTimes
    ) -> tuple[Detections | None, MaskVerdicts | None]:
        """Finds the faces of a picture and judges them, so far as that is asked for."""
        detections: Detections | None = None
        told = slice(None)
        if work.given is not None:
            boxes = np.array(work.given.within(picture.width, picture.height), np.float32)
            detections = Detections(boxes.reshape(-1, 4), np.ones(len(boxes), np.float32))
        elif work.looks_for_faces:
            detector = self._runtime.face_detector(work.detection.model)
            with times.measure("detect"):
                look = detector.detect_closely if self._is_large(picture) else detector.detect
                detections = look(picture, self._min_score(work, detector))
            told = slice(np.count_nonzero(detections.scores >= self._told_score(work, detector)))
        if detections is None or Task.MASKS not in work.tasks:
            return detections, None
        classifier = self._runtime.mask_classifier(work.masks.model)
        # A crop has its margin already.
        margin = 0.0 if work.given is not None and work.given.boxes is None else None
        with times.measure("masks"):
            probabilities = classifier.classify(picture, detections.boxes[told], margin=margin)
        states = mask_states(probabilities, self._min_probability(work.masks, classifier))
        return detections, MaskVerdicts(states, probabilities)

    def _is_large(self, picture: Picture | ImageHeader) -> bool:
        """Tells whether a picture is looked at in parts, too."""
        least = self._settings.faces.parts_from
        return 0 < least <= max(picture.width, picture.height)

    def _min_score(self, work: Work, detector: FaceDetector) -> float:
        """Returns the least score that anything needs of what is asked for."""
        if work.detection.min_score is None and work.covers_faces:
            covered = self._settings.blur.min_score
            alone = work.tasks.isdisjoint({Task.DETECT, Task.MASKS})
            return covered if alone else min(covered, self._told_score(work, detector))
        return self._told_score(work, detector)

    def _told_score(self, work: Work, detector: FaceDetector) -> float:
        """Returns the least score of faces that are told of for their own sake."""
        for asked in (work.detection.min_score, self._settings.faces.min_score):
            if asked is not None:
                return asked
        return detector.min_score

    def _min_probability(self, masks: MaskOptions, classifier: MaskClassifier) -> float:
        """Returns what a state is to be as probable as."""
        for asked in (masks.min_probability, self._settings.masks.min_probability):
            if asked is not None:
                return asked
        return classifier.min_probability

    def _decode(
        self, image: EncodedImage | RawImage, work: Work, tasks: frozenset[Task]
    ) -> Picture:
        """Decodes no further than `tasks` of `work` need."""
        if isinstance(image, RawImage):
            size = (image.width, image.height)
            return from_raw(image.data, image.pixel_format, *size, image.stride_bytes, self._limits)
        long_side: int | None = None
        if tasks == {Task.DETECT}:
            header = read_header(image.data, self._limits)
            long_side = self._runtime.face_detector(work.detection.model).long_side
            if long_side and self._is_large(header):
                long_side = max(header.width, header.height) // SHRINKING
        elif work.given is not None and work.given.boxes is None:
            long_side = self._runtime.mask_classifier(work.masks.model).long_side
        depth8 = Task.STATISTICS not in tasks
        return decode(image.data, self._limits, depth8=depth8, long_side=long_side)

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
