"""From points as they come to a series on the calendar that they lie on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast.calendars import (
    YEAR_MONTHS,
    Calendar,
    Days,
    FixedSteps,
    Months,
    WorkingDays,
    first_days,
    lengths_of_months,
    months_of,
)
from lintel.edge.tasks.forecast.series import Floats, RegularSeries, TimeSeries
from lintel.edge.tasks.forecast.zones import DAY_US, HOUR_US, SECOND_US, Integers, to_local

MAXIMUM_SEASON_LENGTH = 10_000
# Of the steps between the first point and the last. A shop that is open for eight hours on five
# days a week has a value at one hour in four.
_LEAST_KNOWN_SHARE = 0.1
_SHORTEST_DAY_US = 22 * HOUR_US
_SHORTEST_MONTH_US = 27 * DAY_US + _SHORTEST_DAY_US
# Two points a month apart may be so many days apart as well.
_MONTHS_NEEDED = 3
_LONGEST_MONTH = 31
# So many weekends without a value: a series of working days.
_WEEKENDS = 2
_SEASONS_NEEDED = 2
_SATURDAY = 5

_DayCalendar = TypeVar("_DayCalendar", bound=Days | WorkingDays | Months)


def regularise(series: TimeSeries, zone: ZoneInfo, season_length: int = 0) -> RegularSeries:
    """Finds the calendar and the season of a series, and puts its values on the calendar.

    Tried in turn: months of the time zone, months of UTC (dates are often sent as midnights of
    UTC; whichever begin at midnight come first), days of the two likewise, and steps of a fixed
    length, which is the greatest that all distances are multiples of. Months begin on the same
    day, or on their last, and three points tell them. Days are working days where two weekends or
    more have passed and none has a value.

    The season is the longest of the calendar's that the series has twice: of hours the day (their
    week is known to the models that can use it), of days the week, of months the year, of minutes
    the day where there are two, else the hour.

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
    index = _odd_one(timestamps_us, zone, usual)
    raise InvalidArgumentError(
        "The timestamps must lie on regular steps, of a second or more, of days or of months, at "
        f"least one in ten with a value: timestamp {index} is {_tell(int(distances[index - 1]))} "
        f"after the one before it, where most are {_tell(usual)}.",
        field=f"timestamps_us[{index}]",
    )


def _odd_one(timestamps_us: Integers, zone: ZoneInfo, usual_us: int) -> int:
    """Returns the index of the first point that does not lie where most do, at least 1."""
    distances = np.diff(timestamps_us)
    if usual_us >= _SHORTEST_MONTH_US:
        # Months differ in length: their distances do not tell which of them is wrong.
        for calendar in _by_zone(_months, timestamps_us, zone):
            begins = calendar.timestamps_us(calendar.positions(timestamps_us))
            odd = np.flatnonzero(begins != timestamps_us)
            if len(odd) < len(timestamps_us) / 2:
                return max(int(odd[0]), 1) if len(odd) else int(distances.argmax()) + 1
    # The distances have a common step, or else one of them is no multiple of the usual.
    odd = np.flatnonzero(distances % usual_us)
    return int(odd[0] if len(odd) else distances.argmax()) + 1


def _tell(length_us: int) -> str:
    """Tells a length of time in the largest unit that it is a multiple of."""
    for unit_us, unit in ((DAY_US, "day"), (HOUR_US, "hour")):
        if length_us % unit_us == 0:
            count = length_us // unit_us
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{length_us / SECOND_US:.15g} seconds"


def _calendars(timestamps_us: Integers, zone: ZoneInfo) -> Iterator[Calendar]:
    """Yields the calendars that the points may lie on."""
    distances = np.diff(timestamps_us)
    shortest = distances.min()
    if shortest >= _SHORTEST_MONTH_US and len(timestamps_us) >= _MONTHS_NEEDED:
        found = _by_zone(_months, timestamps_us, zone)
        yield from (each for each in found if _are_meant(each, timestamps_us))
    if shortest >= _SHORTEST_DAY_US:
        yield from _by_zone(_days, timestamps_us, zone)
    step = int(np.gcd.reduce(distances))
    if step % SECOND_US == 0:
        yield FixedSteps(step, int(timestamps_us[0]) % step, zone)


def _by_zone(
    find: Callable[[Integers, ZoneInfo], _DayCalendar], timestamps_us: Integers, zone: ZoneInfo
) -> list[_DayCalendar]:
    """Returns what is found in a zone and in UTC: first that which begins at midnight."""
    zones = dict.fromkeys((zone, ZoneInfo("UTC")))
    found = (find(timestamps_us, each) for each in zones)
    return sorted(found, key=lambda each: each.time_us != 0)


def _days(timestamps_us: Integers, zone: ZoneInfo) -> Days | WorkingDays:
    time_us, days = _split(timestamps_us, zone)
    every = int(np.gcd.reduce(np.diff(days))) or 1
    # 1970-01-01 was a Thursday: 3 with Monday as 0.
    at_weekends = ((days + 3) % 7 >= _SATURDAY).any()
    if every == 1 and not at_weekends and days[-1] - days[0] >= 7 * _WEEKENDS:
        return WorkingDays(zone, time_us)
    return Days(zone, time_us, every, int(days[0]) % every)


def _months(timestamps_us: Integers, zone: ZoneInfo) -> Months:
    time_us, days = _split(timestamps_us, zone)
    months = months_of(days)
    every = int(np.gcd.reduce(np.diff(months))) or 1
    dates, lengths = days - first_days(months) + 1, lengths_of_months(months)
    # That on which most steps begin; of days that are the last of all months, the largest.
    day = max(
        range(1, _LONGEST_MONTH + 1),
        key=lambda each: (int((dates == np.minimum(each, lengths)).sum()), each),
    )
    return Months(zone, time_us, every, int(months[0]) % every, day)


def _are_meant(months: Months, timestamps_us: Integers) -> bool:
    """Returns whether points on months are not rather so many days apart.

    Where all are as many days apart, as three months from the first of July on are, months are
    meant if they are parts of years or years, and begin on one day of the month or on its last.
    """
    _, days = _split(timestamps_us, months.zone)
    if len(np.unique(np.diff(days))) > 1:
        return True
    dates = days - first_days(months_of(days)) + 1
    on_one_day = months.day == _LONGEST_MONTH or bool((dates == months.day).all())
    return on_one_day and (len(months.periods) > 0 or months.every % YEAR_MONTHS == 0)


def _split(timestamps_us: Integers, zone: ZoneInfo) -> tuple[int, Integers]:
    """Returns the time of day at which most steps begin, and the days on which all do."""
    local_us = to_local(timestamps_us, zone)
    times, counts = np.unique(local_us % DAY_US, return_counts=True)
    time_us = int(times[counts.argmax()])
    return time_us, (local_us - time_us) // DAY_US


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
