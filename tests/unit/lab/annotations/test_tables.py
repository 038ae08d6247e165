"""CSV files: Lintel's own, other people's, and the one whose header lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lintel.lab.annotations import AnnotationError, Defect, read_csv, read_index

WritePicture = Callable[..., Path]

# Rows of Kaggle's "Face Mask Detection Dataset": x1, y1, x2, y2 under a header that says else.
KAGGLE = """\
name,x1,x2,y1,y2,classname
a.png,69,126,294,392,face_with_mask
a.png,505,10,570,96,face_with_mask
b.png,75,252,264,390,mask_colorful
"""
INDEX = """\
image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame,width,height
images/a.png,train,79.0,105.0,109.0,142.0,without_mask,masks853,0,,0,640,480
images/a.png,train,185.0,100.0,226.5,144.0,with_mask,masks853,0,,0,640,480
images/b.png,val,,,,,,mik1i,x7,images/a.png,1,640,480
"""


@pytest.fixture(autouse=True)
def _pictures(write_picture: WritePicture) -> None:
    write_picture("a.png")
    write_picture("b.png")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "boxes.csv"


@pytest.mark.parametrize(
    ("cell", "split"),
    [("Valid", "val"), ("validation", "val"), (" TRAIN", "train"), ("test", "test"), ("", "")],
)
def test_splits_are_known_by_all_their_names(
    cell: str, split: str, file: Path, images: Path
) -> None:
    file.write_text(f"image,split,x_min,y_min,x_max,y_max\na.png,{cell},,,,\n")
    (picture,) = read_csv(file, images)
    assert picture.split == split


def test_a_split_of_no_known_name_is_refused(file: Path, images: Path) -> None:
    file.write_text("image,split,x_min,y_min,x_max,y_max\na.png,holdout,,,,\n")
    with pytest.raises(AnnotationError, match=r"row 2: the split is 'holdout'; known are train"):
        read_csv(file, images)


def test_an_index_is_read(file: Path, images: Path) -> None:
    file.write_text(INDEX)
    first, second = read_index(file)
    assert first.path == images / "a.png"
    assert first.boxes.tolist() == [[79, 105, 109, 142], [185, 100, 226.5, 144]]
    assert first.labels == ("without_mask", "with_mask")
    assert (first.source, first.group, first.split) == ("masks853", "0", "train")
    assert (first.duplicate_of, first.whole_frame) == ("", False)
    assert second.boxes.shape == (0, 4)
    assert (second.duplicate_of, second.whole_frame) == ("images/a.png", True)


def test_an_index_has_all_columns(file: Path) -> None:
    file.write_text(INDEX.replace("group,", "grope,"))
    with pytest.raises(AnnotationError, match=r"row 1: there is no column group\."):
        read_index(file)


@pytest.mark.parametrize(
    "text",
    [
        "image,x_min,y_min,x_max,y_max\na.png,10,20,30,50",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,640,480,,10,20,30,50",
        "name,x1,x2,y1,y2\na.png,10,30,20,50",
        "\ufeffX1, Y1, X2, Y2, Name\r\n10,20,30,50,a.png\r\n",
        "ymax,xmax,ymin,xmin,path,note\n50,30,20,10,a.png,blurred",
    ],
)
def test_columns_are_known_by_the_names_in_use(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    [picture] = read_csv(file)
    assert picture.boxes.tolist() == [[10, 20, 30, 50]]
    assert picture.labels == ("",)


def test_a_header_that_lies_is_found_out(file: Path) -> None:
    file.write_text(KAGGLE)
    with pytest.raises(AnnotationError) as caught:
        read_csv(file)
    assert str(caught.value) == (
        f"{file}, row 1: the header says x_min, x_max, y_min, y_max, but 1 of 3 boxes are possible"
        " only as x_min, y_min, x_max, y_max (and 0 only as the header says): the header seems"
        " wrong. Mend it, or name the columns yourself."
    )


def test_a_header_that_lies_is_never_read_past(file: Path) -> None:
    file.write_text(KAGGLE)
    with pytest.raises(AnnotationError):
        read_csv(file, report=lambda _error: None)


def test_the_columns_may_be_named_by_who_knows_better(file: Path) -> None:
    file.write_text(KAGGLE)
    first, _ = read_csv(file, columns=("name", "x1", "y1", "x2", "y2", "classname"))
    assert first.boxes.tolist() == [[69, 126, 294, 392], [505, 10, 570, 96]]
    assert first.labels == ("face_with_mask", "face_with_mask")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.png,0.1,0.2,0.3,0.4", "row 3, a.png: the box (0.1, 0.2, 0.3, 0.4), read as x_min"),
        ("a.png,300,200,250,150", "pixels with opposite corners swapped"),
        ("a.png,100,500,150,600", "it looks like y_min, x_min, y_max, x_max in pixels"),
        ("a.png,100,,150,200", "row 3, a.png: y_min is '', no number"),
        ("a.png,100,110,150,nan", "has a coordinate that is not a finite number"),
        ("a.png,1,2,3", "row 3: there are 4 cells and 5 columns"),
        ("c.png,1,2,30,40", "c.png cannot be read"),
        (",1,2,30,40", "row 3: the picture's name '' leads out of the folder"),
    ],
)
def test_what_is_wrong_is_told_by_row(file: Path, row: str, words: str) -> None:
    file.write_text(f"image,x_min,y_min,x_max,y_max\na.png,1,2,30,40\n{row}\n")
    found: list[AnnotationError] = []
    assert read_csv(file, report=found.append)[0].boxes.tolist() == [[1, 2, 30, 40]]
    [error] = found
    assert error.path == file
    assert words in str(error)
    with pytest.raises(AnnotationError):
        read_csv(file)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("train,185.0", "val,185.0", "row 3, images/a.png: it says other things of the picture"),
        ("0,,0,640,480", "0,,0,480,640", "not of 480 x 640 as recorded; width and height are swap"),
        ("0,,0,640,480", "0,,0,64o,480", "row 2: the picture's size is '64o', no number"),
        ("0,,0,640,480", "0,,yes,640,480", "row 2: whole_frame is 'yes', not 0 or 1"),
    ],
)
def test_rows_of_a_picture_agree(file: Path, old: str, new: str, words: str) -> None:
    file.write_text(INDEX.replace(old, new, 1))
    found: list[AnnotationError] = []
    read_index(file, report=found.append)
    assert words in str(found[0])


def test_sizes_of_turned_pictures_are_those_of_the_file_as_stored(file: Path, images: Path) -> None:
    import cv2
    import numpy as np

    encoded = cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (images / "turned.jpg").write_bytes(encoded[:2] + segment + encoded[2:])
    header = "image,width,height,x_min,y_min,x_max,y_max\n"
    file.write_text(header + "turned.jpg,64,48,1,2,60,40\n")
    assert (read_csv(file)[0].width, read_csv(file)[0].height) == (64, 48)
    file.write_text(header + "turned.jpg,48,64,1,2,40,60\n")
    with pytest.raises(AnnotationError, match="to be of the picture turned upright"):
        read_csv(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column is image (or name, "),
        ("image,x_min,y_min,x_max\n", "no column is y_max (or y2, ymax, bottom)"),
        ("image,x1,x_min,y_min,x_max,y_max\n", "more than one column is x_min"),
        ('image,x1,y1,x2,y2\n"a.png,1,2,3,4', "row 2: it is no CSV"),
    ],
)
def test_what_is_no_table_of_boxes_is_refused(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(AnnotationError) as caught:
        read_csv(file)
    assert words in str(caught.value)


def test_text_is_utf8(file: Path) -> None:
    file.write_bytes(b"image,x1,y1,x2,y2\n\xe9.png,1,2,3,4\n")
    with pytest.raises(AnnotationError, match=r"it is no text in UTF-8\."):
        read_csv(file)


def test_empty_rows_are_passed_over(file: Path) -> None:
    file.write_text("image,x1,y1,x2,y2\n\na.png,1,2,30,40\n\n")
    assert len(read_csv(file)) == 1


def test_defects_are_of_a_kind(file: Path) -> None:
    file.write_text("image,x1,y1,x2,y2\na.png,1,2,900,40\nc.png,1,2,3,4\n")
    found: list[AnnotationError] = []
    read_csv(file, report=found.append)
    assert {error.defect for error in found} == {Defect.MISSING_PICTURE, Defect.BOX_OUT_OF_BOUNDS}
