"""Drawn faces, of three classes that a small network can tell apart, in annotated pictures."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

COLUMNS = "image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame"
# As the source of the shared data spells them.
LABELS = ("with_mask", "without_mask", "mask_weared_incorrect")
MaskPicture = Callable[..., NDArray[np.uint8]]


def draw(label: str, seed: int) -> NDArray[np.uint8]:
    """A face of 40 x 52 in a picture of 96 x 96, its box from (28, 22) to (68, 74)."""
    random = np.random.default_rng(seed)
    pixels = random.integers(40, 90, (96, 96, 3), np.uint8)
    cv2.ellipse(pixels, (48, 48), (20, 26), 0, 0, 360, (150, 180, 220), -1)
    cv2.ellipse(pixels, (48, 52), (3, 5), 0, 0, 360, (60, 80, 160), -1)
    for x in (40, 56):
        cv2.circle(pixels, (x, 40), 3, (20, 20, 20), -1)
    if label != "without_mask":
        top = 46 if label == "with_mask" else 58
        cv2.rectangle(pixels, (30, top), (66, 74), (230, 210, 60), -1)
    return pixels


@pytest.fixture(scope="session")
def draw_masked() -> Callable[[str, int], NDArray[np.uint8]]:
    return draw


@pytest.fixture(scope="session")
def faces_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 60 pictures with splits, 20 of each label."""
    folder = tmp_path_factory.mktemp("faces")
    with (folder / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*COLUMNS.split(","), "width", "height"])
        for number in range(60):
            label = LABELS[number % 3]
            split = "val" if number >= 48 else "train"
            name = f"{number}.png"
            assert cv2.imwrite(str(folder / name), draw(label, number))
            box = (28, 22, 68, 74)
            rows.writerow([name, split, *box, label, "drawn", number, "", 0, 96, 96])
    return folder / "index.csv"
