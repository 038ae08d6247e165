"""YOLO: a text file a picture, a line a box: class, x_centre, y_centre, width, height.

The numbers are fractions of the picture's sides. Files of names are those of darknet (a name a
line) and of Ultralytics (`names` in data.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from lintel.lab.annotations.collecting import (
    PictureCollector,
    Report,
    images_folder,
    inner_name,
    refuse,
)
from lintel.lab.annotations.files import read_text, to_number
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.readings import Reading
from lintel.lab.annotations.splits import folder_splits
from lintel.lab.errors import AnnotationError, Defect

NAMES_FILES = ("data.yaml", "data.yml", "classes.txt", "obj.names")
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def read_yolo(
    folder: Path,
    names: Sequence[str] | Path | None = None,
    images: Path | None = None,
    *,
    report: Report = refuse,
) -> tuple[AnnotatedPicture, ...]:
    """Reads the pictures of a folder and of those in it, each with the text file of its name.

    Args:
        folder: Of the text files, or what holds them in `labels`.
        names: Of the classes, or the file that lists them. Default: `data.yaml`, `classes.txt`
            or `obj.names` in the folder or the one above.
        images: Folder of the pictures. Default: `images` in or beside `folder`, or `folder`.
        report: Takes what is wrong. Default: it is raised.

    Returns:
        The pictures in order of their names. One without a text file has no boxes. `split` is
        set where the picture lies in a folder train, val (or valid, validation) or test of
        `images`, in capitals or not.

    Raises:
        AnnotationError: There are no pictures, or no names, or folders beside those of splits;
            or see `report`.
    """
    if names is None:
        names = _find_names(folder)
    labels = tuple(_read_names(names) if isinstance(names, Path) else names)
    images = images or images_folder(folder)
    texts = folder / "labels" if (folder / "labels").is_dir() else folder
    expected = _match_texts(images, texts, report)
    inner = {file.relative_to(images).parts[0] for file in expected.values()}
    splits = folder_splits({name for name in inner if (images / name).is_dir()}, images)
    pictures: list[AnnotatedPicture] = []
    for text, file in expected.items():
        try:
            split = splits.get(file.relative_to(images).parts[0], "")
            pictures.append(_read_picture(file, text, labels, split, report))
        except AnnotationError as error:
            report(error)
    return tuple(pictures)


def write_yolo(pictures: Sequence[AnnotatedPicture], folder: Path, images: Path) -> None:
    """Writes a text file a picture, and `data.yaml` with the names of the classes.

    Args:
        pictures: What to write; boxes are kept to within a thousandth of a pixel, and labels.
        folder: Where the files go; it is made if need be.
        images: Folder that the pictures are in.

    Raises:
        AnnotationError: A picture lies elsewhere, two would share a text file, or a box is
            ignored, which the format cannot say.
    """
    labels = sorted({label for picture in pictures for label in picture.labels})
    numbers = {label: number for number, label in enumerate(labels)}
    written: set[Path] = set()
    for picture in pictures:
        text = (folder / inner_name(picture, images)).with_suffix(".txt")
        if text in written:
            raise AnnotationError(
                "another picture has this name but for its ending.", path=picture.path
            )
        if picture.ignored.any():
            raise AnnotationError(
                "YOLO's format cannot say that a box is to be ignored.", path=picture.path
            )
        written.add(text)
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("".join(_lines(picture, numbers)), encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump({"names": labels}, allow_unicode=True)
    (folder / "data.yaml").write_text(content, encoding="utf-8")


def _match_texts(images: Path, texts: Path, report: Report) -> dict[Path, Path]:
    """Returns the pictures by the text files that they have or would have."""
    every = images.rglob("*")
    files = sorted(file for file in every if file.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise AnnotationError("there are no pictures in this folder.", path=images)
    expected: dict[Path, Path] = {}
    for file in files:
        text = texts / file.relative_to(images).with_suffix(".txt")
        if expected.setdefault(text, file) is not file:
            problem = f"the pictures {expected[text]} and {file} would share it."
            report(AnnotationError(problem, path=text, defect=Defect.CONTRADICTION))
    for text in sorted(texts.rglob("*.txt")):
        if text not in expected and text.name not in NAMES_FILES:
            problem = "there is no picture for it."
            report(AnnotationError(problem, path=text, defect=Defect.MISSING_PICTURE))
    return expected


def _lines(picture: AnnotatedPicture, numbers: dict[str, int]) -> Iterator[str]:
    for box, label in zip(picture.boxes.astype(float), picture.labels, strict=True):
        x_min, y_min, x_max, y_max = box
        fractions = (
            (x_min + x_max) / 2 / picture.width,
            (y_min + y_max) / 2 / picture.height,
            (x_max - x_min) / picture.width,
            (y_max - y_min) / picture.height,
        )
        yield " ".join([str(numbers[label]), *(f"{share:.10f}" for share in fractions)]) + "\n"


def _read_picture(
    file: Path, text: Path, labels: Sequence[str], split: str, report: Report
) -> AnnotatedPicture:
    picture = PictureCollector(file, text, report)
    lines = read_text(text).splitlines() if text.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            _read_line(line.split(), labels, picture, text, f"line {number}")
        except AnnotationError as error:
            report(error)
    return picture.finish(split=split)


def _read_line(
    words: Sequence[str], labels: Sequence[str], picture: PictureCollector, text: Path, field: str
) -> None:
    if len(words) != 5:
        likely = "; it looks like a polygon" if len(words) >= 7 and len(words) % 2 else ""
        raise AnnotationError(
            f"a class and four numbers are expected, not {len(words)} words{likely}.",
            path=text,
            field=field,
        )
    if not words[0].isdecimal() or int(words[0]) >= len(labels):
        raise AnnotationError(
            f"the class is {words[0]!r}; there are 0 to {len(labels) - 1}.",
            path=text,
            field=field,
        )
    numbers = [to_number(word, "a coordinate", text, field) for word in words[1:]]
    label = labels[int(words[0])]
    picture.add(numbers, Reading.CENTRE_AND_SIZE_FRACTIONS, label, field=field)


def _find_names(folder: Path) -> Path:
    places = [folder / "labels", folder, folder.parent]
    candidates = [place / name for place in places for name in NAMES_FILES]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise AnnotationError(
            f"the names of the classes are not known: there is no {', '.join(NAMES_FILES)}.",
            path=folder,
        )
    return found


def _read_names(file: Path) -> list[str]:
    text = read_text(file)
    if file.suffix not in {".yaml", ".yml"}:
        return text.splitlines()
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AnnotationError("it is no YAML.", path=file) from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list):
        raise AnnotationError("it has no list 'names'.", path=file, field="names")
    return [str(name) for name in names]
