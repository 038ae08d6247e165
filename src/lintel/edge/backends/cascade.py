"""Cascades of boosted classifiers, run by OpenCV.

P. Viola and M. Jones, Rapid Object Detection using a Boosted Cascade of Simple Features, 2001.

OpenCV trusts the numbers in a cascade: of 1,500 randomly damaged ones, 4 ended the process. What is
checked here is only the kind of features; that a file is whole, its digest tells. `open_session` is
therefore the only one to make these sessions, on bytes that it has just digested. Against a cascade
that was made to harm a digest in the same package says nothing: whoever installs packages decides
whom to trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lintel.edge.backends.session import Tensor, TensorSpec, check_feeds
from lintel.edge.errors import InferenceFailedError, PackageInvalidError
from lintel.edge.packages import CascadeOutput

IMAGE = "image"
BOXES = "boxes"
AGREEING = "agreeing"


class CascadeSession:
    """A cascade, ready to run.

    Takes a grey picture, uint8 (1, height, width, 1). Gives boxes, float32 (N, 4), each
    x_min,y_min,x_max,y_max in pixels of that picture, and for each how many windows agree on it,
    float32 (N,).
    """

    inputs = (TensorSpec(IMAGE, np.dtype(np.uint8), (1, -1, -1, 1)),)
    outputs = (
        TensorSpec(BOXES, np.dtype(np.float32), (-1, 4)),
        TensorSpec(AGREEING, np.dtype(np.float32), (-1,)),
    )

    def __init__(self, model: bytes, output: CascadeOutput, threads: int) -> None:
        """Opens a cascade.

        Args:
            model: The .xml file.
            output: How to look.
            threads: Threads of OpenCV, in the whole process.

        Raises:
            PackageInvalidError: It is not a cascade of Haar features.
            ImportError: OpenCV is not installed.
        """
        import cv2  # noqa: PLC0415 -- a device may do without it

        self._cv2: Any = cv2
        self._output = output
        self._classifier = cv2.CascadeClassifier()
        try:
            # Parsed from memory: what was digested is what is parsed.
            storage = cv2.FileStorage(
                model.decode("utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
            )
            root = storage.getFirstTopLevelNode()
            # With other features than it says, OpenCV reads beyond its memory.
            is_haar = root.getNode("featureType").string() == "HAAR"
            loaded = is_haar and self._classifier.read(root)
        except (cv2.error, SystemError, UnicodeDecodeError) as error:
            raise PackageInvalidError("The model file is not a cascade.") from error
        if not loaded:
            raise PackageInvalidError("The model file is not a cascade of Haar features.")
        cv2.setNumThreads(threads)

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See Session.run."""
        check_feeds(feeds, self.inputs)
        side = self._output.min_size
        try:
            found, agreeing = self._classifier.detectMultiScale2(
                feeds[IMAGE][0, :, :, 0],
                scaleFactor=self._output.scale_factor,
                minNeighbors=self._output.min_neighbors,
                minSize=(side, side),
            )
        except (self._cv2.error, SystemError) as error:
            raise InferenceFailedError("The cascade failed on this picture.") from error
        # OpenCV gives an empty tuple where it finds nothing.
        boxes = np.asarray(found, np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return {BOXES: boxes, AGREEING: np.asarray(agreeing, np.float32).reshape(-1)}
