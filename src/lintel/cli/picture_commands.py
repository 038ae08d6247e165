"""The commands that work on pictures: blur, detect, stats."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli import sheets
from lintel.cli.batch import Batch
from lintel.cli.files import make_folder, read_picture
from lintel.cli.listing import csv_option, list_results
from lintel.cli.names import counted, listed, shown
from lintel.cli.options import (
    number_option,
    open_engine,
    overwrite_option,
    pictures_argument,
    place_options,
)
from lintel.cli.outputs import PictureOutput
from lintel.cli.pictures import PictureFile, find_pictures

if TYPE_CHECKING:
    from lintel.cli.engines import BlurChoices, Engine

SUFFIX_OF_FORMAT = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}


@click.command(
    epilog="""\b
Examples:
  lintel blur photo.jpg --out blurred
  lintel blur holiday --out blurred --method fill --shape box --overwrite"""
)
@pictures_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the results; it is made if need be.",
)
@click.option(
    "--method",
    type=click.Choice(["fill", "pixelate", "gaussian"]),
    help="What takes the place of a face. Default: the device's setting, gaussian.",
)
@click.option(
    "--shape",
    type=click.Choice(["box", "ellipse"]),
    help="The outline of what is covered. Default: the device's setting, ellipse.",
)
@number_option(
    "--margin",
    0,
    2,
    "Reach beyond the face on every side, as a share of its size, 0 to 2."
    " Default: the device's setting, 0.3.",
)
@click.option(
    "--whole-frame", is_flag=True, help="Cover whole pictures, without looking for faces."
)
@number_option(
    "--min-score",
    0,
    1,
    "Leave faces scored below this, 0 to 1, as they are. Default: the device's setting.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(list(SUFFIX_OF_FORMAT)),
    help="Format of the results. Default: as each picture came.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=85,
    show_default=True,
    help="Quality of JPEG and WebP.",
)
@overwrite_option
@place_options
def blur(
    pictures: tuple[str, ...],
    out: Path,
    overwrite: bool,
    **options: Any,
) -> None:
    """Writes pictures anew with every found face destroyed.

    PICTURES are files, and folders, in which pictures are found all the way down. Results keep
    their names and their places in a folder; metadata, such as where a picture was taken, does
    not survive. A picture that cannot be blurred is not written.
    """
    from lintel.cli.engines import BlurChoices  # noqa: PLC0415

    choices = BlurChoices(
        **{field.name: options.pop(field.name) for field in dataclasses.fields(BlurChoices)}
    )
    if choices.whole_frame and choices.min_score is not None:
        raise click.UsageError(
            "--min-score is for faces that are looked for: leave it out with --whole-frame."
        )
    output = PictureOutput(out, overwrite, SUFFIX_OF_FORMAT.get(choices.output_format or "", ""))
    found = find_pictures(pictures, leave_out=out)
    output.check(found.pictures)
    engine = open_engine(**options)
    make_folder(out)
    batch = Batch(found)
    with engine:
        faces = {
            picture.name: count
            for picture, count in batch.run(
                lambda picture: blur_file(engine, picture, choices, output),
                engine.workers,
            )
        }
    _tell_blurred(faces, output, whole_frame=choices.whole_frame)
    batch.finish()


def blur_file(
    engine: Engine, picture: PictureFile, choices: BlurChoices, output: PictureOutput
) -> int:
    """Blurs one file into another.

    Returns:
        How many faces were destroyed.

    Raises:
        LintelError: The picture cannot be served, ...
        PictureRefusedError: ... or not by the server,
        FileFailedError: ... or not read or written.
    """
    output.refuse_existing(picture)
    blurred = engine.blur(read_picture(picture.path, engine.settings.images.max_bytes), choices)
    output.write(picture, blurred.data)
    return blurred.faces


def _tell_blurred(faces: dict[str, int], output: PictureOutput, *, whole_frame: bool) -> None:
    if not faces:
        return
    where = shown(str(output.folder))
    if whole_frame:
        click.echo(f"{counted(len(faces), 'picture')} covered whole in {where}.")
        return
    total = sum(faces.values())
    click.echo(
        f"{counted(len(faces), 'picture')} written to {where}, {counted(total, 'face')} blurred."
    )
    without = [name for name, count in faces.items() if not count]
    if without:
        click.echo(f"No face was found in {listed(without)}: look before you share.")


@click.command(
    epilog="""\b
Examples:
  lintel detect photo.jpg
  lintel detect holiday --csv faces.csv --min-score 0.5"""
)
@pictures_argument
@csv_option
@number_option(
    "--min-score",
    0,
    1,
    "Leave out faces scored below this, 0 to 1. Default: the device's setting.",
)
@overwrite_option
@place_options
def detect(
    pictures: tuple[str, ...],
    csv_file: str | None,
    min_score: float | None,
    overwrite: bool,
    **place: Any,
) -> None:
    """Finds the faces in pictures.

    PICTURES are files, and folders, in which pictures are found all the way down. Boxes are in
    pixels of the upright picture, from its top left corner; the CSV has one row a face, with the
    columns image,x_min,y_min,x_max,y_max,score.
    """
    list_results(
        sheets.face_sheet(),
        lambda engine, _, data: engine.detect(data, min_score),
        find_pictures(pictures),
        csv_file,
        overwrite=overwrite,
        place=place,
    ).finish()


@click.command(
    epilog="""\b
Examples:
  lintel stats photo.jpg
  lintel stats holiday --csv statistics.csv"""
)
@pictures_argument
@csv_option
@click.option("--histogram", is_flag=True, help="Add the 256 counts of grey to the CSV.")
@overwrite_option
@place_options
def stats(
    pictures: tuple[str, ...],
    csv_file: str | None,
    histogram: bool,
    overwrite: bool,
    **place: Any,
) -> None:
    """Measures pictures: brightness, contrast, sharpness, clipping.

    PICTURES are files, and folders, in which pictures are found all the way down. Mean, standard
    deviation, minimum and maximum are of grey = 0.2989 R + 0.5870 G + 0.1140 B; the CSV has those
    of each colour too.
    """
    if histogram and csv_file is None:
        raise click.UsageError("--histogram needs --csv: a table has no room for 256 columns.")
    list_results(
        sheets.statistics_sheet(histogram=histogram),
        lambda engine, _, data: engine.statistics(data),
        find_pictures(pictures),
        csv_file,
        overwrite=overwrite,
        place=place,
    ).finish()
