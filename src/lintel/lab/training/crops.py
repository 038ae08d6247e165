"""Crops of faces, cut as the device cuts them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import LintelError
from lintel.edge.images import decode, read_header
from lintel.edge.packages import MASK_LABELS
from lintel.edge.tasks.masks import crop_faces
from lintel.lab.annotations import turn_upright
from lintel.lab.errors import LabError
from lintel.lab.training.faces import Face

Bytes = NDArray[np.uint8]

EMPTY_RANGE = 3
"""A crop whose values all lie as near together as this shows nothing."""
EMPTY = "the crop is empty: all of one colour."


class CropError(LabError):
    """A face cannot be cut out.

    Attributes:
        face: The face.
        problem: What is wrong, a sentence.
    """

    def __init__(self, face: Face, problem: str) -> None:
        super().__init__(f"{face.path}, box {face.number + 1}: {problem}")
        self.face = face
        self.problem = problem


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Faces with their pixels.

    Attributes:
        faces: N faces.
        pixels: uint8 (N, height, width, 3), blue, green, red.
        margin: See `crop_faces`.
    """

    faces: tuple[Face, ...]
    pixels: Bytes
    margin: float

    @property
    def classes(self) -> NDArray[np.int64]:
        """(N,), places of the labels in MASK_LABELS."""
        return np.array([MASK_LABELS.index(face.label) for face in self.faces], np.int64)


def cut_faces(
    faces: Sequence[Face],
    size: int,
    margin: float,
    *,
    report: Callable[[CropError], None] | None = None,
    context: float = 1.0,
    progress: Callable[[int], object] = lambda _done: None,
) -> Crops:
    """Cuts faces out of their pictures.

    Args:
        faces: The faces; a picture is decoded once where its faces follow each other.
        size: Width and height of a crop without further context, pixels.
        margin: Share of a box's longer side that is added on each end, see `crop_faces`.
        report: Takes what cannot be read or is empty, which is then left out. Default: it is
            raised.
        context: Crops show so many times the side, with as many times the pixels: room for
            boxes that are moved.
        progress: Called with how many faces were looked at, after each picture.

    Returns:
        The crops, in the order of the faces.

    Raises:
        CropError: See `report`.
    """
    side = round(size * context)
    wider = (context * (1 + 2 * margin) - 1) / 2
    kept: list[Face] = []
    pixels: list[Bytes] = []
    for _, together in groupby(faces, key=lambda face: face.path):
        of_picture = tuple(together)
        for face, crop in _cut_picture(of_picture, side, wider):
            if not isinstance(crop, CropError):
                kept.append(face)
                pixels.append(crop)
            elif report is None:
                raise crop
            else:
                report(crop)
        progress(len(of_picture))
    stacked = np.stack(pixels) if pixels else np.empty((0, side, side, 3), np.uint8)
    return Crops(tuple(kept), stacked, margin)


def load_crops(
    faces: Sequence[Face],
    size: int,
    margin: float,
    folder: Path,
    *,
    context: float = 1.0,
    report: Callable[[CropError], None] | None = None,
) -> Crops:
    """Cuts faces, or takes them from where they were kept the last time.

    Args:
        faces: As of `cut_faces`, and so are size, margin, context and report.
        size: As above.
        margin: As above.
        folder: Where crops are kept, a file a set, named by the digest of what they were made
            of.
        context: As above.
        report: As above; not called where crops were kept.
    """
    digest = hashlib.sha256(repr((size, margin, context)).encode())
    for face in faces:
        written = face.path.stat().st_mtime_ns if face.path.exists() else 0
        digest.update(repr((str(face.path.resolve()), written, face.box, face.label)).encode())
    kept = folder / f"crops-{digest.hexdigest()[:16]}.npz"
    if kept.is_file():
        with np.load(kept) as file:
            indices = file["indices"]
            return Crops(tuple(faces[k] for k in indices), file["pixels"], margin)
    crops = cut_faces(faces, size, margin, context=context, report=report)
    places = {id(face): place for place, face in enumerate(faces)}
    folder.mkdir(parents=True, exist_ok=True)
    # Trainings of a sweep may make the same at once.
    part = folder / f"{secrets.token_hex(8)}.part.npz"
    np.savez(part, pixels=crops.pixels, indices=[places[id(face)] for face in crops.faces])
    part.replace(kept)
    return crops


def _cut_picture(
    faces: Sequence[Face], side: int, wider: float
) -> list[tuple[Face, Bytes | CropError]]:
    """Cuts the faces of one picture; what goes wrong stands in the crop's place."""
    try:
        data = faces[0].path.read_bytes()
        picture = decode(data, depth8=True).pixels.view(np.uint8)
        orientation = read_header(data).orientation
    except OSError as error:
        return [(face, CropError(face, f"it cannot be read: {error.strerror}.")) for face in faces]
    except LintelError as error:
        return [(face, CropError(face, str(error))) for face in faces]
    cut: list[tuple[Face, Bytes | CropError]] = []
    for face in faces:
        boxes = turn_upright([face.box], *face.stored_size, orientation)
        try:
            crop = crop_faces(picture, boxes, (side, side), wider)[0]
            cut.append((face, crop if _shows(crop) else CropError(face, EMPTY)))
        except LintelError as error:
            cut.append((face, CropError(face, str(error))))
    return cut


def _shows(crop: Bytes) -> bool:
    return int(crop.max()) - int(crop.min()) > EMPTY_RANGE
