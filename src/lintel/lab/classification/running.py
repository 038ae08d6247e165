"""Runs classifiers over labelled faces: one loop, each picture decoded once for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import LintelError
from lintel.edge.images import decode, read_header
from lintel.edge.packages import MASK_LABELS
from lintel.lab.annotations import turn_upright
from lintel.lab.classification.classifier import Classifier, Probabilities
from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face

WRONGLY_WORN = MASK_LABELS.index("incorrect_mask")
# What sums of 32 bits may be off by.
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierRun:
    """What one classifier made of all faces.

    Attributes:
        name: Of the classifier.
        details: What exactly it is.
        probabilities: Shape (N, 3), float64, columns in the order of MASK_LABELS.
        cpu_ms: Mean CPU time a face, cutting it out included, milliseconds.
    """

    name: str
    details: str
    probabilities: Probabilities
    cpu_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """What some classifiers made of some faces.

    Attributes:
        faces: N faces.
        runs: One a classifier.
        left_out: What could not be looked at, a sentence each.
    """

    faces: tuple[Face, ...]
    runs: tuple[ClassifierRun, ...]
    left_out: tuple[str, ...] = ()

    @property
    def truth(self) -> NDArray[np.int64]:
        """Shape (N,), places of the labels in MASK_LABELS."""
        return np.array([MASK_LABELS.index(face.label) for face in self.faces], np.int64)


def classify_faces(
    faces: Sequence[Face],
    classifiers: Sequence[Classifier],
    *,
    progress: Callable[[int], object] = lambda _done: None,
) -> Classification:
    """Shows each face to each classifier.

    Classifiers take turns on a picture, so that a machine that slows down does so for all.

    Args:
        faces: What to look at; those of a picture follow each other.
        classifiers: Who looks.
        progress: Called after each picture with how many faces have been done.

    Raises:
        LabError: No picture can be read, or a classifier failed or gave no probabilities.
    """
    seen: list[Face] = []
    left_out: list[str] = []
    rows: list[list[Probabilities]] = [[] for _ in classifiers]
    seconds = [0.0 for _ in classifiers]
    done = 0
    for path, together in groupby(faces, key=lambda face: face.path):
        of_picture = tuple(together)
        done += len(of_picture)
        try:
            pixels, boxes = open_faces(of_picture)
        except LabError as error:
            left_out.append(str(error))
            continue
        if not seen:
            # The first run of a model is slow.
            for classifier in classifiers:
                judge(classifier, pixels, boxes[:1], path)
        for number, classifier in enumerate(classifiers):
            began = time.process_time()
            rows[number].append(judge(classifier, pixels, boxes, path))
            seconds[number] += time.process_time() - began
        seen += of_picture
        progress(done)
    if not seen:
        raise LabError(f"No picture can be read, the first: {left_out[0]}")
    runs = tuple(
        ClassifierRun(one.name, one.details, np.concatenate(told), 1000 * cpu / len(seen))
        for one, told, cpu in zip(classifiers, rows, seconds, strict=True)
    )
    return Classification(tuple(seen), runs, tuple(left_out))


def open_faces(faces: Sequence[Face]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Reads the picture of some faces, and turns it and their boxes upright.

    Args:
        faces: Of one picture.

    Returns:
        Pixels, (H, W) grey or (H, W, 3) blue, green, red; and boxes, (N, 4), in them.

    Raises:
        LabError: The picture cannot be read.
    """
    path = faces[0].path
    try:
        data = path.read_bytes()
        pixels = decode(data, depth8=True).pixels.view(np.uint8)
        orientation = read_header(data).orientation
    except OSError as error:
        raise LabError(f"{path}: It cannot be read: {error.strerror}.") from error
    except LintelError as error:
        raise LabError(f"{path}: {error}") from error
    boxes = np.array([face.box for face in faces], np.float32)
    return pixels, turn_upright(boxes, *faces[0].stored_size, orientation)


def judge(
    classifier: Classifier, pixels: NDArray[np.uint8], boxes: NDArray[np.float32], path: Path
) -> Probabilities:
    """Has a classifier judge the faces of a picture, and checks what it says.

    Raises:
        LabError: It failed, or gave what are no probabilities.
    """
    try:
        told = classifier.classify(pixels, boxes)
    except (LintelError, LabError) as error:
        raise LabError(f"{classifier.name} failed on {path}: {error}") from error
    sound = told.shape == (len(boxes), len(MASK_LABELS)) and np.isfinite(told).all()
    if not (sound and (told >= 0).all() and (abs(told.sum(axis=1) - 1) < _TOLERANCE).all()):
        raise LabError(f"{classifier.name} gave what are no probabilities on {path}.")
    return told
