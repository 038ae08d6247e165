"""Bringing pictures into the form that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintel.edge.backends import Tensor, TensorSpec
from lintel.edge.errors import PackageInvalidError
from lintel.edge.images import Picture
from lintel.edge.packages import Input
from lintel.edge.tasks.tensors import ANY

Bytes: TypeAlias = NDArray[np.uint8]
# Width and height in pixels.
Size: TypeAlias = tuple[int, int]
Numbers: TypeAlias = tuple[float, ...]

# Fills what a picture leaves free; the grey that detectors are commonly trained with.
_FILL = 114


class Prepared(NamedTuple):
    """A picture as a model takes it.

    Attributes:
        tensor: In the model's layout, with a first axis of 1.
        size: Width and height of the tensor.
        extent: Width and height of the picture in it, at its top left; the rest is filled.
        scale: Pixels of the tensor per pixel of the full picture, along x and y.
    """

    tensor: Tensor
    size: Size
    extent: Size
    scale: tuple[float, float]


def check_input(expected: Input, specs: Sequence[TensorSpec]) -> None:
    """Checks the input of a model that has been opened.

    Raises:
        PackageInvalidError: The model takes something else; `field` is the key at fault.
    """
    if len(specs) != 1:
        raise PackageInvalidError("A model that sees pictures must have one input.", field="input")
    spec = specs[0]
    if spec.dtype != np.dtype(expected.dtype):
        raise PackageInvalidError(
            f"The model takes values of the type {spec.dtype}, and input.dtype says "
            f"{expected.dtype}.",
            field="input.dtype",
        )
    width, height = expected.size or (ANY, ANY)
    if expected.layout == "NHWC":
        wanted = (1, height, width, expected.channels)
    else:
        wanted = (1, expected.channels, height, width)
    fixed = len(spec.shape) == len(wanted) and all(
        length in {ANY, given} for length, given in zip(spec.shape, wanted, strict=True)
    )
    if not fixed:
        raise PackageInvalidError(
            f"The model takes the shape {list(spec.shape)} (-1: any length), and [input] says "
            f"{list(wanted)}.",
            field="input",
        )


def prepare(picture: Picture, expected: Input) -> Prepared:
    """Brings a picture into the form that a model takes.

    Where its sides are no multiples of powers of 2, shrinking may cut it at the right and below,
    by less than one pixel of the tensor.

    Args:
        picture: Of 8 bits a channel.
        expected: What the model takes.
    """
    pixels = picture.pixels.view(np.uint8)
    height, width = pixels.shape[:2]
    extent, size = _sizes(width, height, expected)
    resized, used = _resize(pixels, extent)
    tensor = _normalise(_recolour(resized, expected.colour), size, expected)
    scale = (
        extent[0] / used[0] * (width / picture.width),
        extent[1] / used[1] * (height / picture.height),
    )
    return Prepared(tensor, size, extent, scale)


def _sizes(width: int, height: int, expected: Input) -> tuple[Size, Size]:
    """Returns what a picture is resized to, and the size of the tensor that it then lies in."""
    if expected.long_side is not None:
        ratio = expected.long_side / max(width, height)
    elif expected.size is not None and expected.resize == "letterbox":
        ratio = min(expected.size[0] / width, expected.size[1] / height)
    else:
        size = expected.size or (width, height)
        return size, size
    extent = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    step = expected.multiple_of
    filled = (-(-extent[0] // step) * step, -(-extent[1] // step) * step)
    return extent, expected.size or filled


def _resize(pixels: Bytes, size: Size) -> tuple[Bytes, Size]:
    """Resizes a picture; returns it, and the width and height of what was used of it.

    Halves it first, for as long as it stays large enough: the average of 2x2 pixels is cheap, and
    what remains is too little to alias. OpenCV's INTER_AREA alone took 2 to 9 times as long.
    """
    import cv2  # noqa: PLC0415 -- importing the tasks is not to cost its memory

    height, width = pixels.shape[:2]
    factor = 1
    while width >= 2 * size[0] and height >= 2 * size[1]:
        width, height, factor = width // 2, height // 2, factor * 2
        pixels = cv2.resize(
            pixels[: height * 2, : width * 2], (width, height), interpolation=cv2.INTER_AREA
        ).view(np.uint8)
    if (width, height) != size:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR).view(np.uint8)
    return pixels, (width * factor, height * factor)


def _recolour(pixels: Bytes, colour: str) -> Bytes:
    """Converts grey (H, W) or BGR (H, W, 3) to the channels that a model takes, (H, W, C)."""
    import cv2  # noqa: PLC0415 -- as above

    conversions = {
        (2, "bgr"): cv2.COLOR_GRAY2BGR,
        (2, "rgb"): cv2.COLOR_GRAY2RGB,
        (3, "grey"): cv2.COLOR_BGR2GRAY,
        (3, "rgb"): cv2.COLOR_BGR2RGB,
    }
    conversion = conversions.get((pixels.ndim, colour))
    if conversion is not None:
        pixels = cv2.cvtColor(pixels, conversion).view(np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _normalise(pixels: Bytes, size: Size, expected: Input) -> Tensor:
    """Lays a picture (H, W, C) into a tensor of the model's layout, and fills the rest."""
    import cv2  # noqa: PLC0415 -- as above

    width, height = size
    if expected.layout == "NHWC":
        tensor = np.empty((1, height, width, expected.channels), expected.dtype)
        _lay(pixels, tensor[0], expected.mean, expected.scale)
        return tensor
    tensor = np.empty((1, expected.channels, height, width), expected.dtype)
    for channel, plane in enumerate(cv2.split(pixels)):
        mean, scale = ((each[channel % len(each)],) for each in (expected.mean, expected.scale))
        _lay(plane.view(np.uint8), tensor[0, channel], mean, scale)
    return tensor


def _lay(pixels: Bytes, place: Tensor, mean: Numbers, scale: Numbers) -> None:
    """Writes (pixels - mean) * scale at the top left of `place`, and fills the rest.

    Args:
        pixels: (H, W) or (H, W, C).
        place: At least as high and wide, and with as many channels.
        mean: One number, or C.
        scale: One number, or C.
    """
    import cv2  # noqa: PLC0415 -- as above

    height, width = pixels.shape[:2]
    inside = place[:height, :width]
    table = _table(mean, scale, place.dtype.name)
    if place.dtype == np.float32 and len({*mean}) == len({*scale}) == 1:
        # Half the time of looking up.
        np.subtract(pixels, np.float32(mean[0]), out=inside)
        if scale[0] != 1:
            inside *= np.float32(scale[0])
    else:
        inside[...] = cv2.LUT(pixels, table[None]).reshape(inside.shape)
    # Whole rows: numbers that alternate by channel are slow to write.
    fill = np.broadcast_to(table[_FILL], place.shape[1:]).copy()
    place[height:] = fill
    place[:height, width:] = fill[width:]


@lru_cache(maxsize=64)
def _table(mean: Numbers, scale: Numbers, dtype: str) -> Tensor:
    """Returns what each value of a pixel becomes, (256, 1) or (256, C); integers are rounded."""
    pixels = np.arange(256, dtype=np.float32)[:, None]
    values: Tensor = (pixels - np.array(mean, np.float32)) * np.array(scale, np.float32)
    if dtype == "float32":
        return values
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
