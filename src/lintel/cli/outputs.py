"""Where the pictures go that commands write."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import shown
from lintel.cli.pictures import PictureFile


class PictureOutput(NamedTuple):
    """Where pictures go.

    Attributes:
        folder: Under which they keep their names and places.
        overwrite: Replace files that are there.
        suffix: What their names end in; "": as before.
    """

    folder: Path
    overwrite: bool
    suffix: str = ""

    def target(self, picture: PictureFile) -> Path:
        """Returns the file that a picture becomes."""
        target = self.folder / picture.place
        return target.with_suffix(self.suffix) if self.suffix else target

    def check(self, pictures: list[PictureFile]) -> None:
        """Checks that no result takes the place of another, or of a picture that is to be read.

        Raises:
            click.UsageError: One would.
        """
        taken: dict[Path, PictureFile] = {}
        inputs = {_identity(picture.path) for picture in pictures} - {None}
        for picture in pictures:
            target = self.target(picture)
            other = taken.setdefault(target, picture)
            if other is not picture:
                raise click.UsageError(
                    f"{shown(other.name)} and {shown(picture.name)} would both become"
                    f" {shown(str(target))}: write them to different folders, one at a time."
                )
            if _identity(target) in inputs:
                raise click.UsageError(
                    f"{shown(str(target))} is one of the given pictures, and would be replaced:"
                    " choose another folder."
                )

    def refuse_existing(self, picture: PictureFile) -> None:
        """Refuses a picture whose result is there, before any work is done for it.

        Raises:
            FileFailedError: It is there already, and is not to be overwritten.
        """
        refuse_existing(self.target(picture), overwrite=self.overwrite)

    def write(self, picture: PictureFile, data: bytes) -> None:
        """Writes what a picture has become: all of it or nothing.

        Raises:
            FileFailedError: It is there already, or cannot be written.
        """
        with whole_file(self.target(picture), overwrite=self.overwrite) as file:
            file.write(data)


def _identity(path: Path) -> tuple[int, int] | None:
    """Returns what a file is known by whatever its name, or None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
