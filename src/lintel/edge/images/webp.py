"""The header of a WebP file (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lintel.edge.errors import ImageUndecodableError, ImageUnsupportedError
from lintel.edge.images.exif import UPRIGHT, read_orientation
from lintel.edge.images.formats import ImageFormat, ImageHeader

# A still picture has at most six known chunks.
MAX_CHUNKS = 1024

_ANIMATION_FLAG = 0x02
_EXIF_FLAG = 0x08
_ALPHA_FLAG = 0x10


class _Canvas(NamedTuple):
    width: int
    height: int
    flags: int


def is_webp(data: bytes) -> bool:
    """Tells whether a file begins as WebP files do."""
    return data.startswith(b"RIFF") and data.startswith(b"WEBP", 8)


def read_webp_header(data: bytes) -> ImageHeader:
    """Reads the header of a WebP file and walks its chunks to the end.

    Args:
        data: The file, for which `is_webp` holds.

    Returns:
        The header.

    Raises:
        ImageUndecodableError: The file is truncated or does not begin with a picture.
        ImageUnsupportedError: There are more chunks than are served.
    """
    canvas: _Canvas | None = None
    orientation: int | None = None
    animated = False
    for kind, start, end in _chunks(data):
        if canvas is None:
            canvas = _read_canvas(data, kind, start)
        if kind == b"EXIF" and canvas.flags & _EXIF_FLAG and orientation is None:
            orientation = read_orientation(data[start:end])
        animated |= kind in (b"ANIM", b"ANMF")
    if canvas is None:
        raise ImageUndecodableError("The WebP file has no picture.", field="encoded")
    return ImageHeader(
        format=ImageFormat.WEBP,
        width=canvas.width,
        height=canvas.height,
        orientation=orientation or UPRIGHT,
        bit_depth=8,
        channels=3,
        animated=animated or bool(canvas.flags & _ANIMATION_FLAG),
        has_alpha=bool(canvas.flags & _ALPHA_FLAG),
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Walks the chunks: kind, start and end of what the chunk holds."""
    end_of_file = 8 + int.from_bytes(data[4:8], "little")
    if end_of_file > len(data):
        raise ImageUndecodableError("The WebP picture is truncated.", field="encoded")
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > end_of_file:
            return
        kind, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if start + length > end_of_file:
            raise ImageUndecodableError("The WebP picture is truncated.", field="encoded")
        yield kind, start, start + length
        position = start + length + length % 2
    raise ImageUnsupportedError(
        f"WebP pictures of more than {MAX_CHUNKS} chunks are not served.", field="encoded"
    )


def _read_canvas(data: bytes, kind: bytes, start: int) -> _Canvas:
    """Reads the size from the first chunk: extended, lossy or lossless."""
    head = data[start : start + 10].ljust(10, b"\0")
    if kind == b"VP8X":
        width = int.from_bytes(head[4:7], "little") + 1
        return _Canvas(width, int.from_bytes(head[7:10], "little") + 1, head[0])
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return _Canvas(width & 0x3FFF, height & 0x3FFF, 0)
    if kind == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        flags = _ALPHA_FLAG if bits >> 28 & 1 else 0
        return _Canvas((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, flags)
    raise ImageUndecodableError("The WebP header is damaged.", field="encoded")
