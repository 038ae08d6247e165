"""What is said of a picture before a pixel is decoded."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lintel.edge.errors import (
    ImageTooLargeError,
    ImageUndecodableError,
    ImageUnsupportedError,
    LintelError,
)
from lintel.edge.images import ImageFormat, ImageHeader, ImageLimits, read_header
from lintel.edge.images.exif import read_orientation
from lintel.edge.images.jpeg import MAX_SCANS, MAX_SEGMENTS
from lintel.edge.images.png import MAX_CHUNKS

Save = Callable[..., bytes]


class TestKinds:
    @pytest.mark.parametrize(
        ("mode", "format_", "options", "expected"),
        [
            ("RGB", "JPEG", {}, (ImageFormat.JPEG, 8, 3, False)),
            ("RGB", "JPEG", {"progressive": True}, (ImageFormat.JPEG, 8, 3, False)),
            ("L", "JPEG", {}, (ImageFormat.JPEG, 8, 1, False)),
            ("CMYK", "JPEG", {}, (ImageFormat.JPEG, 8, 4, False)),
            ("RGB", "PNG", {}, (ImageFormat.PNG, 8, 3, False)),
            ("RGBA", "PNG", {}, (ImageFormat.PNG, 8, 3, True)),
            ("L", "PNG", {}, (ImageFormat.PNG, 8, 1, False)),
            ("LA", "PNG", {}, (ImageFormat.PNG, 8, 1, True)),
            ("I;16", "PNG", {}, (ImageFormat.PNG, 16, 1, False)),
            ("1", "PNG", {}, (ImageFormat.PNG, 8, 1, False)),
            ("P", "PNG", {}, (ImageFormat.PNG, 8, 3, False)),
            ("P", "PNG", {"transparency": 0}, (ImageFormat.PNG, 8, 3, True)),
            ("RGB", "WEBP", {}, (ImageFormat.WEBP, 8, 3, False)),
            ("RGB", "WEBP", {"lossless": True}, (ImageFormat.WEBP, 8, 3, False)),
            ("RGBA", "WEBP", {}, (ImageFormat.WEBP, 8, 3, True)),
            ("RGBA", "WEBP", {"lossless": True}, (ImageFormat.WEBP, 8, 3, True)),
        ],
    )
    def test_says_what_a_picture_is(
        self,
        save: Save,
        mode: str,
        format_: str,
        options: dict[str, Any],
        expected: tuple[ImageFormat, int, int, bool],
    ) -> None:
        image = Image.new("RGBA", (31, 17), (200, 100, 50, 128))
        image = Image.new(mode, (31, 17)) if mode in {"I;16", "P"} else image.convert(mode)
        header = read_header(save(image, format_, **options))
        kind, depth, channels, alpha = expected
        assert header == ImageHeader(kind, 31, 17, 1, depth, channels, False, alpha)

    @given(width=st.integers(1, 700), height=st.integers(1, 700))
    def test_reads_the_size_that_pillow_reads(self, width: int, height: int) -> None:
        image = Image.new("RGB", (width, height))
        for format_, options in [("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("WEBP", LOSSLESS)]:
            file = io.BytesIO()
            image.save(file, format_, **options)
            header = read_header(file.getvalue())
            assert (header.width, header.height) == Image.open(file).size

    def test_takes_the_first_picture_of_a_multi_picture_file(self, save: Save) -> None:
        first, second = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (20, 10), "blue")
        data = save(first, "MPO", save_all=True, append_images=[second])
        assert Image.open(io.BytesIO(data)).format == "MPO"
        header = read_header(data)
        assert (header.format, header.width, header.height) == (ImageFormat.JPEG, 40, 30)

    @pytest.mark.parametrize("format_", ["GIF", "BMP", "TIFF", "AVIF", "ICO", "JPEG2000"])
    def test_refuses_other_formats_and_names_those_served(self, save: Save, format_: str) -> None:
        data = save(Image.new("RGB", (32, 32)), format_)
        with pytest.raises(ImageUnsupportedError, match="JPEG, PNG and WebP") as caught:
            read_header(data)
        assert caught.value.field == "encoded"

    def test_refuses_heic(self) -> None:
        with pytest.raises(ImageUnsupportedError, match="JPEG, PNG and WebP"):
            read_header(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))

    @pytest.mark.parametrize("format_", ["PNG", "WEBP"])
    def test_refuses_animations(self, save: Save, format_: str) -> None:
        frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
        data = save(frames[0], format_, save_all=True, append_images=frames[1:], duration=50)
        with pytest.raises(ImageUnsupportedError, match="Animations"):
            read_header(data)

    @pytest.mark.parametrize(
        "data",
        [b"", b"\xff", b"\xff\xd8\xff", b"RIFF\4\0\0\0WEBP", b"\x89PNG\r\n\x1a\n", bytes(1000)],
    )
    def test_calls_empty_and_meaningless_bytes_undecodable(self, data: bytes) -> None:
        with pytest.raises(ImageUndecodableError) as caught:
            read_header(data)
        assert caught.value.field == "encoded"

    def test_refuses_12_bit_jpeg(self, photo: NDArray[np.uint8], save: Save) -> None:
        data = bytearray(save(photo, "JPEG"))
        data[data.index(b"\xff\xc0") + 4] = 12
        with pytest.raises(ImageUnsupportedError, match="8 bits"):
            read_header(bytes(data))

    def test_refuses_a_png_with_a_header_of_unknown_kind(
        self, make_png: Callable[..., bytes]
    ) -> None:
        for depth, colour in [(0, 0), (3, 0), (4, 2), (16, 3), (8, 1), (8, 7)]:
            with pytest.raises(ImageUndecodableError):
                read_header(make_png(1, 1, depth, colour, bytes(9)))


LOSSLESS = {"lossless": True}


class TestLimits:
    @pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
    def test_hold_to_the_byte_and_the_pixel(
        self, photo: NDArray[np.uint8], save: Save, format_: str
    ) -> None:
        data = save(photo, format_)
        read_header(data, ImageLimits(max_bytes=len(data), max_pixels=37 * 53))
        with pytest.raises(ImageTooLargeError) as bytes_caught:
            read_header(data, ImageLimits(max_bytes=len(data) - 1))
        with pytest.raises(ImageTooLargeError) as pixels_caught:
            read_header(data, ImageLimits(max_pixels=37 * 53 - 1))
        error = bytes_caught.value
        assert (error.actual, error.limit, error.unit) == (len(data), len(data) - 1, "bytes")
        error = pixels_caught.value
        assert (error.actual, error.limit, error.unit) == (1961, 1960, "pixels")
        assert error.field == "encoded"

    def test_bytes_are_counted_before_anything_is_looked_at(self) -> None:
        with pytest.raises(ImageTooLargeError):
            read_header(b"not a picture", ImageLimits(max_bytes=12))

    def test_defaults_are_16_mib_and_40_megapixels(self, make_png: Callable[..., bytes]) -> None:
        assert ImageLimits() == ImageLimits(16 * 1024 * 1024, 40_000_000)
        read_header(make_png(8000, 5000, 8, 0, b""))
        with pytest.raises(ImageTooLargeError):
            read_header(make_png(8000, 5001, 8, 0, b""))

    def test_a_vast_claim_is_refused_by_its_header(self, make_png: Callable[..., bytes]) -> None:
        with pytest.raises(ImageTooLargeError):
            read_header(make_png(2**31 - 1, 2**31 - 1, 16, 6, b""))
        extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6
        file = b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended
        with pytest.raises(ImageTooLargeError):
            read_header(file)

    def test_a_side_longer_than_jpeg_holds_is_refused(self, make_png: Callable[..., bytes]) -> None:
        assert read_header(make_png(65_500, 1, 8, 0, b"")).width == 65_500
        with pytest.raises(ImageUnsupportedError, match="65500"):
            read_header(make_png(65_501, 1, 8, 0, b""))

    @pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
    def test_a_picture_without_pixels_is_undecodable(
        self, make_png: Callable[..., bytes], save: Save, width: int, height: int
    ) -> None:
        jpeg = bytearray(save(Image.new("RGB", (5, 5)), "JPEG"))
        struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, height, width)
        for data in (make_png(width, height, 8, 0, b""), bytes(jpeg)):
            with pytest.raises(ImageUndecodableError):
                read_header(data)


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
    def test_is_read_from_exif(
        self,
        photo: NDArray[np.uint8],
        save: Save,
        oriented: Callable[[int], Image.Exif],
        format_: str,
        orientation: int,
    ) -> None:
        header = read_header(save(photo, format_, exif=oriented(orientation)))
        assert header.orientation == orientation
        assert (header.width, header.height) == (53, 37), "as stored"

    def test_is_read_behind_the_pixels_of_a_png_too(
        self, photo: NDArray[np.uint8], save: Save, chunk: Callable[[bytes, bytes], bytes]
    ) -> None:
        plain, end = save(photo, "PNG"), chunk(b"IEND", b"")
        data = plain.removesuffix(end) + chunk(b"eXIf", exif_of(3, 6)) + end
        assert read_header(data).orientation == 6

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("kind", [1, 3, 4])
    def test_is_read_in_either_byte_order_and_every_width(self, order: str, kind: int) -> None:
        assert read_orientation(exif_of(kind, 8, order)) == 8

    @pytest.mark.parametrize(
        "exif",
        [
            b"",
            b"Exif\0\0",
            b"II*\0",
            b"XX*\0\x08\0\0\0\1\0",
            b"II*\0\xff\xff\xff\xff",
            b"II*\0\x08\0\0\0\xff\xff",
        ],
    )
    def test_is_upright_where_exif_is_damaged(
        self, photo: NDArray[np.uint8], save: Save, exif: bytes
    ) -> None:
        assert read_orientation(exif) == 1
        for format_ in ("PNG", "WEBP"):
            assert read_header(save(photo, format_, exif=exif)).orientation == 1

    @pytest.mark.parametrize("value", [0, 9, 255, 65535])
    def test_is_upright_where_exif_says_anything_else(self, value: int) -> None:
        assert read_orientation(exif_of(3, value)) == 1

    def test_is_upright_where_it_is_no_number(self) -> None:
        assert read_orientation(exif_of(2, 6)) == 1

    @given(st.binary(max_size=200))
    def test_of_any_bytes_is_1_to_8(self, exif: bytes) -> None:
        for start in (b"", b"II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08"):
            assert 1 <= read_orientation(start + exif) <= 8


def exif_of(kind: int, orientation: int, order: str = "<") -> bytes:
    """EXIF metadata of one entry of a TIFF type."""
    number = {1: "B3x", 3: "H2x", 4: "I"}.get(kind, "I")
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return head + struct.pack(f"{order}HHHI{number}I", 1, 0x0112, kind, 1, orientation, 0)


class TestPathologicalMetadata:
    """Files that take whole seconds, or gigabytes, of readers that trust them."""

    def test_jpeg_with_too_many_segments_is_refused(
        self, photo: NDArray[np.uint8], save: Save, segment: Callable[[int, bytes], bytes]
    ) -> None:
        jpeg = save(photo, "JPEG")
        with pytest.raises(ImageUnsupportedError, match="segments"):
            read_header(jpeg[:2] + segment(0xFE, b"") * MAX_SEGMENTS + jpeg[2:])
        read_header(jpeg[:2] + segment(0xFE, b"x" * 65533) * 200 + jpeg[2:])

    def test_jpeg_may_be_padded_before_a_marker(self, photo: NDArray[np.uint8], save: Save) -> None:
        jpeg = save(photo, "JPEG")
        assert read_header(jpeg[:2] + b"\xff" * (1 << 20) + jpeg[2:]).width == 53

    def test_png_with_too_many_chunks_is_refused(
        self,
        photo: NDArray[np.uint8],
        save: Save,
        chunk: Callable[[bytes, bytes], bytes],
    ) -> None:
        png = save(photo, "PNG")
        with pytest.raises(ImageUnsupportedError, match="chunks"):
            read_header(png[:33] + chunk(b"prVt", b"") * MAX_CHUNKS + png[33:])

    def test_exif_whose_entries_share_megabytes_costs_nothing(
        self,
        photo: NDArray[np.uint8],
        save: Save,
        chunk: Callable[[bytes, bytes], bytes],
    ) -> None:
        count, size = 60_000, 4 << 20
        entries = (struct.pack("<HHII", 0x200 + i, 7, size, 8) for i in range(count))
        exif = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + b"".join(entries) + bytes(size)
        png = save(photo, "PNG")
        assert read_header(png[:33] + chunk(b"eXIf", exif) + png[33:]).orientation == 1

    def test_scans_are_counted_up_to_the_end_of_the_first_picture(self) -> None:
        usual = progressive(scans=10)
        assert read_header(usual).width == 16
        assert read_header(usual + progressive(scans=MAX_SCANS) * 2).width == 16
        assert read_header(progressive(scans=MAX_SCANS)).width == 16
        with pytest.raises(ImageUnsupportedError, match="scans"):
            read_header(progressive(scans=MAX_SCANS + 1))

    def test_an_end_inside_a_comment_hides_no_scans(
        self, segment: Callable[[int, bytes], bytes]
    ) -> None:
        bomb = progressive(scans=MAX_SCANS + 1)
        first_scan = bomb.index(b"\xff\xda")
        hidden = bomb[:first_scan] + segment(0xFE, b"\xff\xd9") + bomb[first_scan:]
        with pytest.raises(ImageUnsupportedError, match="scans"):
            read_header(hidden)

    @given(st.binary(max_size=120))
    def test_whatever_follows_a_signature_is_read_or_refused(self, tail: bytes) -> None:
        webp = b"RIFF" + struct.pack("<I", 4 + len(tail)) + b"WEBP"
        for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", webp, webp + b"VP8X\x0a\0\0\0"):
            try:
                read_header(start + tail)
            except LintelError as error:
                assert isinstance(
                    error, ImageUndecodableError | ImageUnsupportedError | ImageTooLargeError
                )


def progressive(scans: int) -> bytes:
    """A 16 x 16 grey progressive JPEG of any number of scans, from OpenCV's first one."""
    data = bytes(
        cv2.imencode(".jpg", np.zeros((16, 16), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1]
    )
    start = data.index(b"\xff\xda")
    return data[:start] + (b"\xff\xda\0\x08\1\1\0\0\0\0" + b"\x7f\xff\0") * scans + b"\xff\xd9"
