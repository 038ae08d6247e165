"""Series: values over time as they come, and the same on a regular calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast.calendars import Calendar
from lintel.edge.tasks.forecast.clocks import STILL, Clock
from lintel.edge.tasks.forecast.zones import DAY_US, Integers

Floats = NDArray[np.float64]

MINIMUM_POINTS = 2
# Trees take numbers of 32 bits, which end at 3.4e38.
LARGEST = 1e30
# The years 1900 to 2200.
_EARLIEST_US = -25_567 * DAY_US
_LATEST_US = 84_006 * DAY_US


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """Values over time as they come; what is missing is left out.

    Attributes:
        timestamps_us: int64 (N,), starts of the steps in microseconds since 1970 UTC, rising.
        values: float64 (N,), finite.

    Raises:
        InvalidArgumentError: It is not so; `field` names the index, such as "values[17]".
    """

    timestamps_us: Integers
    values: Floats

    def __post_init__(self) -> None:
        """Checks the points."""
        if self.timestamps_us.shape != self.values.shape or self.values.ndim != 1:
            raise InvalidArgumentError(
                f"There are {len(self.timestamps_us)} timestamps and {len(self.values)} values; "
                "there must be as many of both.",
                field="values",
            )
        if len(self.values) < MINIMUM_POINTS:
            raise InvalidArgumentError(
                f"A series must have at least {MINIMUM_POINTS} points, not {len(self.values)}.",
                field="values",
            )
        self._check_timestamps()
        check_finite(self.values, "values", "value")

    def _check_timestamps(self) -> None:
        outside = (self.timestamps_us < _EARLIEST_US) | (self.timestamps_us >= _LATEST_US)
        for index in np.flatnonzero(outside)[:1]:
            raise InvalidArgumentError(
                f"The timestamp {index} must lie in the years 1900 to 2199, in microseconds since "
                "1970 UTC.",
                field=f"timestamps_us[{index}]",
            )
        for index in np.flatnonzero(np.diff(self.timestamps_us) <= 0)[:1] + 1:
            same = self.timestamps_us[index] == self.timestamps_us[index - 1]
            wrong = "is the same as" if same else "is earlier than"
            raise InvalidArgumentError(
                f"The timestamps must rise: timestamp {index} {wrong} the one before it.",
                field=f"timestamps_us[{index}]",
            )


@dataclass(frozen=True, eq=False)
class RegularSeries:
    """Values at every step of a calendar from a first to a last one; both have a value.

    Attributes:
        calendar: The steps.
        first: Number of the first step.
        values: float64 (N,), NaN where a step has no value.
        season_length: Steps of the season that is assumed; 1: none.
    """

    calendar: Calendar
    first: int
    values: Floats
    season_length: int

    def __len__(self) -> int:
        """How many steps there are, those without a value among them."""
        return len(self.values)

    @property
    def positions(self) -> Integers:
        """int64 (N,), numbers of the steps."""
        return np.arange(self.first, self.first + len(self), dtype=np.int64)

    @property
    def timestamps_us(self) -> Integers:
        """int64 (N,), starts of the steps in microseconds since 1970 UTC."""
        return self.calendar.timestamps_us(self.positions)

    def timestamps_after(self, horizon: int) -> Integers:
        """Returns the starts of the steps after the last.

        Args:
            horizon: How many.

        Returns:
            int64 (horizon,), microseconds since 1970 UTC.
        """
        last = self.first + len(self)
        return self.calendar.timestamps_us(np.arange(last, last + horizon, dtype=np.int64))

    def head(self, length: int) -> RegularSeries:
        """Returns the first steps alone: what was known then.

        Args:
            length: How many, at least 1; the last of them may be without a value.
        """
        return replace(self, values=self.values[:length])

    @cached_property
    def is_counts(self) -> bool:
        """Whether the values look like counts: whole numbers, none of them negative."""
        known = self.values[~np.isnan(self.values)]
        return bool((known >= 0).all() and (known == np.floor(known)).all())

    @cached_property
    def filled(self) -> Floats:
        """float64 (N,), the values with every gap filled, for models that know no gaps.

        See `fill_gaps`, which this is with the season of the series.
        """
        return fill_gaps(self.values, self.season_length, self.clock())

    def tail(self, length: int) -> RegularSeries:
        """Returns the newest steps alone.

        Args:
            length: How many; all, where there are no more.
        """
        first = max(len(self) - length, 0)
        return replace(self, first=self.first + first, values=self.values[first:])

    def clock(self, horizon: int = 0) -> Clock:
        """Returns what clocks show at the steps, and at some after the last.

        Args:
            horizon: How many after the last.
        """
        return Clock.of(self.calendar, self.first, len(self) + horizon)

    def seasons_after(self, index: int, horizon: int, season_length: int) -> Integers:
        """Returns which steps of a season later steps are, by the clock, if that one is the first.

        Args:
            index: Index of the first of them, up to the length of the series.
            horizon: How many there are after the last step of the series.
            season_length: Steps of the season.

        Returns:
            int64 (len(self) + horizon - index,), from 0 to below the length of the season.
        """
        clock = self.clock(horizon).for_season(season_length)
        later = np.arange(index, len(self) + horizon, dtype=np.int64)
        # The first may itself be where clocks have been put: the step before it is what was seen.
        return (clock.distance(index - 1, later) - 1) % season_length

    def by_clock(self, length: int) -> Floats:
        """Returns the newest values in the order in which clocks show their times.

        The season is then as long throughout, for models that count it in steps: an hour that was
        skipped has the value of the one after it, one that was shown twice counts once. Where
        clocks are not put forward or back these are the newest values themselves.

        Args:
            length: How many; as many as there are, where there are no more.

        Returns:
            float64 (min(N, length),), gaps filled.
        """
        back = np.arange(min(len(self), length))[::-1]
        last = np.full_like(back, len(self) - 1)
        sources = self.clock().for_season(self.season_length).before(last, back)
        # An hour that counts once makes the oldest value count twice.
        return self.filled[np.maximum(sources, 0)]


def fill_gaps(values: Floats, season_length: int, clock: Clock = STILL) -> Floats:
    """Fills what is missing.

    A gap takes the latest known value that is whole seasons before it, and where there is none,
    the known value just before it: only what was known at the time is used, so that filling shows
    a model nothing of the future.

    Args:
        values: float64 (N,), NaN where missing; the first is known.
        season_length: Steps of the season; 1: none.
        clock: What clocks show at the steps.

    Returns:
        float64 (N,), finite.
    """
    filled = values.copy()
    gaps = np.flatnonzero(np.isnan(values))
    sources = clock.for_season(season_length).season_before(gaps, gaps, season_length)
    for gap, source in zip(gaps.tolist(), sources.tolist(), strict=True):
        # Earlier gaps are filled by now.
        filled[gap] = filled[source if source >= 0 else gap - 1]
    return filled


def check_finite(values: Floats, field: str, noun: str) -> None:
    """Checks that all values are numbers, of a size that sums and squares of them are, too.

    Args:
        values: float64 (N,).
        field: The request field that holds them.
        noun: What one of them is called.

    Raises:
        InvalidArgumentError: One is not; `field` names its index.
    """
    # Written so that NaN fails too.
    for index in np.flatnonzero(~(np.abs(values) <= LARGEST))[:1]:
        raise InvalidArgumentError(
            f"The {noun} {index} must be a finite number, from -{LARGEST:g} to {LARGEST:g}.",
            field=f"{field}[{index}]",
        )
