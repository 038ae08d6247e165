"""Training pictures: crops at any size of face, mosaics, turned, recoloured, worn down, covered.

Every function takes its random numbers from a generator that is handed in, so that a picture is
the same for the same seed whatever thread makes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

FILL = 114
"""What lies outside a picture: as the letterbox on the device has it."""
SMALLEST_FACE = 7.0
"""Pixels of the short side under which a face is neither sought nor wrong to find."""
LARGEST_FACE = 0.9
"""Share of the side of a training picture that a drawn face fills at most."""
LEAST_VISIBLE = 0.45
"""Share of a face that must be within the picture for it to be sought."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture with its faces.

    Attributes:
        pixels: uint8 (H, W, 3), BGR.
        boxes: float32 (N, 4), x_min,y_min,x_max,y_max in its pixels.
        masked: bool (N,): a mask is known to be worn.
        ignored: bool (N,): neither sought nor wrong to find.
    """

    pixels: Pixels
    boxes: Floats
    masked: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


def crop(scene: Scene, size: int, random: np.random.Generator) -> Scene:
    """Cuts a square of `size` pixels: a face of any size in it, turned by up to 45 degrees."""
    height, width = scene.pixels.shape[:2]
    whole = size / max(height, width)
    sought = np.flatnonzero(~scene.ignored)
    if len(sought) == 0 or random.random() < 0.35:
        scale = whole * random.uniform(0.7, 1.3)
        focus = np.array([width / 2, height / 2]) + random.uniform(-0.1, 0.1, 2) * (width, height)
        target = np.array([size / 2, size / 2])
    else:
        # The size of the chosen face is drawn, not the scale of the picture: every size of face
        # is then as common (data-anchor sampling: X. Tang et al., PyramidBox, 2018).
        box = scene.boxes[random.choice(sought)]
        side = max(np.sqrt(np.prod(box[2:] - box[:2])), 1.0)
        wanted = np.exp(random.uniform(np.log(SMALLEST_FACE + 2), np.log(LARGEST_FACE * size)))
        # Beyond twice its pixels a face shows nothing but interpolation.
        scale = float(np.clip(wanted / side, 0.7 * whole, 2.2))
        focus = (box[:2] + box[2:]) / 2
        reach = min(side * scale / 2, size / 2)
        target = random.uniform(reach, size - reach + 1e-6, 2)
    squeeze = np.exp(random.normal(0, 0.08))
    scales = np.array([scale * squeeze, scale / squeeze])
    # Within the picture where it is larger than the square, all of it in the square where not.
    room = size - scales * (width, height)
    shift = np.clip(target - scales * focus, np.minimum(room, 0), np.maximum(room, 0))
    target = shift + scales * focus
    return _warp(scene, size, (focus, target), scales, _angle(random))


def mosaic(scenes: list[Scene], size: int, random: np.random.Generator) -> Scene:
    """Puts four pictures round a point (A. Bochkovskiy et al., YOLOv4, 2020)."""
    canvas = np.full((size, size, 3), FILL, np.uint8)
    x, y = (int(v) for v in random.uniform(0.3, 0.7, 2) * size)
    tiles = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
    boxes, masked, ignored = [], [], []
    for scene, (left, top, right, bottom) in zip(scenes, tiles, strict=True):
        tile = crop(scene, max(right - left, bottom - top), random)
        width, height = right - left, bottom - top
        canvas[top:bottom, left:right] = tile.pixels[:height, :width]
        part = _cut(tile.boxes, tile.ignored, width, height)
        boxes.append(part[0] + np.array([left, top, left, top], np.float32))
        ignored.append(part[1])
        masked.append(tile.masked[part[2]])
    return Scene(canvas, np.concatenate(boxes), np.concatenate(masked), np.concatenate(ignored))


def flip(scene: Scene) -> Scene:
    """Mirrors a picture left to right."""
    boxes = scene.boxes.copy()
    boxes[:, [0, 2]] = scene.pixels.shape[1] - boxes[:, [2, 0]]
    return Scene(np.ascontiguousarray(scene.pixels[:, ::-1]), boxes, scene.masked, scene.ignored)


def cover(scene: Scene, random: np.random.Generator) -> None:
    """Draws masks on some bare faces, and things before some others, in place."""
    for box, masked, ignored in zip(scene.boxes, scene.masked, scene.ignored, strict=True):
        draw = random.random()
        if ignored or min(box[2] - box[0], box[3] - box[1]) < 10:
            continue
        if draw < 0.15 and not masked:
            _draw_mask(scene.pixels, box, random)
        elif draw > 0.88:
            _draw_obstacle(scene.pixels, box, random)


def recolour(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Changes light and colour, and wears the picture down as cameras and files do."""
    dark = random.random() < 0.1
    if dark or random.random() < 0.8:
        pixels = cv2.LUT(pixels, _tones(dark, random)).view(np.uint8)
    if dark or random.random() < 0.15:
        pixels = _grain(pixels, random)
    draw = random.random()
    if draw < 0.45:
        grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        colour = 0.0 if draw < 0.2 else random.uniform(0.3, 1.6)
        pixels = cv2.addWeighted(pixels, colour, grey, 1 - colour, 0).view(np.uint8)
    if random.random() < 0.15:
        pixels = _blur(pixels, random)
    if random.random() < 0.15:
        quality = int(random.integers(25, 80))
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR).view(np.uint8)
    return pixels


def _tones(dark: bool, random: np.random.Generator) -> Pixels:
    """Returns what each of 256 values of the three channels becomes: uint8 (1, 256, 3)."""
    values = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    gain = np.exp(random.normal(0, 0.2)) * np.exp(random.normal(0, 0.06, 3))
    values = (values - 128) * np.exp(random.normal(0, 0.15)) + 128
    values = values * gain + random.normal(0, 12)
    if dark:
        values = 255 * (np.clip(values, 0, 255) / 255) ** random.uniform(1.5, 3.0)
        values = values * random.uniform(0.3, 0.8)
    return np.clip(values, 0, 255).astype(np.uint8)[None]


def _grain(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Adds the noise of a sensor: of the light, which grows with it, and of reading it out."""
    photons_a_level = np.exp(random.uniform(np.log(0.12), np.log(4)))
    read_noise = random.uniform(1, 10)
    # Of one colour where the camera works with little light, of all where it does not.
    channels = 1 if random.random() < 0.5 else 3
    noise = random.standard_normal((*pixels.shape[:2], channels), np.float32)
    noise = noise * np.sqrt(pixels / np.float32(photons_a_level) + np.float32(read_noise**2))
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _angle(random: np.random.Generator) -> float:
    draw = random.random()
    if draw < 0.15:
        return float(random.uniform(-45, 45))
    return float(random.normal(0, 7)) if draw < 0.65 else 0.0


def _warp(
    scene: Scene,
    size: int,
    points: tuple[NDArray[np.float64], NDArray[np.float64]],
    scales: NDArray[np.float64],
    angle: float,
) -> Scene:
    """Brings one point of a picture to another in a square, scaled and turned."""
    focus, target = points
    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    matrix = turn @ np.diag(scales)
    shift = target - matrix @ focus
    pixels, shrink = scene.pixels, float(scales.min())
    if shrink < 0.5:
        # A warp reads few pixels, so that a picture much shrunk would glitter; nothing on the
        # device does.
        pixels = cv2.resize(
            pixels, None, fx=2 * shrink, fy=2 * shrink, interpolation=cv2.INTER_AREA
        )
        ratio = np.array(scene.pixels.shape[1::-1]) / np.array(pixels.shape[1::-1])
        affine = np.column_stack([matrix * ratio, shift])
    else:
        affine = np.column_stack([matrix, shift])
    warped = cv2.warpAffine(
        pixels, affine, (size, size), flags=cv2.INTER_LINEAR, borderValue=(FILL, FILL, FILL)
    )
    middle = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2 @ matrix.T + shift
    half = (scene.boxes[:, 2:] - scene.boxes[:, :2]) / 2
    # A turned head fills the box round the turned ellipse, not that round the turned box.
    half = np.sqrt((half**2) @ (matrix.T**2))
    boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
    cut, ignored, kept = _cut(boxes, scene.ignored, size, size)
    return Scene(warped.view(np.uint8), cut, scene.masked[kept], ignored)


def _cut(
    boxes: Floats, ignored: NDArray[np.bool_], width: int, height: int
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.intp]]:
    """Cuts boxes to a picture; what hardly shows or is too small is ignored."""
    inner = boxes.copy()
    inner[:, [0, 2]] = np.clip(boxes[:, [0, 2]], 0, width)
    inner[:, [1, 3]] = np.clip(boxes[:, [1, 3]], 0, height)
    sides = inner[:, 2:] - inner[:, :2]
    shown = np.prod(sides, axis=1) / np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-6)
    hardly = (shown < LEAST_VISIBLE) | (sides.min(axis=1, initial=np.inf) < SMALLEST_FACE)
    kept = np.flatnonzero((sides > 1).all(axis=1))
    return inner[kept], (ignored | hardly)[kept], kept


def _blur(pixels: Pixels, random: np.random.Generator) -> Pixels:
    if random.random() < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.5, 1.8)).view(np.uint8)
    length = int(random.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    half = (length - 1) / 2
    angle = random.uniform(0, np.pi)
    reach = half * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.rint(half - reach).astype(int), np.rint(half + reach).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum()).view(np.uint8)


def _draw_mask(pixels: Pixels, box: Floats, random: np.random.Generator) -> None:
    """Draws a mask over the lower part of a bare face: crude, but of a mask's place and shape."""
    x, y = box[:2]
    width, height = box[2:] - box[:2]
    top = random.uniform(0.42, 0.55)
    outline = [(0.02, top + 0.06), (0.5, top - 0.06), (0.98, top + 0.06), (0.93, 0.8)]
    outline += [(0.68, 0.99), (0.32, 0.99), (0.07, 0.8)]
    points = np.array(outline) + random.normal(0, 0.025, (7, 2))
    points = points * (width, height) + (x, y)
    colours = ((235, 230, 225), (215, 190, 150), (35, 35, 35), tuple(random.uniform(0, 255, 3)))
    colour = np.array(colours[random.integers(len(colours))]) + random.normal(0, 12, 3)
    _fill(pixels, points, colour, random)


def _draw_obstacle(pixels: Pixels, box: Floats, random: np.random.Generator) -> None:
    """Draws a hand's or a phone's worth of something before part of a face."""
    sides = box[2:] - box[:2]
    middle = box[:2] + sides * random.uniform(0, 1, 2)
    reach = sides * random.uniform(0.12, 0.32, 2)
    angles = np.sort(random.uniform(0, 2 * np.pi, 7))
    points = middle + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach
    _fill(pixels, points, random.uniform(0, 255, 3), random)


def _fill(
    pixels: Pixels,
    points: NDArray[np.float64],
    colour: NDArray[np.float64],
    random: np.random.Generator,
) -> None:
    """Fills a polygon, keeping some of the light and shade below it."""
    left, top = np.maximum(np.floor(points.min(axis=0)), 0).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int) + 1
    region = pixels[top:bottom, left:right]
    if region.size == 0:
        return
    stencil = np.zeros(region.shape[:2], np.uint8)
    cv2.fillPoly(stencil, [np.rint(points - (left, top)).astype(np.int32)], 1)
    shade = region.mean(axis=2, keepdims=True)
    painted = colour + random.uniform(0, 0.5) * (shade - shade.mean())
    region[stencil > 0] = np.clip(painted, 0, 255).astype(np.uint8)[stencil > 0]
