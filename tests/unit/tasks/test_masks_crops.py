"""Cutting faces out of pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.masks import crop_faces


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def test_a_square_is_cut_out_as_it_is(picture: NDArray[np.uint8]) -> None:
    crops = crop_faces(picture, [(10, 20, 26, 36)], (16, 16), 0)
    assert np.array_equal(crops, picture[None, 20:36, 10:26])


def test_the_margin_is_a_share_of_the_longer_side_on_each_end(picture: NDArray[np.uint8]) -> None:
    crops = crop_faces(picture, [(30, 20, 40, 40)], (28, 28), 0.2)
    assert np.array_equal(crops[0], picture[16:44, 21:49])


@pytest.mark.parametrize(
    ("size", "method"),
    [((8, 8), cv2.INTER_AREA), ((24, 24), cv2.INTER_LINEAR), ((16, 8), cv2.INTER_LINEAR)],
)
def test_the_crop_is_brought_to_its_size(
    picture: NDArray[np.uint8], size: tuple[int, int], method: int
) -> None:
    crops = crop_faces(picture, [(10, 20, 26, 36)], size, 0)
    assert np.array_equal(crops[0], cv2.resize(picture[20:36, 10:26], size, interpolation=method))


@pytest.mark.parametrize("side", [36, 57, 60])
def test_a_large_face_is_averaged(side: int) -> None:
    ramp = np.linspace(0, 255, 80)[None, :, None] * np.linspace(0.5, 1, 60)[:, None, None]
    smooth = np.repeat(ramp, 3, axis=2).astype(np.uint8)
    crop = crop_faces(smooth, [(0, 0, side, side)], (9, 9), 0)[0]
    expected = cv2.resize(smooth[:side, :side], (9, 9), interpolation=cv2.INTER_AREA)
    # A pixel of the crop is 28 grey levels wide.
    assert np.abs(crop.astype(int) - expected).max() < 8
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    spread = crop_faces(noise, [(0, 0, side, side)], (9, 9), 0).std()
    assert spread < noise.std() / 3


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_beyond_the_picture_its_edge_is_repeated(picture: NDArray[np.uint8], margin: float) -> None:
    box = (-6, 50, 10, 66)
    padded = np.pad(picture, ((0, 40), (40, 0), (0, 0)), "edge")
    reach = round(16 * margin)
    rows, columns = slice(50 - reach, 66 + reach), slice(34 - reach, 50 + reach)
    side = 16 + 2 * reach
    crops = crop_faces(picture, [box], (side, side), margin)
    assert np.array_equal(crops[0], padded[rows, columns])


@pytest.mark.parametrize("box", [(-90, 10, -60, 40), (1e6, 1e6, 2e6, 2e6), (10, -3e38, 40, 3e38)])
def test_a_box_outside_shows_the_edge(
    picture: NDArray[np.uint8], box: tuple[float, float, float, float]
) -> None:
    crop = crop_faces(picture, [box], (12, 12), 0.2)[0]
    assert len(np.unique(crop[:, 0], axis=0)) == 1 or len(np.unique(crop[0], axis=0)) == 1


def test_a_box_without_area_is_a_pixel(picture: NDArray[np.uint8]) -> None:
    crop = crop_faces(picture, [(10, 20, 10, 20)], (4, 4), 0.2)[0]
    assert (crop == picture[20, 10]).all()


def test_a_grey_picture_becomes_three_equal_channels(picture: NDArray[np.uint8]) -> None:
    grey = np.ascontiguousarray(picture[..., 0])
    boxes = [(10, 20, 40, 50), (-4, 3, 12, 19)]
    crops = crop_faces(grey, boxes, (16, 16), 0.1)
    assert np.array_equal(crops[..., 0], crops[..., 2])
    assert np.array_equal(crops[..., 0], crop_faces(picture, boxes, (16, 16), 0.1)[..., 0])


def test_no_boxes_make_no_crops(picture: NDArray[np.uint8]) -> None:
    assert crop_faces(picture, [], (20, 10), 0.2).shape == (0, 10, 20, 3)


@given(
    x=st.floats(-200, 200), y=st.floats(-200, 200), width=st.floats(0.1, 300),
    height=st.floats(0.1, 300), margin=st.floats(0, 2),
)  # fmt: skip
def test_any_box_makes_a_crop_of_the_pictures_own_values(
    x: float, y: float, width: float, height: float, margin: float
) -> None:
    pixels = np.full((37, 53, 3), (20, 60, 100), np.uint8)
    pixels[:, 30:] = (30, 70, 110)
    crop = crop_faces(pixels, [(x, y, x + width, y + height)], (16, 24), margin)[0]
    assert crop.shape == (24, 16, 3)
    assert np.array_equal(crop[..., 1] - crop[..., 0], np.full((24, 16), 40))
    assert crop[..., 0].min() >= 20
    assert crop[..., 0].max() <= 30


@pytest.mark.parametrize(
    ("boxes", "size", "margin", "field"),
    [
        ([(4, 2, 1, 5)], (8, 8), 0.2, "boxes"),
        ([(1, 2, 3, 1)], (8, 8), 0.2, "boxes"),
        ([(1, 2, np.nan, 5)], (8, 8), 0.2, "boxes"),
        ([(1, 2, 3)], (8, 8), 0.2, "boxes"),
        ([], (0, 8), 0.2, "size"),
        ([], (8, 8), -0.1, "margin"),
        ([], (8, 8), np.nan, "margin"),
    ],
)
def test_what_makes_no_sense_is_refused(
    picture: NDArray[np.uint8],
    boxes: list[tuple[float, ...]],
    size: tuple[int, int],
    margin: float,
    field: str,
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        crop_faces(picture, boxes, size, margin)
    assert caught.value.field == field


@pytest.mark.parametrize("shape", [(4, 4, 4), (4,), (0, 4, 3)])
def test_only_pixels_are_cut(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgumentError):
        crop_faces(np.zeros(shape, np.uint8), [], (8, 8), 0.2)
    with pytest.raises(InvalidArgumentError):
        crop_faces(np.zeros((4, 4, 3), np.uint16), [], (8, 8), 0.2)
