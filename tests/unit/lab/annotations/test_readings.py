"""A box is held to its picture, and what is wrong with it says what it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lintel.lab.annotations.readings import Corners, Reading, fits, read_box
from lintel.lab.errors import AnnotationError, Defect

WIDTH, HEIGHT = 640, 480
PATH = Path("boxes.csv")
FRACTIONS_OF = {
    Reading.CORNER_FRACTIONS: Reading.CORNERS,
    Reading.CORNER_AND_SIZE_FRACTIONS: Reading.CORNER_AND_SIZE,
    Reading.CENTRE_AND_SIZE_FRACTIONS: Reading.CENTRE_AND_SIZE,
}


def write(box: Corners, reading: Reading, width: int, height: int) -> tuple[float, ...]:
    """Writes a box as a format would."""
    if reading in FRACTIONS_OF:
        shares = Corners(box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        return write(shares, FRACTIONS_OF[reading], width, height)
    a, b, c, d = box
    return {
        Reading.CORNERS: (a, b, c, d),
        Reading.CORNERS_SWAPPED: (c, d, a, b),
        Reading.CORNERS_BY_AXIS: (a, c, b, d),
        Reading.CORNERS_Y_FIRST: (b, a, d, c),
        Reading.CORNER_AND_SIZE: (a, b, c - a, d - b),
        Reading.CENTRE_AND_SIZE: ((a + c) / 2, (b + d) / 2, c - a, d - b),
    }[reading]


def read(numbers: tuple[float, ...], reading: Reading = Reading.CORNERS) -> Corners:
    return read_box(numbers, reading, WIDTH, HEIGHT, path=PATH, field="row 7")


def refused(numbers: tuple[float, ...], reading: Reading = Reading.CORNERS) -> AnnotationError:
    with pytest.raises(AnnotationError) as caught:
        read(numbers, reading)
    assert (caught.value.path, caught.value.field) == (PATH, "row 7")
    assert str(caught.value).startswith("boxes.csv, row 7: the box (")
    return caught.value


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Corners, int, int]:
    """A box of at least 4 pixels a side in a picture."""
    width, height = (draw(st.integers(8, 4000)) for _ in range(2))
    x_min, y_min = draw(st.floats(0, width - 4)), draw(st.floats(0, height - 4))
    x_max, y_max = draw(st.floats(x_min + 4, width)), draw(st.floats(y_min + 4, height))
    return Corners(x_min, y_min, x_max, y_max), width, height


@given(boxes(), st.sampled_from(Reading))
def test_every_meaning_reads_what_was_written_under_it(
    drawn: tuple[Corners, int, int], reading: Reading
) -> None:
    box, width, height = drawn
    numbers = write(box, reading, width, height)
    found = read_box(numbers, reading, width, height, path=PATH, field="")
    assert found == pytest.approx(box, abs=1e-6)


@given(boxes(), st.sampled_from(sorted(FRACTIONS_OF, key=str)))
def test_fractions_are_never_taken_for_pixels(
    drawn: tuple[Corners, int, int], reading: Reading
) -> None:
    box, width, height = drawn
    numbers = write(box, reading, width, height)
    for pixels in Reading:
        if not pixels.of_fractions:
            assert not fits(numbers, pixels, width, height)


@given(boxes(), st.sampled_from(sorted(FRACTIONS_OF, key=str)))
def test_pixels_are_never_taken_for_fractions(
    drawn: tuple[Corners, int, int], fractions: Reading
) -> None:
    box, width, height = drawn
    assume(box.x_max > 2)
    for pixels in (Reading.CORNERS, Reading.CORNER_AND_SIZE, Reading.CENTRE_AND_SIZE):
        numbers = write(box, pixels, width, height)
        assert not fits(numbers, fractions, width, height)


@given(st.lists(st.floats(), min_size=4, max_size=4), st.sampled_from(Reading))
@example([1e307, 0.5, 1e307, 0.5], Reading.CENTRE_AND_SIZE_FRACTIONS)
@example([1.7e308, 10.0, 1.7e308, 10.0], Reading.CORNER_AND_SIZE)
def test_whatever_is_read_is_a_box_within_the_picture(
    numbers: list[float], reading: Reading
) -> None:
    try:
        box = read_box(numbers, reading, WIDTH, HEIGHT, path=PATH, field="")
    except AnnotationError:
        return
    assert 0 <= box.x_min < box.x_max <= WIDTH
    assert 0 <= box.y_min < box.y_max <= HEIGHT


def test_fractions_where_pixels_are_expected_are_told() -> None:
    error = refused((0.1, 0.2, 0.5, 0.6))
    assert "(0.1, 0.2, 0.5, 0.6), read as x_min, y_min, x_max, y_max in pixels" in str(error)
    assert "as fractions would be" in str(error)
    assert "it looks like x_min, y_min, x_max, y_max in fractions" in str(error)
    assert error.defect is Defect.IMPOSSIBLE_BOX


def test_pixels_where_fractions_are_expected_are_told() -> None:
    error = refused((300, 200, 50, 60), Reading.CENTRE_AND_SIZE_FRACTIONS)
    assert "lies far outside, as pixels would" in str(error)
    assert "x_centre, y_centre, width, height in pixels" in str(error)


def test_swapped_corners_are_told() -> None:
    error = refused((300, 200, 250, 150))
    assert "is turned inside out" in str(error)
    assert "it looks like" in str(error)
    assert "pixels with opposite corners swapped" in str(error)


def test_swapped_axes_are_told_when_they_leave_the_picture() -> None:
    error = refused((100, 500, 150, 600))
    assert "reaches 120 pixels out of bounds in a picture of 640 x 480 pixels" in str(error)
    assert "it looks like y_min, x_min, y_max, x_max in pixels" in str(error)
    assert error.defect is Defect.BOX_OUT_OF_BOUNDS


def test_sizes_for_corners_are_told() -> None:
    assert "it looks like x_min, y_min, width, height in pixels" in str(refused((300, 200, 50, 60)))


def test_corners_for_sizes_are_told() -> None:
    error = refused((500, 300, 600, 400), Reading.CORNER_AND_SIZE)
    assert "x_min, y_min, x_max, y_max in pixels" in str(error).partition("it looks like")[2]


def test_negative_sizes_are_told() -> None:
    assert "is turned inside out" in str(refused((300, 200, -50, -60), Reading.CORNER_AND_SIZE))


def test_a_box_without_an_area_is_no_box() -> None:
    assert "has no area" in str(refused((465.3, 480, 502.3, 480)))


def test_where_nothing_fits_that_is_said() -> None:
    assert "no other meaning of its numbers fits either" in str(refused((-900, 5, -800, 9000)))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_finite_number_is_told(number: float) -> None:
    error = refused((1, 2, number, 40))
    assert f"the box (1, 2, {number:g}, 40) has a coordinate that is not a finite" in str(error)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((-1, 0, 50, 50), (0, 0, 50, 50)),
        ((600, 400, 646, 484), (600, 400, 640, 480)),
    ],
    ids=["a pixel", "a hundredth"],
)
def test_what_sticks_out_by_a_little_is_cut(
    numbers: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    assert read(numbers) == expected


def test_what_sticks_out_by_more_is_refused() -> None:
    assert refused((600, 400, 647, 480)).defect is Defect.BOX_OUT_OF_BOUNDS
