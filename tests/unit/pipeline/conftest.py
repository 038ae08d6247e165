"""Parts that the tests of the pipeline share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.cameras import Frame, RawPixels
from lintel.edge.tasks.tracking import Box, Track

MakeFrame = Callable[..., Frame]


@pytest.fixture
def make_frame() -> MakeFrame:
    """Makes a frame of 15 a second: make_frame(sequence, pixels=None, opening=0)."""

    def make(sequence: int, pixels: NDArray[np.uint8] | None = None, opening: int = 0) -> Frame:
        shown = np.full((48, 64, 3), 90, np.uint8) if pixels is None else pixels
        return Frame(
            RawPixels.of_pixels(shown),
            None,
            captured_ns=time.monotonic_ns(),
            captured_us=1_800_000_000_000_000 + sequence * 66_667,
            timeline_ns=sequence * 66_666_667,
            sequence=sequence,
            opening=opening,
        )

    return make


@pytest.fixture
def make_track() -> Callable[..., Track]:
    """Makes a track that was found: make_track(id, box)."""

    def make(
        number: int, box: Sequence[float], *, unseen_s: float = 0.0, told: bool = True
    ) -> Track:
        x_min, y_min, x_max, y_max = map(float, box)
        where: Box = (x_min, y_min, x_max, y_max)
        return Track(number, where, where, 0.9, unseen_s, told)

    return make
