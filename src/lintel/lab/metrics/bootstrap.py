"""Whether one detector is better than another, or was lucky with the pictures."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.metrics.detection import Method, Tally, average_precision

REPLICATES = 2000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two detectors on the same pictures.

    Attributes:
        difference: Average precision of the first less that of the second.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        p_value: Two-sided: how often chance alone gives such a difference.
        effect: The difference in standard deviations of what a single group of pictures adds to
            it: Cohen's d for paired samples, which does not grow with the number of pictures.
            0.2 is called small, 0.5 medium, 0.8 large. NaN where nothing varies.
        groups: How many groups of pictures were drawn from.
        replicates: How often.
    """

    difference: float
    low: float
    high: float
    p_value: float
    effect: float
    groups: int
    replicates: int


def compare_average_precision(
    first: Tally,
    second: Tally,
    groups: Sequence[Hashable] | None = None,
    *,
    method: Method = "area",
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Comparison:
    """Compares two detectors by the paired bootstrap (Efron and Tibshirani, 1993).

    Pictures are drawn anew with replacement, the same for both detectors, and each draw gives
    another difference. Pictures of a group (frames of one video, near-copies) are drawn together,
    because they say little more than one of them does. The p-value inverts the percentile
    interval.

    Args:
        first: One detector's detections.
        second: The other's, on the same pictures in the same order.
        groups: A name for each picture's group. Default: each is one of its own.
        method: Which average precision.
        replicates: Draws, at least 1.
        seed: Of the draws: the same gives the same figures.

    Returns:
        The comparison; all NaN where there are no faces.

    Raises:
        InvalidArgumentError: The tallies are not of the same pictures.
    """
    pictures = len(first.expected)
    if not np.array_equal(first.expected, second.expected):
        raise InvalidArgumentError("Both detectors must be counted on the same pictures.")
    names = list(range(pictures)) if groups is None else list(groups)
    if len(names) != pictures:
        raise InvalidArgumentError("There must be one group a picture.", field="groups")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    group_of_picture = np.array([numbers[name] for name in names], dtype=np.intp)
    difference = average_precision(first, method) - average_precision(second, method)
    random = np.random.default_rng(seed)
    draws = np.empty(replicates)
    for index in range(replicates):
        weights = _draw(random, len(numbers))[group_of_picture]
        draws[index] = average_precision(first, method, weights) - average_precision(
            second, method, weights
        )
    return _summarise(difference, draws[np.isfinite(draws)], len(numbers))


def _draw(random: np.random.Generator, groups: int) -> NDArray[np.float64]:
    """How often each group is drawn, as many times as there are groups."""
    chosen = random.integers(0, groups, groups) if groups else np.empty(0, dtype=np.intp)
    return np.bincount(chosen, minlength=groups).astype(np.float64)


def _summarise(difference: float, draws: NDArray[np.float64], groups: int) -> Comparison:
    if not len(draws):
        nan = float("nan")
        return Comparison(nan, nan, nan, nan, nan, groups, 0)
    low, high = np.quantile(draws, [0.025, 0.975])
    # Counting the data as a draw of its own keeps chance from giving a p-value of 0.
    tail = min((draws <= 0).sum(), (draws >= 0).sum()) + 1
    spread = float(draws.std()) * groups**0.5
    return Comparison(
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=min(1.0, float(2 * tail / (len(draws) + 1))),
        effect=difference / spread if spread > 0 else float("nan"),
        groups=groups,
        replicates=len(draws),
    )
