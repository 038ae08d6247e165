"""Reading series from text files: a time and a number in every line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

from lintel.cli.files import FileFailedError
from lintel.cli.names import abridged, shown
from lintel.cli.table_layouts import Layout, Line, find_layout, split_lines
from lintel.cli.times import EPOCH, HOW_TIMES_ARE_WRITTEN, MICROSECOND, TimeStyle, parse_time

MOST_BYTES = 64 << 20
_WITHOUT_VALUE = frozenset({"", "null", "nan", "na", "n/a", "-"})
# Of times in files. No series reaches further, and clocks of other zones show years that there
# are not near the ends of what Python has.
_YEARS = range(1900, 2200)


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


def read_time_table(
    path: Path, zone: tzinfo, column: str = "", regressors: Sequence[str] = ()
) -> TimeTable:
    """Reads a series from a text file, and what else the file tells of its times.

    Cells are separated by commas, semicolons, tabs or blanks, with or without a header. Times are
    ISO 8601: months, dates, local times, or times with their offset from UTC. A cell without a
    value is a gap; where commas do not separate cells, they may stand for the decimal point.

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
    separator, lines = split_lines(_read(path, name), name)
    if not lines:
        raise FileFailedError(f"{name} has no lines to read.")
    layout = find_layout(lines[:2], column, tuple(regressors), name)
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


class _Reader:
    """Reads line by line, each after the one before it.

    Args:
        name: Of the file, for messages.
        zone: Of times that do not tell theirs.
        layout: Where times and values are.
        decimal_comma: Whether a comma may be a decimal point.
    """

    def __init__(self, name: str, zone: tzinfo, layout: Layout, *, decimal_comma: bool) -> None:
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
        self._after: list[tuple[int, Line]] = []
        self._gaps = 0

    def read(self, line: Line) -> None:
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

    def _known(self, line: Line) -> dict[str, float]:
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
        parsed = parse_time(cell)
        if parsed is None:
            raise FileFailedError(f"{place}: {abridged(cell)} is no time; {HOW_TIMES_ARE_WRITTEN}.")
        style, moment = parsed
        if moment.year not in _YEARS:
            raise FileFailedError(
                f"{place}: {abridged(cell)} is not in the years {_YEARS[0]} to {_YEARS[-1]}."
            )
        self._styles.add(style)
        if moment.tzinfo is not None:
            return (moment - EPOCH) // MICROSECOND
        local = moment.replace(tzinfo=self._zone)
        timestamp_us = (local - EPOCH) // MICROSECOND
        back = (EPOCH + timedelta(microseconds=timestamp_us)).astimezone(self._zone)
        if style is TimeStyle.LOCAL and back.replace(tzinfo=None) != moment:
            raise FileFailedError(
                f"{place}: clocks in {self._zone} never showed {abridged(cell)}; is --time-zone"
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
            raise FileFailedError(f"{place}: {abridged(cell)} is no number.")
        return number
