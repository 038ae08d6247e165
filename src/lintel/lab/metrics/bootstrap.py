"""Whether one model is better than another, or was lucky with the pictures."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.metrics.detection import Method, Tally, average_precision

Floats = NDArray[np.float64]

REPLICATES = 2000


class Interval(NamedTuple):
    """Attributes: The ends of a 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same pictures.

    Attributes:
        difference: The figure of the first less that of the second.
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


def interval(
    figure: Callable[[Floats], float],
    groups: Sequence[Hashable],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Interval:
    """Tells how far a figure may be off because of the pictures that it was measured on.

    By the bootstrap over groups, as in `compare`; the ends are percentiles.

    Args:
        figure: Computes it from how often each example counts, (N,).
        groups: A name for each example's group.
        replicates: Draws, at least 1.
        seed: Of the draws.

    Returns:
        The interval; NaN where the figure is in all draws.
    """
    draws = _replicate(figure, *_number(groups), replicates, seed)
    if not len(draws):
        return Interval(float("nan"), float("nan"))
    return Interval(*np.quantile(draws, [0.025, 0.975]).tolist())


def compare(
    difference: Callable[[Floats], float],
    groups: Sequence[Hashable],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Comparison:
    """Compares two models by the paired bootstrap (Efron and Tibshirani, 1993).

    Examples are drawn anew with replacement, the same for both models, and each draw gives
    another difference. Those of a group (frames of one video, near-copies, faces of a picture)
    are drawn together, because they say little more than one of them does. The p-value inverts
    the percentile interval.

    Args:
        difference: Computes the figure of one model less that of the other from how often each
            example counts, (N,).
        groups: A name for each example's group.
        replicates: Draws, at least 1.
        seed: Of the draws: the same gives the same figures.
    """
    group_of, count = _number(groups)
    draws = _replicate(difference, group_of, count, replicates, seed)
    return _summarise(difference(np.ones(len(group_of))), draws, count)


def compare_average_precision(
    first: Tally,
    second: Tally,
    groups: Sequence[Hashable] | None = None,
    *,
    method: Method = "area",
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Comparison:
    """Compares the average precisions of two detectors; see `compare`.

    Args:
        first: One detector's detections.
        second: The other's, on the same pictures in the same order.
        groups: A name for each picture's group. Default: each is one of its own.
        method: Which average precision.
        replicates: As in `compare`.
        seed: As in `compare`.

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
    return compare(
        lambda weights: (
            average_precision(first, method, weights) - average_precision(second, method, weights)
        ),
        names,
        replicates=replicates,
        seed=seed,
    )


def _number(groups: Sequence[Hashable]) -> tuple[NDArray[np.intp], int]:
    """Returns the number of each example's group, (N,), and how many groups there are."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[name] for name in groups], dtype=np.intp), len(numbers)


def _replicate(
    figure: Callable[[Floats], float],
    group_of: NDArray[np.intp],
    count: int,
    replicates: int,
    seed: int,
) -> Floats:
    """Computes a figure of each draw; those in which it is no number are left out."""
    random = np.random.default_rng(seed)
    draws = np.array([figure(_draw(random, count)[group_of]) for _ in range(replicates)])
    return np.asarray(draws[np.isfinite(draws)])


def _draw(random: np.random.Generator, groups: int) -> Floats:
    """How often each group is drawn, as many times as there are groups."""
    chosen = random.integers(0, groups, groups) if groups else np.empty(0, dtype=np.intp)
    return np.bincount(chosen, minlength=groups).astype(np.float64)


def _summarise(difference: float, draws: Floats, groups: int) -> Comparison:
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
