"""What tree models see of a series: lags, differences, rolling means, and the calendar.

All values are told in units of the series' own recent level, since trees cannot extrapolate: a
door that twice as many people pass as last year is then the same door to them. On the hourly
bike counts (validation inside their first 80 %) that alone took the error one hour ahead from
0.57 of the same hour last week's to 0.44; the deviation from the usual hour, carried over to the
hour to forecast ("carried"), took off another 2 %, and the mean of the newest working days, or
days of weekends, at that hour 4 % of the error 24 hours ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.tasks.forecast.calendars import YEAR_MONTHS, Calendar, Months, months_of
from lintel.edge.tasks.forecast.clocks import STILL, Clock
from lintel.edge.tasks.forecast.series import Floats, RegularSeries
from lintel.edge.tasks.forecast.zones import DAY_US, Integers, to_local

_RECENT = 6
_SEASONS = 4
_DEVIATIONS = 3
_SHORT_MEAN = 3
# The level of daily series is that of two weeks: of one, holidays weigh too much.
_SHORTEST_LEVEL = 14
_LONG_LEVELS = 4
_DAY_S = 24 * 3600
_YEAR_DAYS = 365.2425
# How many days back the newest are that are as the day to forecast, by its weekday: working days,
# or days of weekends, of which fewer are near.
_LIKE_WORKING_DAYS, _LIKE_FREE_DAYS = 10, 6
_WORKING_DAYS = 5


class History:
    """The values known at an origin, with sums for rolling means and room for what is forecast."""

    def __init__(self, values: Floats, room: int, clock: Clock = STILL) -> None:
        """Takes over the values.

        Args:
            values: float64 (N,), NaN where missing.
            room: How many may be appended.
            clock: What clocks show at the values' steps, and those that may be appended.
        """
        self.clock = clock
        known = ~np.isnan(values)
        zeros = np.where(known, values, 0.0)
        self.length = len(values)
        # The last one is never written: what lies before the first value is read there.
        self._values = np.full(self.length + room + 1, np.nan)
        self._values[: self.length] = values
        self._sums = np.zeros((3, self.length + room + 1))
        sums = self._sums[:, 1 : self.length + 1]
        for row, summands in zip(sums, (known, zeros, np.abs(zeros)), strict=True):
            np.cumsum(summands, out=row)

    def append(self, value: float) -> None:
        """Adds a step after the last one."""
        self._values[self.length] = value
        added = (1.0, value, abs(value))
        self._sums[:, self.length + 1] = self._sums[:, self.length] + added
        self.length += 1

    def at(self, indices: Integers) -> Floats:
        """Returns values by index; NaN before the first."""
        return self._values[np.maximum(indices, -1)]

    def means(self, ends: Integers, lengths: Integers) -> tuple[Floats, Floats]:
        """Returns the means of the known values, and of their magnitudes, over stretches.

        Args:
            ends: Indices after the last of each stretch.
            lengths: Steps of each; it is cut at the first value.
        """
        counts, sums, magnitudes = (
            self._sums[:, ends] - self._sums[:, np.maximum(ends - lengths, 0)]
        )
        return sums / counts, magnitudes / counts


class Rows(NamedTuple):
    """Features of some steps to forecast, and what turns a forecast into the series' units.

    Attributes:
        features: float32 (M, F).
        level: float64 (M,), mean of the newest values before each origin.
        scale: float64 (M,), mean of their magnitudes: what values are divided by.
        last: float64 (M,), the last known value before each origin; NaN: none of the newest.
        season: float64 (M,), mean of the same step of the last seasons; NaN: not known.
    """

    features: NDArray[np.float32]
    level: Floats
    scale: Floats
    last: Floats
    season: Floats

    def part(self, which: slice | NDArray[np.bool_]) -> Rows:
        """Returns some of them."""
        features, *others = self
        level, scale, last, season = (each[which] for each in others)
        return Rows(features[which], level, scale, last, season)


@dataclass(frozen=True)
class FeatureMaker:
    """Makes features of steps after origins.

    Attributes:
        calendar: That of the series.
        periods: Lengths of the seasons that are looked at, rising; may be empty.
        least_scale: Values are divided by no less than this, above 0.
        regressors: How many there are.
    """

    calendar: Calendar
    periods: tuple[int, ...]
    least_scale: float
    regressors: int

    @classmethod
    def for_series(cls, series: RegularSeries, regressors: int) -> FeatureMaker:
        """Returns one that suits a series.

        Looked at are its season, and longer ones of its calendar that it has three times.

        Args:
            series: What a model is fitted to.
            regressors: How many regressors there are.
        """
        longest = len(series) // 3
        longer = {each for each in series.calendar.periods if series.season_length < each}
        periods = {series.season_length} | {each for each in longer if each <= longest}
        magnitude = float(np.nanmean(np.abs(series.values)))
        return cls(
            series.calendar, tuple(sorted(periods - {1})), 0.05 * magnitude or 1.0, regressors
        )

    @property
    def level_steps(self) -> int:
        """Steps that the level is the mean of: the longest season, or at least 14."""
        return max(*self.periods, _SHORTEST_LEVEL) if self.periods else _SHORTEST_LEVEL

    @property
    def lookback(self) -> int:
        """Steps before an origin that features are made of, for forecasts within a season."""
        longest = max(self.periods, default=1)
        seasons = max((_SEASONS + 1) * longest, _LONG_LEVELS * self.level_steps)
        return max(seasons, self._day * _FARTHEST_LIKE_DAY) + _RECENT

    @property
    def names(self) -> tuple[str, ...]:
        """What the features are called, in order."""
        names = ["step", *(f"value {number} before" for number in range(1, _RECENT + 1))]
        names += ["last difference"]
        names += [f"mean of {length}" for length in self._mean_lengths]
        for period in self.periods:
            names += [f"{number} x {period} before" for number in range(1, _SEASONS + 1)]
            names += [f"{period} + 1 before", f"{period} - 1 before", f"mean at {period}"]
            names += [f"deviation {number} at {period}" for number in range(1, _DEVIATIONS + 1)]
            names += [f"carried at {period}", f"difference to {period} before"]
        names += ["mean of like days"] if self._day else []
        names += [*self._calendar_names]
        return (*names, *(f"regressor {number}" for number in range(self.regressors)))

    def calendar_features(self, positions: Integers) -> Floats:
        """Returns the features that only the calendar tells.

        Args:
            positions: int64 (M,), the steps to forecast.

        Returns:
            float64 (M, C).
        """
        starts = self.calendar.timestamps_us(positions)
        days, within = np.divmod(to_local(starts, self.calendar.zone), DAY_US)
        if isinstance(self.calendar, Months):
            # On which weekday a month begins tells nothing.
            return np.stack([months_of(days) % YEAR_MONTHS, *_circle(days / _YEAR_DAYS)], axis=1)
        # 1970-01-01 was a Thursday: 3 with Monday as 0.
        weekdays = ((days + 3) % 7).astype(np.float64)
        columns = [weekdays, *_circle(days / _YEAR_DAYS)]
        if self._is_within_days:
            hours = within / DAY_US
            columns += [hours, *_circle(hours), weekdays + hours]
        return np.stack(columns, axis=1)

    def rows(self, history: History, origins: Integers, steps: Integers, beside: Floats) -> Rows:
        """Makes features; nothing at or after an origin is looked at.

        Args:
            history: The values.
            origins: int64 (M,), how many values are known.
            steps: int64 (M,), which step after each is to be forecast, from 1.
            beside: float64 (M, C + R), calendar features and regressors of these steps.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            lengths = np.array((self.level_steps, *self._mean_lengths))
            means, magnitudes = history.means(origins[:, None], lengths)
            level = means[:, 0]
            scale = np.fmax(magnitudes[:, 0], self.least_scale)
            values = history.at(self._indices(history.clock, origins, steps))
            values = (values - level[:, None]) / scale[:, None]
            rolling = (means[:, 1:] - level[:, None]) / scale[:, None]
            blocks, season = self._blocks(values)
            if self._day:
                days = self._like_days(history.clock, origins, steps, beside)
                like = _mean_of_known(history.at(days))
                blocks = [*blocks, ((like - level) / scale)[:, None]]
        recent = values[:, :_RECENT]
        features = np.concatenate(
            [steps[:, None], recent, recent[:, :1] - recent[:, 1:2], rolling, *blocks, beside],
            axis=1,
            dtype=np.float32,
        )
        return Rows(
            features, level, scale, _first_known(recent) * scale + level, season * scale + level
        )

    def _indices(self, clock: Clock, origins: Integers, steps: Integers) -> Integers:
        """Returns which values are looked at: the newest, then period by period.

        Of a period: those whole periods before the step to forecast, its neighbours a period
        before, and those whole periods before the newest ones; all by the clock.
        """
        starts, targets = origins[:, None], (origins + steps - 1)[:, None]
        newest, known = starts - _GRID_NEWEST, starts - _LESS_KNOWN
        parts = [starts - _NEWEST]
        for period in self.periods:
            shown = clock.for_season(period)
            # So many periods before the step to forecast, values are known.
            back = shown.back_to_known(targets, known, period) + period * _MORE_PERIODS
            parts += [shown.before(targets, back) + _BESIDE]
            parts += [shown.before(newest, period * _GRID_PAST)]
        return np.concatenate(parts, axis=1)

    def _like_days(
        self, clock: Clock, origins: Integers, steps: Integers, beside: Floats
    ) -> Integers:
        """Returns the indices of the step to forecast on the newest days of its kind."""
        back = self._day * _DAYS_BACK[beside[:, 0].astype(np.int64)]
        indices = clock.for_season(self._day).before((origins + steps - 1)[:, None], back)
        return np.where(indices < origins[:, None], indices, -1)

    def _blocks(self, values: Floats) -> tuple[Sequence[Floats], Floats]:
        """Returns the features of each period, and the mean at the longest."""
        blocks: list[Floats] = []
        mean = np.full((len(values), 1), np.nan)
        recent = values[:, :_DEVIATIONS]
        start = _RECENT
        for _ in self.periods:
            seasons = values[:, start : start + _SEASONS]
            neighbours = values[:, start + _SEASONS : start + _SEASONS + 2]
            start += _SEASONS + 2
            past = values[:, start : start + _DEVIATIONS * _SEASONS]
            start += _DEVIATIONS * _SEASONS
            mean = _mean_of_known(seasons)[:, None]
            past = past.reshape(len(values), _DEVIATIONS, _SEASONS)
            deviations = recent - _mean_of_known(past)
            blocks += [seasons, neighbours, mean, deviations, mean + deviations[:, :1]]
            blocks += [recent[:, :1] - past[:, 0, :1]]
        return blocks, mean[:, 0]

    @property
    def _mean_lengths(self) -> tuple[int, ...]:
        return tuple(sorted({_SHORT_MEAN, *self.periods, _LONG_LEVELS * self.level_steps}))

    @property
    def _day(self) -> int:
        """Steps of a day; 0 where they are no season."""
        steps = round(_DAY_S / self.calendar.step_s) if self._is_within_days else 0
        return steps if steps in self.periods else 0

    @property
    def _is_within_days(self) -> bool:
        return 0 < self.calendar.step_s < _DAY_S

    @property
    def _calendar_names(self) -> tuple[str, ...]:
        first = "month" if isinstance(self.calendar, Months) else "weekday"
        names = [first, "sine of the year", "cosine of the year"]
        if self._is_within_days:
            names += ["hour", "sine of the day", "cosine of the day", "hour of the week"]
        return tuple(names)


_NEWEST = np.arange(1, _RECENT + 1)
# Of a period: the last seasons, and the neighbours of the step a period before. How many periods
# each is further back, how far beside that step, and of how many values less it is told: the
# neighbour after a step must be known as well.
_MORE_PERIODS = np.array([*range(_SEASONS), 0, 0])
_BESIDE = np.array([0] * _SEASONS + [-1, 1])
_LESS_KNOWN = np.array([0] * _SEASONS + [0, 1])
_GRID_NEWEST = np.repeat(np.arange(1, _DEVIATIONS + 1), _SEASONS)
_GRID_PAST = np.tile(np.arange(1, _SEASONS + 1), _DEVIATIONS)


def _days_back() -> Integers:
    """Returns how far back like days are: int64 (7, 10), by weekday.

    Free days have fewer; in place of others stands what lies before every series.
    """
    table = np.full((7, _LIKE_WORKING_DAYS), np.iinfo(np.int32).max, np.int64)
    back = np.arange(1, 7 * _LIKE_FREE_DAYS)
    for weekday, row in enumerate(table):
        is_working = weekday < _WORKING_DAYS
        like = back[((weekday - back) % 7 < _WORKING_DAYS) == is_working]
        count = _LIKE_WORKING_DAYS if is_working else _LIKE_FREE_DAYS
        row[:count] = like[:count]
    return table


_DAYS_BACK = _days_back()
_FARTHEST_LIKE_DAY = int(_DAYS_BACK[_DAYS_BACK < 7 * _LIKE_FREE_DAYS].max())


def _circle(turns: Floats) -> tuple[Floats, Floats]:
    """Returns where the hand of a clock is after so many turns."""
    return np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)


def _mean_of_known(values: Floats) -> Floats:
    """Returns the means over the last axis of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1))


def _first_known(values: Floats) -> Floats:
    """Returns the first of each row that is not NaN; NaN where all are."""
    first = np.isnan(values).argmin(axis=1)
    return np.asarray(values[np.arange(len(values)), first])
