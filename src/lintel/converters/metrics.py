"""Figures that say how good a model is, and how much of that a conversion kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lintel.converters.examples import Tensor

Outputs = Mapping[str, Tensor]


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
        """Returns the share of the source's figure that a variant keeps; 1: all of it."""
        if self.higher_is_better:
            better, worse = source, variant
        else:
            better, worse = variant, source
            if better <= 0:
                return 1.0
        return worse / better if better > 0 else float(variant == source)


def accuracy(labels: Tensor, output: str = "") -> Metric:
    """Makes the metric of a classifier: the share of examples whose best class is the label.

    Args:
        labels: (examples,) of class numbers.
        output: Name of the output with a score a class, or with one probability of class 1; "":
            the only one.
    """

    def compute(outputs: Outputs) -> float:
        return float((classes(_chosen(outputs, output)) == np.asarray(labels)).mean())

    return Metric("accuracy", compute)


def mean_absolute_error(targets: Tensor, output: str = "") -> Metric:
    """Makes the metric of a regressor.

    Args:
        targets: (examples, ...), as the output.
        output: Name of the output; "": the only one.
    """

    def compute(outputs: Outputs) -> float:
        values = _chosen(outputs, output)
        return float(np.abs(values.reshape(len(values), -1) - _flat(targets)).mean())

    return Metric("mean-absolute-error", compute, higher_is_better=False)


def agreement(expected: Outputs, *, is_classifier: bool) -> Metric:
    """Makes the metric of what agrees with the source, where there are no labels.

    Args:
        expected: The source's outputs.
        is_classifier: Count the examples whose best class is the source's, in every output; else
            the share of the outputs' variance that is kept (1 less the mean squared difference
            over the variance), in the worst output.
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


def _kept_variance(expected: Tensor, actual: Tensor) -> float:
    wanted, given = expected.astype(np.float64), actual.astype(np.float64)
    if wanted.shape != given.shape or not np.isfinite(given).all():
        return 0.0
    noise, variance = float(((given - wanted) ** 2).mean()), float(wanted.var())
    if variance == 0:
        return float(noise <= 1e-12)
    return max(0.0, 1 - noise / variance)


def _chosen(outputs: Outputs, name: str) -> Tensor:
    return outputs[name] if name else next(iter(outputs.values()))


def _flat(values: Tensor) -> Tensor:
    return np.asarray(values).reshape(len(values), -1)
