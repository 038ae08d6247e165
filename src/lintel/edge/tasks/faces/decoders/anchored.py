"""Families that say where a box is from the cell of a grid: YuNet, SCRFD, BlazeFace."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lintel.edge.backends import Tensor
from lintel.edge.packages import BlazefaceOutput, ScrfdOutput, YunetOutput
from lintel.edge.tasks.faces.decoders.found import Found, from_centres, lengths
from lintel.edge.tasks.faces.decoders.grids import Grids
from lintel.edge.tasks.faces.decoders.scores import activate, check_scores, choose
from lintel.edge.tasks.preparation import Size
from lintel.edge.tasks.tensors import ExpectedTable, ExpectedTensor


class YunetDecoder:
    """See YunetOutput."""

    def __init__(self, output: YunetOutput) -> None:
        self._activation = output.activation
        self._grids = Grids(output.strides, [1] * len(output.strides))
        self._scores = ExpectedTable("output.scores", output.scores)
        self._boxes = ExpectedTable("output.boxes", output.boxes, 4)
        self._objectness = (
            ExpectedTable("output.objectness", output.objectness) if output.objectness else None
        )

    def expected(self, size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        counts = self._grids.counts(size)
        tensors = self._scores.tensors(counts) + self._boxes.tensors(counts)
        return tensors + (self._objectness.tensors(counts) if self._objectness else [])

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        counts = self._grids.counts(size)
        raw = self._scores.read(results, counts)[:, 0]
        boxes = self._boxes.read(results, counts)
        if self._objectness is None:
            chosen, scores = choose(raw, least, self._activation)
        else:
            objectness = self._objectness.read(results, counts)[:, 0]
            check_scores(objectness, self._activation)
            # The other factor of the score's square is at most 1.
            chosen, scores = choose(raw, max(least, 0) ** 2, self._activation)
            scores = np.sqrt(scores * activate(objectness[chosen], self._activation))
        anchors = self._grids.anchors(size)
        strides, found = anchors.strides[chosen], boxes[chosen]
        centres = (anchors.cells[chosen] + found[:, :2]) * strides
        return Found(from_centres(centres, lengths(found[:, 2:]) * strides), scores)


class ScrfdDecoder:
    """See ScrfdOutput."""

    def __init__(self, output: ScrfdOutput) -> None:
        self._activation = output.activation
        self._grids = Grids(output.strides, [output.anchors_per_cell] * len(output.strides))
        self._scores = ExpectedTable("output.scores", output.scores)
        self._boxes = ExpectedTable("output.boxes", output.boxes, 4)

    def expected(self, size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        counts = self._grids.counts(size)
        return self._scores.tensors(counts) + self._boxes.tensors(counts)

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        counts = self._grids.counts(size)
        raw = self._scores.read(results, counts)[:, 0]
        distances = self._boxes.read(results, counts)
        chosen, scores = choose(raw, least, self._activation)
        anchors = self._grids.anchors(size)
        cells, found = anchors.cells[chosen], distances[chosen]
        corners = np.hstack([cells - found[:, :2], cells + found[:, 2:]])
        return Found(corners * anchors.strides[chosen], scores)


class BlazefaceDecoder:
    """See BlazefaceOutput."""

    def __init__(self, output: BlazefaceOutput) -> None:
        self._grids = Grids(output.strides, output.anchors_per_cell)
        self._scores = ExpectedTable("output.scores", output.scores)
        self._boxes = ExpectedTable("output.boxes", output.boxes, 4 + 2 * output.landmarks)

    def expected(self, size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        counts = self._grids.counts(size)
        return self._scores.tensors(counts) + self._boxes.tensors(counts)

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        counts = self._grids.counts(size)
        raw = self._scores.read(results, counts)[:, 0]
        boxes = self._boxes.read(results, counts)
        chosen, scores = choose(raw, least, "sigmoid")
        anchors = self._grids.anchors(size)
        found = boxes[chosen]
        centres = (anchors.cells[chosen] + np.float32(0.5)) * anchors.strides[chosen]
        return Found(from_centres(centres + found[:, :2], found[:, 2:4]), scores)
