"""From points as they come to a series on the calendar that they lie on."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast.calendars import Calendar, Days, FixedSteps, WorkingDays
from lintel.edge.tasks.forecast.series import Floats, RegularSeries, TimeSeries
from lintel.edge.tasks.forecast.zones import DAY_US, HOUR_US, SECOND_US, Integers, to_local

MAXIMUM_SEASON_LENGTH = 10_000
# Of the steps between the first point and the last. A shop that is open for eight hours on five
# days a week has a value at one hour in four.
_LEAST_KNOWN_SHARE = 0.1
_SHORTEST_DAY_US = 22 * HOUR_US
# So many weekends without a value: a series of working days.
_WEEKENDS = 2
_SEASONS_NEEDED = 2
_SATURDAY = 5


def regularise(series: TimeSeries, zone: ZoneInfo, season_length: int = 0) -> RegularSeries:
    """Finds the calendar and the season of a series, and puts its values on the calendar.

    Tried in turn: days of the time zone, days of UTC (dates are often sent as midnights of UTC;
    whichever begin at midnight come first), and steps of a fixed length, which is the greatest
    that all distances are multiples of. Days are working days where two weekends or more have
    passed and none has a value.

    The season is the longest of the calendar's that the series has twice: of hours the day (their
    week is known to the models that can use it), of days the week, of minutes the day where there
    are two, else the hour.

    Args:
        series: The points.
        zone: Whose hours and weekdays matter.
        season_length: Steps of a season; 1: none; 0: found.

    Raises:
        InvalidArgumentError: The points lie on no calendar, or are too few for the season;
            `field` names the index.
    """
    calendar = _find_calendar(series.timestamps_us, zone)
    positions = calendar.positions(series.timestamps_us)
    length = int(positions[-1] - positions[0]) + 1
    season = _find_season(calendar, length, season_length)
    first = int(positions[0])
    return RegularSeries(calendar, first, _place(series.values, positions, length), season)


def place_regressors(
    regular: RegularSeries, timestamps_us: Integers, history: Floats, future: Floats
) -> Floats:
    """Puts what else is known on the calendar of a series and of its forecast.

    Args:
        regular: The series.
        timestamps_us: int64 (N,), the points that it was made of.
        history: float64 (N, R), a column a regressor.
        future: float64 (horizon, R).

    Returns:
        float64 (len(regular) + horizon, R), NaN where the series has no value.
    """
    positions = regular.calendar.positions(timestamps_us)
    return np.concatenate([_place(history, positions, len(regular)), future])


def _place(values: Floats, positions: Integers, length: int) -> Floats:
    placed = np.full((length, *values.shape[1:]), np.nan)
    placed[positions - positions[0]] = values
    return placed


def _find_calendar(timestamps_us: Integers, zone: ZoneInfo) -> Calendar:
    for calendar in _calendars(timestamps_us, zone):
        positions = calendar.positions(timestamps_us)
        length = int(positions[-1] - positions[0]) + 1
        fits = np.array_equal(calendar.timestamps_us(positions), timestamps_us)
        if fits and len(timestamps_us) >= _LEAST_KNOWN_SHARE * length:
            return calendar
    distances = np.diff(timestamps_us)
    lengths, counts = np.unique(distances, return_counts=True)
    usual = int(lengths[counts.argmax()])
    # The distances have a common step, or else one of them is no multiple of the usual.
    odd = np.flatnonzero(distances % usual)
    index = int(odd[0] if len(odd) else distances.argmax()) + 1
    raise InvalidArgumentError(
        f"The timestamps must lie on regular steps of a second or more, at least one in ten with a "
        f"value: timestamp {index} is {distances[index - 1] / SECOND_US:g} seconds after the one "
        f"before it, where most are {usual / SECOND_US:g}.",
        field=f"timestamps_us[{index}]",
    )


def _calendars(timestamps_us: Integers, zone: ZoneInfo) -> Iterator[Calendar]:
    """Yields the calendars that the points may lie on."""
    distances = np.diff(timestamps_us)
    if distances.min() >= _SHORTEST_DAY_US:
        zones = dict.fromkeys((zone, ZoneInfo("UTC")))
        # Days that begin at midnight are taken for days before those that do not.
        yield from sorted(
            (_days(timestamps_us, each) for each in zones), key=lambda each: each.time_us != 0
        )
    step = int(np.gcd.reduce(distances))
    if step % SECOND_US == 0:
        yield FixedSteps(step, int(timestamps_us[0]) % step, zone)


def _days(timestamps_us: Integers, zone: ZoneInfo) -> Days | WorkingDays:
    local_us = to_local(timestamps_us, zone)
    times, counts = np.unique(local_us % DAY_US, return_counts=True)
    time_us = int(times[counts.argmax()])
    days = (local_us - time_us) // DAY_US
    every = int(np.gcd.reduce(np.diff(days))) or 1
    # 1970-01-01 was a Thursday: 3 with Monday as 0.
    at_weekends = ((days + 3) % 7 >= _SATURDAY).any()
    if every == 1 and not at_weekends and days[-1] - days[0] >= 7 * _WEEKENDS:
        return WorkingDays(zone, time_us)
    return Days(zone, time_us, every, int(days[0]) % every)


def _find_season(calendar: Calendar, length: int, season_length: int) -> int:
    if season_length == 0:
        usable = (
            period
            for period in reversed(calendar.periods)
            if period <= _longest(calendar) and _SEASONS_NEEDED * period <= length
        )
        return next(usable, 1)
    if not 1 <= season_length <= MAXIMUM_SEASON_LENGTH:
        raise InvalidArgumentError(
            f"A season has 1 to {MAXIMUM_SEASON_LENGTH} steps, or 0 to have it found; not "
            f"{season_length}.",
            field="season_length",
        )
    if season_length > 1 and length < _SEASONS_NEEDED * season_length:
        raise InvalidArgumentError(
            f"The series spans {length} steps, too few for a season of {season_length}: it must "
            f"span at least {_SEASONS_NEEDED} seasons.",
            field="season_length",
        )
    return season_length


def _longest(calendar: Calendar) -> int:
    """Returns the longest season that is assumed unasked: of steps in a day, the day."""
    if calendar.step_s == 0:
        return max(calendar.periods, default=1)
    return max(round(24 * 3600 / calendar.step_s), 1)
