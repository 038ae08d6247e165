"""Finding the pictures that a command line names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".webp")
"""What the names of pictures in folders end in, in lower case."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture to work on.

    Attributes:
        path: Where it is.
        name: What it is called to people and in CSV files: the path as given, or the folder as
            given joined with the place in it.
        place: Where it belongs under an output folder: its name, or its place in the folder
            that was given.
    """

    path: Path
    name: str
    place: Path


@dataclass(slots=True)
class FoundPictures:
    """The pictures of a command line.

    Attributes:
        pictures: In the order given; those of a folder sorted by their place in it.
        failures: Names that led to no picture, and why.
    """

    pictures: list[PictureFile] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


def find_pictures(arguments: Iterable[str], leave_out: Path | None = None) -> FoundPictures:
    """Finds the pictures that arguments name: files as they are, folders all the way down.

    In folders, pictures are known by their suffix; hidden files and folders are left out, and
    links to folders are not followed. A picture named twice is taken once.

    Args:
        arguments: Paths of files and folders.
        leave_out: A folder not to look into when it is met inside another: where earlier results
            may lie.
    """
    found = FoundPictures()
    seen: set[str] = set()
    for argument in arguments:
        if os.path.isdir(argument):  # noqa: PTH112 - Path.is_dir raises where it may not look
            pictures = _walk(argument, leave_out, found.failures)
        else:
            path = Path(argument)
            pictures = [PictureFile(path, argument, Path(path.name))]
        found.pictures += [picture for picture in pictures if picture.name not in seen]
        seen.update(picture.name for picture in pictures)
    return found


def _walk(
    argument: str, leave_out: Path | None, failures: list[tuple[str, str]]
) -> list[PictureFile]:
    """Returns the pictures of a folder, sorted; adds to `failures` what cannot be looked into."""

    def fail(error: OSError) -> None:
        failures.append((str(error.filename), f"It cannot be read: {error.strerror}."))

    places: list[Path] = []
    failed_before = len(failures)
    for parent, folders, files in os.walk(argument, onerror=fail):
        here = Path(parent)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not _same(here / name, leave_out)
        ]
        places += [
            (here / name).relative_to(argument)
            for name in files
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    if not places and len(failures) == failed_before:
        failures.append(
            (argument, f"No pictures are in it: no files end in {', '.join(SUFFIXES)}.")
        )
    return [
        PictureFile(Path(argument, place), os.path.join(argument, place), place)  # noqa: PTH118 - keeps "./"
        for place in sorted(places, key=lambda place: place.parts)
    ]


def _same(folder: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and folder.samefile(other)
