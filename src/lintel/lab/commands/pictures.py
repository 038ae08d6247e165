"""The pictures that commands look at: the options that choose them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli.names import counted, shown

if TYPE_CHECKING:
    from lintel.lab.annotations import AnnotatedPicture, AnnotationError

ALL_SPLITS = "all"

Command = Callable[..., Any]

_OPTIONS = (
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        required=True,
        help="Annotated pictures, in any of the forms that `lintel-lab inspect` reads.",
    ),
    click.option(
        "--split",
        default="val",
        show_default=True,
        metavar="NAME",
        help='Look at these pictures only; "all": at all of them, as always where none are told'
        " apart.",
    ),
    click.option(
        "--source",
        "sources",
        multiple=True,
        metavar="NAME",
        help="Of this source only; may be given again.",
    ),
    click.option(
        "--keep-duplicates", is_flag=True, help="Count near-copies of other pictures too."
    ),
    click.option("--keep-whole-frames", is_flag=True, help="Count pictures of one bare face too."),
)


def data_options(command: Command) -> Command:
    """Adds what `choose_pictures` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def choose_pictures(
    data: Path,
    split: str,
    sources: tuple[str, ...],
    keep_duplicates: bool,
    keep_whole_frames: bool,
) -> tuple[str, tuple[AnnotatedPicture, ...]]:
    """Reads the annotations and picks the pictures that count.

    Returns:
        What they are, in words, and the pictures.
    """
    from lintel.lab.evaluation import select_pictures  # noqa: PLC0415 - not for --help

    pictures = _read(data)
    if split == ALL_SPLITS or not any(picture.split for picture in pictures):
        split = ""
    chosen = select_pictures(
        pictures,
        split=split,
        sources=sources,
        duplicates=keep_duplicates,
        whole_frames=keep_whole_frames,
    )
    place = f"split {split}" if split else "all splits"
    return f"{data.name}, {place}, {counted(len(chosen), 'picture')}", chosen


def _read(data: Path) -> tuple[AnnotatedPicture, ...]:
    """Reads the annotations, and tells of what had to be left out of them."""
    from lintel.lab.annotations import read_any  # noqa: PLC0415 - as above

    errors: list[AnnotationError] = []
    pictures = read_any(data, report=errors.append)
    if errors:
        click.echo(
            f"{counted(len(errors), 'defect')} in the annotations left out, the first:"
            f" {shown(str(errors[0]))}",
            err=True,
        )
    return pictures
