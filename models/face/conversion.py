"""What the face detector is calibrated and verified with when it is converted.

Calibrated on pictures of the train split, verified on those of masks853's val split: the test
split is for the card alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.geometry import non_maximum_suppression
from lintel.edge.images import Picture, decode
from lintel.edge.packages import Input, YunetOutput
from lintel.edge.tasks.faces import prepare
from lintel.edge.tasks.faces.decoders import make_decoder
from lintel.lab.annotations import AnnotatedPicture, leave_out, read_index
from lintel.lab.evaluation import DEFAULT_PROTOCOL, Protocol, select_pictures
from lintel.lab.metrics import (
    average_precision,
    box_sizes,
    match_detections,
    tally,
)

CALIBRATION_PICTURES = 120
LEAST_SCORE = 0.02
OUTPUT = YunetOutput(scores=("scores",), boxes=("boxes",), strides=(8, 16, 32, 64))

Example = tuple[NDArray[np.float32], int]


def input_of(size: int) -> Input:
    """Returns how the device prepares a picture; as the manifest says it."""
    return Input(size=(size, size), colour="bgr", resize="letterbox")


def calibration(size: int) -> Iterator[Example]:
    """Yields pictures of the train split, of all sources and evenly spread, with their numbers."""
    pictures = [p for p in _pictures("train") if not p.whole_frame]
    step = max(1, len(pictures) // CALIBRATION_PICTURES)
    for number, picture in enumerate(pictures[::step][:CALIBRATION_PICTURES]):
        yield prepare(_read(picture), input_of(size)).tensor, number


def verification(size: int) -> Iterator[Example]:
    """Yields the pictures that the gate is judged by, with their numbers."""
    for number, picture in enumerate(_judged()):
        yield prepare(_read(picture), input_of(size)).tensor, number


def average_precision_of(
    outputs: Mapping[str, NDArray[Any]], numbers: NDArray[np.intp], size: int
) -> float:
    """Returns the average precision at IoU 0.4, of faces as DEFAULT_PROTOCOL counts them.

    Args:
        outputs: (examples, ...) by name.
        numbers: (examples,): which pictures of `verification` these were.
        size: Pixels of a side of the model's input.
    """
    decoder = make_decoder(OUTPUT, input_of(size))
    matchings = []
    for row, number in enumerate(np.asarray(numbers, int)):
        picture = _judged()[number]
        results = {name: values[row : row + 1] for name, values in outputs.items()}
        found = decoder.decode(results, (size, size), LEAST_SCORE)
        kept = non_maximum_suppression(found.boxes, found.scores, OUTPUT.iou)
        boxes = found.boxes[kept] * (max(picture.width, picture.height) / size)
        matchings.append(_match(picture, boxes, found.scores[kept], DEFAULT_PROTOCOL))
    return average_precision(tally(matchings))


def _match(picture: AnnotatedPicture, boxes: Any, scores: Any, protocol: Protocol) -> Any:
    sizes = partial(box_sizes, width=picture.width, height=picture.height)
    return match_detections(
        picture.boxes,
        boxes,
        scores,
        protocol.least_overlap,
        ignored_truth=sizes(picture.boxes) < protocol.smallest,
        ignored_boxes=sizes(boxes) < protocol.smallest,
        regions=picture.ignored,
    )


@cache
def _judged() -> tuple[AnnotatedPicture, ...]:
    return select_pictures(_pictures("val"), sources=["masks853"])


@cache
def _pictures(split: str) -> tuple[AnnotatedPicture, ...]:
    data = Path(os.environ.get("LINTEL_DATA", "../shared/data"))
    everything = read_index(data / "faces" / "index.csv", report=leave_out)
    return tuple(p for p in everything if p.split == split and not p.duplicate_of)


def _read(picture: AnnotatedPicture) -> Picture:
    return decode(picture.path.read_bytes(), depth8=True)


# A recipe names functions that take nothing but examples.
calibration_320, calibration_640 = partial(calibration, 320), partial(calibration, 640)
verification_320, verification_640 = partial(verification, 320), partial(verification, 640)
average_precision_320 = partial(average_precision_of, size=320)
average_precision_640 = partial(average_precision_of, size=640)
