"""Destroying regions of a picture: fill, pixelate, Gaussian; box, ellipse, whole frame.

Irreversible by construction. Whatever the method, the pixels written are computed from nothing
but a grid of at most 8 x 8 cells over the region's covering rectangle, each cell one mean colour
rounded to 8 bits; `fill` does not read the region at all. What survives of a face is therefore at
most 64 colours (and the place and size of the region), whatever the face's size; everything
cosmetic happens after that loss, on the cells alone. With the default ellipse and margin the
face's own box spans only about 5 x 5 of the cells. Boxes that overlap may be of one face, so they
share one region and one grid: two grids on one face would keep more than one does.

What this does not promise: each frame of a video gives up to 64 new means, so a cover that moves
over a still face is sampled on a shifted grid in every frame, and many frames together can hold
more than one does (the classic attack on mosaics). A still cover does not add to itself. Where
that matters use `fill`, of which nothing survives in any number of frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

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
_LARGEST_ELLIPSE = 30_000  # In pixels; one beyond is covered as the rectangle around it.


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
    margin: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= MAX_MARGIN:
            raise InvalidArgumentError("The margin must be from 0 to 2.", field="margin")


def blur_regions(pixels: Pixels, boxes: ArrayLike, options: BlurOptions) -> None:
    """Destroys regions of a picture, in place.

    Boxes are rounded outwards to whole pixels, at least one; those partly outside are cut, those
    wholly outside cover nothing; corners in the wrong order are put in order. Boxes that overlap,
    margins included, directly or through others, are covered as one region of their outlines.
    Where only the ellipses around boxes overlap, a pixel under several is destroyed several times.

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
    corners = geometry.shaped(boxes).tolist()
    canvas = np.ascontiguousarray(pixels)
    height, width = canvas.shape[:2]
    covers = [_cover(box, options, width, height) for box in corners]
    for joined in _join([cover for cover in covers if cover.outer.has_area]):
        _paint(canvas, joined, options)
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
    """Puts two coordinates in order (covering is the safe reading), limits and expands them.

    Raises:
        InvalidArgumentError: One is NaN.
    """
    if math.isnan(low) or math.isnan(high):
        raise InvalidArgumentError("A box has a coordinate that is not a number.", field="boxes")
    low, high = min(max(low, -_FARTHEST), _FARTHEST), min(max(high, -_FARTHEST), _FARTHEST)
    if low > high:
        low, high = high, low
    reach = margin * (high - low)
    return low - reach, high + reach


class _Area(NamedTuple):
    """A rectangle of whole pixels of the frame; `right` and `bottom` are one past the last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def has_area(self) -> bool:
        return self.left < self.right and self.top < self.bottom


class _Cover(NamedTuple):
    """What is covered for one box.

    Attributes:
        columns: What the outline spans, in pixels of the frame.
        rows: Likewise.
        outer: The pixels of the frame that it touches.
        inner: Those that the box, margin included, touches.
    """

    columns: _Interval
    rows: _Interval
    outer: _Area
    inner: _Area


def _cover(box: list[float], options: BlurOptions, width: int, height: int) -> _Cover:
    x_min, y_min, x_max, y_max = box
    columns = _stretch(x_min, x_max, options.margin)
    rows = _stretch(y_min, y_max, options.margin)
    inner = _round_outwards(columns, rows, width, height)
    if options.shape is BlurShape.BOX:
        return _Cover(columns, rows, inner, inner)
    reach = (math.sqrt(2) - 1) / 2
    columns, rows = _stretch(*columns, reach), _stretch(*rows, reach)
    return _Cover(columns, rows, _round_outwards(columns, rows, width, height), inner)


def _round_outwards(columns: _Interval, rows: _Interval, width: int, height: int) -> _Area:
    """The pixels that a rectangle touches, at least one, as far as they are in the frame."""
    left, top = math.floor(columns[0]), math.floor(rows[0])
    right, bottom = max(math.ceil(columns[1]), left + 1), max(math.ceil(rows[1]), top + 1)
    return _Area(
        min(max(left, 0), width),
        min(max(top, 0), height),
        min(max(right, 0), width),
        min(max(bottom, 0), height),
    )


def _join(covers: Iterable[_Cover]) -> list[list[_Cover]]:
    """Puts together the covers whose boxes overlap, directly or through others."""
    joined: list[list[_Cover]] = []
    for cover in covers:
        apart: list[list[_Cover]] = []
        touching = [cover]
        for others in joined:
            if any(_overlap(cover.inner, other.inner) for other in others):
                touching += others
            else:
                apart.append(others)
        joined = [*apart, touching]
    return joined


def _overlap(one: _Area, other: _Area) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def _paint(canvas: Pixels, covers: list[_Cover], options: BlurOptions) -> None:
    """Destroys what some covers have under them, as one region of a C-contiguous picture."""
    left = min(cover.outer.left for cover in covers)
    top = min(cover.outer.top for cover in covers)
    right = max(cover.outer.right for cover in covers)
    bottom = max(cover.outer.bottom for cover in covers)
    region = canvas[top:bottom, left:right]
    if len(covers) == 1 and options.shape is BlurShape.BOX:
        _destroy(region, options.method)
        return
    group = _rows_painted_alike(len(region))
    mask = np.zeros((-(-len(region) // group), right - left), np.uint8)
    for cover in covers:
        _outline(mask, cover, options.shape, left, top, group)
    _destroy(region, options.method, mask)


def _outline(
    mask: Pixels, cover: _Cover, shape: BlurShape, left: int, top: int, group: int
) -> None:
    """Marks the pixels of a cover, rounded outwards to rows that are painted alike.

    Args:
        mask: Shape (groups of rows, columns); those of the cover become 1.
        cover: What to mark.
        shape: Its outline.
        left: Where in the frame the mask begins.
        top: Likewise.
        group: Rows of the frame in one row of the mask.
    """
    import cv2  # noqa: PLC0415 - a device that serves no pictures stays small

    if shape is BlurShape.ELLIPSE:
        (first, last), (upper, lower) = cover.columns, cover.rows
        if max(last - first, lower - upper) > _LARGEST_ELLIPSE:
            _mark(mask, cover.outer, left, top, group)
            return
        # OpenCV counts from the middles of pixels, and draws a polygon with a corner every five
        # degrees, which is within the ellipse by a thousandth: a bit larger, it is without.
        centre = ((first + last - 1) / 2 - left, ((upper + lower) / 2 - top) / group - 0.5)
        size = ((last - first) * 1.0015 + 2, (lower - upper) / group * 1.0015 + 2)
        cv2.ellipse(mask, (centre, size, 0.0), 1, cv2.FILLED)
    # The box lies inside the ellipse by definition; no way of drawing may undo that.
    _mark(mask, cover.inner, left, top, group)


def _mark(mask: Pixels, area: _Area, left: int, top: int, group: int) -> None:
    """Marks a rectangle; see `_outline`."""
    rows = slice((area.top - top) // group, -((top - area.bottom) // group))
    mask[rows, area.left - left : area.right - left] = 1


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

    The eye does not mind: a cell still has at least 12 different rows, or all of its own.
    """
    return min(max(height // (MAX_CELLS * 12), 1), 10)


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
