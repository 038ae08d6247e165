"""Labelled faces, of annotations of any form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lintel.edge.packages import MASK_LABELS
from lintel.lab.annotations import AnnotatedPicture, read_any
from lintel.lab.annotations.collecting import Report, refuse
from lintel.lab.errors import LabError
from lintel.lab.metrics.sizes import box_sizes

LABEL_NAMES = {
    **{label: label for label in MASK_LABELS},
    # What sources call them.
    "mask_weared_incorrect": "incorrect_mask",
    "incorrect": "incorrect_mask",
    "mask": "with_mask",
    "masked": "with_mask",
    "no_mask": "without_mask",
    "no-mask": "without_mask",
    "unmasked": "without_mask",
}
"""Names of labels in data sets, in lower case, and the labels that they mean."""
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """A face that someone has labelled.

    Attributes:
        path: The picture file.
        label: One of MASK_LABELS.
        box: x_min, y_min, x_max, y_max in pixels of the file as stored.
        number: Which box of the picture it is, from 0.
        stored_size: Width and height of the file as stored, pixels.
        size: Short side of the box in pixels, were the picture's long side 640.
        split: "train", "val", "test", or "".
        source: The data set that it came from, or "".
        group: Faces of one group belong in one split.
        duplicate_of: The picture that this one nearly copies, or "".
    """

    path: Path
    label: str
    box: Box
    number: int
    stored_size: tuple[int, int]
    size: float
    split: str = ""
    source: str = ""
    group: str = ""
    duplicate_of: str = ""


def find_faces(data: Path, *, report: Report = refuse) -> tuple[Face, ...]:
    """Finds labelled faces.

    Args:
        data: Whatever `read_any` reads.
        report: Takes what is wrong with annotations. Default: it is raised.

    Returns:
        The faces whose labels are known: boxes without a label, or that are to be ignored,
        are left out.

    Raises:
        LabError: There is no labelled face.
        AnnotationError: See `read_any`.
    """
    faces = tuple(_faces_of(read_any(data, report=report)))
    if not faces:
        known = ", ".join(MASK_LABELS)
        raise LabError(f"{data}: no face has a label that says something of masks: {known}.")
    return faces


def select_faces(
    faces: Iterable[Face],
    *,
    split: str = "",
    sources: Iterable[str] = (),
    smallest: float = 0.0,
    duplicates: bool = False,
) -> tuple[Face, ...]:
    """Picks the faces that count.

    Args:
        faces: What there is.
        split: "train", "val" or "test"; "": all.
        sources: Names of data sets; empty: all.
        smallest: Least size, see `Face`.
        duplicates: Whether near-copies of other pictures count.

    Raises:
        LabError: None is left.
    """
    wanted = set(sources)
    faces = tuple(faces)
    chosen = tuple(
        face
        for face in faces
        if (not split or face.split == split)
        and (not wanted or face.source in wanted)
        and face.size >= smallest
        and (duplicates or not face.duplicate_of)
    )
    if not chosen:
        known = ", ".join(sorted({face.source for face in faces if face.source}))
        raise LabError(
            f"No faces are left{f' in the split {split}' if split else ''}"
            f"{f'; the sources are {known}' if wanted and known else ''}."
        )
    return chosen


def _faces_of(pictures: Iterable[AnnotatedPicture]) -> Iterator[Face]:
    for picture in pictures:
        sizes = box_sizes(picture.boxes, picture.width, picture.height)
        for number, label in enumerate(picture.labels):
            known = LABEL_NAMES.get(label.lower())
            if known is None or picture.ignored[number]:
                continue
            x_min, y_min, x_max, y_max = picture.boxes[number].tolist()
            yield Face(
                path=picture.path,
                label=known,
                box=(x_min, y_min, x_max, y_max),
                number=number,
                stored_size=(picture.width, picture.height),
                size=float(sizes[number]),
                split=picture.split,
                source=picture.source,
                # A picture is never split, even where nothing is known of its group.
                group=f"{picture.source}/{picture.group or picture.path}",
                duplicate_of=picture.duplicate_of,
            )
