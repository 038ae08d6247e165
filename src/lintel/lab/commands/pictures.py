"""The pictures that commands look at: the options that choose them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli.names import counted, shown

if TYPE_CHECKING:
    from lintel.lab.annotations import AnnotatedPicture, AnnotationError
    from lintel.lab.training.faces import Face

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
)
_WHOLE_FRAMES = click.option(
    "--keep-whole-frames",
    is_flag=True,
    help="Have detectors look at pictures of one bare face too; classifiers of faces always do.",
)


def data_options(command: Command) -> Command:
    """Adds what `choose_pictures` takes."""
    return face_options(_WHOLE_FRAMES(command))


def face_options(command: Command) -> Command:
    """Adds what `choose_faces` takes."""
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


def choose_faces(
    data: Path,
    split: str,
    sources: tuple[str, ...],
    keep_duplicates: bool,
    *,
    smallest: float,
    keep_whole_frames: bool = False,
) -> tuple[str, tuple[Face, ...], tuple[Face, ...]]:
    """Reads the annotations and picks the faces that count: labelled, and large enough.

    Bare faces are as good as others here, whatever `keep_whole_frames` says: it is there for
    commands that look at pictures too.

    Returns:
        What they are, in words; the faces; and those of all splits.
    """
    from lintel.lab.training.faces import find_faces, select_faces  # noqa: PLC0415 - as above

    del keep_whole_frames
    errors: list[AnnotationError] = []
    faces = find_faces(data, report=errors.append)
    _tell_defects(errors)
    if split == ALL_SPLITS or not any(face.split for face in faces):
        split = ""
    everything = select_faces(faces, sources=sources, smallest=smallest, duplicates=keep_duplicates)
    chosen = select_faces(everything, split=split, duplicates=True)
    place = f"split {split}" if split else "all splits"
    return f"{data.name}, {place}, {counted(len(chosen), 'face')}", chosen, everything


def progress_bar(label: str, length: int) -> AbstractContextManager[Any]:
    """Makes a bar on standard error, where people look at it."""
    return click.progressbar(length=length, label=label, file=sys.stderr)


def _read(data: Path) -> tuple[AnnotatedPicture, ...]:
    """Reads the annotations, and tells of what had to be left out of them."""
    from lintel.lab.annotations import read_any  # noqa: PLC0415 - as above

    errors: list[AnnotationError] = []
    pictures = read_any(data, report=errors.append)
    _tell_defects(errors)
    return pictures


def _tell_defects(errors: Sequence[AnnotationError]) -> None:
    if errors:
        click.echo(
            f"{counted(len(errors), 'defect')} in the annotations left out, the first:"
            f" {shown(str(errors[0]))}",
            err=True,
        )
