"""What trees are fitted to: known steps of a series, each as seen from an origin before it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from lintel.edge.tasks.forecast.features import FeatureMaker, History, Rows
from lintel.edge.tasks.forecast.series import Floats, RegularSeries
from lintel.edge.tasks.forecast.zones import Integers

Base = Literal["level", "season", "last"]

# Older ones are left out: time and memory are then bounded whatever the series.
MAXIMUM_EXAMPLES = 20_000
# Of short series, steps are seen from several origins until there are so many examples.
_DIRECT_EXAMPLES = 8_000


class Examples(NamedTuple):
    """Known steps of a series, each as seen from an origin before it.

    Attributes:
        rows: Their features, M of them.
        values: float64 (M,), what they turned out to be.
        indices: int64 (M,), which steps of the series they are, rising.
    """

    rows: Rows
    values: Floats
    indices: Integers

    def targets(self, base: Base) -> Floats:
        """Returns how far the values are from a base, in units of the scale: float64 (M,)."""
        return (self.values - base_of(self.rows, base)) / self.rows.scale

    def part(self, which: slice) -> Examples:
        """Returns some of them."""
        return Examples(self.rows.part(which), self.values[which], self.indices[which])


def make_examples(
    maker: FeatureMaker, series: RegularSeries, regressors: Floats, direct_steps: int = 1
) -> Examples:
    """Makes what trees are fitted to: every known step, seen from one origin or several.

    Args:
        maker: Makes the features.
        series: The series.
        regressors: float64 (len(series), R).
        direct_steps: Steps that are forecast each by itself: each known step is then seen from
            so many origins; of series that are not short from some of them, chosen by a fixed
            seed.
    """
    first = min(maker.level_steps + 1, len(series) // 4)
    known = first + np.flatnonzero(~np.isnan(series.values[first:]))[-MAXIMUM_EXAMPLES:]
    repeats = min(max(_DIRECT_EXAMPLES // len(known), 1), direct_steps)
    indices = np.repeat(known, repeats)
    steps = np.tile(np.arange(1, repeats + 1), len(known))
    if repeats < direct_steps:
        steps = np.random.default_rng(0).integers(1, direct_steps + 1, len(indices))
    usable = indices - steps + 1 >= first
    indices, steps = indices[usable], steps[usable]
    calendar = maker.calendar_features(series.first + indices)
    beside = np.concatenate([calendar, regressors[indices]], axis=1)
    history = History(series.values, 0, series.clock())
    rows = maker.rows(history, indices - steps + 1, steps, beside)
    usable = np.isfinite(rows.level)
    return Examples(rows.part(usable), series.values[indices][usable], indices[usable])


def better_base(examples: Examples) -> Base:
    """Returns which is nearer to the values: the mean of the last seasons, or the last value."""
    bases: tuple[Base, ...] = ("season", "last")
    return min(bases, key=lambda base: float(np.abs(examples.targets(base)).mean()))


def base_of(rows: Rows, base: Base) -> Floats:
    """Returns what forecasts are told relative to; the level where that is not known."""
    if base == "level":
        return rows.level
    wanted = rows.season if base == "season" else rows.last
    return np.where(np.isnan(wanted), rows.level, wanted)
