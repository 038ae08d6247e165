"""The command `lintel masks`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lintel.cli import sheets
from lintel.cli.boxes import GivenBoxes, read_boxes
from lintel.cli.engines import Engine, JudgedFace, MaskChoices
from lintel.cli.files import make_folder
from lintel.cli.listing import csv_option, list_results
from lintel.cli.names import counted, shown
from lintel.cli.options import number_option, overwrite_option, pictures_argument, place_options
from lintel.cli.outputs import PictureOutput
from lintel.cli.pictures import PictureFile, find_pictures


@click.command(
    epilog="""\b
Examples:
  lintel masks photo.jpg
  lintel masks door --csv masks.csv --annotate judged
  lintel masks crops --whole-picture --csv masks.csv
  lintel detect door --csv - | lintel masks door --boxes - --csv masks.csv"""
)
@pictures_argument
@csv_option
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the pictures with boxes, labels and probabilities drawn on them; faces are"
    " blurred first.",
)
@click.option(
    "--show-faces", is_flag=True, help="With --annotate: leave faces as they are, for all to see."
)
@click.option(
    "--boxes",
    "boxes_file",
    metavar="FILE",
    help="Judge the boxes of a CSV file instead of looking for faces: columns"
    " image,x_min,y_min,x_max,y_max, as `lintel detect --csv` writes them; others are passed"
    ' over. "-" is standard input.',
)
@click.option(
    "--whole-picture", is_flag=True, help="Every picture is a crop of one face: look for none."
)
@number_option(
    "--min-score",
    0,
    1,
    "Leave out faces scored below this, 0 to 1. Default: the device's setting.",
)
@number_option(
    "--min-probability",
    0,
    1,
    'Label what is less probable than this, 0 to 1, "unsure". Default: the device\'s setting.',
)
@click.option("--model", metavar="NAME", help="Mask model. Default: the device's setting, mask.")
@overwrite_option
@place_options
def masks(
    pictures: tuple[str, ...],
    csv_file: str | None,
    annotate: Path | None,
    show_faces: bool,
    boxes_file: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Tells of every face in pictures whether it wears a mask, and wears it properly.

    PICTURES are files, and folders, in which pictures are found all the way down. Labels are
    with_mask, without_mask, incorrect_mask (nose, mouth or chin are bare) and unsure. Boxes are in
    pixels of the upright picture, from its top left corner; the CSV has one row a face, with the
    columns image, x_min, y_min, x_max, y_max, score, label, p_with_mask, p_without_mask and
    p_incorrect_mask: probabilities, which sum to 1.
    """
    if show_faces and annotate is None:
        raise click.UsageError("--show-faces needs --annotate: nothing else shows any.")
    _refuse_contradictions(boxes_file, options["whole_picture"], options["min_score"])
    names = {field.name for field in dataclasses.fields(MaskChoices)} - {"boxes"}
    choices = MaskChoices(**{name: options.pop(name) for name in names})
    found = find_pictures(pictures, leave_out=annotate)
    output = None if annotate is None else PictureOutput(annotate, overwrite)
    if output is not None:
        output.check(found.pictures)
    boxes = None if boxes_file is None else read_boxes(boxes_file)
    if boxes is not None:
        boxes.check(found.pictures)
    if annotate is not None:
        make_folder(annotate)
    work = _Work(choices, boxes, output, show_faces)
    sheet = sheets.mask_sheet()
    batch = list_results(sheet, work, found, csv_file, overwrite=overwrite, place=options)
    if annotate is not None and batch.served:
        click.echo(
            f"{counted(batch.served, 'picture')} annotated in {shown(str(annotate))}.",
            err=csv_file == sheets.STANDARD_OUTPUT,
        )
    batch.finish()


def _refuse_contradictions(
    boxes_file: str | None, whole_picture: bool, min_score: float | None
) -> None:
    if boxes_file is not None and whole_picture:
        raise click.UsageError("--boxes and --whole-picture contradict each other: give one.")
    if min_score is not None and (boxes_file is not None or whole_picture):
        raise click.UsageError(
            "--min-score is for faces that are looked for: leave it out with --boxes or"
            " --whole-picture."
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """Judges a picture, and draws what it finds where that is asked for.

    Attributes:
        choices: How to judge.
        boxes: Where the faces of the pictures are; None: they are looked for.
        output: Where annotated pictures go; None: there are none.
        show_faces: Leave faces as they are in them.
    """

    choices: MaskChoices
    boxes: GivenBoxes | None
    output: PictureOutput | None
    show_faces: bool

    def __call__(self, engine: Engine, picture: PictureFile, data: bytes) -> list[JudgedFace]:
        choices = self.choices
        if self.boxes is not None:
            choices = dataclasses.replace(choices, boxes=self.boxes.of(picture))
        if self.output is None:
            return engine.judge_masks(data, choices)
        from lintel.cli.annotation import annotate  # noqa: PLC0415 - not for --help

        self.output.refuse_existing(picture)
        faces = engine.judge_masks(data, choices)
        annotated = annotate(
            engine,
            data,
            faces,
            whole_picture=choices.whole_picture,
            show_faces=self.show_faces,
        )
        self.output.write(picture, annotated)
        return faces
