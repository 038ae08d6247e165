"""The reader is chosen by what there is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lintel.lab.annotations import (
    AnnotatedPicture,
    AnnotationError,
    leave_out,
    read_any,
    read_csv,
    write_annotator,
    write_coco,
    write_csv,
    write_voc,
    write_yolo,
)

WritePicture = Callable[..., Path]


@pytest.fixture
def pictures(write_picture: WritePicture) -> list[AnnotatedPicture]:
    boxes = np.array([[10, 20, 30, 50]], np.float32)
    return [
        AnnotatedPicture(write_picture(name), 640, 480, boxes, ("face",), np.array([False]))
        for name in ("a.png", "b.png")
    ]


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (lambda p, r, i: write_csv(p, r / "index.csv"), ["", "index.csv"]),
        (lambda p, r, i: write_csv(p, r / "boxes.csv", i), ["", "boxes.csv"]),
        (lambda p, r, i: write_coco(p, r / "instances.json", i), ["", "instances.json"]),
        (lambda p, r, i: write_annotator(p, r / "annotations", i), ["annotations"]),
        (
            lambda p, r, i: write_annotator(p[:1], r / "annotations", i),
            ["annotations", "annotations/a.png.json"],
        ),
        (lambda p, r, i: write_voc(p, r / "annotations", i), ["", "annotations"]),
        (lambda p, r, i: write_yolo(p, r / "labels", i), ["", "labels", "labels/data.yaml"]),
    ],
    ids=["index", "csv", "coco", "annotator", "one of the annotator", "voc", "yolo"],
)
def test_every_format_is_found(
    write: Callable[..., None],
    names: list[str],
    tmp_path: Path,
    images: Path,
    pictures: list[AnnotatedPicture],
) -> None:
    write(pictures, tmp_path, images)
    for name in names:
        found = read_any(tmp_path / name)
        assert found[0].path == pictures[0].path
        assert found[0].boxes.tolist() == [[10, 20, 30, 50]]


def export(root: Path, names: tuple[str, str], pictures: list[AnnotatedPicture]) -> Path:
    """Lays pictures out as Roboflow does, a folder a split."""
    for name, picture in zip(names, pictures, strict=True):
        (root / name / "images").mkdir(parents=True)
        moved = picture.path.rename(root / name / "images" / picture.path.name)
        (root / name / "labels").mkdir()
        (root / name / "labels" / f"{moved.stem}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("names: [face]\n")
    return root


@pytest.mark.parametrize(
    "names",
    [("train", "val"), ("train", "valid"), ("train", "validation"), ("Train", "Validation")],
    ids="-".join,
)
def test_folders_of_splits_are_read_each(
    names: tuple[str, str], tmp_path: Path, pictures: list[AnnotatedPicture]
) -> None:
    root = export(tmp_path / "export", names, pictures)
    (root / "runs").mkdir()
    assert [picture.split for picture in read_any(root)] == ["train", "val"]


def test_a_folder_of_pictures_beside_splits_is_not_dropped_in_silence(
    tmp_path: Path, pictures: list[AnnotatedPicture]
) -> None:
    root = export(tmp_path / "export", ("train", "holdout"), pictures)
    with pytest.raises(AnnotationError, match=r"holdout is none that is known.*valid, validation"):
        read_any(root)


def test_folders_of_classes_are_read_and_what_is_no_picture_is_told(
    tmp_path: Path, write_picture: WritePicture
) -> None:
    root = tmp_path / "classes"
    for split, label in (("train", "no"), ("train", "yes"), ("val", "yes"), ("val", "no")):
        (root / split / label).mkdir(parents=True)
        write_picture("a.png", 30, 40).rename(root / split / label / "a.png")
    (root / "val" / "no" / "b.jpg").write_bytes(b"none")
    errors: list[AnnotationError] = []
    found = read_any(root, report=errors.append)
    assert [(each.split, *each.labels) for each in found] == [
        ("train", "no"), ("train", "yes"), ("val", "no"), ("val", "yes")
    ]  # fmt: skip
    assert all(each.whole_frame and each.boxes.tolist() == [[0, 0, 30, 40]] for each in found)
    assert [error.field for error in errors] == ["no"]
    assert "b.jpg cannot be used" in str(errors[0])


def test_what_is_not_understood_is_told_with_what_is(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("faces")
    (tmp_path / "list.json").write_text("[]")
    for name in ("notes.md", "list.json"):
        with pytest.raises(AnnotationError, match=r"a COCO JSON file; .* YOLO text files"):
            read_any(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationError, match="there is nothing that is understood"):
        read_any(tmp_path / "empty")


def test_what_could_be_two_things_is_not_guessed(
    tmp_path: Path, images: Path, pictures: list[AnnotatedPicture]
) -> None:
    write_voc(pictures, tmp_path, images)
    write_csv(pictures, tmp_path / "boxes.csv", images)
    with pytest.raises(AnnotationError, match="there is CSV and Pascal VOC: name the one to read"):
        read_any(tmp_path)


def test_defects_that_are_known_may_be_left_out_with_a_word(
    tmp_path: Path, images: Path, write_picture: WritePicture, caplog: pytest.LogCaptureFixture
) -> None:
    write_picture()
    file = tmp_path / "boxes.csv"
    file.write_text("image,x1,y1,x2,y2\na.png,1,2,30,40\na.png,1,2,1,40\n")
    with caplog.at_level(logging.WARNING, "lintel.lab"):
        [picture] = read_csv(file, report=leave_out)
    assert len(picture.boxes) == 1
    assert "left out:" in caplog.text
    assert "row 3, a.png: the box (1, 2, 1, 40)" in caplog.text
