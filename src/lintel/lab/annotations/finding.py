"""Annotations of a kind that is found out by looking."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lintel.lab.annotations.annotator import read_annotator
from lintel.lab.annotations.class_folders import has_classes, read_class_folders
from lintel.lab.annotations.coco import read_coco
from lintel.lab.annotations.collecting import Report, refuse
from lintel.lab.annotations.files import load_json
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.splits import SPLITS, folder_splits
from lintel.lab.annotations.tables import read_csv
from lintel.lab.annotations.voc import read_voc
from lintel.lab.annotations.yolo import NAMES_FILES, PICTURE_SUFFIXES, read_yolo
from lintel.lab.errors import AnnotationError

UNDERSTOOD = (
    "an index or other CSV file with image, x_min, y_min, x_max, y_max (or name, x1, ...);"
    " a COCO JSON file; an annotator's JSON file or a folder of them;"
    " a folder of Pascal VOC XML files; a folder of YOLO text files with data.yaml or classes.txt;"
    " a folder of folders of pictures, one a class;"
    " a folder with one of these in each of train, val (or valid, validation) and test"
)


def read_any(path: Path, *, report: Report = refuse) -> tuple[AnnotatedPicture, ...]:
    """Reads annotations, choosing the reader by what there is.

    Args:
        path: A file or folder. Of a folder with `index.csv` that is read; a folder of folders
            train, val (or valid, validation) and test, as Roboflow exports them, in capitals or
            not, gives `split`.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures.

    Raises:
        AnnotationError: It is nothing that is understood (the message says what is), or it
            could be two things, or has pictures in a folder beside those of splits; or see
            `report`.
    """
    if not path.exists():
        raise AnnotationError("there is no such file or folder.", path=path)
    if path.is_file():
        return _read_file(path, report)
    if (path / "index.csv").is_file():
        return read_csv(path / "index.csv", report=report)
    splits = _find_splits(path)
    if splits:
        return tuple(
            dataclasses.replace(picture, split=split)
            for name, split in splits.items()
            for picture in _read_folder(path / name, report)
        )
    return _read_folder(path, report)


def _find_splits(path: Path) -> dict[str, str]:
    """Returns the folders that are splits; what is beside them must have no pictures."""
    folders = [each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")]
    if not any(each.name.lower() in SPLITS for each in folders):
        return {}
    return folder_splits(
        [each.name for each in folders if each.name.lower() in SPLITS or _has_pictures(each)], path
    )


def _has_pictures(folder: Path) -> bool:
    return any(file.suffix.lower() in PICTURE_SUFFIXES for file in folder.rglob("*"))


def _read_file(path: Path, report: Report) -> tuple[AnnotatedPicture, ...]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_csv(path, report=report)
    if suffix == ".json":
        content = load_json(path)
        keys = content.keys() if isinstance(content, dict) else ()
        if "Annotations" in keys:
            return read_annotator(path, report=report)
        if "annotations" in keys:
            return read_coco(path, report=report)
    elif path.name in NAMES_FILES:
        return read_any(path.parent, report=report)
    raise AnnotationError(f"it is nothing that is understood, which is: {UNDERSTOOD}.", path=path)


def _read_folder(folder: Path, report: Report) -> tuple[AnnotatedPicture, ...]:
    tables = sorted(folder.glob("*.csv"))
    documents = sorted(folder.glob("*.json"))
    kinds = {
        "CSV": bool(tables),
        "JSON": bool(documents),
        "Pascal VOC": any(
            next((folder / name).glob("*.xml"), None) for name in ("", "Annotations", "annotations")
        ),
        "YOLO": (folder / "labels").is_dir() or any(_texts(folder)),
    }
    found = [kind for kind, there in kinds.items() if there]
    if len(found) > 1 or len(tables) > 1:
        listed = " and ".join(found) if len(found) > 1 else "more than one CSV file"
        raise AnnotationError(f"there is {listed}: name the one to read.", path=folder)
    match found:
        case ["CSV"]:
            return _read_file(tables[0], report)
        case ["JSON"]:
            return _read_documents(folder, documents, report)
        case ["Pascal VOC"]:
            return read_voc(folder, report=report)
        case ["YOLO"]:
            return read_yolo(folder, report=report)
    if has_classes(folder):
        return read_class_folders(folder, report=report)
    raise AnnotationError(
        f"there is nothing that is understood, which is: {UNDERSTOOD}.", path=folder
    )


def _read_documents(
    folder: Path, documents: list[Path], report: Report
) -> tuple[AnnotatedPicture, ...]:
    if len(documents) == 1:
        return _read_file(documents[0], report)
    content = load_json(documents[0])
    if isinstance(content, dict) and "Annotations" in content:
        return read_annotator(folder, report=report)
    raise AnnotationError("there is more than one JSON file: name the one to read.", path=folder)


def _texts(folder: Path) -> list[Path]:
    names = {*NAMES_FILES, "README.roboflow.txt", "README.dataset.txt"}
    return [text for text in folder.glob("*.txt") if text.name not in names]
