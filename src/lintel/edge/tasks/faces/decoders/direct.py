"""Families whose boxes need no grid: YOLO, Ultraface, and cascades."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lintel.edge.backends import Tensor
from lintel.edge.backends.cascade import AGREEING, BOXES
from lintel.edge.packages import (
    CascadeOutput,
    UltrafaceOutput,
    YoloOutput,
    YoloV5FaceOutput,
    YoloV8Output,
)
from lintel.edge.tasks.faces.decoders.found import Found, from_centres
from lintel.edge.tasks.faces.decoders.scores import activate, check_scores, choose
from lintel.edge.tasks.preparation import Size
from lintel.edge.tasks.tensors import (
    ANY,
    ExpectedTable,
    ExpectedTensor,
    Floats,
)


class CascadeDecoder:
    """See CascadeOutput; a score is the logarithm of the windows that agree."""

    _BOXES = ExpectedTensor("output.decoder", BOXES, ((ANY, 4),))
    _AGREEING = ExpectedTensor("output.decoder", AGREEING, ((ANY,),))

    def __init__(self, _output: CascadeOutput) -> None:
        """Makes a decoder; the session has looked as the manifest says."""

    def expected(self, _size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        return [self._BOXES, self._AGREEING]

    def decode(self, results: Mapping[str, Tensor], _size: Size, _least: float) -> Found:
        """See Decoder."""
        return Found(self._BOXES.read(results), np.log(self._AGREEING.read(results)))


class UltrafaceDecoder:
    """See UltrafaceOutput."""

    def __init__(self, output: UltrafaceOutput) -> None:
        self._scores = ExpectedTable("output.scores", output.scores, 2)
        self._boxes = ExpectedTable("output.boxes", output.boxes, 4)

    def expected(self, _size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        return self._scores.tensors([ANY]) + self._boxes.tensors([ANY])

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        raw = self._scores.read(results, [ANY])[:, 1]
        fractions = self._boxes.read(results, [len(raw)])
        chosen, scores = choose(raw, least)
        return Found(fractions[chosen] * np.array([*size, *size], np.float32), scores)


class _YoloDecoder:
    """What the kinds of YOLO share: a score and a box in a row, once it is one."""

    def __init__(self, output: YoloOutput) -> None:
        self._index = output.labels.index(output.label)
        self._in_fractions = output.boxes_in == "fractions"

    def _find(self, rows: Floats, scores: Floats, size: Size) -> Found:
        """Makes boxes of the first four columns of the rows that were chosen."""
        scale = np.array(size if self._in_fractions else (1, 1), np.float32)
        return Found(from_centres(rows[:, :2] * scale, rows[:, 2:4] * scale), scores)


class YoloV5FaceDecoder(_YoloDecoder):
    """See YoloV5FaceOutput."""

    def __init__(self, output: YoloV5FaceOutput) -> None:
        super().__init__(output)
        self._class = 5 + 2 * output.landmarks + self._index
        columns = 5 + 2 * output.landmarks + len(output.labels)
        self._predictions = ExpectedTensor(
            "output.predictions", output.predictions, ((1, ANY, columns),)
        )

    def expected(self, _size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        return [self._predictions]

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        predictions = self._predictions.read(results)[0]
        classes = predictions[:, self._class]
        check_scores(classes)
        # The other factor of the score is at most 1.
        chosen, objectness = choose(predictions[:, 4], least)
        scores = objectness * activate(classes[chosen], "none")
        return self._find(predictions[chosen], scores, size)


class YoloV8Decoder(_YoloDecoder):
    """See YoloV8Output."""

    def __init__(self, output: YoloV8Output) -> None:
        super().__init__(output)
        rows = 4 + len(output.labels)
        # Without landmarks, the two are one.
        heights = sorted({rows + numbers * output.landmarks for numbers in (2, 3)})
        self._predictions = ExpectedTensor(
            "output.predictions", output.predictions, tuple((1, height, ANY) for height in heights)
        )

    def expected(self, _size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        return [self._predictions]

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        predictions = self._predictions.read(results)[0]
        chosen, scores = choose(predictions[4 + self._index], least)
        return self._find(predictions[:4, chosen].T, scores, size)
