"""Near-duplicates are found whatever was done to them, and different pictures are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.unit.lab.inspection.conftest import scene

from lintel.edge.images import ImageFormat, decode, encode
from lintel.lab.inspection.copies import Thumbnails, find_copies, shrink

Pixels = NDArray[np.uint8]


def copies_of(*pictures: Pixels, families: list[int] | None = None) -> list[tuple[int, int, bool]]:
    numbers = np.array(families or range(len(pictures)), np.int64)
    thumbnails = Thumbnails([shrink(pixels) for pixels in pictures])
    return [(pair.first, pair.second, pair.mirrored) for pair in find_copies(thumbnails, numbers)]


def dimmed(pixels: Pixels) -> Pixels:
    return (pixels * 0.7 + 20).astype(np.uint8)


def recompressed(pixels: Pixels) -> Pixels:
    return decode(encode(pixels, ImageFormat.JPEG, 40)).pixels.astype(np.uint8)


def resized(pixels: Pixels) -> Pixels:
    return cv2.resize(pixels, (90, 75), interpolation=cv2.INTER_AREA).astype(np.uint8)


def grey(pixels: Pixels) -> Pixels:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.uint8)


@pytest.mark.parametrize("change", [dimmed, recompressed, resized, grey])
@pytest.mark.parametrize("seed", range(3))
def test_a_changed_picture_is_a_copy(change: object, seed: int) -> None:
    assert copies_of(scene(seed), scene(100), change(scene(seed))) == [(0, 2, False)]


@given(st.integers(0, 10_000))
def test_a_mirrored_picture_is_a_copy_and_said_to_be_mirrored(seed: int) -> None:
    assert copies_of(scene(seed), scene(seed)[:, ::-1].copy()) == [(0, 1, True)]


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=12))
def test_different_pictures_are_no_copies(seeds: list[int]) -> None:
    assert copies_of(*map(scene, seeds)) == []


def test_a_pair_is_told_once_even_if_it_is_its_own_mirror_image() -> None:
    half = scene(1, 80)
    both = np.hstack([half, half[:, ::-1]])
    assert copies_of(both, both) == [(0, 1, False)]


def test_pictures_of_one_family_are_not_compared() -> None:
    assert copies_of(scene(1), scene(1), scene(1), families=[4, 4, 5]) == [
        (0, 2, False),
        (1, 2, False),
    ]


def test_plain_pictures_are_copies_of_the_same_only() -> None:
    def plain(value: int) -> Pixels:
        return np.full((60, 80), value, np.uint8)

    assert copies_of(plain(0), plain(200), plain(0)) == [(0, 2, False)]


def test_nothing_is_no_copy_of_anything() -> None:
    assert copies_of() == []
    assert copies_of(scene(1)) == []
