"""What decoders are, and what they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from lintel.edge.backends import Tensor
from lintel.edge.tasks.preparation import Size
from lintel.edge.tasks.tensors import ExpectedTensor, Floats

# e to this is more cells than any picture has, and can still be multiplied.
_LONGEST = np.float32(30.0)


class Found(NamedTuple):
    """What a decoder makes of a model's outputs.

    Attributes:
        boxes: float32 (N, 4), x_min,y_min,x_max,y_max in pixels of the model's input.
        scores: float32 (N,), not calibrated yet.
    """

    boxes: Floats
    scores: Floats


class Decoder(Protocol):
    """Reads the outputs of one family of models; any thread may use it."""

    def expected(self, size: Size | None) -> list[ExpectedTensor]:
        """Returns what outputs the model must have.

        Args:
            size: Of the input; None: it varies.
        """

    def decode(self, results: Mapping[str, Tensor], size: Size, least: float) -> Found:
        """Turns outputs into boxes.

        Args:
            results: The outputs, by name.
            size: Of the input that they come from.
            least: Boxes of a score below are of no use; a few may come all the same.

        Raises:
            InferenceFailedError: An output is missing, of another shape, or has a score that
                makes no sense. Boxes are not checked.
        """


def from_centres(centres: Floats, sizes: Floats) -> Floats:
    """Makes boxes (N, 4) of centres x, y and of widths and heights, (N, 2) each."""
    halves = sizes * np.float32(0.5)
    return np.hstack([centres - halves, centres + halves])


def lengths(logarithms: Floats) -> Floats:
    """Returns e to the power of widths and heights as models give them.

    What would overflow covers everything as it is: a wild box is no reason to give up a picture.
    """
    return np.asarray(np.exp(np.minimum(logarithms, _LONGEST)), np.float32)
