"""The annotator's JSON of the Kaggle set "Face Mask Detection Dataset": a file a picture.

`{"FileName": ..., "NumOfAnno": 2, "Annotations": [{"BoundingBox": [x1, y1, x2, y2], "classname":
..., ...}]}`, in pixels.
"""

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

# Where ignored boxes are marked: the format has free attributes, and no place of its own.
_IGNORED = "ignored"


class _Annotation(msgspec.Struct, rename={"box": "BoundingBox", "attributes": "Attributes"}):
    box: list[float]
    classname: str = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)


class _File(
    msgspec.Struct,
    rename={"name": "FileName", "count": "NumOfAnno", "annotations": "Annotations"},
):
    name: str
    annotations: list[_Annotation]
    count: int | None = None


def read_annotator(
    file: Path, images: Path | None = None, *, report: Report = refuse
) -> tuple[AnnotatedPicture, ...]:
    """Reads one JSON file, or all of a folder and of those in it.

    Args:
        file: The file or folder.
        images: Folder that file names are relative to. Default: `images` or `JPEGImages` in or
            beside the files' folder, or that folder.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in order of the JSON files' names.

    Raises:
        AnnotationError: There is no such JSON; or see `report`.
    """
    files = sorted(file.rglob("*.json")) if file.is_dir() else [file]
    if not files:
        raise AnnotationError("there are no JSON files in this folder.", path=file)
    images = images or images_folder(file if file.is_dir() else file.parent)
    pictures: list[AnnotatedPicture] = []
    for each in files:
        try:
            pictures.append(_read_file(each, images, report))
        except AnnotationError as error:
            report(error)
    return without_repeats(pictures, file, report)


def write_annotator(pictures: Iterable[AnnotatedPicture], folder: Path, images: Path) -> None:
    """Writes a JSON file a picture, named after it: `a.jpg.json`.

    Args:
        pictures: What to write; boxes, labels and what is ignored are kept, exactly.
        folder: Where the files go; it is made if need be.
        images: Folder that the pictures are in.

    Raises:
        AnnotationError: A picture lies elsewhere.
    """
    for picture in pictures:
        name = inner_name(picture, images)
        boxes = zip(picture.boxes, picture.labels, picture.ignored, strict=True)
        content = {
            "FileName": name,
            "NumOfAnno": len(picture.boxes),
            "Annotations": [
                {
                    "isProtected": False,
                    "ID": number,
                    "BoundingBox": [shortest(side) for side in box],
                    "classname": label,
                    "Confidence": 1,
                    "Attributes": {_IGNORED: True} if ignored else {},
                }
                for number, (box, label, ignored) in enumerate(boxes, start=1)
            ],
        }
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _read_file(file: Path, images: Path, report: Report) -> AnnotatedPicture:
    content = convert_json(load_json(file), _File, file)
    if content.count not in {None, len(content.annotations)}:
        raise AnnotationError(
            f"NumOfAnno is {content.count}, and there are {len(content.annotations)} annotations.",
            path=file,
            defect=Defect.CONTRADICTION,
        )
    picture = PictureCollector(picture_path(images, content.name, file), file, report)
    for number, annotation in enumerate(content.annotations):
        field = f"Annotations[{number}]"
        if len(annotation.box) != 4:
            report(AnnotationError("BoundingBox is not four numbers.", path=file, field=field))
            continue
        picture.add(
            annotation.box,
            Reading.CORNERS,
            annotation.classname,
            field=field,
            ignored=annotation.attributes.get(_IGNORED) is True,
        )
    return picture.finish()
