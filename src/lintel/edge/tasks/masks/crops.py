"""Cutting faces out of pictures, the same for training and on the device."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.geometry import as_boxes

Bytes: TypeAlias = NDArray[np.uint8]


def crop_faces(pixels: Bytes, boxes: ArrayLike, size: tuple[int, int], margin: float) -> Bytes:
    """Cuts squares about faces out of a picture, and brings them to one size.

    A square lies about the middle of a box; its side is the longer of the box's, and the margin
    on either end. It is rounded to whole pixels. Where it reaches beyond the picture, the
    picture's edge is repeated. Memory goes with the picture and the result, however far that is.

    Args:
        pixels: (H, W) grey or (H, W, 3) blue, green, red, uint8.
        boxes: (N, 4), x_min,y_min,x_max,y_max in pixels of `pixels`; they may reach beyond it.
        size: Width and height of the result, at least 1.
        margin: What of the box's longer side is added on each end, 0 or more.

    Returns:
        (N, height, width, 3) blue, green, red, uint8; averaged (INTER_AREA) where the square is
        larger than the result, interpolated (INTER_LINEAR) where it is not. Squares twice as
        large or more are halved first, which may cut them by less than one pixel of the result.

    Raises:
        InvalidArgumentError: The boxes are no finite (N, 4) numbers, or one ends before it
            begins; the pixels are of another form, or the margin or size is out of its range.
    """
    plain = pixels.ndim >= 2 and pixels.shape[2:] in {(), (3,)} and pixels.size
    if pixels.dtype != np.uint8 or not plain:
        raise InvalidArgumentError("Faces are cut out of (H, W) or (H, W, 3) uint8 pixels only.")
    if not 0 <= margin < np.inf:
        raise InvalidArgumentError("The margin must be 0 or more.", field="margin")
    if min(size) < 1:
        raise InvalidArgumentError("The sides of a crop must be 1 or more.", field="size")
    corners = as_boxes(boxes).astype(np.float64)
    if not (corners[:, 2:] >= corners[:, :2]).all():
        raise InvalidArgumentError("A box ends before it begins.", field="boxes")
    crops = np.empty((len(corners), size[1], size[0], 3), np.uint8)
    sides = (corners[:, 2:] - corners[:, :2]).max(axis=1) * (1 + 2 * margin)
    starts = (corners[:, :2] + corners[:, 2:] - sides[:, None]) / 2
    for place, (x, y), side in zip(crops, starts.tolist(), sides.tolist(), strict=True):
        _crop(pixels, (round(x), round(y)), max(1, round(side)), place)
    return crops


def _crop(pixels: Bytes, start: tuple[int, int], side: int, place: Bytes) -> None:
    """Fills `place`, (height, width, 3), with the square of `side` pixels from `start`, x and y."""
    import cv2  # noqa: PLC0415 -- importing the tasks is not to cost its memory

    height, width = place.shape[:2]
    columns, across = _visible(start[0], side, pixels.shape[1], width)
    rows, down = _visible(start[1], side, pixels.shape[0], height)
    seen = pixels[rows, columns]
    # Averaging 2x2 pixels is cheap: for large faces INTER_AREA alone took 2 to 10 times as long.
    while side >= 2 * max(width, height) and min(seen.shape[:2]) >= 2:
        half_height, half_width, side = seen.shape[0] // 2, seen.shape[1] // 2, side // 2
        seen = cv2.resize(
            seen[: half_height * 2, : half_width * 2],
            (half_width, half_height),
            interpolation=cv2.INTER_AREA,
        ).view(np.uint8)
    # What lies beyond the picture is never made in its own size: that could be any.
    seen = cv2.resize(
        seen,
        (across.stop - across.start, down.stop - down.start),
        interpolation=cv2.INTER_AREA if side > max(width, height) else cv2.INTER_LINEAR,
    ).view(np.uint8)
    if seen.ndim == 2:
        seen = cv2.cvtColor(seen, cv2.COLOR_GRAY2BGR).view(np.uint8)
    beyond = (down.start, height - down.stop, across.start, width - across.stop)
    place[...] = cv2.copyMakeBorder(seen, *beyond, cv2.BORDER_REPLICATE) if any(beyond) else seen


def _visible(start: int, side: int, length: int, resized: int) -> tuple[slice, slice]:
    """Tells, along one axis, what of a square is in the picture, and where in the crop it goes.

    Args:
        start: Of the square, in pixels of the picture.
        side: Of the square.
        length: Of the picture.
        resized: Length of the crop.

    Returns:
        Pixels of the picture, and pixels of the crop; at least one of each.
    """
    first = min(max(start, 0), length - 1)
    last = max(min(start + side, length), first + 1)
    low = min(max(round((first - start) * resized / side), 0), resized - 1)
    high = min(max(round((last - start) * resized / side), low + 1), resized)
    return slice(first, last), slice(low, high)
