"""Reading series from text files: a time and a number in every line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import click

from lintel.cli.files import FileFailedError
from lintel.cli.names import listed, shown

MOST_BYTES = 64 << 20
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where no option names one, and there are several: what data of counts and prices call theirs.
_USUAL_COLUMNS = ("value", "close", "count")
_TIME_COLUMN = re.compile(r"date|time|day|hour|month|timestamp|ds", re.IGNORECASE)
_WITHOUT_VALUE = frozenset({"", "null", "nan", "na", "n/a", "-"})
_LONGEST_SHOWN = 40
# Of times in files. No series reaches further, and clocks of other zones show years that there
# are not near the ends of what Python has.
_YEARS = range(1900, 2200)
_HOW_TIMES_ARE_WRITTEN = "write it as 2026-07-01, 2026-07-01 12:00 or 2026-07-01T12:00+02:00"


class TimeStyle(Enum):
    """How a file writes times; forecasts are written likewise."""

    DATE = "2026-07-01"
    LOCAL = "2026-07-01 12:00"
    OFFSET = "2026-07-01T12:00+02:00"

    def write(self, timestamp_us: int, zone: tzinfo) -> str:
        """Writes microseconds since 1970 UTC as the file would."""
        moment = (EPOCH + timedelta(microseconds=timestamp_us)).astimezone(zone)
        if self is TimeStyle.DATE and moment.time() == time():
            return moment.date().isoformat()
        seconds = "seconds" if moment.second else "minutes"
        timespec = "microseconds" if moment.microsecond else seconds
        if self is TimeStyle.OFFSET:
            return moment.isoformat(timespec=timespec)
        return moment.replace(tzinfo=None).isoformat(" ", timespec)


@dataclass(frozen=True, slots=True)
class TimeTable:
    """A series that was read from a file.

    Attributes:
        timestamps_us: Microseconds since 1970 UTC, rising.
        values: As many finite numbers.
        lines: The line in the file of each.
        column: What the file calls the values; "" where it has no header.
        style: How it writes times.
        gaps: Lines without a value, which were left out.
        regressors: What else the file tells of each value, by column.
        future: What it tells of times after the last value; empty where no regressors were
            asked for.
    """

    timestamps_us: list[int]
    values: list[float]
    lines: list[int]
    column: str
    style: TimeStyle
    gaps: int
    regressors: dict[str, list[float]]
    future: list[KnownStep]


class KnownStep(NamedTuple):
    """A time without a value of which something else is known.

    Attributes:
        timestamp_us: Microseconds since 1970 UTC.
        line: In the file.
        regressors: Finite numbers, by column.
    """

    timestamp_us: int
    line: int
    regressors: dict[str, float]


class _Line(NamedTuple):
    number: int
    cells: list[str]


class _Layout(NamedTuple):
    """Where times and values are in a line.

    Attributes:
        time: Index of the cell.
        value: Index of the cell.
        column: What the header calls the values.
        has_header: Whether there is one.
        regressors: Indices of the cells of what else is known, by column.
        most_cells: How many cells the first line has, and so every other at most.
    """

    time: int
    value: int
    column: str
    has_header: bool
    regressors: dict[str, int]
    most_cells: int

    @property
    def fewest_cells(self) -> int:
        """How many cells a line must have."""
        return 1 + max(self.time, self.value, *self.regressors.values())


def read_time_table(
    path: Path, zone: tzinfo, column: str = "", regressors: Sequence[str] = ()
) -> TimeTable:
    """Reads a series from a text file, and what else the file tells of its times.

    Cells are separated by commas, semicolons, tabs or blanks, with or without a header. Times are
    ISO 8601: dates, local times, or times with their offset from UTC. A cell without a value is a
    gap; where commas do not separate cells, they may stand for the decimal point.

    Args:
        path: The file.
        zone: Of times that do not tell theirs.
        column: Header of the values; "": the only column beside the times, or the one that is
            called value, close or count.
        regressors: Headers of what else is known: a number in every line that has a value, and
            in the lines after the last of them.

    Raises:
        FileFailedError: It cannot be read, has no such column, or a line is wrong; the message
            names the line by its number.
    """
    name = shown(str(path))
    separator, lines = _split(_read(path, name), name)
    if not lines:
        raise FileFailedError(f"{name} has no lines to read.")
    layout = _find_layout(lines[:2], column, tuple(regressors), name)
    body = lines[1:] if layout.has_header else lines
    reader = _Reader(name, zone, layout, decimal_comma=separator != ",")
    for line in body:
        reader.read(line)
    return reader.finished()


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise FileFailedError(f"{name} is larger than the limit of {MOST_BYTES >> 20} MiB.")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise FileFailedError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FileFailedError(f"{name} cannot be read: it is no text in UTF-8.") from error


def _split(text: str, name: str) -> tuple[str, list[_Line]]:
    """Returns what separates cells, and the lines that are not empty."""
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    first = numbered[0][1] if numbered else ""
    separator = next((mark for mark in (";", "\t", ",") if mark in first), "")
    if separator:
        return separator, list(_at_separators(numbered, separator, name))
    return separator, [_Line(number, _at_blanks(line)) for number, line in numbered]


def _at_separators(numbered: list[tuple[int, str]], separator: str, name: str) -> Iterator[_Line]:
    """Splits lines; what is in quotes may go on in the next, and has the number of the first."""
    # Not strict, it would take all that follows a quote that is not closed for one cell.
    rows = csv.reader((line for _, line in numbered), delimiter=separator, strict=True)
    begun = 0
    try:
        for row in rows:
            yield _Line(numbered[begun][0], [cell.strip() for cell in row])
            begun = rows.line_num
    except csv.Error as error:
        raise FileFailedError(
            f"{name}, line {numbered[begun][0]}: it is no table of text: {error}; is a quote not"
            " closed?"
        ) from error


def _at_blanks(line: str) -> list[str]:
    """Splits a line at blanks, but not a date from its time."""
    words = line.split()
    if len(words) > 2 and re.fullmatch(r"\d[\d:.]*", words[1]) and ":" in words[1]:
        return [f"{words[0]} {words[1]}", *words[2:]]
    return words


def _find_layout(
    lines: Sequence[_Line], column: str, regressors: tuple[str, ...], name: str
) -> _Layout:
    """Finds where things are by the first line, and the second where there is one."""
    first, second = lines[0], lines[-1]
    cells = first.cells
    if len(cells) < 2:
        raise FileFailedError(
            f"{name}, line {first.number}: a line has a time and a number, separated by a comma,"
            " a semicolon, a tab or blanks."
        )
    times = _times_among(cells)
    if times:
        return _layout_without_header(cells, times[0], (column, *regressors), name)
    at = _find_time(cells, second.cells)
    others = {cell: index for index, cell in enumerate(cells) if index != at}
    known = {found: others[found] for found in (_find(each, others, name) for each in regressors)}
    if column:
        chosen = [_find(column, others, name)]
    else:
        left = [cell for cell in others if cell not in known]
        usual = [cell for cell in left if cell.casefold() in _USUAL_COLUMNS]
        chosen = left if len(left) == 1 else usual
    if len(chosen) != 1:
        raise FileFailedError(
            f"{name} has the columns {listed(list(others))}: choose one with --column."
        )
    if chosen[0] in known:
        raise FileFailedError(
            f"{name}: the column {shown(chosen[0])} cannot be both the values and a regressor."
        )
    for taken in (chosen[0], *known):
        _check_once(taken, [cell for index, cell in enumerate(cells) if index != at], name)
    return _Layout(
        at,
        others[chosen[0]],
        chosen[0],
        has_header=True,
        regressors=known,
        most_cells=len(cells),
    )


def _times_among(cells: Sequence[str]) -> list[int]:
    """Returns the indices of the cells that are times."""
    return [index for index, cell in enumerate(cells) if _parse_time(cell) is not None]


def _find_time(header: Sequence[str], cells: Sequence[str]) -> int:
    """Returns the column of the times: what it holds tells more than what it is called."""
    # By its name alone a holiday would be one: it has "day" in it.
    likely = _times_among(cells[: len(header)]) or list(range(len(header)))
    return next((index for index in likely if _TIME_COLUMN.search(header[index])), likely[0])


def _check_once(column: str, columns: Sequence[str], name: str) -> None:
    if columns.count(column) > 1:
        raise FileFailedError(
            f"{name} has {columns.count(column)} columns {shown(column)}: which one is meant"
            " cannot be told; rename the others."
        )


def _find(column: str, columns: dict[str, int], name: str) -> str:
    """Returns a column as the header writes it."""
    folded = {each.casefold(): each for each in columns}
    found = column if column in columns else folded.get(column.casefold(), column)
    if found not in columns:
        raise FileFailedError(
            f"{name} has no column {shown(column)}; it has {listed(list(columns))}."
        )
    return found


def _layout_without_header(
    cells: list[str], at: int, columns: tuple[str, ...], name: str
) -> _Layout:
    for column in filter(None, columns):
        raise FileFailedError(f"{name} has no header, and so no column {shown(column)}.")
    if len(cells) != 2:
        raise FileFailedError(
            f"{name} has {len(cells)} columns and no header that tells which is which: a file"
            " without one has a time and a number in every line."
        )
    return _Layout(at, 1 - at, "", has_header=False, regressors={}, most_cells=len(cells))


def parse_moment(text: str, zone: tzinfo) -> int:
    """Reads a time in ISO 8601.

    Args:
        text: A date, a local time, or a time with its offset from UTC.
        zone: Of a time that does not tell its own.

    Returns:
        Microseconds since 1970 UTC.

    Raises:
        click.BadParameter: It is no time.
    """
    parsed = _parse_time(text)
    if parsed is None:
        raise click.BadParameter(f"{_short(text)} is no time; {_HOW_TIMES_ARE_WRITTEN}.")
    moment = parsed[1]
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return (aware - EPOCH) // MICROSECOND


class _Reader:
    """Reads line by line, each after the one before it.

    Args:
        name: Of the file, for messages.
        zone: Of times that do not tell theirs.
        layout: Where times and values are.
        decimal_comma: Whether a comma may be a decimal point.
    """

    def __init__(self, name: str, zone: tzinfo, layout: _Layout, *, decimal_comma: bool) -> None:
        self._name = name
        self._zone = zone
        self._layout = layout
        self._decimal_comma = decimal_comma
        self._styles: set[TimeStyle] = set()
        self._timestamps_us: list[int] = []
        self._values: list[float] = []
        self._lines: list[int] = []
        self._regressors: dict[str, list[float]] = {name: [] for name in layout.regressors}
        # The time and the number of the line before, whether it has a value or not.
        self._before: tuple[int, int] | None = None
        # Lines after the last value, until there is another.
        self._after: list[tuple[int, _Line]] = []
        self._gaps = 0

    def read(self, line: _Line) -> None:
        """Takes one line.

        Raises:
            FileFailedError: It is wrong.
        """
        place = f"{self._name}, line {line.number}"
        self._check_cells(line.cells, place)
        timestamp_us = self._time(line.cells[self._layout.time], place)
        self._check_rises(timestamp_us, place)
        self._before = timestamp_us, line.number
        value = self._number(line.cells[self._layout.value], place)
        if value is None:
            self._after.append((timestamp_us, line))
            return
        self._gaps += len(self._after)
        self._after.clear()
        self._timestamps_us.append(timestamp_us)
        self._values.append(value)
        self._lines.append(line.number)
        for name, number in self._known(line).items():
            self._regressors[name].append(number)

    def _check_cells(self, cells: list[str], place: str) -> None:
        if len(cells) < self._layout.fewest_cells:
            raise FileFailedError(f"{place}: it has {len(cells)} cells, too few.")
        most = self._layout.most_cells
        # A separator at the end of a line, which some programs write, tells nothing.
        if len(cells) > most and not (len(cells) == most + 1 and cells[-1] == ""):
            # Where commas separate cells, a decimal comma makes two of a number.
            hint = "" if self._decimal_comma else "; with decimal commas, separate by semicolons"
            raise FileFailedError(
                f"{place}: it has {len(cells)} cells, and the first line {most}{hint}."
            )

    def _check_rises(self, timestamp_us: int, place: str) -> None:
        if self._before is None or timestamp_us > self._before[0]:
            return
        before_us, number = self._before
        same = timestamp_us == before_us
        raise FileFailedError(
            f"{place}: its time is {'the same as' if same else 'earlier than'} that of line"
            f" {number}; times must rise."
        )

    def finished(self) -> TimeTable:
        """Returns what was read.

        Raises:
            FileFailedError: Nothing was.
        """
        if not self._values:
            raise FileFailedError(f"{self._name} has no values.")
        order = (TimeStyle.OFFSET, TimeStyle.LOCAL, TimeStyle.DATE)
        style = next(style for style in order if style in self._styles)
        future = self._future() if self._layout.regressors else []
        return TimeTable(
            self._timestamps_us,
            self._values,
            self._lines,
            self._layout.column,
            style,
            self._gaps + len(self._after) - len(future),
            self._regressors,
            future,
        )

    def _future(self) -> list[KnownStep]:
        """Returns what is known after the last value."""
        return [KnownStep(time, line.number, self._known(line)) for time, line in self._after]

    def _known(self, line: _Line) -> dict[str, float]:
        """Reads the regressors of a line.

        Raises:
            FileFailedError: One has no number.
        """
        place = f"{self._name}, line {line.number}"
        known = {}
        for name, index in self._layout.regressors.items():
            number = self._number(line.cells[index], place)
            if number is None:
                raise FileFailedError(
                    f"{place}: the regressor {shown(name)} has no number; it must be known at every"
                    " value, and after the last."
                )
            known[name] = number
        return known

    def _time(self, cell: str, place: str) -> int:
        parsed = _parse_time(cell)
        if parsed is None:
            raise FileFailedError(f"{place}: {_short(cell)} is no time; {_HOW_TIMES_ARE_WRITTEN}.")
        style, moment = parsed
        if moment.year not in _YEARS:
            raise FileFailedError(
                f"{place}: {_short(cell)} is not in the years {_YEARS[0]} to {_YEARS[-1]}."
            )
        self._styles.add(style)
        if moment.tzinfo is not None:
            return (moment - EPOCH) // MICROSECOND
        local = moment.replace(tzinfo=self._zone)
        timestamp_us = (local - EPOCH) // MICROSECOND
        back = (EPOCH + timedelta(microseconds=timestamp_us)).astimezone(self._zone)
        if style is TimeStyle.LOCAL and back.replace(tzinfo=None) != moment:
            raise FileFailedError(
                f"{place}: clocks in {self._zone} never showed {_short(cell)}; is --time-zone"
                " right?"
            )
        if self._before is not None and timestamp_us <= self._before[0]:
            # Where clocks go back an hour is shown twice; this is the second time.
            return (local.replace(fold=1) - EPOCH) // MICROSECOND
        return timestamp_us

    def _number(self, cell: str, place: str) -> float | None:
        """Returns the value of a cell, None where it has none."""
        if cell.casefold() in _WITHOUT_VALUE:
            return None
        text = cell.replace(",", ".") if self._decimal_comma and "." not in cell else cell
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise FileFailedError(f"{place}: {_short(cell)} is no number.")
        return number


def _parse_time(cell: str) -> tuple[TimeStyle, datetime] | None:
    """Reads an ISO 8601 time, and tells how it is written; None where it is none."""
    # All digits would be a date to Python, and to people a number.
    if not re.match(r"\d{4}-", cell):
        return None
    try:
        if len(cell) <= 10:
            return TimeStyle.DATE, datetime.combine(date.fromisoformat(cell), time())
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (TimeStyle.LOCAL if moment.tzinfo is None else TimeStyle.OFFSET), moment


def _short(cell: str) -> str:
    """Returns a cell fit for a message."""
    return shown(cell if len(cell) <= _LONGEST_SHOWN else f"{cell[:_LONGEST_SHOWN]}...") or '""'
