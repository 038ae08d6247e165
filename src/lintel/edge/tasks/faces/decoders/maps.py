"""Families that give maps over the picture: CenterFace."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lintel.edge.backends import Tensor
from lintel.edge.packages import CenterfaceOutput
from lintel.edge.tasks.faces.decoders.found import Found, from_centres, lengths
from lintel.edge.tasks.faces.decoders.scores import choose
from lintel.edge.tasks.preparation import Size
from lintel.edge.tasks.tensors import ANY, ExpectedTensor, Floats


class CenterfaceDecoder:
    """See CenterfaceOutput."""

    def __init__(self, output: CenterfaceOutput, layout: str) -> None:
        """Makes a decoder.

        Args:
            output: What the manifest says.
            layout: Order of the axes, "NHWC" or "NCHW".
        """
        self._output = output
        self._channels_first = layout == "NCHW"

    def expected(self, size: Size | None) -> list[ExpectedTensor]:
        """See Decoder."""
        return list(self._maps(size))

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """See Decoder."""
        heatmap, scale, offset = (
            self._by_cell(tensor.read(results)) for tensor in self._maps(size)
        )
        chosen, scores = choose(heatmap[:, 0], least)
        stride = np.float32(self._output.stride)
        rows, columns = np.divmod(chosen, size[0] // self._output.stride)
        cells = np.stack([columns, rows], axis=1).astype(np.float32)
        # Of the two channels, the first is along y.
        centres = (cells + offset[chosen, ::-1] + np.float32(0.5)) * stride
        return Found(from_centres(centres, lengths(scale[chosen, ::-1]) * stride), scores)

    def _maps(self, size: Size | None) -> tuple[ExpectedTensor, ExpectedTensor, ExpectedTensor]:
        """Returns what is expected of the heatmap, the scales and the offsets."""
        output = self._output
        width, height = (length // output.stride for length in size) if size else (ANY, ANY)

        def shape(channels: int) -> tuple[tuple[int, ...]]:
            if self._channels_first:
                return ((1, channels, height, width),)
            return ((1, height, width, channels),)

        return (
            ExpectedTensor("output.heatmap", output.heatmap, shape(1)),
            ExpectedTensor("output.scale", output.scale, shape(2)),
            ExpectedTensor("output.offset", output.offset, shape(2)),
        )

    def _by_cell(self, values: Floats) -> Floats:
        """Returns a map as a view with a row a cell, (cells, channels)."""
        if self._channels_first:
            return values.reshape(values.shape[1], -1).T
        return values.reshape(-1, values.shape[3])
