"""Where things are in a text file of times and numbers: its separator, its header, its columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lintel.cli.files import FileFailedError
from lintel.cli.names import listed, shown
from lintel.cli.times import parse_time

# Where no option names one, and there are several: what data of counts and prices call theirs.
_USUAL_COLUMNS = ("value", "close", "count")
_TIME_COLUMN = re.compile(r"date|time|day|hour|month|timestamp|ds", re.IGNORECASE)


class Line(NamedTuple):
    """A line that is not empty: its number in the file, and its cells without blanks around."""

    number: int
    cells: list[str]


class Layout(NamedTuple):
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


def split_lines(text: str, name: str) -> tuple[str, list[Line]]:
    """Returns what separates cells, and the lines that are not empty."""
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    first = numbered[0][1] if numbered else ""
    separator = next((mark for mark in (";", "\t", ",") if mark in first), "")
    if separator:
        return separator, list(_at_separators(numbered, separator, name))
    return separator, [Line(number, _at_blanks(line)) for number, line in numbered]


def _at_separators(numbered: list[tuple[int, str]], separator: str, name: str) -> Iterator[Line]:
    """Splits lines; what is in quotes may go on in the next, and has the number of the first."""
    # Not strict, it would take all that follows a quote that is not closed for one cell.
    rows = csv.reader((line for _, line in numbered), delimiter=separator, strict=True)
    begun = 0
    try:
        for row in rows:
            yield Line(numbered[begun][0], [cell.strip() for cell in row])
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


def find_layout(
    lines: Sequence[Line], column: str, regressors: tuple[str, ...], name: str
) -> Layout:
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
        if not left:
            raise FileFailedError(
                f"{name}: --regressor names {listed(list(known))}, and no column is left for the"
                " values."
            )
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
    return Layout(
        at,
        others[chosen[0]],
        chosen[0],
        has_header=True,
        regressors=known,
        most_cells=len(cells),
    )


def _times_among(cells: Sequence[str]) -> list[int]:
    """Returns the indices of the cells that are times."""
    return [index for index, cell in enumerate(cells) if parse_time(cell) is not None]


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
) -> Layout:
    for column in filter(None, columns):
        raise FileFailedError(f"{name} has no header, and so no column {shown(column)}.")
    if len(cells) != 2:
        raise FileFailedError(
            f"{name} has {len(cells)} columns and no header that tells which is which: a file"
            " without one has a time and a number in every line."
        )
    return Layout(at, 1 - at, "", has_header=False, regressors={}, most_cells=len(cells))
