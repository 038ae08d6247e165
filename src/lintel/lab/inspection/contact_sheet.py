"""Many pictures on one, with their boxes drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.images import ImageFormat, decode, encode, read_header
from lintel.lab.annotations import AnnotatedPicture, turn_upright

GAP = 4
BACKGROUND = 238
IGNORED_COLOUR = "#8c8c8c"
# Okabe and Ito (2008): told apart by the colour-blind too; black goes unseen on dark pictures.
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")

_QUALITY = 80


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """Gives every label a colour, the commonest first; those beyond the palette share."""
    return {label: COLOURS[index % len(COLOURS)] for index, label in enumerate(labels)}


def draw_tile(
    picture: AnnotatedPicture, side: int, colours: Mapping[str, str]
) -> NDArray[np.uint8]:
    """Draws a picture, upright, into a square, and its boxes over it.

    Args:
        picture: What to draw.
        side: Of the square, pixels.
        colours: Of the boxes, by label, as "#rrggbb"; ignored ones are grey.

    Returns:
        Shape (side, side, 3), blue, green, red.

    Raises:
        LintelError: The picture cannot be decoded.
        OSError: It cannot be read.
    """
    data = picture.path.read_bytes()
    decoded = decode(data, depth8=True, long_side=side)
    scale = side / max(decoded.width, decoded.height)
    width = max(1, round(decoded.width * scale))
    height = max(1, round(decoded.height * scale))
    pixels = decoded.pixels.astype(np.uint8, copy=False)
    colour = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    small = cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA)
    tile = np.full((side, side, 3), BACKGROUND, np.uint8)
    left, top = (side - width) // 2, (side - height) // 2
    tile[top : top + height, left : left + width] = small
    orientation = read_header(data).orientation
    boxes = turn_upright(picture.boxes, picture.width, picture.height, orientation) * scale
    for box, label, ignored in zip(boxes, picture.labels, picture.ignored, strict=True):
        x_min, y_min, x_max, y_max = (round(float(edge)) for edge in box)
        name = IGNORED_COLOUR if ignored else colours.get(label, COLOURS[0])
        corners = (left + x_min, top + y_min), (left + x_max - 1, top + y_max - 1)
        cv2.rectangle(tile, *corners, colour_of(name), 1)
    return tile


def draw_sheet(tiles: Sequence[NDArray[np.uint8]], columns: int) -> bytes:
    """Lays tiles of one size out in rows.

    Args:
        tiles: Shape (side, side, 3) each; one at least.
        columns: How many in a row.

    Returns:
        A JPEG file.
    """
    side = len(tiles[0])
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    step = side + GAP
    sheet = np.full((rows * step - GAP, columns * step - GAP, 3), BACKGROUND, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * step, index % columns * step
        sheet[top : top + side, left : left + side] = tile
    return encode(sheet, ImageFormat.JPEG, _QUALITY)


def colour_of(colour: str) -> tuple[int, int, int]:
    """Returns blue, green and red of "#rrggbb"."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return blue, green, red
