"""What all readers do with a picture: find it, hold its size to the header, gather its boxes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from lintel.edge.errors import LintelError
from lintel.edge.images import ImageHeader, read_header
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.readings import Corners, Reading, read_box
from lintel.lab.errors import AnnotationError, Defect

# Takes what is wrong; returns to have the box, or the picture, left out and reading go on.
Report = Callable[[AnnotationError], None]


def refuse(error: AnnotationError) -> None:
    """Raises: the report of readers whose caller wants sound annotations or none."""
    raise error


def leave_out(error: AnnotationError) -> None:
    """Tells of it in the log: the report of callers who know of a data set's few defects."""
    logging.getLogger("lintel.lab").warning("left out: %s", error)


class PictureCollector:
    """Gathers the boxes of one picture.

    Args:
        path: The picture file.
        annotations: The file that annotates it, for errors.
        report: Takes what is wrong with boxes.
        field: Where in `annotations` the picture is named, for errors.
        recorded: Width and height that `annotations` says the picture has; 0, as some tools
            write, says nothing.

    Raises:
        AnnotationError: The picture is missing or damaged, or of another size than recorded.
    """

    def __init__(
        self,
        path: Path,
        annotations: Path,
        report: Report,
        *,
        field: str = "",
        recorded: tuple[int, int] = (0, 0),
    ) -> None:
        header = stored_header(path, annotations, field)
        _check_size(header, recorded, path, annotations, field)
        self.width, self.height = header.width, header.height
        self._path = path
        self._annotations = annotations
        self._report = report
        self._boxes: list[Corners] = []
        self._labels: list[str] = []
        self._ignored: list[bool] = []

    def add(
        self,
        numbers: Sequence[float],
        reading: Reading,
        label: str,
        *,
        field: str,
        ignored: bool = False,
    ) -> None:
        """Takes a box, or reports what is wrong with it."""
        try:
            box = read_box(
                numbers, reading, self.width, self.height, path=self._annotations, field=field
            )
        except AnnotationError as error:
            self._report(error)
            return
        self._boxes.append(box)
        self._labels.append(label)
        self._ignored.append(ignored)

    def finish(self, **more: Any) -> AnnotatedPicture:
        """Returns the picture.

        Args:
            **more: Its `source`, `group`, `split`, `duplicate_of` and `whole_frame`, as known.
        """
        return AnnotatedPicture(
            path=self._path,
            width=self.width,
            height=self.height,
            boxes=np.array(self._boxes, np.float32).reshape(-1, 4),
            labels=tuple(self._labels),
            ignored=np.array(self._ignored, np.bool_),
            **more,
        )


def stored_header(path: Path, annotations: Path, field: str = "") -> ImageHeader:
    """Reads a picture's header.

    Raises:
        AnnotationError: There is no such picture, or it cannot be used.
    """
    try:
        return read_header(path.read_bytes())
    except OSError as error:
        raise AnnotationError(
            f"the picture {path} cannot be read: {error.strerror}.",
            path=annotations,
            field=field,
            defect=Defect.MISSING_PICTURE,
        ) from error
    except LintelError as error:
        raise AnnotationError(
            f"the picture {path} cannot be used: {error.message}",
            path=annotations,
            field=field,
            defect=Defect.DAMAGED_PICTURE,
        ) from error


def picture_path(images: Path, name: str, annotations: Path, field: str = "") -> Path:
    """Returns the path of a picture that a file of annotations names.

    Raises:
        AnnotationError: The name is empty or leads out of the folder of pictures: what is read
            there would end up in reports.
    """
    inner = PurePosixPath(name)
    if not name or "\0" in name or inner.is_absolute() or ".." in inner.parts:
        raise AnnotationError(
            f"the picture's name {name!r} leads out of the folder {images}.",
            path=annotations,
            field=field,
        )
    return images / inner


def inner_name(picture: AnnotatedPicture, images: Path) -> str:
    """Returns a picture's name relative to the folder of pictures, with forward slashes.

    Raises:
        AnnotationError: The picture lies elsewhere.
    """
    try:
        return picture.path.relative_to(images).as_posix()
    except ValueError as error:
        raise AnnotationError(
            f"the picture does not lie in the folder {images}.", path=picture.path
        ) from error


def images_folder(start: Path) -> Path:
    """Guesses where pictures are: `images` or `JPEGImages` in or beside a folder, or itself."""
    for folder in (start, start.parent):
        for name in ("images", "JPEGImages"):
            if (folder / name).is_dir():
                return folder / name
    return start


def without_repeats(
    pictures: Iterable[AnnotatedPicture], annotations: Path, report: Report
) -> tuple[AnnotatedPicture, ...]:
    """Returns the pictures, and reports those that are annotated twice."""
    once: dict[Path, AnnotatedPicture] = {}
    for picture in pictures:
        if picture.path in once:
            report(
                AnnotationError(
                    f"the picture {picture.path} is annotated twice.",
                    path=annotations,
                    defect=Defect.CONTRADICTION,
                )
            )
        else:
            once[picture.path] = picture
    return tuple(once.values())


def _check_size(
    header: ImageHeader, recorded: tuple[int, int], path: Path, annotations: Path, field: str
) -> None:
    stored = header.width, header.height
    if recorded in {stored, (0, 0)}:
        return
    if recorded == stored[::-1] and header.orientation >= 5:
        cause = "; the boxes seem to be of the picture turned upright, not of the file as stored"
    elif recorded == stored[::-1]:
        cause = "; width and height are swapped"
    else:
        cause = ""
    raise AnnotationError(
        f"the picture {path} is of {stored[0]} x {stored[1]} pixels, not of"
        f" {recorded[0]} x {recorded[1]} as recorded{cause}.",
        path=annotations,
        field=field,
        defect=Defect.CONTRADICTION,
    )
