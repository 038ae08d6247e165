"""Telling of faces whether they wear a mask."""

from lintel.edge.packages import MASK_LABELS
from lintel.edge.tasks.masks.crops import crop_faces

__all__ = ["MASK_LABELS", "crop_faces"]
