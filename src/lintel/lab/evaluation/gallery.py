"""Misses and false alarms to look at: crops of the pictures, embedded in a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.geometry import expand
from lintel.edge.images import ImageFormat, encode
from lintel.lab.evaluation.figures import match_scene
from lintel.lab.evaluation.running import Evaluation, Run, Scene, open_scene

CROP_SIDE = 144
MOST_CROPS = 12
"""Most crops of a kind from each source: one source with odd boxes is not to hide the others."""
# What is shown around a box, as a share of it.
_SURROUNDINGS = 0.6
_MISS_COLOUR, _ALARM_COLOUR = (54, 69, 196), (0, 165, 255)


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture with a box drawn on it.

    Attributes:
        image: A data URL.
        caption: What it is.
        picture: The name of the picture's file.
    """

    image: str
    caption: str
    picture: str


class Gallery(NamedTuple):
    """What a detector got wrong at its own threshold.

    Attributes:
        misses: The largest faces that it missed, by source.
        miss_count: How many it missed in all.
        alarms: The surest of its false alarms, by source.
        alarm_count: How many there were in all.
    """

    misses: list[Crop]
    miss_count: int
    alarms: list[Crop]
    alarm_count: int


class _Mistake(NamedTuple):
    rank: float
    scene: Scene
    box: NDArray[np.float32]
    caption: str


def make_gallery(evaluation: Evaluation, run: Run) -> Gallery:
    """Cuts out what a detector missed, and what it took for faces, at its own threshold.

    Raises:
        LabError: A picture can be read no more.
    """
    misses: list[_Mistake] = []
    alarms: list[_Mistake] = []
    for scene, sighting in zip(evaluation.scenes, run.sightings, strict=True):
        boxes, scores = sighting.shown
        matching = match_scene(scene, sighting.shown, evaluation.protocol)
        for index in np.flatnonzero(matching.missed):
            covered, size = sighting.covered[index], scene.sizes[index]
            caption = f"{size:.0f} px, {100 * covered:.0f} % covered"
            misses.append(_Mistake(size, scene, scene.faces[index], caption))
        for index in np.flatnonzero(matching.false_alarms):
            score = float(scores[index])
            alarms.append(_Mistake(score, scene, boxes[index], f"score {score:.2f}"))
    return Gallery(
        _cut_all(misses, _MISS_COLOUR), len(misses), _cut_all(alarms, _ALARM_COLOUR), len(alarms)
    )


def _cut_all(mistakes: Iterable[_Mistake], colour: tuple[int, int, int]) -> list[Crop]:
    by_source: dict[str, list[_Mistake]] = {}
    for mistake in sorted(mistakes, key=lambda mistake: -mistake.rank):
        by_source.setdefault(mistake.scene.picture.source, []).append(mistake)
    return [
        _cut(mistake, colour)
        for source in sorted(by_source)
        for mistake in by_source[source][:MOST_CROPS]
    ]


def _cut(mistake: _Mistake, colour: tuple[int, int, int]) -> Crop:
    scene = mistake.scene
    _, pixels = open_scene(scene.picture, max(scene.width, scene.height))
    image = draw_crop(pixels, mistake.box, colour)
    return Crop(image, mistake.caption, scene.picture.path.name)


def draw_crop(
    pixels: NDArray[np.uint8],
    box: NDArray[np.float32],
    colour: tuple[int, int, int],
    surroundings: float = _SURROUNDINGS,
) -> str:
    """Cuts a square around a box, scaled to `CROP_SIDE`; beyond the picture it is grey.

    Args:
        pixels: Shape (H, W) grey or (H, W, 3) blue, green, red.
        box: Shape (4,), in those pixels.
        colour: Of the line around it: blue, green, red.
        surroundings: What is shown around the box, as a share of it.

    Returns:
        A data URL.
    """
    import cv2  # noqa: PLC0415 -- the command line starts without it

    if pixels.ndim == 2:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    x_min, y_min, x_max, y_max = expand(box[None], surroundings)[0].tolist()
    scale = CROP_SIDE / max(x_max - x_min, y_max - y_min, 1)
    offset = np.array([(x_min + x_max) / 2, (y_min + y_max) / 2]) * scale - CROP_SIDE / 2
    move = np.array([[scale, 0, -offset[0]], [0, scale, -offset[1]]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (CROP_SIDE, CROP_SIDE)
    crop = cv2.warpAffine(pixels, move, size, flags=way, borderValue=(127, 127, 127))
    corners = np.rint(box.reshape(2, 2) * scale - offset).astype(int).tolist()
    cv2.rectangle(crop, tuple(corners[0]), tuple(corners[1]), colour, 1)
    jpeg = encode(np.ascontiguousarray(crop, np.uint8), ImageFormat.JPEG, quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
