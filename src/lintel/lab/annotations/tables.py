"""CSV: a row a box, and a row with empty coordinates for a picture without one.

The shared index is such a file with all of Lintel's columns; other people's have fewer, under
other names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lintel.lab.annotations.collecting import (
    PictureCollector,
    Report,
    images_folder,
    inner_name,
    picture_path,
    refuse,
    without_repeats,
)
from lintel.lab.annotations.files import read_text, shortest, to_number, to_side
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.readings import Corners, Reading, fits
from lintel.lab.annotations.splits import to_split
from lintel.lab.errors import AnnotationError, Defect

INDEX_COLUMNS = (
    *("image", "split", "x_min", "y_min", "x_max", "y_max", "label"),
    *("source", "group", "duplicate_of", "whole_frame", "width", "height"),
)
_SIDES = Corners._fields
# What others call these columns; case and surrounding blanks do not count.
_OTHER_NAMES = {
    "image": ("name", "filename", "file_name", "file", "path", "image_path"),
    "x_min": ("x1", "xmin", "left"),
    "y_min": ("y1", "ymin", "top"),
    "x_max": ("x2", "xmax", "right"),
    "y_max": ("y2", "ymax", "bottom"),
    "label": ("classname", "class", "class_name", "category"),
}
_NAMES = {other: name for name, others in _OTHER_NAMES.items() for other in others}
_BY_AXIS = ("x_min", "x_max", "y_min", "y_max")
_FLAGS = {"": False, "0": False, "1": True}


class _Row(NamedTuple):
    """A row: its cells by Lintel's names of columns, and where it is."""

    cells: dict[str, str]
    field: str

    def of_picture(self) -> dict[str, str]:
        """Returns what must be the same in all rows of a picture."""
        of_box = {*_SIDES, "label", "ignored"}
        return {name: cell for name, cell in self.cells.items() if name not in of_box}


class _Table(NamedTuple):
    """A CSV file: Lintel's names of its columns in their order, and its rows by picture."""

    path: Path
    columns: tuple[str, ...]
    pictures: dict[str, list[_Row]]


class _Box(NamedTuple):
    """A box as a row has it, not yet held to its picture."""

    numbers: list[float]
    label: str
    ignored: bool
    field: str


class _Picture(NamedTuple):
    """A picture of a table, what is known of it, and its boxes to be."""

    collector: PictureCollector
    known: dict[str, Any]
    boxes: list[_Box]


def read_index(path: Path, *, report: Report = refuse) -> tuple[AnnotatedPicture, ...]:
    """Reads an index: a CSV file with all of `INDEX_COLUMNS`.

    Args:
        path: The CSV file; pictures are named relative to its folder.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in the order of the file.

    Raises:
        AnnotationError: Columns are missing; or see `report`.
    """
    table = _read_table(path, None, report)
    missing = [name for name in INDEX_COLUMNS if name not in table.columns]
    if missing:
        raise AnnotationError(f"there is no column {', '.join(missing)}.", path=path, field="row 1")
    return _read_pictures(table, path.parent, report)


def read_csv(
    path: Path,
    images: Path | None = None,
    *,
    columns: Sequence[str] | None = None,
    report: Report = refuse,
) -> tuple[AnnotatedPicture, ...]:
    """Reads a CSV file with a header, in pixels.

    Columns are known by Lintel's names (those of `INDEX_COLUMNS`, and `ignored`, 0 or 1) and by
    others in use, such as name, x1, xmin, classname. Those of the picture's name and the four
    coordinates must be there, in any order; unknown ones are passed over.

    Args:
        path: The CSV file.
        images: Folder that pictures are named relative to. Default: the file's folder where a
            picture is there, else `images` in or beside it.
        columns: What the columns really are, where the header is wrong, as in the Kaggle set
            "Face Mask Detection Dataset": its header is name, x1, x2, y1, y2, classname, and its
            values are x1, y1, x2, y2.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in the order of the file.

    Raises:
        AnnotationError: A column is missing, or the header contradicts the values; or see
            `report`.
    """
    table = _read_table(path, columns, report)
    if images is None:
        beside = any((path.parent / name).is_file() for name in table.pictures)
        images = path.parent if beside else images_folder(path.parent)
    return _read_pictures(table, images, report)


def write_csv(pictures: Iterable[AnnotatedPicture], path: Path, images: Path | None = None) -> None:
    """Writes a CSV file with `INDEX_COLUMNS` and `ignored`: beside its pictures, an index.

    Args:
        pictures: What to write; all of it is kept, exactly.
        path: The file to make; its folder is made if need be.
        images: Folder that pictures are named relative to. Default: the file's folder.

    Raises:
        AnnotationError: A picture lies elsewhere.
    """
    images = images or path.parent
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*INDEX_COLUMNS, "ignored"))
        for picture in pictures:
            writer.writerows(_to_rows(picture, inner_name(picture, images)))


def _to_rows(picture: AnnotatedPicture, name: str) -> list[tuple[object, ...]]:
    size = picture.width, picture.height
    known = picture.source, picture.group, picture.duplicate_of, int(picture.whole_frame), *size
    if not len(picture.boxes):
        return [(name, picture.split, "", "", "", "", "", *known, "")]
    return [
        (name, picture.split, *map(shortest, box), label, *known, int(ignored))
        for box, label, ignored in zip(picture.boxes, picture.labels, picture.ignored, strict=True)
    ]


def _read_table(path: Path, columns: Sequence[str] | None, report: Report) -> _Table:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    pictures: dict[str, list[_Row]] = {}
    try:
        header = next(reader, [])
        columns = _known_columns(columns or header, path)
        for cells in reader:
            field = f"row {reader.line_num}"
            if len(cells) == len(columns):
                row = _Row(dict(zip(columns, cells, strict=True)), field)
                pictures.setdefault(row.cells["image"], []).append(row)
            elif cells:
                problem = f"there are {len(cells)} cells and {len(columns)} columns."
                report(AnnotationError(problem, path=path, field=field))
    except csv.Error as error:
        raise AnnotationError(
            f"it is no CSV: {error}.", path=path, field=f"row {reader.line_num}"
        ) from error
    return _Table(path, columns, pictures)


def _known_columns(header: Sequence[str], path: Path) -> tuple[str, ...]:
    words = [word.strip().lower() for word in header]
    columns = tuple(_NAMES.get(word, word) for word in words)
    for name in ("image", *_SIDES):
        if columns.count(name) != 1:
            problem = "no column is" if name not in columns else "more than one column is"
            others = ", ".join(_OTHER_NAMES[name])
            raise AnnotationError(f"{problem} {name} (or {others}).", path=path, field="row 1")
    return columns


def _read_pictures(table: _Table, images: Path, report: Report) -> tuple[AnnotatedPicture, ...]:
    order = tuple(name for name in table.columns if name in _SIDES)
    reading = Reading.CORNERS_BY_AXIS if order == _BY_AXIS else Reading.CORNERS
    sides = order if order == _BY_AXIS else _SIDES
    found: list[_Picture] = []
    for name, rows in table.pictures.items():
        try:
            found.append(_collect(table.path, images, name, rows, sides, report))
        except AnnotationError as error:
            report(error)
    if reading is Reading.CORNERS_BY_AXIS:
        _check_header(table.path, found)
    for picture in found:
        for box in picture.boxes:
            picture.collector.add(
                box.numbers, reading, box.label, field=box.field, ignored=box.ignored
            )
    pictures = (picture.collector.finish(**picture.known) for picture in found)
    return without_repeats(pictures, table.path, report)


def _collect(
    path: Path,
    images: Path,
    name: str,
    rows: Sequence[_Row],
    sides: Sequence[str],
    report: Report,
) -> _Picture:
    """Opens a picture and parses its rows; the boxes wait until the header is checked."""
    first = rows[0]
    cells = first.cells
    split = to_split(cells.get("split", ""), path, first.field)

    def tell(error: AnnotationError) -> None:
        error.split = split
        report(error)

    recorded = [to_side(cells.get(side) or "0", path, first.field) for side in ("width", "height")]
    collector = PictureCollector(
        picture_path(images, name, path, first.field),
        path,
        tell,
        field=first.field,
        recorded=(recorded[0], recorded[1]),
    )
    known: dict[str, Any] = {
        column: cells.get(column, "") for column in ("source", "group", "duplicate_of")
    }
    known["split"] = split
    known["whole_frame"] = _flag(first, "whole_frame", path)
    boxes: list[_Box] = []
    for row in rows:
        try:
            boxes += _read_row(row, first, sides, path)
        except AnnotationError as error:
            tell(error)
    return _Picture(collector, known, boxes)


def _read_row(row: _Row, first: _Row, sides: Sequence[str], path: Path) -> list[_Box]:
    """Returns the one box of a row, or none where its coordinates are empty."""
    field = f"{row.field}, {row.cells['image']}"
    if row.of_picture() != first.of_picture():
        raise AnnotationError(
            f"it says other things of the picture than {first.field} does.",
            path=path,
            field=field,
            defect=Defect.CONTRADICTION,
        )
    if not any(row.cells[side].strip() for side in _SIDES):
        return []
    numbers = [to_number(row.cells[side], side, path, field) for side in sides]
    ignored = _flag(row, "ignored", path)
    return [_Box(numbers, row.cells.get("label", ""), ignored, field)]


def _flag(row: _Row, column: str, path: Path) -> bool:
    cell = row.cells.get(column, "").strip()
    if cell not in _FLAGS:
        raise AnnotationError(f"{column} is {cell!r}, not 0 or 1.", path=path, field=row.field)
    return _FLAGS[cell]


def _check_header(path: Path, pictures: Sequence[_Picture]) -> None:
    """Refuses a header x1, x2, y1, y2 over values x1, y1, x2, y2, as a well-known file has."""
    by_header = by_corners = total = 0
    for picture in pictures:
        width, height = picture.collector.width, picture.collector.height
        for box in picture.boxes:
            as_header = fits(box.numbers, Reading.CORNERS_BY_AXIS, width, height)
            as_corners = fits(box.numbers, Reading.CORNERS, width, height)
            by_header += as_header and not as_corners
            by_corners += as_corners and not as_header
            total += 1
    if by_corners > by_header:
        raise AnnotationError(
            f"the header says {', '.join(_BY_AXIS)}, but {by_corners} of {total} boxes are"
            f" possible only as {', '.join(_SIDES)} (and {by_header} only as the header says):"
            " the header seems wrong. Mend it, or name the columns yourself.",
            path=path,
            field="row 1",
            defect=Defect.CONTRADICTION,
        )
