"""Changes to crops of faces: boxes as detectors give them, light, blur, noise, few pixels, files.

Every function takes its random numbers from a generator that is handed in, so that a picture is
the same for the same seed whatever thread makes it. The strength is 1 as intended, 0 for none.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

FEWEST_PIXELS = 12
"""Of a crop's side, when a far face is imitated."""


def view(crop: Pixels, size: int, strength: float, random: np.random.Generator) -> Pixels:
    """Looks at a crop with room as a detector's box might show it: moved, scaled, turned, mirrored.

    Args:
        crop: (S, S, 3), with room round the face for boxes that are moved.
        size: Pixels of a side of the result. Without chance it is the middle of the crop.
        strength: See above.
        random: Where chance comes from.
    """
    angle = random.normal(0, 6) if random.random() < 0.7 else random.uniform(-25, 25)
    radians = np.deg2rad(strength * angle)
    scale = np.exp(strength * random.normal(0, 0.1))
    squeeze = np.exp(strength * random.normal(0, 0.05))
    scales = np.array([scale * squeeze, scale / squeeze])
    if strength > 0 and random.random() < 0.5:
        scales[0] = -scales[0]
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    matrix = turn @ np.diag(scales)
    move = strength * random.normal(0, 0.05, 2) * size
    middle = (np.array(crop.shape[1::-1]) - 1) / 2
    shift = (size - 1) / 2 + move - matrix @ middle
    affine = np.column_stack([matrix, shift])
    warped = cv2.warpAffine(crop, affine, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return warped.view(np.uint8)


def wear(pixels: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Changes light and colour, hides a part, and wears a crop down as cameras and files do."""
    if random.random() < 0.85 * strength:
        pixels = cv2.LUT(pixels, _tones(strength, random)).view(np.uint8)
    if random.random() < 0.3 * strength:
        pixels = _bleach(pixels, random)
    if random.random() < 0.15 * strength:
        pixels = _hide(pixels, random)
    if random.random() < 0.4 * strength:
        pixels = _take_from_afar(pixels, random)
    if random.random() < 0.15 * strength:
        pixels = _blur(pixels, random)
    if random.random() < 0.15 * strength:
        pixels = _grain(pixels, random)
    if random.random() < 0.25 * strength:
        pixels = _through_file(pixels, int(random.integers(25, 85)))
    return pixels


def _tones(strength: float, random: np.random.Generator) -> Pixels:
    """Returns what each of 256 values of the three channels becomes: uint8 (1, 256, 3)."""
    values = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    gain = np.exp(strength * random.normal(0, 0.2))
    tint = np.exp(strength * random.normal(0, 0.06, 3))
    values = (values - 128) * np.exp(strength * random.normal(0, 0.15)) + 128
    values = values * gain * tint + strength * random.normal(0, 12)
    if random.random() < 0.12:
        # In the dark: what is bright stays, what is not goes under.
        values = 255 * (np.clip(values, 0, 255) / 255) ** random.uniform(1.4, 2.5)
        values = values * random.uniform(0.5, 0.9)
    return np.asarray(np.clip(values, 0, 255), np.uint8)[None]


def _bleach(pixels: Pixels, random: np.random.Generator) -> Pixels:
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    colour = 0.0 if random.random() < 0.5 else random.uniform(0.2, 1.6)
    return cv2.addWeighted(pixels, colour, grey, 1 - colour, 0).view(np.uint8)


def _hide(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Covers a small part (Z. Zhong et al., Random Erasing Data Augmentation, 2017)."""
    side = pixels.shape[0]
    width, height = (random.uniform(0.08, 0.3, 2) * side).astype(int)
    left, top = random.integers(0, side - width), random.integers(0, side - height)
    covered = pixels.copy()
    covered[top : top + height, left : left + width] = random.integers(0, 256, 3)
    return covered


def _take_from_afar(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Shrinks and enlarges: as a face of few pixels looks, where it is scaled up."""
    side = pixels.shape[0]
    fewer = int(np.exp(random.uniform(np.log(FEWEST_PIXELS), np.log(side))))
    small = cv2.resize(pixels, (fewer, fewer), interpolation=cv2.INTER_AREA)
    if random.random() < 0.4:
        # The files of such pictures are small too: blocks of eight pixels show.
        small = _through_file(small.view(np.uint8), int(random.integers(40, 90)))
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _blur(pixels: Pixels, random: np.random.Generator) -> Pixels:
    if random.random() < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.5, 2.2)).view(np.uint8)
    length = int(random.integers(3, 11))
    kernel = np.zeros((length, length), np.float32)
    angle, half = random.uniform(0, np.pi), (length - 1) / 2
    reach = half * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.rint(half - reach).astype(int), np.rint(half + reach).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum()).view(np.uint8)


def _grain(pixels: Pixels, random: np.random.Generator) -> Pixels:
    channels = 1 if random.random() < 0.5 else 3
    noise = random.standard_normal((*pixels.shape[:2], channels), np.float32)
    noisy = pixels + noise * random.uniform(2, 14)
    return np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)


def _through_file(pixels: Pixels, quality: int) -> Pixels:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)
