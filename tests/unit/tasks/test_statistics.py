"""Measurements of pictures, against a plain reference in float64 and whole numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks import statistics
from lintel.edge.tasks.statistics import ChannelStatistics, ImageStatistics, compute_statistics

Pixels = NDArray[np.unsignedinteger[Any]]

SIDES = st.integers(1, 12)
DEPTHS: st.SearchStrategy[Any] = st.sampled_from([np.uint8, np.uint16])
WEIGHTS = np.array([1140, 5870, 2989], np.int64)


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    """Small pictures of every kind, narrow ranges of values and extreme ones among them."""
    dtype = draw(DEPTHS)
    shape = (draw(SIDES), draw(SIDES), *draw(st.sampled_from([(), (3,)])))
    ends = st.integers(0, np.iinfo(dtype).max)
    low, high = sorted((draw(ends), draw(ends)))
    elements = st.integers(low, draw(st.sampled_from([high, min(low + 1, high)])))
    return np.asarray(draw(arrays(dtype, shape, elements=elements)))


def close(value: float, expected: float) -> bool:
    """Whether two figures agree to 1e-6, relative or absolute, whichever is looser."""
    return math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-6)


def check_channel(
    measured: ChannelStatistics, scaled: NDArray[np.int64], scale: int, largest: int, slack: int
) -> None:
    """Compares a channel, given as whole `scale`-ths, with the plain way.

    `largest` is the largest possible value and `slack` what "clipped" allows, both so scaled.
    """
    values = scaled.astype(np.float64) / scale
    assert close(measured.mean, values.mean())
    assert close(measured.standard_deviation, values.std())
    assert close(measured.minimum, values.min())
    assert close(measured.maximum, values.max())
    bin_width = scale * (1 if largest // scale < 256 else 256)
    expected = np.bincount((scaled // bin_width).ravel(), minlength=256)
    assert measured.histogram.dtype == np.uint64
    assert measured.histogram.tolist() == expected.tolist()
    assert measured.clipped_low_share == np.mean(scaled < max(slack, 1))
    assert measured.clipped_high_share == np.mean(scaled > largest - max(slack, 1))


def check(pixels: Pixels, measured: ImageStatistics) -> None:
    height, width = pixels.shape[:2]
    assert (measured.width, measured.height) == (width, height)
    assert measured.pixel_count == width * height
    assert measured.bit_depth == pixels.dtype.itemsize * 8
    top = int(np.iinfo(pixels.dtype).max)
    samples = pixels.astype(np.int64)
    if pixels.ndim == 2:
        grey, scale = samples, 1
        assert measured.channels == ()
        check_channel(measured.grey, grey, 1, top, 1)
    else:
        grey, scale = samples @ WEIGHTS, 10_000
        check_channel(measured.grey, grey, scale, 9999 * top, scale)
        for channel, index in zip(measured.channels, (2, 1, 0), strict=True):
            check_channel(channel, samples[..., index], 1, top, 1)
    padded = np.pad(grey, 1, mode="reflect").astype(np.float64) / scale
    edges = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    assert close(measured.sharpness, (edges - 4 * padded[1:-1, 1:-1]).var())


@settings(deadline=None)
@given(pictures(), st.integers(1, 64))
def test_figures_equal_the_plain_way(pixels: Pixels, strip_pixels: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # So that even these small pictures are cut into strips.
        patch.setattr(statistics, "_STRIP_PIXELS", strip_pixels)
        check(pixels, compute_statistics(pixels))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_large_noise_equals_the_plain_way(dtype: Any, channels: tuple[int, ...]) -> None:
    top = int(np.iinfo(dtype).max)
    pixels = np.random.default_rng(1).integers(0, top + 1, (700, 900, *channels)).astype(dtype)
    check(pixels, compute_statistics(pixels))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("odd_ones", [0, 1, 2])
def test_nearly_even_pictures_do_not_cancel(
    dtype: Any, channels: tuple[int, ...], odd_ones: int
) -> None:
    top = int(np.iinfo(dtype).max)
    pixels = np.full((900, 1100, *channels), top - 1, dtype)
    pixels.reshape(900 * 1100, -1)[:odd_ones] += 1
    measured = compute_statistics(pixels)
    check(pixels, measured)
    share = odd_ones / (900 * 1100)
    step = 0.9999 if channels else 1.0
    expected = step * math.sqrt(share * (1 - share))
    assert measured.grey.standard_deviation == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert all(
        channel.standard_deviation == pytest.approx(expected / step, rel=1e-12)
        for channel in measured.channels
    )


def test_a_grey_on_the_edge_of_a_bin_falls_on_its_own_side() -> None:
    blue, green = np.mgrid[:256, :256]
    for red in range(0, 256, 5):
        remainder = (1140 * blue + 5870 * green + 2989 * red) % 10_000
        edge = (remainder <= 10) | (remainder >= 9990)
        colours = np.stack([blue[edge], green[edge], np.full(edge.sum(), red)], axis=-1)
        pixels = colours.astype(np.uint8)[None]
        check(pixels, compute_statistics(pixels))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_black_and_white_are_clipped(dtype: Any) -> None:
    top = int(np.iinfo(dtype).max)
    for channels in ((), (3,)):
        pixels = np.zeros((2, 4, *channels), dtype)
        pixels[0, 0] = top
        pixels[1] = top // 2
        measured = compute_statistics(pixels)
        for channel in (measured.grey, *measured.channels):
            assert channel.clipped_low_share == 3 / 8
            assert channel.clipped_high_share == 1 / 8


def test_channels_come_red_first() -> None:
    pixels = np.zeros((3, 3, 3), np.uint8)
    pixels[..., 2] = 200
    pixels[..., 1] = 100
    measured = compute_statistics(pixels)
    assert [channel.mean for channel in measured.channels] == [200, 100, 0]
    assert measured.grey.mean == pytest.approx(0.2989 * 200 + 0.5870 * 100, rel=1e-15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 7), (7, 1), (2, 2, 3), (1, 200_000, 3)])
def test_thin_pictures_are_measured(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    check(pixels, compute_statistics(pixels))


def test_one_pixel_has_no_sharpness() -> None:
    assert compute_statistics(np.full((1, 1, 3), 9, np.uint8)).sharpness == 0


@settings(deadline=None)
@given(pictures())
def test_memory_order_does_not_matter(pixels: Pixels) -> None:
    expected = compute_statistics(pixels)
    backing = np.repeat(np.repeat(pixels, 2, 0), 3, 1)
    for view in (np.asfortranarray(pixels), backing[::2, ::3], pixels[::-1].copy()[::-1]):
        measured = compute_statistics(view)
        assert measured.grey.mean == expected.grey.mean
        assert measured.sharpness == expected.sharpness
        assert measured.grey.histogram.tolist() == expected.grey.histogram.tolist()


def test_measuring_changes_nothing() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    before = pixels.copy()
    pixels.flags.writeable = False
    compute_statistics(pixels)
    assert np.array_equal(pixels, before)


def test_counts_are_exact_beyond_what_float32_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_COUNTABLE_PIXELS", 100)
    pixels = np.random.default_rng(4).integers(0, 256, (31, 41, 3), dtype=np.uint8)
    check(pixels, compute_statistics(pixels))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 0), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), np.int16),
    ],
)
def test_another_kind_of_picture_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        compute_statistics(wrong)
    assert caught.value.field == "pixels"


@pytest.mark.data
@pytest.mark.parametrize("mode", [cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE])
@pytest.mark.parametrize("factor", [1, 257])
def test_real_pictures_equal_the_plain_way(data_folder: Path, mode: int, factor: int) -> None:
    for path in sorted((data_folder / "faces" / "images").glob("masks853_*.jpg"))[::40]:
        picture = cv2.imread(str(path), mode)
        assert picture is not None
        pixels = np.asarray(picture, np.uint8 if factor == 1 else np.uint16) * np.uint16(factor)
        pixels = pixels.astype(np.uint8 if factor == 1 else np.uint16)
        check(pixels, compute_statistics(pixels))


def test_importing_the_task_leaves_opencv_unloaded() -> None:
    code = "import sys, lintel.edge.tasks.statistics; sys.exit('cv2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
