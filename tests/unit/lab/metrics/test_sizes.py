"""Sizes are told as if the picture's long side had 640 pixels."""

from __future__ import annotations

import numpy as np

from lintel.lab.metrics import box_sizes, size_bins


def test_the_short_side_counts_at_a_long_side_of_640() -> None:
    assert box_sizes([[0, 0, 48, 60]], 1280, 720).tolist() == [24]
    assert box_sizes([[0, 0, 20, 12]], 160, 320).tolist() == [24]
    assert box_sizes([], 160, 320).tolist() == []


def test_every_size_that_counts_is_in_one_bin() -> None:
    sizes = np.array([23.9, 24, 47.9, 48, 96, 640])
    held = np.array([each.holds(sizes) for each in size_bins(24)])
    assert held.sum(axis=0).tolist() == [0, 1, 1, 1, 1, 1]
    assert [each.name for each in size_bins(24)] == ["24 to 48 px", "48 to 96 px", "96 px and more"]
