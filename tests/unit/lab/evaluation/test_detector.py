"""Model packages as detectors: run by the device's own code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.geometry import intersection_over_union
from lintel.edge.packages import builtin_packages
from lintel.lab.errors import LabError
from lintel.lab.evaluation import open_package

FACE = [[90, 75, 230, 245]]


def test_a_built_in_package_finds_a_face(draw_face: Callable[..., NDArray[np.uint8]]) -> None:
    detector = open_package("face-haar")
    pixels = draw_face(320, 320)
    found = detector.detect(pixels, detector.default_score)
    assert intersection_over_union(found.boxes[:1], FACE)[0, 0] > 0.5
    assert found.scores[0] >= detector.default_score == pytest.approx(0.2)
    grey = detector.detect(np.ascontiguousarray(pixels[:, :, 1]), 0.9)
    assert (grey.scores >= 0.9).all()


def test_a_folder_and_a_variant_may_be_named() -> None:
    folder = next(path for path in builtin_packages() if path.name == "face-haar")
    detector = open_package(f"{folder}@opencv")
    assert detector.name == "face-haar@opencv"
    assert "face-haar 1.0.0" in detector.details


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(LabError, match=r"no model package faec.*face-haar"):
        open_package("faec")
    with pytest.raises(SettingsInvalidError, match="no such variant; it has opencv"):
        open_package("face-haar@int8")


def test_a_package_that_finds_no_faces_is_refused(
    write_package: Callable[..., Path], tiny_onnx: bytes
) -> None:
    folder = write_package("tiny", onnx=tiny_onnx)
    with pytest.raises(LabError, match="no face model"):
        open_package(str(folder))
