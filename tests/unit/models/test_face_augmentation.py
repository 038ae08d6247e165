from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SIZE = 160
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def augmentation() -> ModuleType:
    return import_module("augmentation")


def a_scene(augmentation: ModuleType, box: tuple[int, int, int, int] = (70, 40, 130, 120)) -> Any:
    """A white ellipse on black, and its box."""
    pixels = np.zeros((200, 240, 3), np.uint8)
    x_min, y_min, x_max, y_max = box
    centre, axes = (
        ((x_min + x_max) // 2, (y_min + y_max) // 2),
        (
            (x_max - x_min) // 2,
            (y_max - y_min) // 2,
        ),
    )
    cv2.ellipse(pixels, centre, axes, 0, 0, 360, (255, 255, 255), -1)
    return augmentation.Scene(
        pixels, np.array([box], np.float32), np.array([False]), np.array([False])
    )


def overlap(a: Any, b: Any) -> float:
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared))


@settings(deadline=None, max_examples=60)
@given(seed=seeds)
def test_a_box_stays_on_its_face_however_the_picture_is_cut_scaled_and_turned(
    augmentation: ModuleType, seed: int
) -> None:
    cropped = augmentation.crop(a_scene(augmentation), SIZE, np.random.default_rng(seed))

    assert cropped.pixels.shape == (SIZE, SIZE, 3)
    for box, ignored in zip(cropped.boxes, cropped.ignored, strict=True):
        if ignored or min(box[2:] - box[:2]) < 12:
            continue
        white = np.argwhere(cropped.pixels[..., 0] > 180)
        low, high = white.min(axis=0)[::-1], white.max(axis=0)[::-1] + 1
        assert overlap(box, np.concatenate([low, high])) > 0.8


@settings(deadline=None, max_examples=40)
@given(seed=seeds)
def test_every_box_lies_within_its_picture_and_small_ones_are_ignored(
    augmentation: ModuleType, seed: int
) -> None:
    random = np.random.default_rng(seed)
    scenes = [a_scene(augmentation, (90, 90, 90 + side, 90 + side)) for side in (4, 16, 60, 100)]

    made = augmentation.mosaic(scenes, SIZE, random)

    assert made.pixels.shape == (SIZE, SIZE, 3)
    assert len(made.boxes) == len(made.masked) == len(made.ignored)
    assert (made.boxes >= 0).all()
    assert (made.boxes <= SIZE).all()
    small = (made.boxes[:, 2:] - made.boxes[:, :2]).min(axis=1) < augmentation.SMALLEST_FACE
    assert made.ignored[small].all()


@given(seed=seeds)
@settings(deadline=None, max_examples=20)
def test_the_same_seed_makes_the_same_picture(augmentation: ModuleType, seed: int) -> None:
    first, second = (
        augmentation.recolour(augmentation.crop(a_scene(augmentation), SIZE, random).pixels, random)
        for random in (np.random.default_rng(seed), np.random.default_rng(seed))
    )

    assert np.array_equal(first, second)


def test_a_picture_mirrored_twice_is_itself(augmentation: ModuleType) -> None:
    scene = a_scene(augmentation)

    twice = augmentation.flip(augmentation.flip(scene))

    assert np.array_equal(twice.pixels, scene.pixels)
    assert np.array_equal(twice.boxes, scene.boxes)


def test_masks_are_drawn_on_bare_faces_only_and_leave_the_eyes(augmentation: ModuleType) -> None:
    changed = 0
    for seed in range(40):
        bare, masked = a_scene(augmentation), a_scene(augmentation)
        masked.masked[:] = True
        random = np.random.default_rng(seed)
        if not 0 <= random.random() < 0.15:
            continue
        augmentation.cover(bare, np.random.default_rng(seed))
        augmentation.cover(masked, np.random.default_rng(seed))
        assert np.array_equal(masked.pixels, a_scene(augmentation).pixels)
        before = a_scene(augmentation).pixels
        assert np.array_equal(bare.pixels[:60], before[:60])
        changed += not np.array_equal(bare.pixels, before)
    assert changed
