"""`lintel-lab crops`: faces cut out of annotated pictures."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel import terminal
from lintel.cli.files import whole_file
from lintel.cli.names import counted
from lintel.cli.options import number_option, overwrite_option
from lintel.lab.commands.train import read_faces, source_option, tell_crop

if TYPE_CHECKING:
    from lintel.lab.training.crops import CropError, Crops
    from lintel.lab.training.faces import Face

INDEX = "crops.csv"
COLUMNS = (
    *("crop", "split", "label", "image", "x_min", "y_min", "x_max", "y_max"),
    *("size", "source", "group", "duplicate_of"),
)
BATCH = 256
"""Faces that are cut at a time: memory is not to grow with their number."""


@click.command(
    epilog="""\b
Example:
  lintel-lab crops faces/index.csv --out crops --size 112
\b
Exit status: 0 all were cut, 1 some were empty or could not be read."""
)
@click.argument("annotations", type=click.Path(path_type=Path), metavar="ANNOTATIONS")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="For the crops, in DIR/SPLIT/LABEL, and crops.csv.",
)
@click.option(
    "--size",
    type=click.IntRange(8, 2048),
    default=112,
    show_default=True,
    metavar="PIXELS",
    help="Width and height of a crop.",
)
@number_option(
    "--margin",
    0,
    10,
    "Context round a face, as a share of its box's longer side on each side. Default: 0.2.",
)
@source_option
@overwrite_option
def crops(annotations: Path, out: Path, size: int, margin: float | None, **options: Any) -> None:
    """Cuts labelled faces out of their pictures, as the device does.

    ANNOTATIONS are of any form that `lintel-lab inspect` reads. Faces that come without splits are
    divided 80/10/10, by label, and never through a group. What is written can be trained on:
    `lintel-lab train mask --data DIR --set margin=0`.
    """
    from lintel.cli.sheets import csv_writer  # noqa: PLC0415 - not for --help
    from lintel.lab.training.crops import cut_faces  # noqa: PLC0415

    margin = 0.2 if margin is None else margin
    faces = read_faces(annotations, options["sources"])
    written: Counter[tuple[str, str]] = Counter()
    left_out: list[CropError] = []
    overwrite = options["overwrite"]
    with (
        csv_writer(str(out / INDEX), COLUMNS, overwrite=overwrite) as write,
        click.progressbar(length=len(faces), label="Cutting faces", file=sys.stderr) as bar,
    ):
        for start in range(0, len(faces), BATCH):
            cut = cut_faces(faces[start : start + BATCH], size, margin, report=left_out.append)
            names = _write(cut, out, start, overwrite=overwrite)
            write(_row(name, face) for name, face in zip(names, cut.faces, strict=True))
            written.update((face.split, face.label) for face in cut.faces)
            bar.update(min(BATCH, len(faces) - start))
    for (split, label), count in sorted(written.items()):
        click.echo(f"{split} {label}: {count}")
    for error in left_out:
        tell_crop(error)
    if left_out:
        click.echo(f"{counted(len(left_out), 'face')} left out.", err=True)
        raise click.exceptions.Exit(terminal.FAILED)


def _write(cut: Crops, out: Path, first: int, *, overwrite: bool) -> list[str]:
    """Writes crops, and returns their names."""
    import cv2  # noqa: PLC0415 - as above

    names = []
    for number, (face, pixels) in enumerate(zip(cut.faces, cut.pixels, strict=True), first):
        name = f"{face.split}/{face.label}/{number:06d}-{face.path.stem}.png"
        with whole_file(out / name, overwrite=overwrite) as file:
            file.write(cv2.imencode(".png", pixels)[1].tobytes())
        names.append(name)
    return names


def _row(name: str, face: Face) -> tuple[str, ...]:
    box = (f"{side:.2f}" for side in face.box)
    told = (f"{face.size:.1f}", face.source, face.group, face.duplicate_of)
    return (name, face.split, face.label, str(face.path), *box, *told)
