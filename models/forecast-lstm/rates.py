"""The search for a learning rate: it rises, and the loss tells how high it may be.

L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

SMOOTHING = 0.95
# A mean of fewer losses than these is that of a few batches by chance.
SETTLED = 20
# A loss so many times its lowest has left for good.
DIVERGED = 3.0
# Adam's steps do not fall with the gradient: at the rate of the lowest loss they are too long
# for a whole training.
MARGIN = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a search saw.

    Attributes:
        rates: float64 (S,), rising exponentially, one a step.
        losses: float64 (S,), of the batch at each step.
        smoothed: float64 (S,), an exponential mean of those.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]

    @property
    def chosen(self) -> float:
        """The rate to train with: half the one at which the loss was lowest, once it is a mean."""
        settled = min(SETTLED, len(self.smoothed) // 2)
        return float(self.rates[settled + int(self.smoothed[settled:].argmin())]) / MARGIN


def search(
    model: keras.Model,
    batches: Any,
    epochs: int,
    lowest: float = 1e-5,
    highest: float = 1.0,
) -> Search:
    """Trains while the rate rises exponentially, until all epochs are over or the loss has left.

    Args:
        model: Compiled; its weights are spent.
        batches: A keras.utils.PyDataset, or a tf.data.Dataset with a length.
        epochs: Over which the rate rises.
        lowest: Rate of the first step.
        highest: Rate of the last.
    """
    rising = _Rising(lowest, highest, epochs * len(batches))
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[rising])
    losses = np.array(rising.losses)
    return Search(rising.rates[: len(losses)], losses, smooth(losses))


def smooth(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the exponential mean of losses up to each, without a bias to the first."""
    smoothed = np.empty_like(losses)
    mean = 0.0
    for index, loss in enumerate(losses):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed[index] = mean / (1 - SMOOTHING ** (index + 1))
    return smoothed


class _Rising(keras.callbacks.Callback):
    def __init__(self, lowest: float, highest: float, steps: int) -> None:
        super().__init__()
        self.rates = np.geomspace(lowest, highest, steps)
        self.losses: list[float] = []
        self._before = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._before = 0.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.model.optimizer.learning_rate = self.rates[len(self.losses)]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        # What is told is the mean over the epoch so far.
        total = (logs or {})["loss"] * (batch + 1)
        self.losses.append(total - self._before)
        self._before = total
        smoothed = smooth(np.array(self.losses))
        if not np.isfinite(smoothed[-1]) or smoothed[-1] > DIVERGED * smoothed.min():
            self.model.stop_training = True
