"""Header first: what a picture claims to be, checked before a pixel is decoded.

Headers are read by the small walkers of this room and not by Pillow, which was tried first.
Pillow walks segments in Python without a bound (a 16 MiB JPEG of empty comments held the
interpreter for 4 s), warns through the process-wide `warnings` filters, which no thread can
silence for itself, and costs 5 MB. The walkers take at most a tenth of a second for any
16 MiB; the tests compare them with Pillow.
"""

from __future__ import annotations

from lintel.edge.errors import (
    ImageTooLargeError,
    ImageUndecodableError,
    ImageUnsupportedError,
)
from lintel.edge.images import jpeg, png, webp
from lintel.edge.images.formats import DEFAULT_LIMITS, ImageHeader, ImageLimits

# The longest that JPEG holds, so that whatever is served can be written as JPEG.
MAX_SIDE = 65_500

_OTHER_FORMATS = (
    b"GIF8",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"\0\0\1\0",
    b"8BPS",
    b"\xff\x0a",
    b"\0\0\0\x0cJXL ",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"qoif",
    b"%PDF",
    b"<svg",
    b"<?xml",
)


def read_header(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> ImageHeader:
    """Reads what an encoded picture says of itself, and holds it to the limits.

    No pixel is decoded and no metadata kept; time and memory are bounded whatever the bytes.

    Args:
        data: A complete JPEG, PNG or WebP file. Of multi-picture JPEGs (MPO, as phones write
            them) the first picture counts.
        limits: What a picture may cost.

    Returns:
        The header, of a picture that is no animation and within the limits.

    Raises:
        ImageTooLargeError: More bytes or pixels than the limits allow.
        ImageUnsupportedError: Another format, an animation, a side of more than 65,500
            pixels, 12-bit JPEG, or more metadata blocks or JPEG scans than are served.
        ImageUndecodableError: Empty, truncated, damaged, or of no known format.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(len(data), limits.max_bytes, "bytes", field="encoded")
    header = _read(data)
    if header.animated:
        raise ImageUnsupportedError("Animations are not served.", field="encoded")
    if not header.width or not header.height:
        raise ImageUndecodableError("The picture has no pixels.", field="encoded")
    pixels = header.width * header.height
    if pixels > limits.max_pixels:
        raise ImageTooLargeError(pixels, limits.max_pixels, "pixels", field="encoded")
    if max(header.width, header.height) > MAX_SIDE:
        raise ImageUnsupportedError(
            f"Pictures of more than {MAX_SIDE} pixels a side are not served.", field="encoded"
        )
    return header


def _read(data: bytes) -> ImageHeader:
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg_header(data)
    if data.startswith(png.SIGNATURE):
        return png.read_png_header(data)
    if webp.is_webp(data):
        return webp.read_webp_header(data)
    # ISO base media files (AVIF, HEIC, video) carry their name behind a length.
    if data.startswith(_OTHER_FORMATS) or data[4:8] == b"ftyp":
        raise ImageUnsupportedError("Only JPEG, PNG and WebP pictures are served.", field="encoded")
    if not data:
        raise ImageUndecodableError("The picture is empty.", field="encoded")
    raise ImageUndecodableError("The bytes are not a JPEG, PNG or WebP picture.", field="encoded")
