"""The header of a PNG file (W3C PNG, third edition), and the file without its metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from lintel.edge.errors import ImageUndecodableError, ImageUnsupportedError
from lintel.edge.images.exif import UPRIGHT, read_orientation
from lintel.edge.images.formats import ImageFormat, ImageHeader

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A file of 16 MiB has some 2,000 chunks of the usual 8 KiB.
MAX_CHUNKS = 1 << 15

_GREY = 0
# By colour type: grey, colour, palette, grey with alpha, colour with alpha.
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def read_png_header(data: bytes) -> ImageHeader:
    """Reads the header of a PNG file and walks its chunks to the end.

    Args:
        data: The file, beginning with `SIGNATURE`.

    Returns:
        The header. Orientation is that of an eXIf chunk, before or after the pixels.

    Raises:
        ImageUndecodableError: The file is truncated or does not begin with its header.
        ImageUnsupportedError: There are more chunks than are served.
    """
    orientation: int | None = None
    animated = transparent = False
    for kind, start, end in _chunks(data):
        if kind == b"eXIf" and orientation is None:
            orientation = read_orientation(data[start:end])
        animated |= kind == b"acTL"
        transparent |= kind == b"tRNS"
    width, height, depth, colour = _read_size(data)
    return ImageHeader(
        format=ImageFormat.PNG,
        width=width,
        height=height,
        orientation=orientation or UPRIGHT,
        bit_depth=16 if depth == 16 else 8,
        channels=3 if colour & 2 else 1,
        animated=animated,
        has_alpha=transparent or bool(colour & 4),
    )


def keep_pixels(data: bytes) -> bytes:
    """Leaves out every chunk that the pixels do not need, so that no decoder meets it.

    Compressed texts, colour profiles and animations are where decoders are attacked, and
    what libpng complains about on standard error; checksums are compared for that too. What
    is left is one line of libpng's where the samples are damaged and their checksum is not.

    Args:
        data: A file that `read_png_header` has read.

    Returns:
        A PNG file of the same pixels and no metadata.

    Raises:
        ImageUndecodableError: A checksum is wrong.
        ImageUnsupportedError: A chunk that is needed to read the picture is of unknown kind.
    """
    parts = [SIGNATURE]
    view = memoryview(data)
    for kind, start, end in _chunks(data):
        if kind in _PIXEL_CHUNKS:
            if zlib.crc32(view[start - 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
                raise ImageUndecodableError("The PNG picture is damaged.", field="encoded")
            parts.append(data[start - 8 : end + 4])
        elif not kind[0] & 0x20:
            raise ImageUnsupportedError(
                "The PNG picture has a critical chunk of unknown kind.", field="encoded"
            )
    return b"".join(parts)


def transparent_grey(data: bytes) -> int | None:
    """Finds the grey that stands for transparent in a grey PNG file without alpha.

    OpenCV heeds such a key in coloured pictures only.

    Args:
        data: A file that `read_png_header` has read.

    Returns:
        The sample value once decoded, 0 to 255 or, for 16-bit pictures, 65535; None if
        there is none.
    """
    _, _, depth, colour = _read_size(data)
    if colour != _GREY:
        return None
    for kind, start, end in _chunks(data):
        if kind == b"tRNS" and end - start == 2:
            value = int.from_bytes(data[start:end], "big") & ((1 << depth) - 1)
            return value if depth == 16 else value * 255 // ((1 << depth) - 1)
    return None


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Walks the chunks up to IEND: kind, start and end of what the chunk holds."""
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            raise ImageUndecodableError("The PNG picture is truncated.", field="encoded")
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        position = start + length + 4
        if position > len(data):
            raise ImageUndecodableError("The PNG picture is truncated.", field="encoded")
        yield kind, start, start + length
        if kind == b"IEND":
            return
    raise ImageUnsupportedError(
        f"PNG pictures of more than {MAX_CHUNKS} chunks are not served.", field="encoded"
    )


def _read_size(data: bytes) -> tuple[int, int, int, int]:
    """Returns width, height, bits a sample and colour type of the header chunk."""
    head = data[8:26].ljust(18, b"\0")
    length, kind, width, height, depth, colour = struct.unpack(">I4sIIBB", head)
    if kind != b"IHDR" or length != 13 or depth not in _DEPTHS.get(colour, ()):
        raise ImageUndecodableError("The PNG header is damaged.", field="encoded")
    return width, height, depth, colour
