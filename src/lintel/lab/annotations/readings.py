"""What the four numbers of a box may mean, and which meanings are possible in a picture.

A box in the wrong unit rarely looks wrong to a program: it overlaps nothing, and a detector is
scored as if it had missed a face. So numbers are held to the picture under the meaning that a
format gives them, and where that fails, under all the others, to say what they look like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from lintel.lab.errors import AnnotationError, Defect

# A box may stick out of its picture by this much, from rounding and hasty drawing: it is cut.
SLACK_PIXELS = 1.0
SLACK_SHARE = 0.01
# Below this, float32 might not tell the two sides of a box apart at the far end of a picture.
LEAST_SIDE = 0.01


class Corners(NamedTuple):
    """A box in pixels of the file as stored."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Reading(Enum):
    """A meaning of four numbers; pixels are of the file as stored, fractions of its sides."""

    CORNERS = "x_min, y_min, x_max, y_max in pixels"
    CORNER_AND_SIZE = "x_min, y_min, width, height in pixels"
    CENTRE_AND_SIZE = "x_centre, y_centre, width, height in pixels"
    CORNERS_BY_AXIS = "x_min, x_max, y_min, y_max in pixels"
    CORNERS_Y_FIRST = "y_min, x_min, y_max, x_max in pixels"
    CORNERS_SWAPPED = "pixels with opposite corners swapped"
    CORNER_FRACTIONS = "x_min, y_min, x_max, y_max in fractions"
    CORNER_AND_SIZE_FRACTIONS = "x_min, y_min, width, height in fractions"
    CENTRE_AND_SIZE_FRACTIONS = "x_centre, y_centre, width, height in fractions"

    @property
    def of_fractions(self) -> bool:
        """Whether the numbers are fractions of the picture's sides."""
        return self.value.endswith("in fractions")

    def corners(self, numbers: Sequence[float], width: int, height: int) -> Corners:
        """Reads four numbers; nothing is checked.

        Args:
            numbers: The four.
            width: Of the picture, pixels.
            height: Of the picture, pixels.

        Returns:
            The box in pixels.
        """
        a, b, c, d = numbers
        if self.of_fractions:
            a, b, c, d = a * width, b * height, c * width, d * height
        match self:
            case Reading.CORNER_AND_SIZE | Reading.CORNER_AND_SIZE_FRACTIONS:
                return Corners(a, b, a + c, b + d)
            case Reading.CENTRE_AND_SIZE | Reading.CENTRE_AND_SIZE_FRACTIONS:
                return Corners(a - c / 2, b - d / 2, a + c / 2, b + d / 2)
            case Reading.CORNERS_BY_AXIS:
                return Corners(a, c, b, d)
            case Reading.CORNERS_Y_FIRST:
                return Corners(b, a, d, c)
            case Reading.CORNERS_SWAPPED:
                return Corners(min(a, c), min(b, d), max(a, c), max(b, d))
            case _:
                return Corners(a, b, c, d)


def read_box(
    numbers: Sequence[float], reading: Reading, width: int, height: int, *, path: Path, field: str
) -> Corners:
    """Reads a box and holds it to its picture.

    Args:
        numbers: The four, as the file has them.
        reading: What they mean.
        width: Of the picture as stored, pixels.
        height: Of the picture as stored, pixels.
        path: The file of annotations, for errors.
        field: Where in it the box is, for errors.

    Returns:
        The box, within the picture and with an area; what sticks out by at most a pixel or a
        hundredth of the side is cut off.

    Raises:
        AnnotationError: A number is none or infinite, or there is no such box in the picture;
            the message has the meanings under which there would be one.
    """
    shown = "(" + ", ".join(f"{number:g}" for number in numbers) + ")"
    corners = reading.corners(numbers, width, height)
    # Sums and products of numbers near the end of what a float holds are none either.
    if not all(math.isfinite(number) for number in (*numbers, *corners)):
        raise AnnotationError(
            f"the box {shown} has a coordinate that is not a finite number.",
            path=path,
            field=field,
            defect=Defect.IMPOSSIBLE_BOX,
        )
    problem = find_problem(corners, reading, width, height)
    if problem is None:
        return _cut(corners, width, height)
    verb, defect = problem
    raise AnnotationError(
        f"the box {shown}, read as {reading.value}, {verb} in a picture of {width} x {height}"
        f" pixels; {_guess(numbers, reading, width, height)}.",
        path=path,
        field=field,
        defect=defect,
    )


def find_problem(
    corners: Corners, reading: Reading, width: int, height: int
) -> tuple[str, Defect] | None:
    """Tells why a box cannot be one in its picture, as a verb, or None."""
    if reading.of_fractions and max(map(abs, _share(corners, width, height))) > 2:
        return "lies far outside, as pixels would,", Defect.IMPOSSIBLE_BOX
    sides = corners.x_max - corners.x_min, corners.y_max - corners.y_min
    if min(sides) < 0:
        return "is turned inside out", Defect.IMPOSSIBLE_BOX
    if min(sides) < LEAST_SIDE:
        return "has no area", Defect.IMPOSSIBLE_BOX
    # A true box of a pixel in the very corner is no face that anyone drew.
    if (
        not reading.of_fractions
        and max(sides) <= 1 + SLACK_SHARE
        and -1 <= min(corners) <= max(corners) <= 2
    ):
        return "is a pixel or less, as fractions would be,", Defect.IMPOSSIBLE_BOX
    beyond_x = max(-corners.x_min, corners.x_max - width)
    beyond_y = max(-corners.y_min, corners.y_max - height)
    cut = _cut(corners, width, height)
    least = min(cut.x_max - cut.x_min, cut.y_max - cut.y_min)
    if beyond_x > _slack(width) or beyond_y > _slack(height) or least < LEAST_SIDE:
        beyond = max(beyond_x, beyond_y)
        return f"reaches {beyond:.4g} pixels out of bounds", Defect.BOX_OUT_OF_BOUNDS
    return None


def fits(numbers: Sequence[float], reading: Reading, width: int, height: int) -> bool:
    """Tells whether four numbers can be a box in their picture under a meaning."""
    corners = reading.corners(numbers, width, height)
    if not all(math.isfinite(number) for number in (*numbers, *corners)):
        return False
    return find_problem(corners, reading, width, height) is None


def _guess(numbers: Sequence[float], reading: Reading, width: int, height: int) -> str:
    others = (other for other in Reading if other is not reading)
    fitting = [other.value for other in others if fits(numbers, other, width, height)]
    if not fitting:
        return "no other meaning of its numbers fits either"
    return f"it looks like {' or '.join(fitting)}"


def _cut(corners: Corners, width: int, height: int) -> Corners:
    return Corners(
        max(corners.x_min, 0.0),
        max(corners.y_min, 0.0),
        min(corners.x_max, float(width)),
        min(corners.y_max, float(height)),
    )


def _share(corners: Corners, width: int, height: int) -> Corners:
    return Corners(
        corners.x_min / width, corners.y_min / height, corners.x_max / width, corners.y_max / height
    )


def _slack(side: int) -> float:
    return max(SLACK_PIXELS, SLACK_SHARE * side)
