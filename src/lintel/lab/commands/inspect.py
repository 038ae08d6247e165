"""`lintel-lab inspect`: data looked at before training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lintel import terminal
from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import counted, shown
from lintel.cli.options import overwrite_option
from lintel.lab.commands.report_option import report_option

if TYPE_CHECKING:
    from lintel.lab.inspection import Inspection

TOLD = 10
COLUMNS = ("source", "split", "pictures", "empty", "copies", "crops", "boxes")


@click.command(
    epilog="""\b
Examples:
  lintel-lab inspect faces/index.csv --report report.html
  lintel-lab inspect coco/instances.json
\b
Exit status: 0 the data are sound, 1 they have defects."""
)
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@report_option("Write a page with everything, pictures too, and FILE.json beside it.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="NAME",
    help="Look at the pictures of this split only; may be given again.",
)
@overwrite_option
def inspect(data: Path, report: Path | None, splits: tuple[str, ...], overwrite: bool) -> None:
    """Looks at annotated pictures before anything is trained on them.

    DATA is a CSV file such as the shared index, a COCO file, an annotator's JSON, or a folder of
    those, of Pascal VOC or YOLO files, or of folders of pictures, one a class. Counts what there
    is by source, split, label and size, and looks for boxes that cannot be, pictures that are
    missing or damaged, and near-duplicates.
    """
    from lintel.lab.annotations import AnnotationError, read_any  # noqa: PLC0415 - not for --help
    from lintel.lab.inspection import inspect_pictures  # noqa: PLC0415

    targets = (report, report.with_suffix(".json")) if report else ()
    for target in targets:
        refuse_existing(target, overwrite=overwrite)
    errors: list[AnnotationError] = []
    pictures = [
        picture
        for picture in read_any(data, report=errors.append)
        if not splits or picture.split in splits
    ]
    if splits and not pictures:
        raise click.UsageError(f"There are no pictures of the split {', '.join(splits)}.")
    errors = [error for error in errors if not splits or error.split in {"", *splits}]
    with click.progressbar(
        pictures, label="Looking at pictures", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        inspection = inspect_pictures(bar, errors)
    _print(inspection)
    if report:
        _write(inspection, report, shown(str(data)), overwrite=overwrite)
    if not inspection.sound:
        raise click.exceptions.Exit(terminal.FAILED)


def _print(inspection: Inspection) -> None:
    from lintel.cli.sheets import Table  # noqa: PLC0415

    table = Table(COLUMNS)
    table.extend(
        (
            *(count.source or "-", count.split or "-"),
            *(str(count.pictures), str(count.empty), str(count.copies)),
            *(str(count.whole_frames), str(count.boxes)),
        )
        for count in inspection.counts
    )
    table.print()
    for finding in inspection.defects[:TOLD]:
        click.echo(f"{finding.defect}: {shown(finding.place)}: {shown(finding.problem)}")
    if len(inspection.defects) > TOLD:
        click.echo(f"and {len(inspection.defects) - TOLD} more")
    within = sum(first.split == second.split for first, second, _ in inspection.copies)
    if within:
        click.echo(
            f"{counted(within, 'pair')} of near-duplicates within a split, of no common group"
        )
    kinds = ", ".join(f"{count} {kind}" for kind, count in inspection.by_kind().items())
    click.echo(f"{counted(len(inspection.defects), 'defect')}: {kinds}" if kinds else "Sound.")


def _write(inspection: Inspection, report: Path, title: str, *, overwrite: bool) -> None:
    from lintel.lab.inspection import render_report, to_json  # noqa: PLC0415

    with whole_file(report, overwrite=overwrite) as file:
        file.write(render_report(inspection, title).encode())
    with whole_file(report.with_suffix(".json"), overwrite=overwrite) as file:
        file.write(to_json(inspection))
    click.echo(f"{shown(str(report))} shows all of it.")
