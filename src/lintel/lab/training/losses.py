"""Losses of classes, of which one may be rare."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from lintel.lab.training.settings import TrainingSettings


class ClassLoss(keras.losses.Loss):  # type: ignore[misc]
    """The loss that the settings name.

    Args:
        settings: Of the training.
        shares: (C,), the share of each class among what is shown.
    """

    def __init__(self, settings: TrainingSettings, shares: NDArray[np.float64]) -> None:
        super().__init__(name="class_loss")
        self._settings = settings
        # A class that is never shown gets no pull either way.
        self._shift = np.log(np.maximum(shares, 1e-4)).astype(np.float32)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each example: (B,), of classes (B,) or (B, 1) and logits (B, C)."""
        count = y_pred.shape[-1]
        right = ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), count)
        smoothing = self._settings.label_smoothing
        wanted = right * (1 - smoothing) + smoothing / count
        if self._settings.loss == "logit-adjusted":
            y_pred = y_pred + self._shift
        logs = ops.log_softmax(y_pred, axis=-1)
        loss = -ops.sum(wanted * logs, axis=-1)
        if self._settings.loss == "focal":
            loss *= (1 - ops.exp(ops.sum(right * logs, axis=-1))) ** self._settings.focus
        return loss
