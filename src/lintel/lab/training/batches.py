"""The crops that a training is shown, in batches: drawn by class, changed, and some made."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lintel.edge.packages import MASK_LABELS
from lintel.lab.training import augmentation
from lintel.lab.training.crops import Crops
from lintel.lab.training.displacement import put_mask
from lintel.lab.training.settings import TrainingSettings

CONTEXT = 1.5
"""Training crops show so many times the side of what the network sees: room to move."""

WORN, BARE = MASK_LABELS.index("with_mask"), MASK_LABELS.index("without_mask")


class TrainingCrops(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of changed crops and their classes; the same for the same seed.

    An epoch shows as many faces as there are, in batches that are all full.

    Args:
        crops: With CONTEXT.
        settings: Of the training.
        first_epoch: Which epoch comes first, so that a training that was cut off sees what it
            would have seen.
        **options: Of PyDataset.
    """

    def __init__(
        self, crops: Crops, settings: TrainingSettings, *, first_epoch: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self._pixels, self._classes = crops.pixels, crops.classes
        self._settings, self._epoch = settings, first_epoch
        self._members = [np.flatnonzero(self._classes == k) for k in range(len(MASK_LABELS))]
        self.shares = shown_shares(np.bincount(self._classes, minlength=3), settings.rare)
        """(3,): the share of each class among faces that are shown as they are."""
        both = len(self._members[WORN]) > 0 and len(self._members[BARE]) > 0
        self._displaced = settings.displaced if both else 0.0
        self._shown = self._draw()

    def __len__(self) -> int:
        return max(1, len(self._classes) // self._settings.batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        batch = self._settings.batch
        chosen = self._shown[index * batch : (index + 1) * batch]
        random = np.random.default_rng((self._settings.seed, self._epoch, index))
        made = [self._make(int(place), random) for place in chosen]
        pixels = np.stack([each for each, _ in made]).astype(np.float32)
        return pixels, np.array([label for _, label in made], np.int64)

    def on_epoch_end(self) -> None:
        """Draws the faces of the next epoch."""
        self._epoch += 1
        self._shown = self._draw()

    def _draw(self) -> NDArray[np.intp]:
        """Returns the places of the faces of an epoch, in its order.

        Each class's faces come round equally often: what is drawn goes through all of them
        before any comes again.
        """
        random = np.random.default_rng((self._settings.seed, self._epoch))
        total = len(self) * self._settings.batch
        counts = np.floor(self.shares * total).astype(int)
        counts[int(np.argmax(counts))] += total - int(counts.sum())
        drawn = [
            _deal(members, count, random)
            for members, count in zip(self._members, counts, strict=True)
            if count
        ]
        return random.permutation(np.concatenate(drawn))

    def _make(self, place: int, random: np.random.Generator) -> tuple[NDArray[np.uint8], int]:
        crop, label = self._pixels[place], int(self._classes[place])
        if random.random() < self._displaced:
            bare = crop if label == BARE else self._another(BARE, random)
            worn = crop if label == WORN else self._another(WORN, random)
            share = 1 / (CONTEXT * (1 + 2 * self._settings.margin))
            crop, label = put_mask(bare, worn, share, random)
        strength = self._settings.augmentation
        seen = augmentation.view(crop, self._settings.size, strength, random)
        return augmentation.wear(seen, strength, random), label

    def _another(self, label: int, random: np.random.Generator) -> NDArray[np.uint8]:
        members = self._members[label]
        return np.asarray(self._pixels[members[random.integers(len(members))]])


def shown_shares(counts: NDArray[np.int64], least: float) -> NDArray[np.float64]:
    """Returns how often each class is shown.

    Args:
        counts: (C,), faces of each class.
        least: Least share of a class that has any; the others share the rest as they are.

    Returns:
        (C,), summing to 1.
    """
    shares = counts / counts.sum()
    least = min(least, 1 / int((counts > 0).sum()))
    raised = (shares < least) & (counts > 0)
    for _ in range(len(counts)):
        rest = 1 - least * int(raised.sum())
        others = np.where(raised, 0, counts)
        shares = np.where(raised, least, rest * others / max(int(others.sum()), 1))
        more = raised | ((shares < least - 1e-12) & (counts > 0))
        if (more == raised).all():
            break
        raised = more
    return np.asarray(shares / shares.sum())


def _deal(members: NDArray[np.intp], count: int, random: np.random.Generator) -> NDArray[np.intp]:
    rounds = [random.permutation(members) for _ in range(-(-count // len(members)))]
    return np.concatenate(rounds)[:count]
