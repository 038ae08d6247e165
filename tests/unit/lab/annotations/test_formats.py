"""Files as other tools write them, and what is wrong with them, told by file, row and box."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.lab.annotations import (
    AnnotatedPicture,
    AnnotationError,
    Defect,
    read_annotator,
    read_coco,
    read_voc,
    read_yolo,
    write_voc,
    write_yolo,
)

WritePicture = Callable[..., Path]

# As Kaggle's "Face Mask Detection" (853 pictures) has it.
VOC = """\
<annotation>
    <folder>images</folder>
    <filename>a.png</filename>
    <size><width>640</width><height>480</height><depth>3</depth></size>
    <segmented>0</segmented>
    <object>
        <name>without_mask</name>
        <pose>Unspecified</pose>
        <truncated>0</truncated>
        <occluded>0</occluded>
        <difficult>0</difficult>
        <bndbox><xmin>79</xmin><ymin>105</ymin><xmax>109</xmax><ymax>142</ymax></bndbox>
    </object>
    <object>
        <name>with_mask</name>
        <difficult>1</difficult>
        <bndbox><xmin>185.5</xmin><ymin>100</ymin><xmax>226</xmax><ymax>144</ymax></bndbox>
    </object>
</annotation>
"""
# As Kaggle's "Face Mask Detection Dataset" (6,024 pictures) has it.
ANNOTATOR: dict[str, Any] = {
    "FileName": "a.png",
    "NumOfAnno": 2,
    "Annotations": [
        {
            "isProtected": False,
            "ID": 924868908868875136,
            "BoundingBox": [451, 186, 525, 293],
            "classname": "face_no_mask",
            "Confidence": 1,
            "Attributes": {},
        },
        {
            "isProtected": False,
            "ID": 660309445281894464,
            "BoundingBox": [112, 48, 140, 80.5],
            "classname": "hat",
            "Confidence": 1,
            "Attributes": {},
        },
    ],
}
COCO: dict[str, Any] = {
    "info": {"description": "drawn"},
    "images": [
        {"id": 7, "file_name": "a.png", "width": 640, "height": 480, "license": 1},
        {"id": 8, "file_name": "b.png", "width": 320, "height": 240},
    ],
    "annotations": [
        {
            **{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20.5, 30, 40]},
            **{"area": 1200, "iscrowd": 0, "segmentation": []},
        },
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 600, 400], "iscrowd": 1},
    ],
    "categories": [{"id": 3, "name": "face", "supercategory": "person"}],
}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def changed(document: dict[str, Any], *keys: str | int, value: object) -> dict[str, Any]:
    """Returns a copy of a document with one value replaced."""
    copy: dict[str, Any] = deepcopy(document)
    place: Any = copy
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return copy


def problems(read: Callable[..., object]) -> list[AnnotationError]:
    """Reads on past everything that is wrong, and returns it."""
    found: list[AnnotationError] = []
    read(report=found.append)
    with pytest.raises(AnnotationError) as caught:
        read()
    assert str(caught.value) == str(found[0])
    return found


def test_voc_is_read(tmp_path: Path, write_picture: WritePicture) -> None:
    path = write_picture()
    write(tmp_path / "annotations" / "a.xml", VOC)
    [picture] = read_voc(tmp_path)
    assert (picture.path, picture.width, picture.height) == (path, 640, 480)
    assert picture.boxes.tolist() == [[79, 105, 109, 142], [185.5, 100, 226, 144]]
    assert picture.labels == ("without_mask", "with_mask")
    assert picture.ignored.tolist() == [False, True]


def test_voc_without_a_size_is_read(tmp_path: Path, write_picture: WritePicture) -> None:
    write_picture()
    text = VOC.replace("<width>640</width><height>480</height>", "<width>0</width>")
    write(tmp_path / "annotations" / "a.xml", text)
    assert read_voc(tmp_path)[0].width == 640


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<xmin>79</xmin>", "<xmin>109</xmin><!-- -->", "object 1: the box (109, 105, 109, 142)"),
        ("<xmin>79</xmin>", "<xmin>left</xmin>", "object 1: xmin is 'left', no number"),
        ("<xmin>79</xmin>", "", "object 1: xmin is '', no number"),
        ("<xmin>79</xmin>", "<xmin>nan</xmin>", "object 1: the box (nan, 105, 109, 142) has a"),
        ("<width>640</width>", "<width>wide</width>", "size: the picture's size is 'wide'"),
        ("<width>640</width>", "<width>nan</width>", "size: the picture's size is 'nan'"),
        ("<width>640</width>", "<width>480</width>", "not of 480 x 480 as recorded"),
        ("a.png", "c.png", "c.png cannot be read: No such file"),
        ("a.png", "../secret.png", "leads out of the folder"),
        ("<annotation>", "<annotations>", "it is no XML"),
    ],
)
def test_what_is_wrong_in_voc_is_told(
    tmp_path: Path, write_picture: WritePicture, old: str, new: str, words: str
) -> None:
    write_picture()
    file = write(tmp_path / "annotations" / "a.xml", VOC.replace(old, new, 1))
    [error] = problems(lambda **report: read_voc(tmp_path, **report))
    assert error.path == file
    assert words in str(error)


def test_entities_in_xml_are_refused(tmp_path: Path, write_picture: WritePicture) -> None:
    write_picture()
    bomb = '<!DOCTYPE a [<!ENTITY x "a.png">]>' + VOC.replace("a.png", "&x;")
    write(tmp_path / "annotations" / "a.xml", bomb)
    [error] = problems(lambda **report: read_voc(tmp_path, **report))
    assert "entities, which are refused" in str(error)


def test_a_picture_is_annotated_once(tmp_path: Path, write_picture: WritePicture) -> None:
    write_picture()
    for name in ("a.xml", "b.xml"):
        write(tmp_path / "annotations" / name, VOC)
    [error] = problems(lambda **report: read_voc(tmp_path, **report))
    assert "a.png is annotated twice" in str(error)
    assert error.defect is Defect.CONTRADICTION


def test_coco_is_read(tmp_path: Path, write_picture: WritePicture) -> None:
    write_picture("a.png")
    write_picture("b.png", 320, 240)
    first, second = read_coco(write(tmp_path / "instances.json", COCO))
    assert first.boxes.tolist() == [[10, 20.5, 40, 60.5], [0, 0, 600, 400]]
    assert first.labels == ("face", "face")
    assert first.ignored.tolist() == [False, True]
    assert (second.path.name, second.boxes.shape) == ("b.png", (0, 4))


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("annotations", 0, "bbox"), [500, 300, 600, 400], "annotations[0] of a.png: the box"),
        (("annotations", 0, "bbox"), [0.1, 0.2, 0.3, 0.4], "width, height in fractions"),
        (("annotations", 0, "bbox"), [10, 20, -5, 40], "is turned inside out"),
        (("annotations", 0, "bbox"), [10, 20, 30], "its bbox is not four numbers"),
        (("annotations", 0, "bbox", 2), float("nan"), "(10, 20.5, nan, 40) has a coordinate"),
        (("annotations", 0, "image_id"), 99, "annotations[0]: it is of no picture"),
        (("annotations", 0, "category_id"), 99, "of a.png: it is of no category"),
        (("images", 0, "width"), 641, "images[0]: the picture"),
        (("images", 1, "id"), 7, "the id 7 is used twice"),
        (("images", 1, "file_name"), "/etc/hostname", "leads out of the folder"),
        (("images", 1, "file_name"), "", "leads out of the folder"),
    ],
)
def test_what_is_wrong_in_coco_is_told(
    tmp_path: Path,
    write_picture: WritePicture,
    keys: tuple[str | int, ...],
    value: object,
    words: str,
) -> None:
    write_picture("a.png")
    write_picture("b.png", 320, 240)
    file = write(tmp_path / "instances.json", changed(COCO, *keys, value=value))
    error = problems(lambda **report: read_coco(file, **report))[0]
    assert error.path == file
    assert words in str(error)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ({"images": []}, "it is not as expected: Object missing required field `annotations`"),
        (changed(COCO, "annotations", 0, "bbox", value="x"), "`$.annotations[0].bbox`"),
    ],
)
def test_what_is_no_coco_is_refused(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read_coco(write(tmp_path / "instances.json", content))
    assert words in str(caught.value)


def test_the_annotators_json_is_read(tmp_path: Path, write_picture: WritePicture) -> None:
    path = write_picture()
    file = write(tmp_path / "annotations" / "a.png.json", ANNOTATOR)
    [picture] = read_annotator(file.parent)
    assert picture.path == path
    assert picture.boxes.tolist() == [[451, 186, 525, 293], [112, 48, 140, 80.5]]
    assert picture.labels == ("face_no_mask", "hat")
    assert not picture.ignored.any()
    assert np.array_equal(read_annotator(file)[0].boxes, picture.boxes)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("Annotations", 1, "BoundingBox"), [0.1, 0.2, 0.5, 0.6], "Annotations[1]: the box (0.1"),
        (("Annotations", 1, "BoundingBox"), [140, 80, 112, 48], "opposite corners swapped"),
        (("Annotations", 1, "BoundingBox"), [1, 2, 3], "BoundingBox is not four numbers"),
        (("NumOfAnno",), 3, "NumOfAnno is 3, and there are 2 annotations"),
        (("FileName",), "b.png", "b.png cannot be read"),
        (("FileName",), 4, "it is not as expected: Expected `str`, got `int` - at `$.FileName`"),
    ],
)
def test_what_is_wrong_in_the_annotators_json_is_told(
    tmp_path: Path,
    write_picture: WritePicture,
    keys: tuple[str | int, ...],
    value: object,
    words: str,
) -> None:
    write_picture()
    file = write(tmp_path / "annotations" / "a.json", changed(ANNOTATOR, *keys, value=value))
    [error] = problems(lambda **report: read_annotator(file, **report))
    assert error.path == file
    assert words in str(error)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("data.yaml", "nc: 2\nnames: [face, mask]\n"),
        ("data.yaml", "names:\n  0: face\n  1: mask\n"),
        ("classes.txt", "face\nmask\n"),
    ],
)
def test_yolo_is_read(tmp_path: Path, write_picture: WritePicture, name: str, names: str) -> None:
    write_picture("a.png", 200, 100)
    write_picture("train/b.png", 200, 100)
    write(tmp_path / name, names)
    write(tmp_path / "labels" / "a.txt", "1 0.5 0.5 0.25 0.5\n\n0 0.1 0.1 0.2 0.2\n")
    first, second = read_yolo(tmp_path)
    assert np.allclose(first.boxes, [[75, 25, 125, 75], [0, 0, 40, 20]], atol=1e-4)
    assert first.labels == ("mask", "face")
    assert (first.split, second.split) == ("", "train")
    assert second.boxes.shape == (0, 4)


def test_folders_of_yolo_s_pictures_are_splits_by_all_their_names(
    tmp_path: Path, write_picture: WritePicture
) -> None:
    for number, name in enumerate(("Train", "Validation", "test")):
        write_picture(f"{name}/{number}.png")
    write(tmp_path / "classes.txt", "face\n")
    assert [picture.split for picture in read_yolo(tmp_path)] == ["train", "val", "test"]
    write_picture("holdout/a.png")
    with pytest.raises(AnnotationError, match="holdout is none that is known"):
        read_yolo(tmp_path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 75 25 50 50", "line 2: the box (75, 25, 50, 50), read as x_centre"),
        ("0 0.5 0.5 -0.1 0.2", "is turned inside out"),
        ("0 0.9 0.9 0.99 0.99", "it looks like x_min, y_min, x_max, y_max in fractions"),
        ("0 0.5 0.5 nan 0.2", "a coordinate that is not a finite number"),
        ("0 0.5 0.5 0,2 0.2", "a coordinate is '0,2', no number"),
        ("2 0.5 0.5 0.1 0.2", "the class is '2'; there are 0 to 1"),
        ("face 0.5 0.5 0.1 0.2", "the class is 'face'; there are 0 to 1"),
        ("0 0.5 0.5 0.1", "not 4 words"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.1", "it looks like a polygon"),
    ],
)
def test_what_is_wrong_in_yolo_is_told(
    tmp_path: Path, write_picture: WritePicture, line: str, words: str
) -> None:
    write_picture("a.png", 200, 100)
    file = write(tmp_path / "labels" / "a.txt", f"0 0.5 0.5 0.1 0.1\n{line}\n")
    [error] = problems(lambda **report: read_yolo(tmp_path, ["face", "mask"], **report))
    assert (error.path, error.field) == (file, "line 2")
    assert words in str(error)


def test_texts_without_a_picture_are_told(tmp_path: Path, write_picture: WritePicture) -> None:
    write_picture("a.png")
    file = write(tmp_path / "labels" / "b.txt", "0 0.5 0.5 0.1 0.1\n")
    [error] = problems(lambda **report: read_yolo(tmp_path, ["face"], **report))
    assert str(error) == f"{file}: there is no picture for it."


def test_pictures_that_would_share_a_text_are_told(
    tmp_path: Path, write_picture: WritePicture
) -> None:
    write_picture("a.png")
    write_picture("a.PNG")
    [error] = problems(lambda **report: read_yolo(tmp_path, ["face"], **report))
    assert "would share it" in str(error)


def test_names_must_be_known(tmp_path: Path, write_picture: WritePicture) -> None:
    write_picture()
    with pytest.raises(AnnotationError, match="the names of the classes are not known"):
        read_yolo(tmp_path)
    write(tmp_path / "data.yaml", "names: 3\n")
    with pytest.raises(AnnotationError, match="it has no list 'names'"):
        read_yolo(tmp_path)
    write(tmp_path / "data.yaml", "names: [\n")
    with pytest.raises(AnnotationError, match="it is no YAML"):
        read_yolo(tmp_path)


def test_yolo_cannot_hold_what_is_ignored(images: Path, write_picture: WritePicture) -> None:
    boxes = np.array([[1, 2, 30, 40]], np.float32)
    picture = AnnotatedPicture(write_picture(), 640, 480, boxes, ("face",), np.array([True]))
    with pytest.raises(AnnotationError, match="cannot say that a box is to be ignored"):
        write_yolo([picture], images.parent / "labels", images)


@pytest.mark.parametrize("writer", [write_voc, write_yolo])
def test_no_file_is_written_for_two_pictures(
    writer: Callable[..., None], images: Path, write_picture: WritePicture
) -> None:
    none = np.empty((0, 4), np.float32), (), np.empty(0, np.bool_)
    pictures = [AnnotatedPicture(write_picture(name), 640, 480, *none) for name in ("a.png", "a.P")]
    with pytest.raises(AnnotationError, match="another picture has this name but for its ending"):
        writer(pictures, images.parent / "labels", images)


def test_writers_name_pictures_within_their_folder(
    tmp_path: Path, write_picture: WritePicture
) -> None:
    none = np.empty((0, 4), np.float32), (), np.empty(0, np.bool_)
    picture = AnnotatedPicture(write_picture(), 640, 480, *none)
    with pytest.raises(AnnotationError, match="the picture does not lie in the folder"):
        write_voc([picture], tmp_path / "annotations", tmp_path / "elsewhere")


def test_damaged_pictures_are_told(tmp_path: Path, images: Path) -> None:
    (images / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write(tmp_path / "annotations" / "a.json", ANNOTATOR)
    [error] = problems(lambda **report: read_annotator(tmp_path / "annotations", **report))
    assert error.defect is Defect.DAMAGED_PICTURE
    assert "a.png cannot be used: The PNG picture is truncated." in str(error)
