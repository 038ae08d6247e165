"""Grids of cells over the input, where anchor-free and anchor-based networks alike put boxes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lintel.edge.tasks.tensors import ANY, Floats


class Anchors(NamedTuple):
    """Where candidates are, grid after grid, row by row; those of one cell side by side.

    Attributes:
        cells: float32 (N, 2), column and row.
        strides: float32 (N, 1), pixels of the input from cell to cell.
    """

    cells: Floats
    strides: Floats


class Grids:
    """The grids of a network, over inputs of any size."""

    def __init__(self, strides: Sequence[int], anchors_per_cell: Sequence[int]) -> None:
        """Makes grids.

        Args:
            strides: Pixels of the input from cell to cell, of each grid.
            anchors_per_cell: Candidates that share a cell, of each grid.
        """
        self._strides = tuple(strides)
        self._anchors_per_cell = tuple(anchors_per_cell)
        # Pictures of all shapes come by; with one fixed size there is one entry.
        self.anchors = lru_cache(maxsize=8)(self._anchors)

    def counts(self, size: tuple[int, int] | None) -> tuple[int, ...]:
        """Returns the candidates of each grid.

        Args:
            size: Width and height of the input; None: any, and so are the counts.
        """
        if size is None:
            return (ANY,) * len(self._strides)
        return tuple(
            (size[0] // stride) * (size[1] // stride) * anchors
            for stride, anchors in zip(self._strides, self._anchors_per_cell, strict=True)
        )

    def _anchors(self, size: tuple[int, int]) -> Anchors:
        """Lays the grids over an input of a width and height."""
        cells, strides = [], []
        for stride, anchors in zip(self._strides, self._anchors_per_cell, strict=True):
            rows, columns = np.mgrid[: size[1] // stride, : size[0] // stride]
            grid = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
            cells.append(grid.repeat(anchors, axis=0))
            strides.append(np.full((len(cells[-1]), 1), stride, np.float32))
        return Anchors(np.concatenate(cells), np.concatenate(strides))
