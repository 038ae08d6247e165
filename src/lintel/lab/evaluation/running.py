"""Runs detectors over annotated pictures: one loop, each picture decoded once for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import LintelError
from lintel.edge.images import decode, read_header
from lintel.lab.annotations import AnnotatedPicture, turn_upright
from lintel.lab.errors import LabError
from lintel.lab.evaluation.detector import Detector, Found
from lintel.lab.evaluation.protocol import DEFAULT_PROTOCOL, Protocol
from lintel.lab.metrics import box_sizes, check_detections, check_truth, covered_shares

LOWEST_SCORE = 0.01
"""What is scored below is not asked for: it costs time and changes hardly a figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture as detectors see it: upright.

    Attributes:
        picture: Where it comes from.
        width: Pixels.
        height: Pixels.
        faces: Shape (N, 4), pixels of the upright picture.
        sizes: Shape (N,), of the faces, as the protocol tells them.
    """

    picture: AnnotatedPicture
    width: int
    height: int
    faces: NDArray[np.float32]
    sizes: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What one detector made of one picture.

    Attributes:
        ranked: What it finds down to `LOWEST_SCORE`.
        shown: What it finds at its own threshold.
        covered: Shape (N,), how much of each face is covered where what it finds from its
            threshold for blurring on is blurred, 0 to 1.
        cpu_s: CPU time of finding them at its own threshold, without decoding, seconds.
    """

    ranked: Found
    shown: Found
    covered: NDArray[np.float64]
    cpu_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one detector made of all pictures.

    Attributes:
        name: Of the detector.
        details: What exactly it is.
        default_score: Its own threshold.
        sightings: One a picture, in their order.
    """

    name: str
    details: str
    default_score: float
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What some detectors made of some pictures.

    Attributes:
        protocol: How that is measured.
        scenes: The pictures.
        runs: One a detector.
    """

    protocol: Protocol
    scenes: tuple[Scene, ...]
    runs: tuple[Run, ...]


def evaluate(
    pictures: Sequence[AnnotatedPicture],
    detectors: Sequence[Detector],
    protocol: Protocol = DEFAULT_PROTOCOL,
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> Evaluation:
    """Shows each picture to each detector, on one thread.

    Detectors take turns on a picture, so that a machine that slows down does so for all of them.

    Args:
        pictures: What to look at.
        detectors: Who looks.
        protocol: How it is measured.
        progress: Called after each picture with how many are done.

    Raises:
        LabError: A picture cannot be read, is not of the size that its annotation says, its
            boxes are no pixels of it; or a detector failed, or gives boxes that are no pixels.
    """
    import cv2  # noqa: PLC0415 -- the command line starts without it

    scenes: list[Scene] = []
    sightings: list[list[Sighting]] = [[] for _ in detectors]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for picture in pictures:
            scene, pixels = open_scene(picture, protocol.long_side)
            if not scenes:
                # The first run of a model is slow.
                for detector in detectors:
                    _look(detector, scene, pixels, protocol)
            scenes.append(scene)
            for detector, seen in zip(detectors, sightings, strict=True):
                seen.append(_look(detector, scene, pixels, protocol))
            progress(len(scenes))
    finally:
        cv2.setNumThreads(threads)
    runs = tuple(
        Run(detector.name, detector.details, detector.default_score, tuple(seen))
        for detector, seen in zip(detectors, sightings, strict=True)
    )
    for run in runs:
        _check(run, scenes)
    return Evaluation(protocol, tuple(scenes), runs)


def open_scene(
    picture: AnnotatedPicture, long_side: int | None = None
) -> tuple[Scene, NDArray[np.uint8]]:
    """Reads a picture and turns it and its boxes upright.

    Args:
        picture: Which.
        long_side: Scale it and its boxes to this many pixels. Default: as it is.

    Returns:
        The scene, and its pixels, shape (H, W) grey or (H, W, 3) blue, green, red.

    Raises:
        LabError: The picture cannot be read, is not of the size that its annotation says, or its
            boxes are no pixels of it.
    """
    try:
        data = picture.path.read_bytes()
        header = read_header(data)
        stored = (header.width, header.height)
        if stored != (picture.width, picture.height):
            raise LabError("It is not of the size that its annotation says.")
        check_truth(picture.boxes, *stored)
        pixels = decode(data, depth8=True).pixels.view(np.uint8)
    except OSError as error:
        raise LabError(f"{picture.path}: It cannot be read: {error.strerror}.") from error
    except (LintelError, LabError) as error:
        raise LabError(f"{picture.path}: {error}") from error
    faces = turn_upright(picture.boxes, *stored, header.orientation)
    height, width = pixels.shape[:2]
    # Before any scaling, whose rounding would drop a face that is just large enough.
    sizes = box_sizes(faces, width, height)
    if long_side and long_side != max(width, height):
        pixels, faces = _scale(pixels, faces, long_side)
        height, width = pixels.shape[:2]
    return Scene(picture, width, height, faces, sizes), pixels


def _scale(
    pixels: NDArray[np.uint8], faces: NDArray[np.float32], long_side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    import cv2  # noqa: PLC0415 -- the command line starts without it

    height, width = pixels.shape[:2]
    scale = long_side / max(width, height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    # Sides are whole pixels: the short one's scale is a little another.
    factors = np.divide(size * 2, (width, height) * 2)
    scaled = np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)
    return scaled, (faces * factors).astype(np.float32)


def _look(
    detector: Detector, scene: Scene, pixels: NDArray[np.uint8], protocol: Protocol
) -> Sighting:
    try:
        began = time.process_time()
        shown = Found(*detector.detect(pixels, detector.default_score))
        cpu_s = time.process_time() - began
        ranked = Found(*detector.detect(pixels, LOWEST_SCORE))
    except Exception as error:
        # Peers raise whatever they like.
        raise LabError(f"{detector.name} failed on {scene.picture.path}: {error!r}") from error
    size = (scene.width, scene.height)
    covers = ranked.boxes[ranked.scores >= detector.cover_score]
    covered = covered_shares(scene.faces, covers, *size, protocol.blur)
    return Sighting(ranked, shown, covered, cpu_s)


def _check(run: Run, scenes: Sequence[Scene]) -> None:
    """Holds what a detector found to the pictures."""
    boxes = [sighting.ranked.boxes for sighting in run.sightings]
    try:
        check_detections(boxes, [(scene.width, scene.height) for scene in scenes])
    except (LabError, LintelError) as error:
        raise LabError(f"{run.name}: {error}") from error
