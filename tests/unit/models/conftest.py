from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FACE_RECIPE = Path(__file__).resolve().parents[3] / "models" / "face"


@pytest.fixture(scope="session", autouse=True)
def face_recipe() -> Iterator[Path]:
    """The recipes are scripts, whose modules lie beside them."""
    sys.path.insert(0, str(FACE_RECIPE))
    yield FACE_RECIPE
    sys.path.remove(str(FACE_RECIPE))
