"""Counting at a door: who goes over a line, or into a zone and out of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from lintel.edge.config.pipeline import CountingLine, CountingZone
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.tasks.tracking import Track

Point: TypeAlias = tuple[float, float]
Size: TypeAlias = tuple[int, int]

# How far beyond a line somebody has to be to be on its other side, in sides of the face.
_CLEAR_BY = 0.25
# In shares of the picture: what is nearer to a line cannot tell which side it means.
_LEAST_DISTANCE = 0.01


class Direction(Enum):
    """Which way somebody went."""

    IN = "entered"
    OUT = "left"


class Crossing(NamedTuple):
    """Somebody went over a line, or over the border of a zone.

    Attributes:
        place: Its name.
        direction: Which way.
        track_id: Who.
    """

    place: str
    direction: Direction
    track_id: int


class Place(Protocol):
    """Where people are counted. Points are shares of the picture's width and height."""

    @property
    def name(self) -> str:
        """What it is called."""

    def depth(self, point: Point, size: Size) -> float:
        """Returns how far inside a point is in pixels of a picture, negative outside."""

    def is_crossed(self, start: Point, end: Point) -> bool:
        """Tells whether the way from one point to another leads through here."""


class Line:
    """A line, which reaches no further than its ends.

    Args:
        settings: Where it is.

    Raises:
        SettingsInvalidError: It has no length, or its inner point is on it.
    """

    def __init__(self, settings: CountingLine) -> None:
        self.name = settings.name
        self._start, self._end = settings.start, settings.end
        if math.dist(self._start, self._end) < _LEAST_DISTANCE:
            raise SettingsInvalidError("A counting line must have a length.", field="end")
        self._sign = 1.0
        inside = self.depth(settings.inside, (1, 1))
        if abs(inside) < _LEAST_DISTANCE:
            raise SettingsInvalidError(
                "The inner point of a counting line must lie beside it, not on it.", field="inside"
            )
        self._sign = math.copysign(1.0, inside)

    def depth(self, point: Point, size: Size) -> float:
        """See Place."""
        start, end, place = (_scaled(each, size) for each in (self._start, self._end, point))
        return self._sign * _turn(start, end, place) / math.dist(start, end)

    def is_crossed(self, start: Point, end: Point) -> bool:
        """See Place; the depths say that both points are on different sides."""
        return _turn(start, end, self._start) * _turn(start, end, self._end) <= 0


class Zone:
    """A part of the picture.

    Args:
        settings: Where it is.

    Raises:
        SettingsInvalidError: It has no area.
    """

    def __init__(self, settings: CountingZone) -> None:
        import cv2  # noqa: PLC0415 - a device that serves no pictures stays small

        self.name = settings.name
        self._corners = np.array(settings.corners, np.float32)
        if cv2.contourArea(self._corners) < _LEAST_DISTANCE**2:
            raise SettingsInvalidError("A counting zone must have an area.", field="corners")
        self._measure = cv2.pointPolygonTest

    def depth(self, point: Point, size: Size) -> float:
        """See Place."""
        outline = self._corners * np.array(size, np.float32)
        return float(self._measure(outline, _scaled(point, size), True))

    def is_crossed(self, start: Point, end: Point) -> bool:
        """See Place: there is no other way in or out."""
        return True


@dataclass(slots=True)
class _Passage:
    """What is known of one track at one place.

    Attributes:
        is_inside: On which side it was last seen for certain.
        point: Where that was.
        counted: The ways that it was counted.
    """

    is_inside: bool
    point: Point
    counted: set[Direction] = field(default_factory=set)


class Counter:
    """Counts the tracks of a camera at its places, each at most once in each direction.

    Somebody counts who was seen for certain on one side and then, by the same track, on the
    other; who appears inside, or turns round on the line, does not.

    Args:
        places: Where.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places
        self._passages: dict[tuple[int, str], _Passage] = {}

    def count(self, tracks: Iterable[Track], size: Size) -> list[Crossing]:
        """Takes in the tracks of a frame.

        Args:
            tracks: All that are followed; only those that are told of, and were found in this
                frame, move.
            size: Width and height of the picture.
        """
        crossings: list[Crossing] = []
        known: set[int] = set()
        for track in tracks:
            known.add(track.id)
            if track.is_told and track.unseen_s == 0:
                crossings += self._passed(track, size)
        self._passages = {
            key: passage for key, passage in self._passages.items() if key[0] in known
        }
        return crossings

    def _passed(self, track: Track, size: Size) -> Iterable[Crossing]:
        x_min, y_min, x_max, y_max = track.box
        point = (x_min + x_max) / 2 / size[0], (y_min + y_max) / 2 / size[1]
        clear_by = _CLEAR_BY * math.sqrt((x_max - x_min) * (y_max - y_min))
        for place in self._places:
            depth = place.depth(point, size)
            if abs(depth) < clear_by:
                continue
            is_inside = depth > 0
            passage = self._passages.setdefault((track.id, place.name), _Passage(is_inside, point))
            came_through = is_inside != passage.is_inside and place.is_crossed(passage.point, point)
            direction = Direction.IN if is_inside else Direction.OUT
            passage.is_inside, passage.point = is_inside, point
            if came_through and direction not in passage.counted:
                passage.counted.add(direction)
                yield Crossing(place.name, direction, track.id)


def _scaled(point: Point, size: Size) -> Point:
    return point[0] * size[0], point[1] * size[1]


def _turn(start: Point, end: Point, point: Point) -> float:
    """Twice the area of a triangle: its sign says on which side of a line a point is."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
