"""Small pictures, made here, and the means to write them in every way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Save = Callable[..., bytes]
MakePng = Callable[..., bytes]


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """(37, 53, 3) red, green, blue: smooth, and different in every corner."""
    y, x = np.mgrid[0:37, 0:53].astype(np.float64)
    planes = [x * 4, y * 6, 255 - (x + y) * 2.5]
    return np.stack(planes, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def save() -> Save:
    """Writes pixels (red, green, blue) or a Pillow image with Pillow."""

    def write(picture: NDArray[Any] | Image.Image, format_: str, **options: Any) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        file = io.BytesIO()
        image.save(file, format_, **options)
        return file.getvalue()

    return write


@pytest.fixture(scope="session")
def chunk() -> Callable[[bytes, bytes], bytes]:
    """Writes one PNG chunk."""
    return _chunk


@pytest.fixture(scope="session")
def make_png() -> MakePng:
    """Writes a PNG file of one uncompressed row or more, filter bytes included."""

    def write(
        width: int, height: int, depth: int, colour: int, rows: bytes, *before: bytes
    ) -> bytes:
        size = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        chunks = [_chunk(b"IHDR", size), *before, _chunk(b"IDAT", zlib.compress(rows))]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")

    return write


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


@pytest.fixture(scope="session")
def segment() -> Callable[[int, bytes], bytes]:
    """Writes one JPEG segment."""

    def write(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    return write


@pytest.fixture(scope="session")
def oriented() -> Callable[[int], Image.Exif]:
    """EXIF metadata that holds an orientation, a position and a maker."""

    def make(orientation: int) -> Image.Exif:
        exif = Image.Exif()
        exif[0x010F] = "A maker of cameras"
        exif[0x0112] = orientation
        exif.get_ifd(0x8825)[2] = (52.0, 5.0, 11.0)
        return exif

    return make
