"""Blank pictures of any size, which readers take for real: only their headers are read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

WritePicture = Callable[..., Path]


def blank_png(width: int, height: int) -> bytes:
    """A PNG of black pixels, made without holding them."""
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = (b"IHDR" + head, b"IDAT" + rows, b"IEND")
    parts = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder for pictures, where the formats look for them."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def write_picture(images: Path) -> WritePicture:
    """Writes a blank picture: write_picture("a.png", 640, 480)."""

    def write(name: str = "a.png", width: int = 640, height: int = 480) -> Path:
        path = images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blank_png(width, height))
        return path

    return write
