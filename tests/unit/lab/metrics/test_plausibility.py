"""Boxes in the wrong unit are caught with a message, not scored as zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.metrics import ImplausibleBoxesError, check_detections, check_truth

FACE = np.array([[100, 50, 180, 150]], np.float32)
SIDES = np.array([640, 480, 640, 480], np.float32)


def test_boxes_in_pixels_pass() -> None:
    assert check_truth(FACE, 640, 480).tolist() == FACE.tolist()
    check_detections([FACE, []], [(640, 480), (320, 200)])


def test_truth_in_fractions_is_named() -> None:
    # What the original had: truth in fractions, detections in pixels.
    with pytest.raises(ImplausibleBoxesError, match=r"look like fractions .*0\.15625"):
        check_truth(FACE / SIDES, 640, 480)


def test_truth_by_corner_and_size_has_no_area_or_lies_outside() -> None:
    with pytest.raises(ImplausibleBoxesError, match="has no area"):
        check_truth([[400, 300, 80, 100]], 640, 480)
    with pytest.raises(ImplausibleBoxesError, match="lies outside"):
        check_truth([[600, 300, 650, 500]], 640, 480)


def test_truth_drawn_a_little_over_the_edge_passes() -> None:
    check_truth([[-2, 0, 100, 484]], 640, 480)


def test_detections_in_fractions_are_named() -> None:
    with pytest.raises(ImplausibleBoxesError, match="fractions"):
        check_detections([FACE / SIDES, []], [(640, 480), (640, 480)])


def test_a_tiny_detection_among_others_is_not_taken_for_fractions() -> None:
    check_detections([[[0, 0, 1, 1]], FACE], [(640, 480), (640, 480)])


def test_detections_by_corner_and_size_are_turned_inside_out() -> None:
    with pytest.raises(ImplausibleBoxesError, match="inside out"):
        check_detections([[[400, 300, 80, 100]]], [(640, 480)])


def test_detections_of_another_picture_size_lie_outside() -> None:
    with pytest.raises(ImplausibleBoxesError, match="pixels of something else"):
        check_detections([FACE * 10, FACE], [(640, 480)] * 2)


def test_a_wild_guess_among_many_passes() -> None:
    check_detections([FACE * 10, *[FACE] * 20], [(640, 480)] * 21)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        check_truth([[0, 0, np.nan, 1]], 640, 480)


@given(
    st.integers(32, 4000),
    st.integers(32, 4000),
    st.tuples(*[st.floats(0, 1, width=32)] * 4),
)
def test_no_box_in_fractions_passes(
    width: int, height: int, fractions: tuple[float, float, float, float]
) -> None:
    with pytest.raises(ImplausibleBoxesError):
        check_truth([fractions], width, height)
    if fractions[0] <= fractions[2] and fractions[1] <= fractions[3]:
        with pytest.raises(ImplausibleBoxesError):
            check_detections([[fractions]], [(width, height)])
