"""What blur destroys, what it leaves alone, and that nothing brings it back."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks import blur
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape, blur_regions, blur_whole

Pixels = NDArray[np.uint8]

METHODS = st.sampled_from(BlurMethod)
SHAPES = st.sampled_from(BlurShape)
MARGINS = st.floats(0, 2)
SEEDS = st.integers(0, 2**32 - 1)
CHANNELS = st.sampled_from([(), (3,)])
# Inside, across and far beyond a frame of 300 x 200, upright or not, thin, huge, infinite.
COORDINATES = st.one_of(st.floats(-60, 360, width=32), st.floats(allow_nan=False, width=32))
BOX = st.tuples(COORDINATES, COORDINATES, COORDINATES, COORDINATES)
FRAME = (200, 300)


def noise(seed: int, *shape: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def boxes(*rows: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, 4)


def blurred(pixels: Pixels, box: tuple[float, float, float, float], options: BlurOptions) -> Pixels:
    copy = pixels.copy()
    blur_regions(copy, boxes(box), options)
    return copy


def covered(box: tuple[float, float, float, float], options: BlurOptions) -> NDArray[np.bool_]:
    """Which pixels of the frame a box covers: those that turn into the flat grey."""
    fill = BlurOptions(BlurMethod.FILL, options.shape, options.margin)
    return np.asarray(blurred(np.zeros(FRAME, np.uint8), box, fill) == blur.FILL_VALUE)


def colours(pixels: Pixels) -> int:
    """How many colours a picture has."""
    return len(np.unique(pixels.astype(np.uint32) @ np.array([1, 1 << 8, 1 << 16], np.uint32)))


def touched(box: tuple[float, float, float, float], shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the pixels that an upright box touches."""
    limits = (shape[1], shape[0], shape[1], shape[0])
    x_min, y_min, x_max, y_max = (
        min(max(side, 0), limit) for side, limit in zip(box, limits, strict=True)
    )
    return (
        slice(math.floor(y_min), math.ceil(y_max)),
        slice(math.floor(x_min), math.ceil(x_max)),
    )


def keeping(kept: list[Pixels]) -> Callable[[Pixels], Pixels]:
    """Measures cells as ever, and keeps them in a list."""
    measure = blur._cells

    def measure_and_keep(region: Pixels) -> Pixels:
        kept.append(measure(region))
        return kept[-1]

    return measure_and_keep


@settings(deadline=None)
@given(SEEDS, METHODS, CHANNELS, st.integers(4, 8), st.integers(4, 8))
def test_pictures_of_equal_cell_means_become_equal(
    seed: int, method: BlurMethod, channels: tuple[int, ...], cell_height: int, cell_width: int
) -> None:
    cells = (8, cell_height, 8, cell_width)
    one = noise(seed, 8 * cell_height, 8 * cell_width, *channels)
    # The same pixels in another order within each of the 8 x 8 cells.
    other = np.ascontiguousarray(one.reshape(*cells, *channels)[:, ::-1, :, ::-1]).reshape(
        one.shape
    )
    assert not np.array_equal(one, other)
    box = (0, 0, one.shape[1], one.shape[0])
    options = BlurOptions(method, BlurShape.BOX, 0)
    assert np.array_equal(blurred(one, box, options), blurred(other, box, options))
    blur_whole(one, method)
    blur_whole(other, method)
    assert np.array_equal(one, other)


@settings(deadline=None)
@given(SEEDS, BOX, METHODS, SHAPES, MARGINS, CHANNELS)
def test_the_cover_depends_on_nothing_but_the_cells(
    seed: int, box: Any, method: BlurMethod, shape: BlurShape, margin: float, channels: Any
) -> None:
    options = BlurOptions(method, shape, margin)
    kept: list[Pixels] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blur, "_cells", keeping(kept))
        one = blurred(noise(seed, *FRAME, *channels), box, options)
        patch.setattr(blur, "_cells", lambda _: kept[-1])
        other = blurred(noise(seed + 1, *FRAME, *channels), box, options)
    assert len(kept) <= 1
    assert all(cells.shape[0] <= 8 and cells.shape[1] <= 8 for cells in kept)
    cover = covered(box, options)
    assert np.array_equal(one[cover], other[cover])


@settings(deadline=None)
@given(SEEDS, BOX, METHODS, SHAPES, MARGINS, CHANNELS)
def test_pixels_outside_the_cover_are_untouched(
    seed: int, box: Any, method: BlurMethod, shape: BlurShape, margin: float, channels: Any
) -> None:
    before = noise(seed, *FRAME, *channels)
    options = BlurOptions(method, shape, margin)
    after = blurred(before, box, options)
    outside = ~covered(box, options)
    assert np.array_equal(after[outside], before[outside])


@settings(deadline=None)
@given(BOX, SHAPES, MARGINS)
def test_every_pixel_of_a_box_is_covered(box: Any, shape: BlurShape, margin: float) -> None:
    upright = (*map(min, box[:2], box[2:]), *map(max, box[:2], box[2:]))
    cover = covered(box, BlurOptions(BlurMethod.FILL, shape, margin))
    assert cover[touched(upright, FRAME)].all()


@settings(deadline=None)
@given(BOX, MARGINS)
def test_the_ellipse_holds_the_expanded_box(box: Any, margin: float) -> None:
    square = covered(box, BlurOptions(BlurMethod.FILL, BlurShape.BOX, margin))
    ellipse = covered(box, BlurOptions(BlurMethod.FILL, BlurShape.ELLIPSE, margin))
    assert ellipse[square].all()


@pytest.mark.parametrize("side", [3.5, 24, 121, 700, 1000])
def test_the_ellipse_passes_through_the_corners(side: float) -> None:
    frame = np.zeros((1500, 1200), np.uint8)
    box = (600 - side * 0.4, 750 - side / 2, 600 + side * 0.4, 750 + side / 2)
    fill = BlurOptions(BlurMethod.FILL, BlurShape.ELLIPSE, 0)
    cover = blurred(frame, box, fill) == blur.FILL_VALUE
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]] + 0.5
    semi_x, semi_y = side * 0.4 * math.sqrt(2), side / 2 * math.sqrt(2)

    def ellipse(slack: float) -> NDArray[np.bool_]:
        reach = ((x - 600) / (semi_x + slack)) ** 2 + ((y - 750) / (semi_y + slack)) ** 2
        return np.asarray(reach <= 1)

    assert cover[ellipse(0)].all()
    # Rows of a large region are painted in groups, rounded outwards.
    assert not cover[~ellipse(4 + 2 * blur._rows_painted_alike(round(2 * semi_y)))].any()


@pytest.mark.parametrize("method", BlurMethod)
def test_no_side_is_cut_into_more_than_8_cells_nor_finer_than_4_pixels(method: BlurMethod) -> None:
    for side in range(1, 2001):
        picture = noise(side, side, 2)
        most = min(8, max(side // 4, 1))
        assert blur._cells(picture).shape == (most, 1)
        assert blur._cells(np.ascontiguousarray(picture.T)).shape == (1, most)
        if method is not BlurMethod.GAUSSIAN:
            blur_whole(picture, method)
            assert len(np.unique(picture)) <= most


@settings(deadline=None)
@given(SEEDS, st.integers(1, 2000), st.integers(1, 200), METHODS)
def test_a_region_has_at_most_64_colours(
    seed: int, height: int, width: int, method: BlurMethod
) -> None:
    picture = noise(seed, height, width, 3)
    assert math.prod(blur._cells(picture).shape[:2]) <= 64
    if method is not BlurMethod.GAUSSIAN:
        blur_whole(picture, method)
        assert colours(picture) <= 64


@pytest.mark.parametrize("method", BlurMethod)
@pytest.mark.parametrize("side", [1, 2, 3, 5, 7])
def test_the_smallest_faces_become_one_colour(side: int, method: BlurMethod) -> None:
    frame = noise(side, 20, 20, 3)
    blur_regions(frame, boxes((6, 6, 6 + side, 6 + side)), BlurOptions(method, BlurShape.BOX, 0))
    face = frame[6 : 6 + side, 6 : 6 + side].reshape(-1, 3)
    assert (face == face[0]).all()


def test_fill_is_the_same_grey_whatever_it_covers() -> None:
    for value in (0, 255):
        frame = np.full((50, 60, 3), value, np.uint8)
        blur_whole(frame, BlurMethod.FILL)
        assert (frame == blur.FILL_VALUE).all()


def test_cells_are_means() -> None:
    frame = np.zeros((64, 64), np.uint8)
    frame[::2] = 200
    for method in (BlurMethod.PIXELATE, BlurMethod.GAUSSIAN):
        mean = frame.copy()
        blur_whole(mean, method)
        assert (mean == 100).all()


@pytest.mark.parametrize("side", [40, 160, 1000])
def test_gaussian_shows_no_blocks(side: int) -> None:
    frame = np.zeros((side, side), np.uint8)
    frame[side // 2 :, side // 2 :] = 255
    blur_whole(frame, BlurMethod.GAUSSIAN)
    levels = frame.astype(np.int16)
    steps = max(np.abs(np.diff(levels, axis=axis)).max() for axis in (0, 1))
    # Black meets white; a true Gaussian of two thirds of a cell rises by 156 levels a cell.
    rows_alike = blur._rows_painted_alike(side)
    assert steps <= 1.3 * 156 * rows_alike / (side / 8) + 1


@settings(deadline=None)
@given(SEEDS, METHODS, SHAPES, CHANNELS)
def test_memory_order_does_not_matter(
    seed: int, method: BlurMethod, shape: BlurShape, channels: tuple[int, ...]
) -> None:
    plain = noise(seed, 60, 80, *channels)
    options = BlurOptions(method, shape)
    expected = blurred(plain, (10, 5, 50, 45), options)
    backing = np.repeat(np.repeat(plain, 2, 0), 3, 1)
    for view in (
        np.asfortranarray(plain),
        backing[::2, ::3],
        plain[::-1].copy()[::-1],
        np.pad(plain, [(3, 4), (5, 6), *[(0, 0)] * len(channels)])[3:-4, 5:-6],
    ):
        assert not view.flags.c_contiguous
        blur_regions(view, boxes((10, 5, 50, 45)), options)
        assert np.array_equal(view, expected)


def test_colours_of_a_reversed_view_land_where_they_belong() -> None:
    bgr = noise(1, 40, 40, 3)
    expected = blurred(bgr, (5, 5, 30, 30), BlurOptions())
    blur_regions(bgr[..., ::-1], boxes((5, 5, 30, 30)), BlurOptions())
    assert np.array_equal(bgr, expected)


def test_several_boxes_are_all_covered_where_they_overlap() -> None:
    frame = noise(4, 100, 100, 3)
    before = frame.copy()
    many = boxes((10, 10, 40, 40), (30, 30, 60, 60), (10, 10, 40, 40), (80, 0, 120, 20))
    blur_regions(frame, many, BlurOptions(BlurMethod.FILL, BlurShape.BOX, 0))
    for box in many.tolist():
        assert (frame[touched(tuple(box), (100, 100))] == blur.FILL_VALUE).all()
    assert np.array_equal(frame[60:, :80], before[60:, :80])


@settings(deadline=None)
@given(SEEDS, st.lists(BOX, min_size=2, max_size=6), METHODS, SHAPES, MARGINS)
def test_several_boxes_are_covered_at_least_as_each_alone(
    seed: int, several: Any, method: BlurMethod, shape: BlurShape, margin: float
) -> None:
    frame = np.zeros(FRAME, np.uint8)
    blur_regions(frame, boxes(*several), BlurOptions(BlurMethod.FILL, shape, margin))
    together = frame == blur.FILL_VALUE
    for box in several:
        upright = (*map(min, box[:2], box[2:]), *map(max, box[:2], box[2:]))
        assert together[touched(upright, FRAME)].all()
    before = noise(seed, *FRAME, 3)
    after = before.copy()
    blur_regions(after, boxes(*several), BlurOptions(method, shape, margin))
    assert np.array_equal(after[~together], before[~together])


@pytest.mark.parametrize("shape", BlurShape)
@pytest.mark.parametrize("method", [BlurMethod.PIXELATE, BlurMethod.GAUSSIAN])
def test_boxes_that_overlap_share_one_grid_since_they_may_be_one_face(
    method: BlurMethod, shape: BlurShape, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Pixels] = []
    monkeypatch.setattr(blur, "_cells", keeping(kept))
    options = BlurOptions(method, shape, margin=0)
    # The first and the third meet in the second; the fourth stands alone.
    several = boxes((10, 10, 60, 70), (55, 20, 100, 80), (95, 10, 150, 60), (220, 120, 260, 170))
    frame = noise(9, *FRAME, 3)
    blur_regions(frame, several, options)
    assert len(kept) == 2
    if method is BlurMethod.PIXELATE:
        assert all(colours(frame[touched(tuple(box), FRAME)]) <= 64 for box in several.tolist())


def test_no_boxes_change_nothing() -> None:
    frame = noise(5, 30, 30)
    before = frame.copy()
    blur_regions(frame, np.empty((0, 4), np.float32), BlurOptions())
    blur_regions(frame, boxes((40, 40, 50, 50), (-9, -9, -1, 0)), BlurOptions(margin=0))
    assert np.array_equal(frame, before)


def test_a_box_without_area_covers_the_pixel_it_is_in() -> None:
    frame = np.zeros((9, 9), np.uint8)
    for shape in BlurShape:
        after = blurred(frame, (4, 5, 4, 5), BlurOptions(BlurMethod.FILL, shape))
        assert after[5, 4] == blur.FILL_VALUE
        assert (after != 0).sum() <= 9


def test_inverted_and_infinite_boxes_are_covered() -> None:
    frame = noise(6, 40, 50)
    upright = blurred(frame, (10, 10, 30, 35), BlurOptions())
    assert np.array_equal(upright, blurred(frame, (30, 35, 10, 10), BlurOptions()))
    fill = BlurOptions(BlurMethod.FILL)
    assert (blurred(frame, (-np.inf, -np.inf, np.inf, np.inf), fill) == blur.FILL_VALUE).all()
    assert (blurred(frame, (20, -np.inf, np.inf, 3e38), fill)[:, 20:] == blur.FILL_VALUE).all()


@pytest.mark.parametrize("column", range(4))
def test_a_box_that_is_not_a_number_is_refused_before_anything_is_shown(column: int) -> None:
    frame = noise(7, 30, 30)
    before = frame.copy()
    many = boxes((1, 1, 9, 9), (1, 1, 9, 9))
    many[1, column] = np.nan
    with pytest.raises(InvalidArgumentError) as caught:
        blur_regions(frame, many, BlurOptions())
    assert caught.value.field == "boxes"
    assert np.array_equal(frame, before)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.broadcast_to(np.uint8(3), (4, 4)),
    ],
)
def test_another_kind_of_picture_is_refused(wrong: Any) -> None:
    refusals: list[Callable[[], None]] = [
        lambda: blur_regions(wrong, boxes((0, 0, 2, 2)), BlurOptions()),
        lambda: blur_whole(wrong, BlurMethod.FILL),
    ]
    for refuse in refusals:
        with pytest.raises(InvalidArgumentError) as caught:
            refuse()
        assert caught.value.field == "pixels"


@pytest.mark.parametrize("margin", [-0.01, 2.01, math.nan, math.inf])
def test_margins_outside_0_to_2_are_refused(margin: float) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        BlurOptions(margin=margin)
    assert caught.value.field == "margin"


@pytest.mark.parametrize("shape", [(1, 70_000), (70_000, 1), (3, 40_000), (1, 1)])
@pytest.mark.parametrize("method", BlurMethod)
def test_frames_of_extreme_shape_are_served(shape: tuple[int, int], method: BlurMethod) -> None:
    frame = noise(8, *shape, 3)
    height, width = shape
    blur_regions(frame, boxes((0, 0, width, height)), BlurOptions(method))
    whole = noise(8, *shape, 3)
    blur_whole(whole, method)
    for picture in (frame, whole):
        assert picture.shape == (*shape, 3)
    if method is BlurMethod.PIXELATE:
        assert colours(whole) <= 64


@pytest.mark.data
@pytest.mark.parametrize("method", BlurMethod)
def test_real_faces_lose_their_detail(data_folder: Path, method: BlurMethod) -> None:
    with (data_folder / "faces" / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["x_min"] and row["split"] == "train"]
    for row in rows[:200:10]:
        box = tuple(float(row[side]) for side in ("x_min", "y_min", "x_max", "y_max"))
        picture = cv2.imread(str(data_folder / "faces" / row["image"]))
        assert picture is not None
        frame = np.asarray(picture, np.uint8)
        after = blurred(frame, (box[0], box[1], box[2], box[3]), BlurOptions(method))
        face = touched((box[0], box[1], box[2], box[3]), (frame.shape[0], frame.shape[1]))
        # What pixelating leaves of 64 cells is coarse: neighbours in a cell are alike.
        before_steps = np.abs(np.diff(frame[face].astype(np.int16), axis=1)).mean()
        after_steps = np.abs(np.diff(after[face].astype(np.int16), axis=1)).mean()
        assert after_steps < before_steps


def test_importing_the_tasks_leaves_opencv_unloaded() -> None:
    code = "import sys, lintel.edge.tasks.blur; sys.exit('cv2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
