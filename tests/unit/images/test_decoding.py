"""From encoded bytes to upright pixels, or to an error."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lintel.edge.errors import ImageTooLargeError, ImageUndecodableError, ImageUnsupportedError
from lintel.edge.images import ImageFormat, ImageLimits, Picture, decode

Save = Callable[..., bytes]
MakePng = Callable[..., bytes]
Chunk = Callable[[bytes, bytes], bytes]

EVERY_KIND: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 90}),
    ("JPEG", {"quality": 90, "progressive": True}),
    ("PNG", {}),
    ("WEBP", {"quality": 90}),
    ("WEBP", {"lossless": True}),
]


def pixels_by_pillow(data: bytes, mode: str = "RGB") -> NDArray[np.uint8]:
    """What Pillow decodes, upright; blue first if coloured."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image).convert(mode))
    return pixels[..., ::-1] if mode == "RGB" else pixels


def greatest_difference(ours: NDArray[Any], theirs: NDArray[Any]) -> int:
    assert ours.shape == theirs.shape
    return int(np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max())


class TestPixels:
    @pytest.mark.parametrize(("format_", "options"), EVERY_KIND)
    def test_are_those_that_pillow_decodes(
        self, photo: NDArray[np.uint8], save: Save, format_: str, options: dict[str, Any]
    ) -> None:
        data = save(photo, format_, **options)
        picture = decode(data)
        assert greatest_difference(picture.pixels, pixels_by_pillow(data)) <= 1
        assert (picture.width, picture.height, picture.scale) == (53, 37, 1.0)
        assert (picture.format, picture.raw_format) == (ImageFormat(format_.lower()), None)

    @pytest.mark.parametrize(("format_", "options"), EVERY_KIND)
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_are_contiguous_and_ones_own(
        self,
        photo: NDArray[np.uint8],
        save: Save,
        oriented: Callable[[int], Image.Exif],
        format_: str,
        options: dict[str, Any],
        orientation: int,
    ) -> None:
        for pixels in (photo, photo[..., 0]):
            data = save(pixels, format_, exif=oriented(orientation), **options)
            decoded = decode(data).pixels
            assert decoded.flags.c_contiguous
            assert decoded.flags.writeable
            assert decoded.dtype == np.uint8
            decoded[:] = 0
            assert decode(data).pixels.any()

    def test_of_grey_jpeg_are_grey(self, photo: NDArray[np.uint8], save: Save) -> None:
        for options in ({}, {"progressive": True}):
            data = save(photo[..., 0], "JPEG", **options)
            assert greatest_difference(decode(data).pixels, pixels_by_pillow(data, "L")) <= 1

    @pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
    def test_of_every_chroma_sampling_are_decoded(
        self, photo: NDArray[np.uint8], save: Save, subsampling: str
    ) -> None:
        data = save(photo, "JPEG", subsampling=subsampling)
        assert greatest_difference(decode(data).pixels, pixels_by_pillow(data)) <= 1

    def test_of_the_first_picture_of_a_multi_picture_file(self, save: Save) -> None:
        first, second = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (20, 10), "blue")
        picture = decode(save(first, "MPO", save_all=True, append_images=[second]))
        assert picture.pixels.shape == (30, 40, 3)
        assert greatest_difference(picture.pixels[15, 20], np.array([0, 0, 254])) <= 2

    @pytest.mark.parametrize("transform", [0, 2])
    def test_of_cmyk_and_ycck_jpeg_have_the_right_colours(
        self, photo: NDArray[np.uint8], save: Save, transform: int
    ) -> None:
        inks = np.dstack([photo, photo[::-1, :, 1] // 3])
        data = bytearray(save(Image.fromarray(inks, "CMYK"), "JPEG", quality=95, subsampling=0))
        data[data.index(b"Adobe") + 11] = transform
        ours = decode(bytes(data)).pixels
        assert greatest_difference(ours, pixels_by_pillow(bytes(data))) <= 3
        if transform == 0:
            # What ink is meant to do, whoever decodes it: cyan takes red away.
            red = (255 - photo[..., 0].astype(float)) * (255 - inks[..., 3].astype(float)) / 255
            assert np.abs(ours[..., 2] - red).max() < 12

    def test_of_an_rgb_jpeg_keep_their_order(self, photo: NDArray[np.uint8], save: Save) -> None:
        data = save(photo, "JPEG", quality=95, keep_rgb=True)
        assert greatest_difference(decode(data).pixels, pixels_by_pillow(data)) <= 1
        assert greatest_difference(decode(data).pixels, photo[..., ::-1]) < 12

    def test_of_a_webp_shorter_than_opencv_takes(self, save: Save) -> None:
        data = save(Image.new("RGB", (1, 1)), "WEBP", lossless=True, quality=100, method=6)
        assert len(data) < 32
        assert decode(data).pixels.tolist() == [[[0, 0, 0]]]


class TestPng:
    @pytest.mark.parametrize(
        ("size", "depth", "rows", "expected"),
        [
            (8, 1, b"\0\xa5", [255, 0, 255, 0, 0, 255, 0, 255]),
            (4, 2, b"\0\x1b", [0, 85, 170, 255]),
            (2, 4, b"\0\x1e", [17, 238]),
            (2, 8, b"\0\x10\x80", [16, 128]),
        ],
    )
    def test_grey_of_few_bits_is_stretched_to_8(
        self, make_png: MakePng, size: int, depth: int, rows: bytes, expected: list[int]
    ) -> None:
        pixels = decode(make_png(size, 1, depth, 0, rows)).pixels
        assert pixels.dtype == np.uint8
        assert pixels.tolist() == [expected]

    def test_grey_with_alpha_is_grey_over_white(self, make_png: MakePng) -> None:
        rows = b"\0" + bytes([16, 255, 16, 0, 0, 128])
        assert decode(make_png(3, 1, 8, 4, rows)).pixels.tolist() == [[16, 255, 127]]
        rows = b"\0" + struct.pack(">6H", 1000, 65535, 1000, 0, 0, 32768)
        assert decode(make_png(3, 1, 16, 4, rows)).pixels.tolist() == [[1000, 65535, 32767]]

    def test_colour_with_alpha_is_laid_over_white(self, make_png: MakePng) -> None:
        rows = b"\0" + bytes([10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51])
        expected = [[30, 20, 10], [255, 255, 255], [210, 208, 206]]
        assert decode(make_png(3, 1, 8, 6, rows)).pixels.tolist() == [expected]

    @pytest.mark.parametrize(
        ("size", "depth", "rows", "key", "expected"),
        [
            (2, 8, b"\0\x10\x20", b"\0\x10", [255, 0x20]),
            (4, 2, b"\0\x1b", b"\0\2", [0, 85, 255, 255]),
            (4, 2, b"\0\x1b", b"\xff\xfd", [0, 255, 170, 255]),
            (2, 16, b"\0\x12\x34\0\7", b"\x12\x34", [65535, 7]),
        ],
    )
    def test_a_transparent_grey_is_white(
        self,
        make_png: MakePng,
        chunk: Chunk,
        size: int,
        depth: int,
        rows: bytes,
        key: bytes,
        expected: list[int],
    ) -> None:
        data = make_png(size, 1, depth, 0, rows, chunk(b"tRNS", key))
        assert decode(data).pixels.tolist() == [expected]

    def test_a_transparent_colour_is_white(self, make_png: MakePng, chunk: Chunk) -> None:
        key = chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
        data = make_png(2, 1, 8, 2, b"\0\1\2\3\4\5\6", key)
        assert decode(data).pixels.tolist() == [[[255] * 3, [6, 5, 4]]]
        data = make_png(1, 1, 16, 2, b"\0\0\1\0\2\0\3", key)
        assert decode(data).pixels.tolist() == [[[65535] * 3]]

    @pytest.mark.parametrize(("depth", "row"), [(1, b"\x40"), (2, b"\x10"), (8, b"\0\1")])
    def test_palettes_are_looked_up(
        self, make_png: MakePng, chunk: Chunk, depth: int, row: bytes
    ) -> None:
        palette = chunk(b"PLTE", bytes([1, 2, 3, 4, 5, 6]))
        data = make_png(2, 1, depth, 3, b"\0" + row, palette)
        assert decode(data).pixels.tolist() == [[[3, 2, 1], [6, 5, 4]]]
        data = make_png(2, 1, depth, 3, b"\0" + row, palette, chunk(b"tRNS", b"\0"))
        assert decode(data).pixels.tolist() == [[[255, 255, 255], [6, 5, 4]]]

    def test_16_bits_stay_unless_8_are_asked_for(self, make_png: MakePng) -> None:
        values = np.arange(0, 65536, 7, dtype=np.uint16)
        data = make_png(len(values), 1, 16, 0, b"\0" + values.astype(">u2").tobytes())
        native = decode(data).pixels
        assert native.dtype == np.uint16
        assert np.array_equal(native[0], values)
        scaled = decode(data, depth8=True).pixels
        assert scaled.dtype == np.uint8
        assert np.array_equal(scaled[0], np.round(values / 257))

    def test_16_bit_colour_with_alpha_comes_at_either_depth(self, make_png: MakePng) -> None:
        rows = b"\0" + struct.pack(">8H", 257, 514, 771, 65535, 257, 514, 771, 0)
        data = make_png(2, 1, 16, 6, rows)
        assert decode(data).pixels.tolist() == [[[771, 514, 257], [65535] * 3]]
        assert decode(data, depth8=True).pixels.tolist() == [[[3, 2, 1], [255] * 3]]

    def test_colour_profiles_texts_and_gamma_change_nothing(
        self, photo: NDArray[np.uint8], save: Save, chunk: Chunk
    ) -> None:
        png = save(photo, "PNG")
        texts = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10_000_000)))
        gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
        profile = chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"not a profile"))
        data = png[:33] + gamma + profile + texts * 50 + png[33:]
        assert np.array_equal(decode(data).pixels, photo[..., ::-1])

    def test_unknown_critical_chunks_are_refused(
        self, photo: NDArray[np.uint8], save: Save, chunk: Chunk
    ) -> None:
        png = save(photo, "PNG")
        with pytest.raises(ImageUnsupportedError, match="critical"):
            decode(png[:33] + chunk(b"ABCD", b"") + png[33:])

    @given(st.data())
    @settings(max_examples=40)
    def test_flattening_is_what_arithmetic_says(self, data: st.DataObject) -> None:
        random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        depth = np.dtype(data.draw(st.sampled_from(["uint8", "uint16"])))
        height, width = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
        white = 256**depth.itemsize - 1
        pixels = random.integers(0, white + 1, (height, width, 4)).astype(depth)
        encoded = bytes(cv2.imencode(".png", pixels)[1])
        alpha = pixels[..., 3:].astype(np.int64)
        blend = pixels[..., :3] * alpha + white * (white - alpha)
        expected = (blend + white // 2) // white
        assert np.array_equal(decode(encoded).pixels, expected)


class TestTransparency:
    @pytest.mark.parametrize("options", [{"quality": 90}, {"lossless": True, "exact": True}])
    def test_of_webp_hides_nothing_that_leaves(self, save: Save, options: dict[str, Any]) -> None:
        hidden = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
        picture = decode(save(hidden, "WEBP", **options))
        assert picture.pixels.shape == (32, 32, 3)
        assert picture.pixels.min() == 255


class TestOrientation:
    @pytest.mark.parametrize(("format_", "options"), EVERY_KIND)
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_applied_once_in_every_format(
        self,
        photo: NDArray[np.uint8],
        save: Save,
        oriented: Callable[[int], Image.Exif],
        format_: str,
        options: dict[str, Any],
        orientation: int,
    ) -> None:
        data = save(photo, format_, exif=oriented(orientation), **options)
        picture = decode(data)
        assert greatest_difference(picture.pixels, pixels_by_pillow(data)) <= 1
        expected = (53, 37) if orientation < 5 else (37, 53)
        assert (picture.width, picture.height) == expected

    @given(
        orientation=st.integers(1, 8),
        height=st.integers(1, 40),
        width=st.integers(1, 40),
        grey=st.booleans(),
    )
    def test_is_that_of_pillow(self, orientation: int, height: int, width: int, grey: bool) -> None:
        shape = (height, width) if grey else (height, width, 3)
        image = Image.fromarray(np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8))
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        image.save(file, "PNG", exif=exif)
        expected = pixels_by_pillow(file.getvalue(), "L" if grey else "RGB")
        assert np.array_equal(decode(file.getvalue()).pixels, expected)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_applied_to_smaller_copies_too(
        self,
        photo: NDArray[np.uint8],
        save: Save,
        oriented: Callable[[int], Image.Exif],
        orientation: int,
    ) -> None:
        data = save(photo, "JPEG", exif=oriented(orientation))
        picture = decode(data, long_side=20)
        full = decode(data)
        assert (picture.width, picture.height) == (full.width, full.height)
        size = (picture.pixels.shape[1], picture.pixels.shape[0])
        resized = cv2.resize(full.pixels, size, interpolation=cv2.INTER_AREA)
        assert np.abs(picture.pixels.astype(float) - resized).mean() < 4


class TestSmallerCopies:
    @given(
        width=st.integers(1, 400),
        height=st.integers(1, 400),
        long_side=st.integers(1, 500),
        grey=st.booleans(),
    )
    def test_are_as_long_as_asked_and_no_longer_than_needed(
        self, width: int, height: int, long_side: int, grey: bool
    ) -> None:
        pixels = np.zeros((height, width, 1 if grey else 3), np.uint8)
        data = simplejpeg.encode_jpeg(pixels, colorspace="GRAY" if grey else "BGR")
        picture = decode(data, long_side=long_side)
        assert (picture.width, picture.height) == (width, height)
        copy_height, copy_width = picture.pixels.shape[:2]
        sizes = [(-(-width // d), -(-height // d)) for d in (8, 4, 2, 1)]
        enough = [size for size in sizes if max(size) >= long_side]
        assert (copy_width, copy_height) == (enough[0] if enough else (width, height))
        assert picture.scale == copy_width / width

    def test_show_the_same_picture(self) -> None:
        y, x = np.mgrid[0:480, 0:640]
        wave = 128 + 100 * np.sin(x / 40) * np.cos(y / 30)
        pixels = np.dstack([wave, wave[::-1], wave[:, ::-1]]).astype(np.uint8)
        data = simplejpeg.encode_jpeg(pixels, quality=95, colorspace="BGR")
        for long_side, size in [(640, (640, 480)), (320, (320, 240)), (160, (160, 120))]:
            copy = decode(data, long_side=long_side).pixels
            expected = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            assert np.abs(copy.astype(float) - expected).mean() < 1.5

    @pytest.mark.parametrize("format_", ["PNG", "WEBP"])
    def test_are_made_of_jpeg_only(
        self, photo: NDArray[np.uint8], save: Save, format_: str
    ) -> None:
        assert decode(save(photo, format_), long_side=10).scale == 1.0


class TestDamage:
    @pytest.mark.parametrize(("format_", "options"), EVERY_KIND)
    def test_a_file_cut_anywhere_is_undecodable(
        self, photo: NDArray[np.uint8], save: Save, format_: str, options: dict[str, Any]
    ) -> None:
        data = save(photo, format_, **options)
        for length in [*range(0, len(data), 3), len(data) - 2, len(data) - 1]:
            with pytest.raises(ImageUndecodableError):
                decode(data[:length])
            with pytest.raises(ImageUndecodableError):
                decode(data[:length], long_side=8)

    @pytest.mark.parametrize(("format_", "options"), EVERY_KIND)
    def test_a_file_may_be_followed_by_anything(
        self, photo: NDArray[np.uint8], save: Save, format_: str, options: dict[str, Any]
    ) -> None:
        data = save(photo, format_, **options)
        trailer = b"a video, as phones append" * 100
        assert np.array_equal(decode(data + trailer).pixels, decode(data).pixels)

    def test_a_jpeg_with_a_lost_stretch_is_undecodable(
        self, photo: NDArray[np.uint8], save: Save
    ) -> None:
        data = save(np.tile(photo, (4, 4, 1)), "JPEG")
        middle = len(data) // 2
        with pytest.raises(ImageUndecodableError):
            decode(data[:middle] + data[middle + 200 :])

    def test_a_png_with_a_wrong_checksum_is_undecodable(
        self, photo: NDArray[np.uint8], save: Save
    ) -> None:
        data = bytearray(save(photo, "PNG"))
        data[data.index(b"IDAT") + 20] ^= 1
        with pytest.raises(ImageUndecodableError):
            decode(bytes(data))

    @pytest.mark.parametrize(
        "samples",
        [
            zlib.compress(bytes(2 * 4))[:-4],
            zlib.compress(bytes(2 * 4))[:-1] + b"\xff",
            zlib.compress(bytes(4)),
            zlib.compress(b"\x09\0\0\0" * 2),
            b"not compressed",
            b"",
        ],
        ids=["cut", "sum", "rows missing", "filter", "garbage", "nothing"],
    )
    def test_a_png_with_damaged_samples_is_undecodable(
        self, make_png: MakePng, chunk: Chunk, samples: bytes
    ) -> None:
        whole = make_png(3, 2, 8, 0, b"")
        start, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
        with pytest.raises(ImageUndecodableError):
            decode(whole[:start] + chunk(b"IDAT", samples) + whole[end:])

    def test_a_header_that_claims_more_than_there_is_is_undecodable(
        self, photo: NDArray[np.uint8], save: Save
    ) -> None:
        for width, height in [(53, 50), (70, 37), (530, 370), (6000, 6000)]:
            for data in lying(photo, save, width, height):
                with pytest.raises(ImageUndecodableError):
                    decode(data)

    def test_a_header_that_claims_less_than_there_is_is_held_to_it(
        self, photo: NDArray[np.uint8], save: Save
    ) -> None:
        for width, height in [(53, 20), (30, 37), (1, 1)]:
            for data in lying(photo, save, width, height):
                picture = decode_or_none(data)
                assert picture is None or picture.pixels.shape[:2] == (height, width)

    def test_a_webp_canvas_must_be_that_of_its_picture(self, save: Save) -> None:
        image = Image.new("RGBA", (32, 32), (200, 0, 0, 99))
        data = bytearray(save(image, "WEBP"))
        assert data[12:16] == b"VP8X"
        for size in (16, 33, 4000):
            struct.pack_into("<I", data, 24, size - 1)
            with pytest.raises(ImageUndecodableError):
                decode(bytes(data))

    def test_limits_hold_for_decoding(self, photo: NDArray[np.uint8], save: Save) -> None:
        with pytest.raises(ImageTooLargeError):
            decode(save(photo, "JPEG"), ImageLimits(max_pixels=1000))

    def test_is_told_by_errors_and_not_on_standard_error(
        self, photo: NDArray[np.uint8], save: Save, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for format_, options in EVERY_KIND:
            data = save(photo, format_, **options)
            damaged = bytearray(data)
            damaged[len(data) // 2] ^= 0xFF
            for piece in (bytes(damaged), data[:27], data[: len(data) // 2]):
                decode_or_none(piece)
        assert capfd.readouterr().err == ""


def decode_or_none(data: bytes) -> Picture | None:
    try:
        return decode(data)
    except ImageUndecodableError:
        return None


def lying(photo: NDArray[np.uint8], save: Save, width: int, height: int) -> list[bytes]:
    """Files of the photo whose headers tell of another size."""
    jpeg, fast = bytearray(save(photo, "JPEG")), bytearray(save(photo, "JPEG", progressive=True))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, height, width)
    struct.pack_into(">HH", fast, fast.index(b"\xff\xc2") + 5, height, width)
    png = bytearray(save(photo, "PNG"))
    struct.pack_into(">II", png, 16, width, height)
    struct.pack_into(">I", png, 29, zlib.crc32(png[12:29]))
    lossy = bytearray(save(photo, "WEBP"))
    struct.pack_into("<HH", lossy, lossy.index(b"\x9d\x01\x2a") + 3, width, height)
    return [bytes(data) for data in (jpeg, fast, png, lossy)]
