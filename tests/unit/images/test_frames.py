"""Raw frames, to pixels and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.edge.errors import ImageTooLargeError, InvalidArgumentError
from lintel.edge.images import ImageLimits, PixelFormat, from_raw, to_raw

SUBSAMPLED = [PixelFormat.NV12, PixelFormat.I420]
Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


def pack(planes: Planes, pixel_format: PixelFormat, stride: int) -> bytes:
    """Writes Y, U and V planes with padding of 0xEE behind every row."""
    y, u, v = planes
    if pixel_format is PixelFormat.NV12:
        return padded(y, stride) + padded(np.dstack([u, v]).reshape(len(u), -1), stride)
    return padded(y, stride) + padded(u, stride // 2) + padded(v, stride // 2)


def padded(rows: NDArray[np.uint8], stride: int) -> bytes:
    whole = np.full((len(rows), stride), 0xEE, np.uint8)
    whole[:, : rows.shape[1]] = rows
    return whole.tobytes()


def colour_by_bt601(planes: Planes) -> NDArray[np.float64]:
    """Blue, green, red by the equations of ITU-R BT.601, video range."""
    y, u, v = (plane.astype(np.float64) for plane in planes)
    luma = 255 / 219 * (y - 16)
    blue_shift, red_shift = (np.kron(c - 128, np.ones((2, 2))) * 255 / 224 for c in (u, v))
    red = luma + 1.402 * red_shift
    green = luma - 0.344136 * blue_shift - 0.714136 * red_shift
    blue = luma + 1.772 * blue_shift
    return np.dstack([blue, green, red]).clip(0, 255)


class TestInterleaved:
    @given(
        width=st.integers(1, 24),
        height=st.integers(1, 24),
        padding=st.integers(0, 9),
        bare_end=st.booleans(),
        pixel_format=st.sampled_from([PixelFormat.BGR8, PixelFormat.RGB8, PixelFormat.GRAY8]),
    )
    def test_rows_come_as_they_are_and_go_back(
        self, width: int, height: int, padding: int, bare_end: bool, pixel_format: PixelFormat
    ) -> None:
        samples = 1 if pixel_format is PixelFormat.GRAY8 else 3
        random = np.random.default_rng(width * height)
        rows = random.integers(0, 256, (height, width * samples)).astype(np.uint8)
        stride = width * samples + padding
        data = padded(rows, stride)
        data = data[: len(data) - padding] if bare_end else data
        picture = from_raw(data, pixel_format, width, height, stride)
        expected = rows if samples == 1 else rows.reshape(height, width, 3)
        if pixel_format is PixelFormat.RGB8:
            expected = expected[..., ::-1]
        assert np.array_equal(picture.pixels, expected)
        assert to_raw(np.asarray(picture.pixels, np.uint8), pixel_format) == rows.tobytes()
        assert (picture.width, picture.height, picture.scale) == (width, height, 1.0)
        assert (picture.format, picture.raw_format) == (None, pixel_format)

    @pytest.mark.parametrize("pixel_format", PixelFormat)
    def test_pixels_are_contiguous_and_ones_own(self, pixel_format: PixelFormat) -> None:
        data = bytearray(b"\x80" * 64 * 3)
        size = {PixelFormat.GRAY8: (16, 12), **dict.fromkeys(SUBSAMPLED, (16, 8))}
        width, height = size.get(pixel_format, (16, 4))
        pixels = from_raw(bytes(data), pixel_format, width, height).pixels
        assert pixels.flags.c_contiguous
        assert pixels.flags.writeable
        assert pixels.dtype == np.uint8
        pixels[:] = 0
        assert data == b"\x80" * 64 * 3

    def test_stride_0_means_tightly_packed(self) -> None:
        assert from_raw(bytes(range(6)), PixelFormat.BGR8, 1, 2, 0).pixels.tolist() == [
            [[0, 1, 2]],
            [[3, 4, 5]],
        ]


class TestSubsampled:
    @given(
        half_width=st.integers(1, 12),
        half_height=st.integers(1, 12),
        half_padding=st.integers(0, 5),
        bare_end=st.booleans(),
        pixel_format=st.sampled_from(SUBSAMPLED),
        seed=st.integers(0, 1000),
    )
    def test_colours_are_those_of_bt601_video_range(
        self,
        half_width: int,
        half_height: int,
        half_padding: int,
        bare_end: bool,
        pixel_format: PixelFormat,
        seed: int,
    ) -> None:
        random = np.random.default_rng(seed)
        width, height = half_width * 2, half_height * 2
        planes: Planes = (
            random.integers(16, 236, (height, width)).astype(np.uint8),
            random.integers(16, 241, (half_height, half_width)).astype(np.uint8),
            random.integers(16, 241, (half_height, half_width)).astype(np.uint8),
        )
        data = pack(planes, pixel_format, width + 2 * half_padding)
        if bare_end:
            end = half_padding * (2 if pixel_format is PixelFormat.NV12 else 1)
            data = data[: len(data) - end]
        picture = from_raw(data, pixel_format, width, height, width + 2 * half_padding)
        assert picture.pixels.shape == (height, width, 3)
        assert np.abs(picture.pixels - colour_by_bt601(planes)).max() <= 2

    @pytest.mark.parametrize("pixel_format", SUBSAMPLED)
    def test_smooth_pictures_survive_the_way_there_and_back(
        self, pixel_format: PixelFormat
    ) -> None:
        y, x = np.mgrid[0:60, 0:80].astype(np.float64)
        smooth = np.dstack([x * 2 + 20, y * 3 + 20, 120 + x - y]).astype(np.uint8)
        packed = to_raw(smooth, pixel_format)
        assert len(packed) == 60 * 80 * 3 // 2
        again = from_raw(packed, pixel_format, 80, 60).pixels
        assert np.abs(again.astype(int) - smooth).max() <= 6

    def test_nv12_and_i420_hold_the_same_samples(self) -> None:
        pixels = np.random.default_rng(3).integers(0, 256, (6, 10, 3)).astype(np.uint8)
        nv12 = np.frombuffer(to_raw(pixels, PixelFormat.NV12), np.uint8)
        i420 = np.frombuffer(to_raw(pixels, PixelFormat.I420), np.uint8)
        assert np.array_equal(nv12[:60], i420[:60])
        assert np.array_equal(nv12[60::2], i420[60:75])
        assert np.array_equal(nv12[61::2], i420[75:])

    @pytest.mark.parametrize("pixel_format", SUBSAMPLED)
    def test_black_and_white_are_16_and_235(self, pixel_format: PixelFormat) -> None:
        white = to_raw(np.full((2, 2, 3), 255, np.uint8), pixel_format)
        assert white == bytes([235] * 4 + [128] * 2)
        assert from_raw(white, pixel_format, 2, 2).pixels.min() == 255
        assert to_raw(np.zeros((2, 2), np.uint8), pixel_format) == bytes([16] * 4 + [128] * 2)

    @pytest.mark.parametrize("pixel_format", SUBSAMPLED)
    @pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
    def test_odd_pictures_cannot_be_packed(
        self, pixel_format: PixelFormat, shape: tuple[int, int]
    ) -> None:
        with pytest.raises(InvalidArgumentError, match="even"):
            to_raw(np.zeros(shape, np.uint8), pixel_format)


class TestConversion:
    def test_grey_becomes_colour_and_colour_grey_where_the_format_asks(self) -> None:
        grey = np.array([[7, 200]], np.uint8)
        assert to_raw(grey, PixelFormat.BGR8) == bytes([7] * 3 + [200] * 3)
        assert to_raw(grey, PixelFormat.RGB8) == bytes([7] * 3 + [200] * 3)
        red = np.array([[[0, 0, 255]]], np.uint8)
        assert to_raw(red, PixelFormat.GRAY8) == bytes([76])

    def test_views_are_packed_as_they_look(self) -> None:
        pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        view = pixels[1:3, ::-1]
        assert to_raw(view, PixelFormat.BGR8) == np.ascontiguousarray(view).tobytes()

    def test_other_samples_are_a_mistake_of_the_caller(self) -> None:
        for pixels in (np.zeros((2, 2), np.uint16), np.zeros((2, 2, 4), np.uint8)):
            with pytest.raises(ValueError, match="uint8"):
                to_raw(pixels, PixelFormat.BGR8)


class TestChecks:
    @pytest.mark.parametrize(
        ("pixel_format", "width", "height", "stride", "length", "field", "limit"),
        [
            ("yuyv", 4, 4, 0, 48, "raw.pixel_format", "bgr8, rgb8, gray8, nv12, i420"),
            ("bgr8", 0, 4, 0, 48, "raw.width", "at least 1"),
            ("bgr8", 4, 0, 0, 48, "raw.height", "at least 1"),
            ("bgr8", -4, -4, 0, 48, "raw.width", "at least 1"),
            ("nv12", 3, 4, 0, 18, "raw.width", "even"),
            ("nv12", 4, 3, 0, 18, "raw.height", "even"),
            ("i420", 3, 4, 0, 18, "raw.width", "even"),
            ("i420", 4, 3, 0, 18, "raw.height", "even"),
            ("bgr8", 4, 4, 11, 48, "raw.stride_bytes", "at least 12"),
            ("gray8", 4, 4, 3, 16, "raw.stride_bytes", "at least 4"),
            ("nv12", 4, 4, 3, 24, "raw.stride_bytes", "at least 4"),
            ("i420", 4, 4, 5, 30, "raw.stride_bytes", "even"),
            ("bgr8", 4, 4, -12, 48, "raw.stride_bytes", "at least 12"),
            ("bgr8", 4, 4, 0, 47, "raw.data", "48"),
            ("bgr8", 4, 4, 0, 49, "raw.data", "48"),
            ("bgr8", 4, 4, 16, 59, "raw.data", "64"),
            ("bgr8", 4, 4, 16, 65, "raw.data", "64"),
            ("bgr8", 4, 4, 4_294_967_295, 48, "raw.data", "17179869180"),
            ("gray8", 4, 4, 0, 0, "raw.data", "16"),
            ("nv12", 4, 4, 8, 43, "raw.data", "48"),
            ("i420", 4, 4, 8, 45, "raw.data", "48"),
        ],
    )
    def test_every_bad_number_is_named_with_its_limit(
        self,
        pixel_format: str,
        width: int,
        height: int,
        stride: int,
        length: int,
        field: str,
        limit: str,
    ) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            from_raw(bytes(length), pixel_format, width, height, stride)
        assert caught.value.field == field
        assert limit in caught.value.message

    def test_pixels_are_limited_before_the_data_is_looked_at(self) -> None:
        with pytest.raises(ImageTooLargeError) as caught:
            from_raw(b"", PixelFormat.GRAY8, 100_000, 100_000)
        assert caught.value.field == "raw.width"
        with pytest.raises(ImageTooLargeError):
            from_raw(bytes(16), PixelFormat.GRAY8, 4, 4, 0, ImageLimits(max_pixels=15))
        from_raw(bytes(16), PixelFormat.GRAY8, 4, 4, 0, ImageLimits(max_bytes=1, max_pixels=16))
