"""COCO: one JSON file (Lin et al., "Microsoft COCO", 2014; cocodataset.org/#format-data)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from lintel.lab.annotations.collecting import (
    PictureCollector,
    Report,
    images_folder,
    inner_name,
    picture_path,
    refuse,
    without_repeats,
)
from lintel.lab.annotations.files import convert_json, load_json, shortest
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.readings import Reading
from lintel.lab.errors import AnnotationError, Defect

Id = int | str


class _Image(msgspec.Struct):
    id: Id
    file_name: str
    width: int = 0
    height: int = 0


class _Category(msgspec.Struct):
    id: Id
    name: str


class _Annotation(msgspec.Struct):
    image_id: Id
    category_id: Id
    bbox: list[float]
    iscrowd: int = 0


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_coco(
    file: Path, images: Path | None = None, *, report: Report = refuse
) -> tuple[AnnotatedPicture, ...]:
    """Reads a file of instances.

    Args:
        file: The JSON file.
        images: Folder that file names are relative to. Default: `images` or `JPEGImages` in or
            beside the file's folder, or that folder.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in the order of the file; crowds are ignored boxes.

    Raises:
        AnnotationError: The file is no such JSON; or see `report`.
    """
    images = images or images_folder(file.parent)
    content = convert_json(load_json(file), _File, file)
    collectors = _collect(content.images, images, file, report)
    names = {image.id: image.file_name for image in content.images}
    labels = {category.id: category.name for category in content.categories}
    for number, annotation in enumerate(content.annotations):
        if annotation.image_id not in names:
            report(_contradiction("it is of no picture.", file, f"annotations[{number}]"))
            continue
        field = f"annotations[{number}] of {names[annotation.image_id]}"
        if annotation.category_id not in labels:
            report(_contradiction("it is of no category.", file, field))
        elif len(annotation.bbox) != 4:
            report(AnnotationError("its bbox is not four numbers.", path=file, field=field))
        elif annotation.image_id in collectors:
            collectors[annotation.image_id].add(
                annotation.bbox,
                Reading.CORNER_AND_SIZE,
                labels[annotation.category_id],
                field=field,
                ignored=bool(annotation.iscrowd),
            )
    found = (collector.finish() for collector in collectors.values())
    return without_repeats(found, file, report)


def write_coco(pictures: Iterable[AnnotatedPicture], file: Path, images: Path) -> None:
    """Writes a file of instances.

    Args:
        pictures: What to write; boxes, labels and what is ignored (as crowds) are kept, exactly.
        file: The file to make; its folder is made if need be.
        images: Folder that the pictures are in.

    Raises:
        AnnotationError: A picture lies elsewhere.
    """
    categories: dict[str, int] = {}
    image_rows: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, start=1):
        image_rows.append(
            {
                "id": image_id,
                "file_name": inner_name(picture, images),
                "width": picture.width,
                "height": picture.height,
            }
        )
        for box, label, ignored in zip(picture.boxes, picture.labels, picture.ignored, strict=True):
            x_min, y_min, x_max, y_max = map(shortest, box)
            width, height = x_max - x_min, y_max - y_min
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": image_id,
                    "category_id": categories.setdefault(label, len(categories) + 1),
                    "bbox": [x_min, y_min, width, height],
                    "area": width * height,
                    "iscrowd": int(ignored),
                }
            )
    content = {
        "images": image_rows,
        "annotations": rows,
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def _collect(
    rows: Iterable[_Image], images: Path, file: Path, report: Report
) -> dict[Id, PictureCollector]:
    """Opens the pictures, and leaves out those that cannot be used."""
    collectors: dict[Id, PictureCollector] = {}
    seen: set[Id] = set()
    for number, image in enumerate(rows):
        field = f"images[{number}]"
        if image.id in seen:
            report(_contradiction(f"the id {image.id!r} is used twice.", file, field))
            continue
        seen.add(image.id)
        try:
            path = picture_path(images, image.file_name, file, field)
            size = image.width, image.height
            collectors[image.id] = PictureCollector(path, file, report, field=field, recorded=size)
        except AnnotationError as error:
            report(error)
    return collectors


def _contradiction(problem: str, file: Path, field: str) -> AnnotationError:
    return AnnotationError(problem, path=file, field=field, defect=Defect.CONTRADICTION)
