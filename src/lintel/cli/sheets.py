"""Results as rows: CSV files for programs, tables for people."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Generic, NamedTuple, TypeVar

from lintel.cli.engines import JudgedFace
from lintel.cli.files import whole_file
from lintel.cli.names import shown

if TYPE_CHECKING:
    from lintel.cli.engines import Channel, Face, Measurements

Row = Sequence[str]
Result = TypeVar("Result")

STANDARD_OUTPUT = "-"
FACE_COLUMNS = ("image", "x_min", "y_min", "x_max", "y_max", "score")
MASK_COLUMNS = ("image", *JudgedFace._fields)
MASK_TABLE = (*FACE_COLUMNS, "label", "p")
COLOURS = ("red", "green", "blue")
_CHANNEL_COLUMNS = ("mean", "std", "min", "max", "clipped_low_share", "clipped_high_share")
STATISTICS_COLUMNS = (
    *("image", "mean", "std", "min", "max", "height", "width", "pixels"),
    *("bit_depth", "sharpness", "clipped_low_share", "clipped_high_share"),
    *(f"{colour}_{column}" for colour in COLOURS for column in _CHANNEL_COLUMNS),
)
HISTOGRAM_COLUMNS = tuple(f"hist_{value}" for value in range(256))


STATISTICS_TABLE = ("image", "mean", "std", "min", "max", "height", "width", "sharpness")


class Sheet(NamedTuple, Generic[Result]):
    """How results become rows, of a CSV file or of a table.

    Attributes:
        columns: Of the CSV file.
        rows: Makes the rows of a picture's result for it.
        table_columns: Of the table.
        table_rows: Makes the rows of a picture's result for it; cells missing at the end of a
            row are empty.
    """

    columns: Sequence[str]
    rows: Callable[[str, Result], Iterable[Row]]
    table_columns: Sequence[str]
    table_rows: Callable[[str, Result], Iterable[Row]]


def face_sheet() -> Sheet[list[Face]]:
    """Returns the sheet of faces: a row a face, best first."""
    return Sheet(
        FACE_COLUMNS,
        _face_rows,
        FACE_COLUMNS,
        lambda name, faces: _face_rows(name, faces) or [(name, "no face")],
    )


def mask_sheet() -> Sheet[list[JudgedFace]]:
    """Returns the sheet of mask verdicts: a row a face."""
    return Sheet(
        MASK_COLUMNS,
        lambda name, faces: [_verdict_row(name, face) for face in faces],
        MASK_TABLE,
        lambda name, faces: [_verdict_cells(name, face) for face in faces] or [(name, "no face")],
    )


def statistics_sheet(*, histogram: bool) -> Sheet[Measurements]:
    """Returns the sheet of measurements: a row a picture.

    Args:
        histogram: Append the 256 counts of grey to the CSV.
    """
    counts = HISTOGRAM_COLUMNS if histogram else ()
    return Sheet(
        (*STATISTICS_COLUMNS, *counts),
        lambda name, measured: [_statistics_row(name, measured, histogram=histogram)],
        STATISTICS_TABLE,
        lambda name, measured: [_statistics_cells(name, measured)],
    )


def _face_rows(name: str, faces: Iterable[Face]) -> list[Row]:
    """Keeps a hundredth of a pixel and a millionth of a score."""
    return [(name, *(f"{side:.2f}" for side in face[:4]), f"{face.score:.6f}") for face in faces]


def _verdict_row(name: str, face: JudgedFace) -> Row:
    probabilities = (face.p_with_mask, face.p_without_mask, face.p_incorrect_mask)
    numbers = (face.score, *probabilities)
    score, *shares = (f"{number:.6f}" for number in numbers)
    return (name, *(f"{side:.2f}" for side in face[:4]), score, face.label, *shares)


def _verdict_cells(name: str, face: JudgedFace) -> Row:
    sides = (f"{side:.0f}" for side in face[:4])
    return (name, *sides, f"{face.score:.2f}", face.label, f"{face.probability:.2f}")


def _statistics_row(name: str, measured: Measurements, *, histogram: bool) -> Row:
    """Returns a row for programs; grey pictures leave the columns of the colours empty."""
    grey = _channel_cells(measured.grey)
    size = (str(measured.height), str(measured.width), str(measured.pixel_count))
    more = (str(measured.bit_depth), _number(measured.sharpness))
    colours = [cell for channel in measured.channels for cell in _channel_cells(channel)]
    missing = [""] * (len(COLOURS) * len(_CHANNEL_COLUMNS) - len(colours))
    counts = [str(int(count)) for count in measured.grey.histogram] if histogram else []
    return (name, *grey[:4], *size, *more, *grey[4:], *colours, *missing, *counts)


def _statistics_cells(name: str, measured: Measurements) -> Row:
    """Returns a row for people: what they compare pictures by, rounded."""
    grey = measured.grey
    values = (grey.mean, grey.standard_deviation, grey.minimum, grey.maximum)
    return (
        name,
        *(f"{value:.1f}" for value in values),
        str(measured.height),
        str(measured.width),
        f"{measured.sharpness:.1f}",
    )


def _channel_cells(channel: Channel) -> tuple[str, ...]:
    return tuple(
        _number(value)
        for value in (
            channel.mean,
            channel.standard_deviation,
            channel.minimum,
            channel.maximum,
            channel.clipped_low_share,
            channel.clipped_high_share,
        )
    )


def _number(value: float) -> str:
    """Writes twelve digits: more than a measurement has, and no noise of binary fractions."""
    return f"{value:.12g}"


@contextmanager
def csv_writer(
    target: str, columns: Sequence[str], *, overwrite: bool
) -> Iterator[Callable[[Iterable[Row]], None]]:
    """Opens a CSV file for rows; it appears only when all of them are written.

    Args:
        target: The file, or "-" for standard output.
        columns: Its first row.
        overwrite: Take the place of a file that is there.

    Yields:
        What writes rows.

    Raises:
        FileFailedError: The file is there already, or cannot be written.
    """
    if target == STANDARD_OUTPUT:
        with _text(sys.stdout.buffer) as text:
            yield _rows_into(text, columns)
        return
    with whole_file(Path(target), overwrite=overwrite) as file, _text(file) as text:
        yield _rows_into(text, columns)


@contextmanager
def _text(stream: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    """Writes text to a stream of bytes that stays open afterwards."""
    # Names of files are bytes: those that are no UTF-8 go out as they came in.
    text = io.TextIOWrapper(
        stream, "utf-8", errors="surrogateescape", newline="", write_through=True
    )
    try:
        yield text
        text.flush()
    finally:
        text.detach()


def _rows_into(text: io.TextIOWrapper, columns: Sequence[str]) -> Callable[[Iterable[Row]], None]:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    return writer.writerows


class Table:
    """A table for people, printed when all rows are known.

    Args:
        columns: The first is a name and may break over lines; the others are numbers.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        from rich import box  # noqa: PLC0415 - only for people who look
        from rich.table import Table as RichTable  # noqa: PLC0415

        self._table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        self._table.add_column(columns[0], overflow="fold")
        for column in columns[1:]:
            self._table.add_column(column, justify="right", no_wrap=True)

    def extend(self, rows: Iterable[Row]) -> None:
        """Appends rows; empty cells at their ends may be left out."""
        from rich.text import Text  # noqa: PLC0415

        for name, *cells in rows:
            # Text, so that brackets in a file's name are not taken for markup.
            self._table.add_row(Text(shown(name)), *cells)

    def print(self) -> None:
        """Writes the table to standard output, unless it has no rows."""
        from rich.console import Console  # noqa: PLC0415

        if not self._table.row_count:
            return
        # Nothing is to break over lines where nobody's terminal is narrow.
        width = None if sys.stdout.isatty() else 10_000
        Console(width=width, highlight=False).print(self._table)
