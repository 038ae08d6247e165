"""Annotated pictures with drawn faces, and detectors whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.evaluation import Found

Pixels = NDArray[np.uint8]
Answer = Callable[[Pixels], list[list[float]]]

# Where `draw_face(320, 320)` has its face.
DRAWN_FACE = [90, 75, 230, 245]


class Oracle:
    """Finds in each picture what a function says; a fifth number is the score, else it is 0.9."""

    def __init__(self, answer: Answer, name: str = "oracle", default_score: float = 0.5) -> None:
        self.name = name
        self.details = "a function"
        self.default_score = self.cover_score = default_score
        self._answer = answer

    def detect(self, pixels: Pixels, min_score: float) -> Found:
        rows = [[*row, 0.9][:5] for row in self._answer(pixels)]
        table = np.array(rows, np.float32).reshape(-1, 5)
        table = table[table[:, 4] >= min_score]
        return Found(table[:, :4], table[:, 4])


@pytest.fixture
def make_picture(
    tmp_path: Path, draw_face: Callable[..., Pixels]
) -> Callable[..., AnnotatedPicture]:
    """Writes a picture of 320x320 with one drawn face, and annotates it.

    Called with a name, the boxes (default: the face's), and fields of AnnotatedPicture.
    """

    def make(name: str, boxes: object = None, **fields: object) -> AnnotatedPicture:
        path = tmp_path / name
        Image.fromarray(draw_face(320, 320)[:, :, ::-1]).save(path, quality=95)
        corners = np.array([DRAWN_FACE] if boxes is None else boxes, np.float32).reshape(-1, 4)
        size = {"width": 320, "height": 320}
        return AnnotatedPicture(
            path=path,
            **(size | {key: fields.pop(key) for key in list(size) if key in fields}),
            boxes=corners,
            labels=("",) * len(corners),
            ignored=np.asarray(fields.pop("ignored", np.zeros(len(corners))), np.bool_),
            **fields,
        )

    return make


@pytest.fixture
def make_oracle() -> Callable[..., Oracle]:
    """Makes a detector that finds what a function of the pixels says."""
    return Oracle


@pytest.fixture
def index(tmp_path: Path, make_picture: Callable[..., AnnotatedPicture]) -> Path:
    """A data set on disk: three pictures to validate on, one of them a copy, and one to test on."""
    rows = [
        "image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame,width,height"
    ]
    for name, split, source, copy in (
        ("a.jpg", "val", "indoors", ""),
        ("b.jpg", "val", "outdoors", ""),
        ("c.jpg", "val", "outdoors", "b.jpg"),
        ("d.jpg", "test", "outdoors", ""),
    ):
        make_picture(name)
        box = ",".join(map(str, DRAWN_FACE))
        rows.append(f"{name},{split},{box},,{source},{name},{copy},0,320,320")
    path = tmp_path / "index.csv"
    path.write_text("\n".join(rows) + "\n")
    return path
