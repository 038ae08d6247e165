"""From pixels to encoded bytes that say nothing but the pixels."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.images.formats import ImageFormat
from lintel.edge.images.opencv import opencv

_LONGEST_SIDES = {ImageFormat.JPEG: 65_500, ImageFormat.PNG: 1 << 20, ImageFormat.WEBP: 16_383}


def encode(pixels: NDArray[np.uint8], format: ImageFormat, quality: int = 85) -> bytes:  # noqa: A002
    """Encodes a picture, without metadata of any kind.

    Args:
        pixels: (H, W) grey or (H, W, 3) blue, green, red, at least one pixel.
        format: JPEG (4:2:0, grey stays grey), PNG (8 bits, grey stays grey) or WebP (lossy,
            always in colour).
        quality: 1 to 100 for JPEG and WebP; PNG takes no notice.

    Returns:
        A complete file.

    Raises:
        InvalidArgumentError: The quality is out of range, or the picture is larger than the
            format holds: 65,500 pixels a side for JPEG, 16,383 for WebP.
        ValueError: The pixels are not as said above.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or pixels.shape[2:] == (3,)):
        raise ValueError("encode takes uint8 pixels of shape (H, W) or (H, W, 3)")
    if not 1 <= quality <= 100:
        raise InvalidArgumentError(
            f"The quality is {quality}; it must be 1 to 100.", field="quality"
        )
    side, longest = max(pixels.shape[:2]), _LONGEST_SIDES[format]
    if side > longest:
        raise InvalidArgumentError(
            f"The picture has {side} pixels a side; {format.upper()} holds {longest}."
        )
    contiguous = np.ascontiguousarray(pixels)
    if format is ImageFormat.JPEG:
        return _encode_jpeg(contiguous, quality)
    cv2 = opencv()
    parameters = [cv2.IMWRITE_WEBP_QUALITY, quality] if format is ImageFormat.WEBP else []
    done, encoded = cv2.imencode(f".{format}", contiguous, parameters)
    if not done:
        raise RuntimeError("OpenCV did not encode the picture")
    return bytes(encoded)


def _encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    if pixels.ndim == 2:
        encoded = simplejpeg.encode_jpeg(
            pixels[:, :, None], quality, colorspace="GRAY", colorsubsampling="Gray"
        )
    else:
        encoded = simplejpeg.encode_jpeg(pixels, quality, colorspace="BGR", colorsubsampling="420")
    return bytes(encoded)
