"""Pictures on their way to a device: what a user has, made into messages."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lintel.client.errors import InvalidArgumentError
from lintel.v1 import image_pb2
from lintel.v1.image_pb2 import Image, RawFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEBIBYTE = 1 << 20
# What a device accepts and sends as one message, unless its settings say otherwise.
MAX_MESSAGE_BYTES = 64 * MEBIBYTE
# Leaves room for what surrounds a picture in its message.
MAX_PICTURE_BYTES = MAX_MESSAGE_BYTES - 64 * 1024

PixelFormat = Literal["bgr8", "rgb8", "gray8", "nv12", "i420"]
PIXEL_FORMATS: dict[PixelFormat, image_pb2.PixelFormat.ValueType] = {
    "bgr8": image_pb2.PIXEL_FORMAT_BGR8,
    "rgb8": image_pb2.PIXEL_FORMAT_RGB8,
    "gray8": image_pb2.PIXEL_FORMAT_GRAY8,
    "nv12": image_pb2.PIXEL_FORMAT_NV12,
    "i420": image_pb2.PIXEL_FORMAT_I420,
}

# A path; the bytes of an image file; an array, (H, W) grey or (H, W, 3) BGR, uint8; or a Frame.
Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | Frame | NDArray[np.uint8]"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """Uncompressed pixels in a layout that an array alone does not tell.

    Attributes:
        data: The rows, top to bottom, one plane after the other: bytes, or a uint8 array.
        width: Width in pixels; even for "nv12" and "i420".
        height: Height in pixels; even for "nv12" and "i420".
        pixel_format: Order and packing of the samples.
        stride_bytes: Bytes from the start of one row to the start of the next; 0: tightly packed.

    Raises:
        ValueError: A size is not positive, or the pixel format is unknown.
    """

    data: bytes | bytearray | memoryview | NDArray[np.uint8]
    width: int
    height: int
    pixel_format: PixelFormat
    stride_bytes: int = 0

    def __post_init__(self) -> None:
        if self.pixel_format not in PIXEL_FORMATS:
            allowed = ", ".join(PIXEL_FORMATS)
            raise ValueError(f"pixel_format must be one of {allowed}, not {self.pixel_format!r}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be positive, not {self.width}x{self.height}")
        if self.stride_bytes < 0:
            raise ValueError(f"stride_bytes must not be negative, as {self.stride_bytes} is")


def load(picture: Picture, name: str = "picture") -> Image:
    """Makes the message of a picture.

    Args:
        picture: What the user gave.
        name: What the user knows the argument by.

    Returns:
        The message; it holds a copy.

    Raises:
        TypeError: The argument is of no kind that can be a picture.
        ValueError: An array is of the wrong shape or dtype.
        OSError: The file can't be read.
        InvalidArgumentError: The picture is too large to be sent.
    """
    if isinstance(picture, str | os.PathLike):
        with Path(picture).open("rb") as file:
            return _encoded(file.read(MAX_PICTURE_BYTES + 1))
    if isinstance(picture, bytes | bytearray | memoryview):
        return _encoded(bytes(picture))
    if isinstance(picture, Frame):
        return _raw(picture)
    # Whoever has an array has NumPy imported; this module need not.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(picture, numpy.ndarray):
        return _raw(_frame_of(picture, name))
    raise TypeError(
        f"{name} must be a path, the bytes of an image file, a NumPy array or a Frame,"
        f" not {type(picture).__name__}"
    )


def _encoded(data: bytes) -> Image:
    _refuse_unsendable(len(data))
    return Image(encoded=data)


def _raw(frame: Frame) -> Image:
    data = bytes(frame.data)
    _refuse_unsendable(len(data))
    return Image(
        raw=RawFrame(
            pixel_format=PIXEL_FORMATS[frame.pixel_format],
            width=frame.width,
            height=frame.height,
            stride_bytes=frame.stride_bytes,
            data=data,
        )
    )


def _frame_of(array: NDArray[Any], name: str) -> Frame:
    is_grey = array.ndim == 2
    is_colour = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != "uint8" or not (is_grey or is_colour) or array.size == 0:
        raise ValueError(
            f"{name} must be a uint8 array of shape (height, width), grey, or (height, width, 3),"
            f" BGR, not {array.dtype} of shape {array.shape}; use Frame for other layouts"
        )
    height, width = array.shape[:2]
    # tobytes() writes the pixels in order, whatever the strides of the array.
    return Frame(array.tobytes(), width, height, "gray8" if is_grey else "bgr8")


def _refuse_unsendable(size: int) -> None:
    if size > MAX_PICTURE_BYTES:
        raise InvalidArgumentError(
            f"The picture has more than {MAX_PICTURE_BYTES} bytes, the most that can be sent.",
            reason="IMAGE_TOO_LARGE",
        )
