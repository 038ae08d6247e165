"""Large pictures looked at in parts: nothing between them, and every face told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.edge.images import Picture
from lintel.edge.tasks.faces.parts import Detections, detect_in_parts, parts_of

INPUT = 64
Look = Callable[[Picture], Detections]
lengths = st.integers(1, 2000)


def blank(width: int, height: int, shrunk: int = 1) -> Picture:
    pixels = np.zeros((height // shrunk, width // shrunk, 3), np.uint8)
    return Picture(pixels, width, height, None, None)


def draw(picture: Picture, boxes: Sequence[Sequence[int]]) -> Picture:
    """Makes faces of a picture: rectangles, each of a brightness of its own."""
    shrunk = picture.width // picture.pixels.shape[1]
    for number, box in enumerate(boxes, 1):
        x_min, y_min, x_max, y_max = (corner // shrunk for corner in box)
        picture.pixels[y_min:y_max, x_min:x_max] = 10 * number
    return picture


def see(picture: Picture) -> Detections:
    """Finds what is 4 pixels or more of 64 on the short side."""
    boxes: list[NDArray[np.float32]] = []
    scale = picture.width / picture.pixels.shape[1]
    for brightness in np.unique(picture.pixels[picture.pixels > 0]):
        rows, columns = np.nonzero(picture.pixels[..., 0] == brightness)
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        box = np.array(corners, np.float32) * scale
        if min(box[2:] - box[:2]) * INPUT / max(picture.width, picture.height) >= 4:
            boxes.append(box)
    scores = np.full(len(boxes), 0.5, np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores)


@given(width=lengths, height=lengths)
def test_parts_leave_nothing_out_and_stay_within(width: int, height: int) -> None:
    seen = np.zeros((height, width), bool)
    for part in parts_of(width, height, INPUT):
        assert 0 <= part.left < part.right <= width
        assert 0 <= part.top < part.bottom <= height
        assert max(part.right - part.left, part.bottom - part.top) <= 2 * INPUT
        seen[part.top : part.bottom, part.left : part.right] = True
    assert seen.all()


@given(
    length=st.integers(129, 2000), start=st.integers(0, 2000), size=st.integers(1, INPUT // 2 - 1)
)
def test_what_is_no_larger_than_the_overlap_is_whole_in_one_of_them(
    length: int, start: int, size: int
) -> None:
    start = min(start, length - size)
    parts = parts_of(length, 1, INPUT)
    assert any(part.left <= start and start + size <= part.right for part in parts)


@pytest.mark.parametrize("shrunk", [1, 2])
def test_small_faces_are_found_once_and_in_their_places(shrunk: int) -> None:
    faces = [[10, 12, 22, 26], [620, 300, 640, 320], [90, 90, 104, 104], [118, 0, 140, 22]]
    picture = draw(blank(640, 320, shrunk), faces)
    assert len(see(picture).boxes) == 0
    found = detect_in_parts(picture, INPUT, 0.45, see)
    boxes = np.array(sorted(found.boxes.tolist()))
    # Parts begin at whole pixels of what was decoded.
    np.testing.assert_allclose(boxes, sorted(faces), atol=shrunk - 1)


def test_a_large_face_is_told_as_the_whole_picture_shows_it() -> None:
    face = [100, 40, 420, 300]
    found = detect_in_parts(draw(blank(640, 320), [face]), INPUT, 0.45, see)
    assert found.boxes.tolist() == [face]


def test_half_a_face_is_told_where_nothing_else_has_it() -> None:
    picture = blank(640, 320)

    def see_one_edge(part: Picture) -> Detections:
        boxes = [[part.width - 20, 10, part.width, 40]] if part.width < 640 else []
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.3))

    assert len(detect_in_parts(picture, INPUT, 0.45, see_one_edge).boxes) > 0


def test_the_best_come_first() -> None:
    scores = iter(np.linspace(0.1, 0.9, 100, dtype=np.float32))

    def see_something(part: Picture) -> Detections:
        middle = [part.width / 2 - 5, part.height / 2 - 5, part.width / 2 + 5, part.height / 2 + 5]
        return Detections(np.array([middle], np.float32), np.array([next(scores)]))

    found = detect_in_parts(blank(640, 320), INPUT, 0.45, see_something)
    assert len(found.scores) > 10
    assert (np.diff(found.scores) <= 0).all()
