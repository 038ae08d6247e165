"""Destroying regions of a picture: fill, pixelate, Gaussian; box, ellipse, whole frame.

Irreversible by construction. Whatever the method, the pixels written are computed from nothing
but a grid of at most 8 x 8 cells over the region's covering rectangle, each cell one mean colour
rounded to 8 bits; `fill` does not read the region at all. What survives of a face is therefore at
most 64 colours (and the place and size of the region), whatever the face's size; everything
cosmetic happens after that loss, on the cells alone. With the default ellipse and margin the
face's own box spans only about 5 x 5 of the cells.

What this does not promise: each frame of a video gives up to 64 new means, so a cover that moves
over a still face is sampled on a shifted grid in every frame, and many frames together can hold
more than one does (the classic attack on mosaics). A still cover does not add to itself. Where
that matters use `fill`, of which nothing survives in any number of frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge import geometry
from lintel.edge.errors import InvalidArgumentError

Pixels = NDArray[np.uint8]
_Interval = tuple[float, float]

MAX_CELLS = 8
"""Most cells along either side of a region."""
MIN_CELL_SIDE = 4
"""Least side of a cell in pixels, where the region has as many."""
MAX_MARGIN = 2.0
FILL_VALUE = 127

# Means of a large cell are taken over an even 8 x 8 grid of its pixels: a mean of 64 is steady
# enough not to flicker, and the cost stays the same whatever the size of the face.
_SAMPLES_PER_CELL_SIDE = 8
_FARTHEST = 1e9  # A coordinate beyond this, infinity included, is taken as this.


class BlurMethod(StrEnum):
    """What takes the place of a region."""

    FILL = "fill"
    PIXELATE = "pixelate"
    GAUSSIAN = "gaussian"


class BlurShape(StrEnum):
    """The outline of what is covered."""

    BOX = "box"
    ELLIPSE = "ellipse"


@dataclass(frozen=True, slots=True)
class BlurOptions:
    """How regions are destroyed.

    Attributes:
        method: What takes their place.
        shape: The box with its margin, or the ellipse through that box's corners (semi-axes of
            its half sizes times the square root of 2), so that no corner shows.
        margin: Reach beyond the box on every side, as a share of its width and height, 0 to 2.

    Raises:
        InvalidArgumentError: The margin is outside its range.
    """

    method: BlurMethod = BlurMethod.GAUSSIAN
    shape: BlurShape = BlurShape.ELLIPSE
    margin: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= MAX_MARGIN:
            raise InvalidArgumentError("The margin must be from 0 to 2.", field="margin")


def blur_regions(pixels: Pixels, boxes: ArrayLike, options: BlurOptions) -> None:
    """Destroys regions of a picture, in place.

    Boxes are rounded outwards to whole pixels, at least one; those partly outside are cut, those
    wholly outside cover nothing; corners in the wrong order are put in order. Overlapping boxes
    are covered one after the other, so that a pixel under several is destroyed several times.

    Args:
        pixels: Shape (H, W) or (H, W, 3), uint8, writable, in any memory order.
        boxes: Shape (N, 4), float32: x_min, y_min, x_max, y_max in pixels of `pixels`; infinite
            coordinates reach beyond the frame.
        options: How.

    Raises:
        InvalidArgumentError: The picture or the boxes are of another kind, or a coordinate is
            NaN. The picture is then untouched: do not show it.
    """
    _check_pixels(pixels)
    # Plain floats from here on: for a handful of boxes they are faster than small arrays.
    corners = geometry.as_boxes(boxes, infinite=True).tolist()
    canvas = np.ascontiguousarray(pixels)
    for x_min, y_min, x_max, y_max in corners:
        columns = _stretch(x_min, x_max, options.margin)
        rows = _stretch(y_min, y_max, options.margin)
        _cover(canvas, columns, rows, options)
    if canvas is not pixels:
        pixels[...] = canvas


def blur_whole(pixels: Pixels, method: BlurMethod) -> None:
    """Destroys a whole picture, in place: at most 8 x 8 cells of all of it survive.

    Args:
        pixels: Shape (H, W) or (H, W, 3), uint8, writable, in any memory order.
        method: What takes its place.

    Raises:
        InvalidArgumentError: The picture is of another kind. It is then untouched: do not show
            it.
    """
    _check_pixels(pixels)
    canvas = np.ascontiguousarray(pixels)
    _destroy(canvas, method)
    if canvas is not pixels:
        pixels[...] = canvas


def _check_pixels(pixels: Pixels) -> None:
    colour_or_grey = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not colour_or_grey or pixels.size == 0:
        raise InvalidArgumentError(
            "The picture must be uint8 of shape (H, W) or (H, W, 3).", field="pixels"
        )
    if not pixels.flags.writeable:
        raise InvalidArgumentError("The picture must be writable.", field="pixels")


def _stretch(low: float, high: float, margin: float) -> _Interval:
    """Puts two coordinates in order (covering is the safe reading), limits and expands them."""
    low, high = sorted(min(max(side, -_FARTHEST), _FARTHEST) for side in (low, high))
    reach = margin * (high - low)
    return low - reach, high + reach


def _cover(canvas: Pixels, columns: _Interval, rows: _Interval, options: BlurOptions) -> None:
    """Destroys one box, margin included, of a C-contiguous picture."""
    height, width = canvas.shape[:2]
    left, right = _round_outwards(columns, width)
    top, bottom = _round_outwards(rows, height)
    if options.shape is BlurShape.BOX:
        region = canvas[top:bottom, left:right]
        if region.size:
            _destroy(region, options.method)
        return
    reach = (math.sqrt(2) - 1) / 2
    columns, rows = _stretch(*columns, reach), _stretch(*rows, reach)
    outer_left, outer_right = _round_outwards(columns, width)
    outer_top, outer_bottom = _round_outwards(rows, height)
    region = canvas[outer_top:outer_bottom, outer_left:outer_right]
    if not region.size:
        return
    group = _rows_painted_alike(len(region))
    mask = _ellipse(
        _nearness(outer_left, outer_right, 1, columns),
        _nearness(outer_top, outer_bottom, group, rows),
    )
    # The box lies inside the ellipse by definition; rounding must not undo that.
    inner_rows = slice((top - outer_top) // group, -((outer_top - bottom) // group))
    mask[inner_rows, left - outer_left : right - outer_left] = 1
    _destroy(region, options.method, mask)


def _round_outwards(interval: _Interval, limit: int) -> tuple[int, int]:
    """The pixels that an interval touches, at least one, as far as they are within 0..limit.

    Returns:
        The first pixel and one past the last; equal where all of it is outside.
    """
    first = math.floor(interval[0])
    last = max(math.ceil(interval[1]), first + 1)
    return min(max(first, 0), limit), min(max(last, 0), limit)


def _destroy(region: Pixels, method: BlurMethod, mask: Pixels | None = None) -> None:
    """Replaces a region, of it only where the mask is set.

    Args:
        region: Any part of a C-contiguous picture, not empty.
        method: What takes its place.
        mask: Shape (groups of rows, columns), 1 inside; None for the whole region.
    """
    import cv2  # noqa: PLC0415 - a device that serves no pictures stays small

    group = _rows_painted_alike(len(region))
    surface = _surface(region, method, group)
    for offset in range(group):
        target = region[offset::group]
        source = surface[: len(target)]
        if mask is None:
            target[...] = source
        else:
            cv2.copyTo(source, mask[: len(target)], target)


def _rows_painted_alike(height: int) -> int:
    """How many rows of a region of this height are painted alike, to save time.

    The eye does not mind: a cell still has at least 16 different rows, or all of its own.
    """
    return min(max(height // (MAX_CELLS * 16), 1), 6)


def _nearness(first: int, last: int, step: int, interval: _Interval) -> NDArray[np.uint16]:
    """How near the centre of an interval each step of pixels comes.

    Args:
        first: Where the first step begins.
        last: Where the last step has begun at the latest, exclusive.
        step: Pixels a step.
        interval: What the ellipse spans along this axis.

    Returns:
        Square of the distance of each step's nearest point from the centre, in 65535ths of the
        squared semi-axis, rounded down; 65535 for all beyond.
    """
    centre = (interval[0] + interval[1]) / 2
    # At least a pixel across, so that a box without area is a point and divides nothing by zero.
    semi_axis = max((interval[1] - interval[0]) / 2, 0.5)
    middles = np.arange(first, last, step) + (step / 2 - centre)
    distances = np.maximum(np.abs(middles) - step / 2, 0) / semi_axis
    return np.asarray(np.minimum(np.square(distances), 1) * 65535, dtype=np.uint16)


def _ellipse(columns: NDArray[np.uint16], rows: NDArray[np.uint16]) -> Pixels:
    """The pixels that the ellipse touches, by the nearness of their columns and rows.

    Whole numbers, because they compare fastest; rounded down, the ellipse is rounded outwards.

    Returns:
        1 inside, 0 outside; shape (rows, columns).
    """
    return _as_pixels((columns <= (65535 - rows)[:, None]).view(np.uint8))


def _cells(region: Pixels) -> Pixels:
    """Reduces a region to the only thing that survives of it.

    A cell is at least 4 pixels on each side: with 8 x 8 cells a face of 10 pixels would keep most
    of what it has, so it gets 2 x 2, and one below 8 pixels a single cell. A mean of 16 pixels or
    more is not undone.

    Returns:
        Mean colours of an even grid of at most 8 x 8 cells, shape (rows, columns[, 3]).
    """
    import cv2  # noqa: PLC0415 - a device that serves no pictures stays small

    height, width = region.shape[:2]
    rows = min(max(height // MIN_CELL_SIDE, 1), MAX_CELLS)
    columns = min(max(width // MIN_CELL_SIDE, 1), MAX_CELLS)
    row_samples = rows * min(height // rows, _SAMPLES_PER_CELL_SIDE)
    column_samples = columns * min(width // columns, _SAMPLES_PER_CELL_SIDE)
    samples = cv2.resize(region, (column_samples, row_samples), interpolation=cv2.INTER_NEAREST)
    return _as_pixels(cv2.resize(samples, (columns, rows), interpolation=cv2.INTER_AREA))


def _surface(region: Pixels, method: BlurMethod, group: int) -> Pixels:
    """What is painted over a region, one row for each group of rows."""
    height, width = region.shape[:2]
    groups = -(-height // group)
    match method:
        case BlurMethod.FILL:
            return np.full((groups, width, *region.shape[2:]), FILL_VALUE, dtype=np.uint8)
        case BlurMethod.PIXELATE:
            return _mosaic(_cells(region), groups, width)
        case BlurMethod.GAUSSIAN:
            return _smooth(_cells(region), groups, width)


def _mosaic(cells: Pixels, height: int, width: int) -> Pixels:
    """Scales cells up to flat tiles."""
    row_of = np.arange(height) * cells.shape[0] // height
    column_of = np.arange(width) * cells.shape[1] // width
    return _as_pixels(np.take(np.take(cells, column_of, axis=1), row_of, axis=0))


def _smooth(cells: Pixels, height: int, width: int) -> Pixels:
    """Scales cells up to about what a Gaussian of two thirds of a cell makes of them.

    The Gaussian is drawn on a grid of half cells and scaled up, so that its cost does not grow
    with the region as that of a true one does. Variances in cells: 1/6 of the first scaling, 1/4
    of the kernel 1 4 6 4 1 at half steps, 1/24 of the second scaling.
    """
    import cv2  # noqa: PLC0415 - as above

    rows, columns = cells.shape[:2]
    fine = cv2.resize(cells, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(fine, (5, 5), 0, borderType=cv2.BORDER_REPLICATE)
    return _as_pixels(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))


def _as_pixels(values: object) -> Pixels:
    """Names the type that OpenCV's declarations leave open."""
    return np.asarray(values, dtype=np.uint8)
