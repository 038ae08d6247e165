"""Work on pictures whose results are rows: of a CSV file, or of a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lintel.cli import sheets
from lintel.cli.batch import Batch
from lintel.cli.files import read_picture, refuse_existing
from lintel.cli.options import open_engine
from lintel.cli.pictures import FoundPictures, PictureFile

if TYPE_CHECKING:
    from lintel.cli.engines import Engine

Result = TypeVar("Result")

csv_option = click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    help='Write CSV to a file, or to standard output with "-", instead of a table.',
)


def list_results(
    sheet: sheets.Sheet[Result],
    work: Callable[[Engine, PictureFile, bytes], Result],
    found: FoundPictures,
    csv_file: str | None,
    *,
    overwrite: bool,
    place: dict[str, Any],
) -> Batch:
    """Works on pictures, and writes what comes of them as CSV or as a table.

    Args:
        sheet: How results become rows.
        work: Called with each picture and its bytes, from several threads.
        found: The pictures.
        csv_file: The CSV file, "-" for standard output; None: a table.
        overwrite: Take the place of a CSV file that is there.
        place: The options of `place_options`.

    Returns:
        The run, to be finished.
    """
    to_standard_output = csv_file == sheets.STANDARD_OUTPUT
    if csv_file is not None and not to_standard_output:
        refuse_existing(Path(csv_file), overwrite=overwrite)
    batch = Batch(found)
    with open_engine(**place) as engine:
        most = engine.settings.images.max_bytes
        results = batch.run(
            lambda picture: work(engine, picture, read_picture(picture.path, most)),
            engine.workers,
            quiet=to_standard_output,
        )
        if csv_file is None:
            table = sheets.Table(sheet.table_columns)
            for picture, result in results:
                table.extend(sheet.table_rows(picture.name, result))
            table.print()
        else:
            with sheets.csv_writer(csv_file, sheet.columns, overwrite=overwrite) as write:
                for picture, result in results:
                    write(sheet.rows(picture.name, result))
    return batch
