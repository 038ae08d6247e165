"""From encoded bytes to upright pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from lintel.edge.errors import ImageUndecodableError
from lintel.edge.images.exif import UPRIGHT
from lintel.edge.images.formats import DEFAULT_LIMITS, ImageFormat, ImageHeader, ImageLimits
from lintel.edge.images.header import read_header
from lintel.edge.images.opencv import opencv
from lintel.edge.images.picture import Picture
from lintel.edge.images.png import keep_pixels, transparent_grey

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

# OpenCV takes no WebP shorter than this; the smallest are a few bytes shorter.
_SHORTEST_WEBP = 32
# A step of flattening: small enough for the cache, large enough to hide Python.
_FLATTENED_SAMPLES = 1 << 16


def decode(
    data: bytes,
    limits: ImageLimits = DEFAULT_LIMITS,
    *,
    depth8: bool = False,
    long_side: int | None = None,
) -> Picture:
    """Decodes a picture and turns it upright.

    Greyscale JPEG and PNG give (H, W), everything else (H, W, 3); CMYK becomes colour as
    browsers and OpenCV take it, with inverted (Adobe) inks. A transparent picture is
    flattened over white: what hides under transparency would otherwise leave the device
    without anyone having seen it, and what a detector sees must be what is shown.

    Memory peaks, the result included, at 3 bytes a pixel for ordinary JPEG, at 6 to 10 where
    it is progressive or turned and for PNG and WebP, at 20 for 16-bit PNG with alpha.

    Args:
        data: A complete JPEG, PNG or WebP file.
        limits: What it may cost; see `read_header`.
        depth8: Scale 16-bit pictures to 8 bits (value / 257, rounded).
        long_side: A smaller copy will do, as long as its long side is at least this many
            pixels. JPEG is then decoded at the smallest of 1/8, 1/4, 1/2 and 1 for which that
            holds; libjpeg-turbo's scales between are left out because each costs more than
            the next larger of these, 5/8 to 7/8 even two to three times a full decode. Other
            formats are decoded in full.

    Returns:
        The picture.

    Raises:
        ImageTooLargeError: See `read_header`.
        ImageUnsupportedError: See `read_header`.
        ImageUndecodableError: Truncated or damaged anywhere, or not of the size that its
            header says. Nothing is guessed or filled in.
    """
    header = read_header(data, limits)
    pixels: Pixels
    if header.format is ImageFormat.JPEG:
        pixels = _decode_jpeg(data, header, long_side)
    else:
        pixels = _decode_with_opencv(data, header, depth8=depth8)
    turned = header.orientation >= 5
    return Picture(
        pixels=_turn_upright(pixels, header.orientation),
        width=header.height if turned else header.width,
        height=header.width if turned else header.height,
        format=header.format,
        raw_format=None,
    )


def _decode_jpeg(data: bytes, header: ImageHeader, long_side: int | None) -> NDArray[np.uint8]:
    width, height = _scaled_size(header.width, header.height, long_side)
    grey = header.channels == 1
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, "GRAY" if grey else "BGR", min_width=width, min_height=height
        )
    except ValueError as error:
        raise ImageUndecodableError(
            "The JPEG picture is truncated or damaged.", field="encoded"
        ) from error
    _check_size(pixels, width, height)
    return pixels[:, :, 0] if grey else pixels


def _scaled_size(width: int, height: int, long_side: int | None) -> tuple[int, int]:
    """Returns the size of the smallest fast scale that keeps the long side long enough."""
    if long_side is not None:
        for divisor in (8, 4, 2):
            scaled = -(-width // divisor), -(-height // divisor)
            if max(scaled) >= long_side:
                return scaled
    return width, height


def _decode_with_opencv(data: bytes, header: ImageHeader, *, depth8: bool) -> Pixels:
    """Decodes PNG and WebP."""
    cv2 = opencv()
    png = header.format is ImageFormat.PNG
    encoded = keep_pixels(data) if png else data.ljust(_SHORTEST_WEBP, b"\0")
    try:
        # Unchanged also means: turned by nobody but us.
        decoded: Pixels | None = cv2.imdecode(
            np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error as error:
        raise ImageUndecodableError("The picture is damaged.", field="encoded") from error
    if decoded is None:
        raise ImageUndecodableError("The picture is truncated or damaged.", field="encoded")
    _check_size(decoded, header.width, header.height)
    if png and (grey := transparent_grey(data)) is not None:
        decoded[decoded == grey] = np.iinfo(decoded.dtype).max
    if depth8 and decoded.dtype == np.uint16:
        decoded = cv2.convertScaleAbs(decoded, alpha=1 / 257)
    if decoded.ndim == 3 and decoded.shape[2] == 4:
        return _flatten(decoded, grey=header.channels == 1)
    return decoded


def _check_size(pixels: Pixels, width: int, height: int) -> None:
    if pixels.shape[:2] != (height, width):
        raise ImageUndecodableError(
            "The picture is not of the size that its header says.", field="encoded"
        )


def _flatten(pixels: Any, *, grey: bool) -> Pixels:
    """Lays (H, W, 4) over white: (H, W) of the first channel if `grey`, else (H, W, 3)."""
    height, width, _ = pixels.shape
    channels = 1 if grey else 3
    # White times white and half of white, the most that there can be, fit twice the bits.
    wide = np.dtype(f"u{2 * pixels.dtype.itemsize}").type
    white = wide(np.iinfo(pixels.dtype).max)
    flat: Pixels = np.empty((height, width, channels), pixels.dtype)
    rows = max(1, _FLATTENED_SAMPLES // (4 * width))
    for top in range(0, height, rows):
        part = pixels[top : top + rows]
        alpha = part[..., 3].astype(wide)
        rest = (white - alpha) * white + white // 2
        for channel in range(channels):
            blend = part[..., channel] * alpha + rest
            flat[top : top + rows, :, channel] = blend // white
    return flat[:, :, 0] if grey else flat


def _turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undoes an EXIF orientation (EXIF 2.3, tag 0x0112)."""
    if orientation == UPRIGHT:
        return pixels
    cv2 = opencv()
    turns = {
        2: lambda: cv2.flip(pixels, 1),
        3: lambda: cv2.flip(pixels, -1),
        4: lambda: cv2.flip(pixels, 0),
        5: lambda: cv2.transpose(pixels),
        6: lambda: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
        7: lambda: cv2.flip(cv2.transpose(pixels), -1),
        8: lambda: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
    }
    upright: Pixels = turns[orientation]()
    return upright
