"""What the mask network is calibrated and verified with when it is converted.

Calibrated on faces of the train split, verified on those of the val split that figures count: the
test split is for the card alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.annotations import leave_out
from lintel.lab.metrics.classification import measure_classes
from lintel.lab.training.crops import Crops, cut_faces
from lintel.lab.training.faces import find_faces, select_faces

SIZE = 128
MARGIN = 0.2
SMALLEST = 24.0
"""Least short side of a face that counts, in pixels with the picture's long side at 640."""
CALIBRATION_FACES = 400
INCORRECT = MASK_LABELS.index("incorrect_mask")

Example = tuple[NDArray[np.float32], int]


def calibration() -> Iterator[Example]:
    """Yields faces of the train split, evenly spread over all of them, with their classes."""
    faces = _faces("train", 10.0)
    return _examples(faces[:: max(1, len(faces) // CALIBRATION_FACES)][:CALIBRATION_FACES])


def verification() -> Iterator[Example]:
    """Yields the faces that the gate is judged by, with their classes."""
    return _examples(_faces("val", SMALLEST))


def val_crops() -> Crops:
    """Returns the same faces at once."""
    return cut_faces(_faces("val", SMALLEST), SIZE, MARGIN)


def macro_f1(outputs: Mapping[str, NDArray[Any]], labels: NDArray[np.intp]) -> float:
    """Returns the mean F1 of the three classes.

    Args:
        outputs: "logits", (examples, 3).
        labels: (examples,), places in MASK_LABELS.
    """
    logits = outputs["logits"].reshape(len(labels), -1).astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return measure_classes(np.asarray(labels, np.int64), probabilities).macro_f1


def _examples(faces: tuple[Any, ...]) -> Iterator[Example]:
    for face in faces:
        crops = cut_faces([face], SIZE, MARGIN)
        yield crops.pixels.astype(np.float32), MASK_LABELS.index(face.label)


def _faces(split: str, smallest: float) -> tuple[Any, ...]:
    data = Path(os.environ.get("LINTEL_DATA", "../shared/data"))
    faces = find_faces(data / "faces" / "index.csv", report=leave_out)
    return select_faces(faces, split=split, smallest=smallest)
