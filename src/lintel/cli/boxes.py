"""Boxes of faces from a CSV file, as `lintel detect --csv` writes it."""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from lintel.cli.engines import FaceBox
from lintel.cli.files import FileFailedError
from lintel.cli.names import shown
from lintel.cli.pictures import PictureFile

STANDARD_INPUT = "-"
COLUMNS = ("image", *FaceBox._fields)


class GivenBoxes:
    """The boxes of a file, by picture.

    Args:
        source: What the file is called to people.
        boxes: Each with the name of its picture.
    """

    def __init__(self, source: str, boxes: Iterable[tuple[str, FaceBox]]) -> None:
        self._source = source
        self._boxes: dict[str, list[FaceBox]] = {}
        for name, box in boxes:
            self._boxes.setdefault(_key(name), []).append(box)

    def of(self, picture: PictureFile) -> tuple[FaceBox, ...]:
        """Returns the boxes of a picture in the order of the file; none where it has none."""
        return tuple(self._boxes.get(_key(picture.name), ()))

    def check(self, pictures: list[PictureFile]) -> None:
        """Checks that the file tells of these pictures: names are easily mistaken.

        A file without any boxes tells that there are no faces.

        Raises:
            FileFailedError: It tells only of others.
        """
        if self._boxes and pictures and not any(map(self.of, pictures)):
            raise FileFailedError(
                f"{self._source} has no boxes of any of the pictures: its column image must name"
                " them as the command line does."
            )


def read_boxes(file: str) -> GivenBoxes:
    """Reads a CSV file with the columns `COLUMNS`; others are passed over.

    A row without any numbers, as some files have it for a picture without faces, has no box.

    Args:
        file: Its name; "-" for standard input.

    Raises:
        FileFailedError: It cannot be read, a column is missing, or a row has no box.
    """
    is_piped = file == STANDARD_INPUT
    source = "Standard input" if is_piped else shown(file)
    try:
        data = sys.stdin.buffer.read() if is_piped else Path(file).read_bytes()
    except OSError as error:
        raise FileFailedError(f"{source} cannot be read: {error.strerror}.") from error
    return GivenBoxes(source, _rows(data, source))


def _rows(data: bytes, source: str) -> Iterator[tuple[str, FaceBox]]:
    # Names of files are bytes: those that are no UTF-8 come in as they went out.
    text = io.StringIO(data.decode("utf-8-sig", errors="surrogateescape"), newline="")
    reader = csv.DictReader(text, restval="")
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise FileFailedError(f"{source} has no column {', '.join(missing)}.")
        for row in reader:
            cells = [row[name].strip() for name in FaceBox._fields]
            if any(cells):
                yield row["image"], _box(cells, f"{source}, line {reader.line_num}")
    except csv.Error as error:
        raise FileFailedError(f"{source}, line {reader.reader.line_num} is no CSV.") from error


def _box(cells: list[str], place: str) -> FaceBox:
    try:
        box = FaceBox._make(float(cell) for cell in cells)
    except ValueError as error:
        raise FileFailedError(f"{place}: {', '.join(FaceBox._fields)} must be numbers.") from error
    if not all(map(math.isfinite, box)):
        raise FileFailedError(f"{place}: {', '.join(FaceBox._fields)} must be finite.")
    if box.x_min >= box.x_max or box.y_min >= box.y_max:
        raise FileFailedError(f"{place}: x_max must be greater than x_min, y_max than y_min.")
    return box


def _key(name: str) -> str:
    """Returns what a picture is known by, however the way to it is written."""
    return os.path.abspath(name)  # noqa: PTH100 - Path.resolve would ask the disk
