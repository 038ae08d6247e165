"""Telling of faces whether they wear a mask."""

from lintel.edge.packages import MASK_LABELS
from lintel.edge.tasks.masks.classifier import (
    MaskClassifier,
    MaskState,
    Probabilities,
    mask_states,
)
from lintel.edge.tasks.masks.crops import crop_faces

__all__ = [
    "MASK_LABELS",
    "MaskClassifier",
    "MaskState",
    "Probabilities",
    "crop_faces",
    "mask_states",
]
