"""Folders of classes: a folder a class, and in it pictures that are one thing each."""

from __future__ import annotations

from pathlib import Path

from lintel.lab.annotations.collecting import PictureCollector, Report, refuse
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.readings import Reading
from lintel.lab.annotations.yolo import PICTURE_SUFFIXES
from lintel.lab.errors import AnnotationError


def has_classes(folder: Path) -> bool:
    """Tells whether two folders or more in a folder have pictures in them."""
    return len(_find_classes(folder)) >= 2


def read_class_folders(folder: Path, *, report: Report = refuse) -> tuple[AnnotatedPicture, ...]:
    """Reads the pictures of a folder of classes; each has one box that is all of it.

    Args:
        folder: What holds the classes' folders.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in order of their names; `whole_frame` is set.

    Raises:
        AnnotationError: There are no pictures in folders of the folder; or see `report`.
    """
    classes = _find_classes(folder)
    if not classes:
        raise AnnotationError("there are no folders of pictures, one a class.", path=folder)
    pictures: list[AnnotatedPicture] = []
    for label, files in classes.items():
        for file in files:
            try:
                collector = PictureCollector(file, folder, report, field=label)
            except AnnotationError as error:
                report(error)
                continue
            whole = (0, 0, collector.width, collector.height)
            collector.add(whole, Reading.CORNERS, label, field=f"{label}/{file.name}")
            pictures.append(collector.finish(whole_frame=True))
    return tuple(pictures)


def _find_classes(folder: Path) -> dict[str, list[Path]]:
    """Returns the pictures of each folder in a folder that has any."""
    classes = {
        inner.name: sorted(
            file for file in inner.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES
        )
        for inner in sorted(folder.iterdir())
        if inner.is_dir()
    }
    return {label: files for label, files in classes.items() if files}
