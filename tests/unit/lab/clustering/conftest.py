"""Faces of one colour each, nearly: those of a label are alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.mask_packages import write_mask_package

from lintel.lab.training.faces import Face, find_faces

COLOURS = {
    "with_mask": (40, 200, 90),
    "without_mask": (30, 60, 220),
    "mask_weared_incorrect": (230, 110, 100),
}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A data set of 24 faces to validate on, in pictures of their own; half wear a mask well."""
    random = np.random.default_rng(2)
    rows = ["image,split,x_min,y_min,x_max,y_max,label,source"]
    for number in range(24):
        label = list(COLOURS)[max(0, number % 4 - 1)]
        pixels = np.clip(random.normal(COLOURS[label], 6, (64, 64, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number:02d}.png"), pixels)
        rows.append(f"{number:02d}.png,val,12,12,52,52,{label},drawn")
    path = tmp_path / "faces.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def faces(index: Path) -> tuple[Face, ...]:
    """The faces of the data set."""
    return find_faces(index)


@pytest.fixture
def write_package(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a mask package that goes by colour, for a backend."""
    return lambda backend: write_mask_package(tmp_path / "packages", backend, backend=backend)
