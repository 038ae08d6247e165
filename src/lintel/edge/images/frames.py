"""Raw frames, as cameras and decoders deliver them, to pixels and back."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from lintel.edge.errors import ImageTooLargeError, InvalidArgumentError
from lintel.edge.images.formats import DEFAULT_LIMITS, ImageLimits
from lintel.edge.images.opencv import opencv
from lintel.edge.images.picture import Picture, PixelFormat

_SUBSAMPLED = (PixelFormat.NV12, PixelFormat.I420)
_INTERLEAVED = (PixelFormat.BGR8, PixelFormat.RGB8)


def from_raw(
    data: bytes,
    pixel_format: PixelFormat,
    width: int,
    height: int,
    stride_bytes: int = 0,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> Picture:
    """Unpacks a raw frame.

    Args:
        data: The rows, top to bottom, plane after plane; the very last row may lack its
            padding.
        pixel_format: Order and packing. NV12 and I420 are BT.601 in video range, Y 16 to
            235, and become colour as OpenCV converts them.
        width: Pixels in a row; even for NV12 and I420.
        height: Rows; even for NV12 and I420.
        stride_bytes: Bytes from row to row, of the U and V planes of I420 half of that;
            0 if tightly packed.
        limits: Only `max_pixels` counts; the bytes of a raw frame follow from it.

    Returns:
        The picture, (H, W) for GRAY8 and else (H, W, 3), in memory of its own.

    Raises:
        InvalidArgumentError: A number is out of range; `field` names it, such as "raw.width".
        ImageTooLargeError: More pixels than the limits allow.
    """
    pixel_format = _check_format(pixel_format)
    _check_size(pixel_format, width, height, limits)
    stride = _check_stride(pixel_format, width, stride_bytes)
    _check_length(len(data), pixel_format, width, height, stride)
    return Picture(
        pixels=_unpack(np.frombuffer(data, np.uint8), pixel_format, width, height, stride),
        width=width,
        height=height,
        format=None,
        raw_format=pixel_format,
    )


def to_raw(pixels: NDArray[np.uint8], pixel_format: PixelFormat) -> bytes:
    """Packs pixels tightly: the inverse of `from_raw`.

    Args:
        pixels: (H, W) grey or (H, W, 3) blue, green, red. Grey becomes colour, and colour
            grey (BT.601), where the format asks for it.
        pixel_format: Order and packing.

    Returns:
        The rows, plane after plane, without padding.

    Raises:
        InvalidArgumentError: NV12 or I420 is asked for, and width or height is odd.
        ValueError: The pixels are not as said above.
    """
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or pixels.shape[2:] == (3,)):
        raise ValueError("to_raw takes uint8 pixels of shape (H, W) or (H, W, 3)")
    grey = pixels.ndim == 2
    if pixel_format is PixelFormat.GRAY8:
        return (pixels if grey else _convert(pixels, "COLOR_BGR2GRAY")).tobytes()
    colour = _convert(pixels, "COLOR_GRAY2BGR") if grey else pixels
    if pixel_format is PixelFormat.BGR8:
        return colour.tobytes()
    if pixel_format is PixelFormat.RGB8:
        return _convert(colour, "COLOR_BGR2RGB").tobytes()
    height, width = pixels.shape[:2]
    if width % 2 or height % 2:
        raise InvalidArgumentError(
            f"A picture of {width} x {height} pixels cannot be {pixel_format.upper()}; "
            "both must be even.",
            field="pixel_format",
        )
    planes = _convert(colour, "COLOR_BGR2YUV_I420")
    if pixel_format is PixelFormat.I420:
        return planes.tobytes()
    u_and_v = planes[height:].reshape(2, -1)
    return planes[:height].tobytes() + u_and_v.T.tobytes()


def _check_format(pixel_format: str) -> PixelFormat:
    try:
        return PixelFormat(pixel_format)
    except ValueError as error:
        raise InvalidArgumentError(
            f"The pixel format must be one of {', '.join(PixelFormat)}.", field="raw.pixel_format"
        ) from error


def _check_size(pixel_format: PixelFormat, width: int, height: int, limits: ImageLimits) -> None:
    for name, value in (("width", width), ("height", height)):
        if value < 1:
            raise InvalidArgumentError(
                f"The {name} is {value}; it must be at least 1.", field=f"raw.{name}"
            )
        if pixel_format in _SUBSAMPLED and value % 2:
            raise InvalidArgumentError(
                f"The {name} is {value}; it must be even for {pixel_format}.", field=f"raw.{name}"
            )
    if width * height > limits.max_pixels:
        field = "raw.width" if width >= height else "raw.height"
        raise ImageTooLargeError(width * height, limits.max_pixels, "pixels", field=field)


def _check_stride(pixel_format: PixelFormat, width: int, stride_bytes: int) -> int:
    least = width * 3 if pixel_format in _INTERLEAVED else width
    if stride_bytes and stride_bytes < least:
        raise InvalidArgumentError(
            f"The stride is {stride_bytes} bytes; it must be 0 or at least {least}.",
            field="raw.stride_bytes",
        )
    if pixel_format is PixelFormat.I420 and stride_bytes % 2:
        raise InvalidArgumentError(
            f"The stride is {stride_bytes} bytes; it must be even for i420.",
            field="raw.stride_bytes",
        )
    return stride_bytes or least


def _check_length(
    length: int, pixel_format: PixelFormat, width: int, height: int, stride: int
) -> None:
    """Holds the data to its size, with or without the padding of the last row."""
    if pixel_format is PixelFormat.I420:
        full, padding = stride * height * 3 // 2, (stride - width) // 2
    elif pixel_format is PixelFormat.NV12:
        full, padding = stride * height * 3 // 2, stride - width
    else:
        samples = 3 if pixel_format in _INTERLEAVED else 1
        full, padding = stride * height, stride - width * samples
    if not full - padding <= length <= full:
        raise InvalidArgumentError(
            f"The data has {length} bytes; a frame of this size and stride has {full}.",
            field="raw.data",
        )


def _unpack(
    samples: NDArray[np.uint8], pixel_format: PixelFormat, width: int, height: int, stride: int
) -> NDArray[np.uint8]:
    if pixel_format is PixelFormat.GRAY8:
        return _rows(samples, 0, height, width, stride).copy()
    if pixel_format in _INTERLEAVED:
        rows = _rows(samples, 0, height, width * 3, stride)
        colour = rows.copy().reshape(height, width, 3)
        return colour if pixel_format is PixelFormat.BGR8 else _convert(colour, "COLOR_RGB2BGR")
    half_height, half_width, uv_start = height // 2, width // 2, stride * height
    planes = np.empty((height + half_height, width), np.uint8)
    planes[:height] = _rows(samples, 0, height, width, stride)
    if pixel_format is PixelFormat.NV12:
        planes[height:] = _rows(samples, uv_start, half_height, width, stride)
        return _convert(planes, "COLOR_YUV2BGR_NV12")
    u_and_v = _rows(samples, uv_start, height, half_width, stride // 2)
    planes[height:].reshape(height, half_width)[...] = u_and_v
    return _convert(planes, "COLOR_YUV2BGR_I420")


def _rows(
    samples: NDArray[np.uint8], start: int, count: int, length: int, stride: int
) -> NDArray[np.uint8]:
    """Looks at `count` rows of `length` samples; `_check_length` has made sure they are there."""
    return as_strided(samples[start:], (count, length), (stride, 1), writeable=False)


def _convert(pixels: NDArray[np.uint8], code: str) -> NDArray[np.uint8]:
    cv2 = opencv()
    converted: NDArray[np.uint8] = cv2.cvtColor(pixels, getattr(cv2, code))
    return converted
