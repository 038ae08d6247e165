"""Faces that are told wrong, to look at: crops of the pictures, embedded in a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lintel.edge.packages import MASK_LABELS
from lintel.lab.classification.figures import answers_of
from lintel.lab.classification.running import Classification, ClassifierRun, open_faces
from lintel.lab.evaluation.gallery import Crop, draw_crop

MOST_FACES = 48
"""Most faces from each source."""
_COLOUR = (54, 69, 196)
# About what classifiers see of a face.
_SURROUNDINGS = 0.25


@dataclass(frozen=True, slots=True)
class WrongFaces:
    """What a classifier tells wrong, of three classes.

    Attributes:
        crops: The faces of which the wrong class was told with the highest probability, by
            source.
        count: How many there are in all.
    """

    crops: list[Crop]
    count: int


def gather_wrong(classification: Classification, run: ClassifierRun) -> WrongFaces:
    """Cuts out the faces that a classifier tells wrong.

    Raises:
        LabError: A picture can be read no more.
    """
    answers = answers_of(classification, run)
    wrong = np.flatnonzero(~answers.right)
    wrong = wrong[np.argsort(-answers.probabilities[wrong].max(axis=1), kind="stable")]
    by_source: dict[str, list[Crop]] = {}
    for place in wrong.tolist():
        face = classification.faces[place]
        crops = by_source.setdefault(face.source, [])
        if len(crops) == MOST_FACES:
            continue
        pixels, boxes = open_faces([face])
        shares = answers.probabilities[place]
        told = ", ".join(
            f"{label} {100 * share:.1f} %"
            for label, share in sorted(
                zip(MASK_LABELS, shares.tolist(), strict=True), key=lambda pair: -pair[1]
            )
        )
        caption = f"labelled {face.label}; told {told}; {face.size:.0f} px"
        crops.append(
            Crop(draw_crop(pixels, boxes[0], _COLOUR, _SURROUNDINGS), caption, face.path.name)
        )
    return WrongFaces([crop for name in sorted(by_source) for crop in by_source[name]], len(wrong))
