"""Frames: samples as they are packed, turned and made into pictures."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.edge.cameras.frame import Frame, RawPixels
from lintel.edge.images import PixelFormat, from_raw, to_raw

FORMATS = list(PixelFormat)
even_sides = st.integers(1, 12).map(lambda side: 2 * side)


def packed(pixels: NDArray[np.uint8], pixel_format: PixelFormat, padding: int = 0) -> RawPixels:
    height, width = pixels.shape[:2]
    tight = np.frombuffer(to_raw(pixels, pixel_format), np.uint8)
    if pixel_format is PixelFormat.I420:
        planes = np.split(tight, [width * height, width * height * 5 // 4])
        sides = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
        pads = [padding, padding // 2, padding // 2]
        whole = [
            np.pad(plane.reshape(side), ((0, 0), (0, pad))).reshape(-1)
            for plane, side, pad in zip(planes, sides, pads, strict=True)
        ]
        data = np.concatenate(whole).reshape(-1, width + padding)
    else:
        rows = height * 3 // 2 if pixel_format is PixelFormat.NV12 else height
        data = np.ascontiguousarray(np.pad(tight.reshape(rows, -1), ((0, 0), (0, padding))))
    return RawPixels(data, pixel_format, width, height)


def random_pixels(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("pixel_format", FORMATS)
@given(width=even_sides, height=even_sides, padding=st.sampled_from([0, 2, 32]))
def test_a_frame_becomes_the_picture_that_its_samples_are(
    pixel_format: PixelFormat, width: int, height: int, padding: int
) -> None:
    pixels = random_pixels(width, height)
    picture = packed(pixels, pixel_format, padding).to_picture()
    expected = from_raw(to_raw(pixels, pixel_format), pixel_format, width, height)
    np.testing.assert_array_equal(picture.pixels, expected.pixels)
    assert (picture.width, picture.height, picture.raw_format) == (width, height, pixel_format)
    assert picture.pixels.flags.writeable


@pytest.mark.parametrize("pixel_format", FORMATS)
@given(
    width=even_sides,
    height=even_sides,
    padding=st.sampled_from([0, 2, 32]),
    degrees=st.sampled_from([0, 90, 180, 270]),
)
def test_turning_samples_turns_the_picture(
    pixel_format: PixelFormat, width: int, height: int, padding: int, degrees: int
) -> None:
    frame = packed(random_pixels(width, height), pixel_format, padding)
    turned = frame.turned(degrees).to_picture()
    expected = np.rot90(frame.to_picture().pixels, -degrees // 90)
    np.testing.assert_array_equal(turned.pixels, expected)
    assert (turned.width, turned.height) == (expected.shape[1], expected.shape[0])


def test_colour_is_handed_on_without_a_copy_unless_it_may_not_be_written_to() -> None:
    pixels = random_pixels(8, 6)
    assert np.shares_memory(RawPixels.of_pixels(pixels).to_picture().pixels, pixels)
    pixels.flags.writeable = False
    picture = RawPixels.of_pixels(pixels).to_picture()
    assert not np.shares_memory(picture.pixels, pixels)
    assert picture.pixels.flags.writeable


@pytest.mark.parametrize(
    ("shape", "pixel_format", "width", "height"),
    [
        ((6, 23), PixelFormat.BGR8, 8, 6),
        ((5, 24), PixelFormat.BGR8, 8, 6),
        ((6, 8), PixelFormat.NV12, 8, 6),
        ((9, 7), PixelFormat.NV12, 7, 6),
        ((0, 0), PixelFormat.GRAY8, 0, 0),
        ((6, 8, 3), PixelFormat.BGR8, 8, 6),
    ],
)
def test_samples_that_fill_no_frame_are_refused(
    shape: tuple[int, ...], pixel_format: PixelFormat, width: int, height: int
) -> None:
    with pytest.raises(ValueError, match="frame"):
        RawPixels(np.zeros(shape, np.uint8), pixel_format, width, height)


def test_a_frame_knows_when_it_was_captured_on_both_clocks() -> None:
    pixels = RawPixels.of_pixels(random_pixels(4, 4))
    hour_ago_ns = time.monotonic_ns() - 3_600_000_000_000
    frame = Frame.captured(pixels, captured_ns=hour_ago_ns)
    assert frame.captured_ns == frame.timeline_ns == hour_ago_ns
    age_s = time.time() - frame.captured_us / 1e6
    assert 3600 - 60 < age_s < 3600 + 60
