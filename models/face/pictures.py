"""The pictures that the detector is trained on, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import augmentation
import cv2
import keras
import numpy as np
from augmentation import Scene
from numpy.typing import NDArray
from objective import FACE, IGNORED, MAX_FACES

from lintel.lab.annotations import AnnotatedPicture

LONGEST_SIDE = 640
"""Pictures are kept no larger: what is cut from them has 320 pixels."""
REPEATS = {"masks853": 2}
"""How often an epoch shows the pictures of a source: small ones of many small faces more."""
MOST_OF_A_GROUP = 5
"""Pictures of a group, such as frames of one video, that an epoch shows: others each time."""
MOSAIC_SHARE = 0.4
BARE_CROP_SHARE = 0.2
"""Share of the tiles of mosaics that are bare crops of a face."""
MASKED = ("with_mask", "mask_weared_incorrect")


def load_scene(picture: AnnotatedPicture) -> Scene:
    """Reads a picture, at most LONGEST_SIDE pixels long."""
    # As stored: the boxes are of the file before any turning.
    pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError(f"{picture.path}: no picture can be read from this file.")
    scale = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    masked = np.array([label in MASKED for label in picture.labels], bool)
    boxes = (picture.boxes * scale).astype(np.float32)
    return Scene(pixels.view(np.uint8), boxes, masked, picture.ignored.copy())


def targets_of(scene: Scene) -> NDArray[np.float32]:
    """Returns what a picture should give: float32 (MAX_FACES, 5), see `objective`."""
    rows = np.zeros((MAX_FACES, 5), np.float32)
    # Where there are more than fit, the largest are sought, and wherever the rest may be,
    # nothing is wrong to find.
    order = np.argsort(-np.prod(scene.boxes[:, 2:] - scene.boxes[:, :2], axis=1))
    fitting = order if len(order) <= MAX_FACES else order[: MAX_FACES - 1]
    rows[: len(fitting), :4] = scene.boxes[fitting]
    rows[: len(fitting), 4] = np.where(scene.ignored[fitting], IGNORED, FACE)
    rest = scene.boxes[order[len(fitting) :]]
    if len(rest):
        rows[-1] = (*rest[:, :2].min(axis=0), *rest[:, 2:].max(axis=0), IGNORED)
    return rows


class TrainingPictures(keras.utils.PyDataset):
    """Batches of augmented pictures and their targets; the same for the same seed."""

    def __init__(
        self,
        pictures: Sequence[AnnotatedPicture],
        *,
        batch: int,
        size: int,
        seed: int,
        first_epoch: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._bare = [p for p in pictures if p.whole_frame]
        self._groups: dict[str, list[AnnotatedPicture]] = {}
        for picture in pictures:
            if not picture.whole_frame:
                self._groups.setdefault(picture.group or str(picture.path), []).append(picture)
        self._batch, self._size, self._seed = batch, size, seed
        self._epoch = first_epoch
        self._load = lru_cache(maxsize=None)(lambda path: load_scene(self._by_path[path]))
        self._by_path: dict[Path, AnnotatedPicture] = {p.path: p for p in pictures}
        self._shown = self._draw()

    def __len__(self) -> int:
        return len(self._shown) // self._batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = self._shown[index * self._batch : (index + 1) * self._batch]
        random = np.random.default_rng((self._seed, self._epoch, index))
        scenes = [self._make(picture, random) for picture in chosen]
        pixels = np.stack([scene.pixels for scene in scenes]).astype(np.float32)
        return pixels, np.stack([targets_of(scene) for scene in scenes])

    def on_epoch_end(self) -> None:
        """Draws the pictures of the next epoch."""
        self._epoch += 1
        self._shown = self._draw()

    def _draw(self) -> list[AnnotatedPicture]:
        """Returns what an epoch shows, in its order."""
        random = np.random.default_rng((self._seed, self._epoch))
        drawn: list[AnnotatedPicture] = []
        for group in self._groups.values():
            count = min(len(group), MOST_OF_A_GROUP)
            for k in random.choice(len(group), count, replace=False):
                drawn += [group[k]] * REPEATS.get(group[k].source, 1)
        return [drawn[k] for k in random.permutation(len(drawn))]

    def _make(self, picture: AnnotatedPicture, random: np.random.Generator) -> Scene:
        if random.random() < MOSAIC_SHARE:
            others = [self._another(random) for _ in range(3)]
            scene = augmentation.mosaic([self._load(picture.path), *others], self._size, random)
        else:
            scene = augmentation.crop(self._load(picture.path), self._size, random)
        if random.random() < 0.5:
            scene = augmentation.flip(scene)
        augmentation.cover(scene, random)
        pixels = augmentation.recolour(scene.pixels, random)
        return Scene(pixels, scene.boxes, scene.masked, scene.ignored)

    def _another(self, random: np.random.Generator) -> Scene:
        bare = self._bare and random.random() < BARE_CROP_SHARE
        source = self._bare if bare else self._shown
        return self._load(source[random.integers(len(source))].path)
