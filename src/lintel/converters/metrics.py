"""Figures that say how good a model is, and how much of that a conversion kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor

Outputs = Mapping[str, Tensor]

# A channel says nothing that deviates by less than so much of its own largest value, or than
# float32 tells beside the largest of all.
_STEADY = 1e-5
_UNTOLD = 1e-7
# What is wider is a flattened picture or an embedding, and no single value of it decides; a
# detector of 80 classes and 32 coefficients of masks is not.
_MOST_CHANNELS = 120


@dataclass(frozen=True)
class Metric:
    """A figure of a model on the examples that it is verified with.

    Attributes:
        name: What reports and manifests call it, such as "accuracy".
        compute: Takes outputs, (examples, ...) by name in the order of the examples, and returns
            the figure; a caller's own closes over its labels.
        higher_is_better: Else it is an error, and lower is better.
    """

    name: str
    compute: Callable[[Outputs], float]
    higher_is_better: bool = True

    def kept(self, source: float, variant: float) -> float:
        """Returns the share of the source's figure that a variant keeps; 1: all of it.

        Of a source that scores 0, or nothing that is a number, there is nothing to keep: 0.
        """
        if self.higher_is_better:
            better, worse = source, variant
        else:
            better, worse = variant, source
            if better <= 0:
                return 1.0
        return worse / better if better > 0 and math.isfinite(worse) else 0.0


def accuracy(labels: Tensor, output: str = "") -> Metric:
    """Makes the metric of a classifier: the share of examples whose best class is the label.

    Args:
        labels: (examples,) of class numbers.
        output: Name of the output with a score a class, or with one probability of class 1; "":
            the only one.

    Raises:
        ConversionError: The labels are no numbers of classes, or not one an example.
    """
    numbers = class_numbers(labels)

    def compute(outputs: Outputs) -> float:
        best = classes(_chosen(outputs, output))
        if len(best) != len(numbers):
            raise ConversionError(
                f"There are {len(numbers)} labels and {len(best)} examples: give one label each."
            )
        return float((best == numbers).mean())

    return Metric("accuracy", compute)


def mean_absolute_error(targets: Tensor, output: str = "") -> Metric:
    """Makes the metric of a regressor.

    Args:
        targets: (examples, ...), as the output.
        output: Name of the output; "": the only one.

    Raises:
        ConversionError: The targets are no numbers; or, of the figure, not as many as the output's.
    """
    wanted = np.asarray(targets)
    if wanted.dtype.kind not in "biuf":
        raise ConversionError(
            f"The labels are of the type {wanted.dtype}: a regressor's are numbers, as its output."
        )
    wanted = _flat(wanted)

    def compute(outputs: Outputs) -> float:
        values = _flat(_chosen(outputs, output))
        if values.shape != wanted.shape:
            raise ConversionError(
                f"The labels have {wanted.shape[1]} numbers for each of {len(wanted)} examples,"
                f" the output has {values.shape[1]} for each of {len(values)}: give labels alike."
            )
        return float(np.abs(values - wanted).mean())

    return Metric("mean-absolute-error", compute, higher_is_better=False)


def agreement(expected: Outputs, *, is_classifier: bool) -> Metric:
    """Makes the metric of what agrees with the source, where there are no labels.

    Args:
        expected: The source's outputs.
        is_classifier: Count the examples whose best class is the source's, in every output; else
            the share of the outputs' variance that is kept (1 less the mean squared difference
            over the variance), in the worst channel of the worst output.
    """

    def compute(outputs: Outputs) -> float:
        if is_classifier:
            same = [classes(outputs[name]) == classes(value) for name, value in expected.items()]
            return float(np.logical_and.reduce(same).mean())
        return min(_kept_variance(value, outputs[name]) for name, value in expected.items())

    return Metric("agreement", compute)


def classes(scores: Tensor) -> Tensor:
    """Returns the best class of each example; of one score, whether it is above a half."""
    flat = scores.reshape(len(scores), -1)
    return flat[:, 0] > 0.5 if flat.shape[1] == 1 else flat.argmax(axis=1)


def class_numbers(labels: Tensor) -> Tensor:
    """Returns labels as one number of a class an example, (examples,).

    Args:
        labels: (examples,) or (examples, 1), of whole numbers of any type.

    Raises:
        ConversionError: They are names, one-hot, or no whole numbers.
    """
    given = np.asarray(labels)
    if given.dtype.kind not in "biuf":
        raise ConversionError(
            f"The labels are of the type {given.dtype}, such as {given.flat[0]!r}: numbers of"
            " classes are wanted, from 0, in the model's order."
        )
    if given.ndim == 0 or given.size != len(given):
        raise ConversionError(
            f"The labels have the shape {given.shape}: one number of a class an example is wanted,"
            f" ({len(given) if given.ndim else 1},); of one-hot labels give the argmax."
        )
    flat = given.reshape(-1)
    if not np.array_equal(flat, np.rint(flat)):
        raise ConversionError(
            "The labels are not all whole numbers: numbers of classes are wanted, from 0."
        )
    return flat.astype(np.int64)


def _kept_variance(expected: Tensor, actual: Tensor) -> float:
    """Returns the share of the variance that is kept, of all or of the channel that keeps least.

    Channels count alone, as one of wide range (boxes in pixels) would hide what becomes of
    another (a probability); those that say nothing in the source are left to the whole. One that
    is constant in the variant alone has lost all.
    """
    wanted, given = expected.astype(np.float64), actual.astype(np.float64)
    if wanted.shape != given.shape or not np.isfinite(given).all():
        return 0.0
    noise, variance = float(((given - wanted) ** 2).mean()), float(wanted.var())
    if variance == 0:
        return float(noise <= 1e-12)
    shares = [1 - noise / variance]
    for axis in _channel_axes(wanted.shape):
        shares += _shares_by_channel(wanted, given, axis)
    return max(0.0, min(shares))


def _shares_by_channel(wanted: Tensor, given: Tensor, axis: int) -> list[float]:
    if wanted.min() >= 0 and np.allclose(wanted.sum(axis=axis), 1, atol=1e-3):
        # Probabilities of classes have one range: what is small in one of them is small.
        return []
    others = tuple(each for each in range(wanted.ndim) if each != axis)
    noise, deviation = ((given - wanted) ** 2).mean(axis=others), wanted.std(axis=others)
    size = np.abs(wanted).max(axis=others)
    says = deviation > np.maximum(_STEADY * size, _UNTOLD * size.max())
    return [float(share) for share in 1 - noise[says] / deviation[says] ** 2]


def _channel_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the axes that hold channels: the second, the last, or both where it is not clear.

    Positions are more than channels where they have one axis. Where they have two, their axes
    are alike, and the third of the picture is theirs in either layout.
    """
    last = len(shape) - 1
    candidates = (1, last) if last > 1 else (1,) if last == 1 else ()
    if last == 2:
        candidates = (min(candidates, key=lambda axis: shape[axis]),)
    elif last == 3:
        candidates = (max(candidates, key=lambda axis: _ratio(shape[axis], shape[2])),)
    return tuple(axis for axis in candidates if shape[axis] <= _MOST_CHANNELS)


def _ratio(one: int, other: int) -> float:
    return max(one, other) / max(min(one, other), 1)


def _chosen(outputs: Outputs, name: str) -> Tensor:
    return outputs[name] if name else next(iter(outputs.values()))


def _flat(values: Tensor) -> Tensor:
    return np.asarray(values).reshape(len(values), -1)
