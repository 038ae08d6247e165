"""What is done to training crops: changes, made faces, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.lab.training import augmentation
from lintel.lab.training.crops import cut_faces
from lintel.lab.training.displacement import LABEL_INCORRECT, LABEL_WORN, put_mask
from lintel.lab.training.faces import find_faces

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

from lintel.lab.training.batches import CONTEXT, TrainingCrops, shown_shares  # noqa: E402
from lintel.lab.training.settings import TrainingSettings  # noqa: E402


def generator(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def crops(faces_index: Path) -> Any:
    return cut_faces(find_faces(faces_index), 48, 0.2, context=CONTEXT)


def test_without_strength_a_view_is_the_middle_of_the_crop(crops: Any) -> None:
    crop = crops.pixels[0]

    seen = augmentation.view(crop, 48, 0.0, generator())

    assert (seen == crop[12:-12, 12:-12]).all()
    assert (augmentation.wear(seen, 0.0, generator()) == seen).all()


@given(st.integers(0, 10_000), st.floats(0, 2))
def test_changed_crops_keep_their_form(seed: int, strength: float) -> None:
    crop = generator(1).integers(0, 256, (72, 72, 3), np.uint8)
    random = generator(seed)

    seen = augmentation.wear(augmentation.view(crop, 48, strength, random), strength, random)

    assert seen.shape == (48, 48, 3)
    assert seen.dtype == np.uint8


def test_a_displaced_mask_leaves_the_nose_bare_and_a_well_put_one_does_not(
    draw_masked: Callable[..., Any],
) -> None:
    # The box of the drawn faces is 52 pixels high, of 96.
    bare, worn = draw_masked("without_mask", 1), draw_masked("with_mask", 2)
    blue_at_nose: dict[int, list[float]] = {LABEL_WORN: [], LABEL_INCORRECT: []}
    for seed in range(40):
        made = put_mask(bare, worn, 52 / 96, generator(seed))
        assert (made.pixels[:20] == bare[:20]).all()
        blue_at_nose[made.label].append(float(made.pixels[52:55, 46:51, 0].mean()))

    assert min(blue_at_nose[LABEL_WORN]) > max(blue_at_nose[LABEL_INCORRECT])


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=5).filter(any), st.floats(0, 1))
def test_no_class_that_is_there_is_shown_less_than_its_least_share(
    counts: list[int], least: float
) -> None:
    shares = shown_shares(np.array(counts), least)

    there = np.array(counts) > 0
    assert shares.sum() == pytest.approx(1)
    assert (shares[there] >= min(least, 1 / there.sum()) - 1e-9).all()
    assert (shares[~there] == 0).all()


def test_shares_that_are_large_enough_stay_in_proportion() -> None:
    shares = shown_shares(np.array([600, 300, 10]), 0.1)

    assert shares == pytest.approx([0.6, 0.3, 0.1])


def settings(**given: Any) -> TrainingSettings:
    return TrainingSettings(**{"size": 48, "batch": 20, "displaced": 0.0, **given})


def test_batches_are_the_same_for_a_seed_and_others_in_the_next_epoch(crops: Any) -> None:
    first, again, other = (
        TrainingCrops(crops, settings(seed=seed), workers=1) for seed in (1, 1, 2)
    )
    later = TrainingCrops(crops, settings(seed=1), first_epoch=1, workers=1)
    expected, _ = first[0]

    assert (again[0][0] == expected).all()
    assert (other[0][0] != expected).any()
    assert (later[0][0] != expected).any()
    again.on_epoch_end()
    assert (again[0][0] == later[0][0]).all()


def test_an_epoch_shows_classes_as_often_as_asked(crops: Any) -> None:
    batches = TrainingCrops(crops, settings(rare=0.3), workers=1)

    shown = np.concatenate([batches[k][1] for k in range(len(batches))])

    assert len(shown) == 60
    assert np.bincount(shown, minlength=3).min() >= 18
