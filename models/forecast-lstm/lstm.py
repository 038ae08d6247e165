"""The network of the recurrent forecaster: two layers of LSTM over windows of a series.

S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, 1997. A window is read in chunks, such
as the 24 hours of a day, so that two weeks are 14 steps of recurrence and not 336: a day's shape
is seen at once, the recurrence has a short way back, and training takes a minute.

Scaling lies inside the window and inside the network: the window's last value is taken off, the
rest divided by the window's standard deviation, and the forecast brought back. So levels move
freely, nothing is fitted to more than a window, and what is released takes raw values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

# Of a window that never moves: what is forecast is then its value.
LEAST_VARIANCE = 1e-12

Tensor = Any


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is.

    Attributes:
        window: Steps that it looks at; a multiple of `chunk`.
        horizon: Steps that it forecasts.
        chunk: Steps that are read at once.
        units: Of each of the two layers.
    """

    window: int
    horizon: int
    chunk: int
    units: int


def build_network(shape: Shape) -> keras.Model:
    """Makes the network.

    Args:
        shape: How large.

    Returns:
        A model from `values`, float32 (B, window), the newest last, to `forecast`,
        float32 (B, horizon), in the same unit.

    Raises:
        ValueError: The window is no multiple of the chunk.
    """
    if shape.window % shape.chunk:
        raise ValueError("The window must be a multiple of the chunk.")
    values = keras.Input((shape.window,), name="values")
    last = values[:, -1:]
    moved = values - last
    centred = moved - ops.mean(moved, axis=1, keepdims=True)
    variance = ops.mean(centred * centred, axis=1, keepdims=True)
    deviation = ops.sqrt(variance + LEAST_VARIANCE)
    chunks = layers.Reshape((shape.window // shape.chunk, shape.chunk))(moved / deviation)
    x = layers.LSTM(shape.units, return_sequences=True)(chunks)
    x = layers.LSTM(shape.units)(x)
    x = layers.Dense(shape.horizon)(x)
    forecast = layers.Identity(name="forecast")(x * deviation + last)
    return keras.Model(values, {"forecast": forecast}, name="forecast-lstm")


class ScaledError(keras.losses.Loss):
    """The mean absolute error in standard deviations of the window; unknown values are left out.

    Takes targets (B, horizon + 1): the steps after the window, NaN where not known, and the
    deviation of the window.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns (B,)."""
        actual, deviation = y_true[:, :-1], y_true[:, -1:]
        known = ops.logical_not(ops.isnan(actual))
        errors = ops.abs(ops.where(known, actual, y_pred) - y_pred) / deviation
        counts = ops.sum(ops.cast(known, "float32"), axis=-1)
        return ops.sum(errors, axis=-1) / ops.maximum(counts, 1.0)
