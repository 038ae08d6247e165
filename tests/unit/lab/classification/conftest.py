"""Faces of one colour each, and classifiers that go by colour: every answer is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from tests.mask_packages import expected, write_mask_package

from lintel.lab.training.faces import Face, find_faces

Pixels = NDArray[np.uint8]

# Blue, green, red; the packages of `write_mask_package` know masks by green, bare faces by red.
WORN, BARE, WRONG = (40, 200, 90), (30, 60, 220), (230, 110, 100)
COLOURS = {"with_mask": WORN, "without_mask": BARE, "mask_weared_incorrect": WRONG}
COLUMNS = (
    "image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame,width,height"
)


class Oracle:
    """Judges each face by the colour in its middle, as a mask package of the tests does."""

    def __init__(self, name: str = "oracle", mistakes: Sequence[tuple[int, int, int]] = ()) -> None:
        self.name = name
        self.details = "the colour in the middle"
        self._mistakes = set(mistakes)

    def classify(self, pixels: Pixels, boxes: ArrayLike) -> NDArray[np.float64]:
        rows = []
        for x_min, y_min, x_max, y_max in np.asarray(boxes, float).reshape(-1, 4):
            colour = tuple(pixels[int(y_min + y_max) // 2, int(x_min + x_max) // 2].tolist())
            row = expected(colour)
            rows.append(np.roll(row, 1) if colour in self._mistakes else row)
        return np.array(rows).reshape(-1, 3)


@pytest.fixture
def make_oracle() -> Callable[..., Oracle]:
    """Makes a classifier that is right but for the colours that it is told to mistake."""
    return Oracle


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A data set: pictures of two faces each in every split, of two sources, one a copy."""
    rows = [COLUMNS]
    for split, count in (("train", 4), ("val", 8), ("test", 4)):
        for number in range(count):
            source = "one" if number % 2 else "two"
            left, right = (list(COLOURS)[(number + place) % 3] for place in (0, 1))
            copy = "x.png" if (split, number) == ("val", 7) else ""
            rows += draw_picture(
                tmp_path, f"{split}-{number}.png", (left, right), split, source, copy
            )
    path = tmp_path / "index.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def draw_picture(
    folder: Path, name: str, labels: Sequence[str], split: str, source: str, copy: str = ""
) -> list[str]:
    """Draws a picture with a face of each label, and returns its rows of an index."""
    halves = [np.full((96, 96, 3), COLOURS[label], np.uint8) for label in labels]
    cv2.imwrite(str(folder / name), np.hstack(halves))
    size = f"{96 * len(labels)},96"
    known = f"{source},{name},{copy},0,{size}"
    return [
        f"{name},{split},{96 * place + 24},24,{96 * place + 72},72,{label},{known}"
        for place, label in enumerate(labels)
    ]


@pytest.fixture
def faces(index: Path) -> tuple[Face, ...]:
    """The faces of the data set."""
    return find_faces(index)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A mask package that goes by colour."""
    return write_mask_package(tmp_path / "packages")
