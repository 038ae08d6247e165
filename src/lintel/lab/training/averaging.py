"""The moving average of a network's weights, which judges better than the last of them."""

from __future__ import annotations

from typing import Any

import keras

EVERY = 4
"""Steps between two updates: they cost as much as a small network's step."""


class AveragedModel(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the exponential moving average of weights, running statistics too.

    B. Polyak and A. Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992.

    Args:
        average: A network of the same architecture; its weights become the average.
        decay: A step; it rises to that over the first steps, so that the beginning is forgotten.
        steps: How many were taken before.
    """

    def __init__(self, average: Any, decay: float, steps: int) -> None:
        super().__init__()
        self.average = average
        self._decay, self._steps = decay, steps

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Begins with the weights as they are, where no step was taken."""
        if self._steps == 0:
            self.average.set_weights(self.model.get_weights())

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Updates the average."""
        self._steps += 1
        if self._steps % EVERY == 0:
            decay = min(self._decay**EVERY, (1 + self._steps) / (10 * EVERY + self._steps))
            for mean, weight in zip(self.average.weights, self.model.weights, strict=True):
                mean.assign(mean + (1 - decay) * (weight - mean))
