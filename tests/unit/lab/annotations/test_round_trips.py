"""Whatever is written in a format is read from it again, as far as the format can hold it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.lab.annotations.conftest import blank_png

from lintel.lab.annotations import (
    AnnotatedPicture,
    read_annotator,
    read_any,
    read_coco,
    read_csv,
    read_index,
    read_voc,
    read_yolo,
    write_annotator,
    write_coco,
    write_csv,
    write_voc,
    write_yolo,
)

Pictures = Sequence[AnnotatedPicture]

# Labels as people give them: XML has no control characters, and blanks around are lost in it.
LABELS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="\ufffe\uffff"),
    max_size=8,
)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=8)


@st.composite
def drawn_pictures(draw: st.DrawFn) -> list[AnnotatedPicture]:
    """Up to three pictures, not yet on the disk, with any boxes of 3 pixels and more."""
    names = draw(st.lists(st.sampled_from(["a.png", "b c.png", "é/d.png"]), unique=True))
    pictures = []
    for name in names:
        width, height = (draw(st.integers(4, 3000)) for _ in range(2))
        boxes = []
        for _ in range(draw(st.integers(0, 4))):
            x_min = draw(st.floats(0, width - 3, width=32))
            y_min = draw(st.floats(0, height - 3, width=32))
            x_max = draw(st.floats(np.float32(x_min) + np.float32(3), width, width=32))
            y_max = draw(st.floats(np.float32(y_min) + np.float32(3), height, width=32))
            boxes.append((x_min, y_min, x_max, y_max))
        number = len(boxes)
        pictures.append(
            AnnotatedPicture(
                path=Path(name),
                width=width,
                height=height,
                boxes=np.array(boxes, np.float32).reshape(-1, 4),
                labels=tuple(draw(st.lists(LABELS, min_size=number, max_size=number))),
                ignored=np.array(
                    draw(st.lists(st.booleans(), min_size=number, max_size=number)), np.bool_
                ),
                source=draw(WORDS),
                group=draw(WORDS),
                split=draw(st.sampled_from(["", "train", "val", "test"])),
                duplicate_of=draw(WORDS),
                whole_frame=draw(st.booleans()),
            )
        )
    return pictures


def on_disk(pictures: Pictures, images: Path) -> list[AnnotatedPicture]:
    """Writes blank pictures of the sizes drawn."""
    placed = [replace(picture, path=images / picture.path) for picture in pictures]
    for picture in placed:
        picture.path.parent.mkdir(parents=True, exist_ok=True)
        picture.path.write_bytes(blank_png(picture.width, picture.height))
    return placed


def assert_same(found: Pictures, written: Pictures, *, within: float = 0) -> None:
    """Compares what every format holds, whatever the order of the pictures."""
    assert {picture.path for picture in found} == {picture.path for picture in written}
    of_path = {picture.path: picture for picture in found}
    for one in written:
        other = of_path[one.path]
        assert (other.width, other.height) == (one.width, one.height)
        assert other.boxes.dtype == np.float32
        assert other.boxes.shape == one.boxes.shape
        np.testing.assert_allclose(other.boxes, one.boxes, rtol=0, atol=within)
        assert other.labels == one.labels
        np.testing.assert_array_equal(other.ignored, one.ignored)


def voc(pictures: Pictures, root: Path, images: Path) -> Pictures:
    write_voc(pictures, root / "annotations", images)
    return read_voc(root)


def coco(pictures: Pictures, root: Path, images: Path) -> Pictures:
    write_coco(pictures, root / "instances.json", images)
    return read_coco(root / "instances.json")


def annotator(pictures: Pictures, root: Path, images: Path) -> Pictures:
    write_annotator(pictures, root / "annotations", images)
    return read_annotator(root / "annotations")


def table(pictures: Pictures, root: Path, images: Path) -> Pictures:
    write_csv(pictures, root / "boxes.csv", images)
    return read_csv(root / "boxes.csv")


@pytest.mark.parametrize("through", [voc, coco, annotator, table])
@settings(max_examples=40)
@given(drawn=drawn_pictures().filter(bool))
def test_boxes_labels_and_what_is_ignored_come_back_exactly(
    through: Callable[..., Pictures], drawn: list[AnnotatedPicture]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = on_disk(drawn, root / "images")
        assert_same(through(pictures, root, root / "images"), pictures)


@settings(max_examples=40)
@given(drawn=drawn_pictures().filter(bool))
def test_yolo_keeps_a_thousandth_of_a_pixel(drawn: list[AnnotatedPicture]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = on_disk(drawn, root / "images")
        for picture in pictures:
            picture.ignored[:] = False
        write_yolo(pictures, root / "labels", root / "images")
        assert_same(read_yolo(root), pictures, within=1e-3)


@settings(max_examples=40)
@given(drawn=drawn_pictures())
def test_an_index_keeps_everything(drawn: list[AnnotatedPicture]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = on_disk(drawn, root / "images")
        write_csv(pictures, root / "index.csv")
        found = read_index(root / "index.csv")
        assert [picture.path for picture in found] == [picture.path for picture in pictures]
        assert_same(found, pictures)
        for one, other in zip(pictures, found, strict=True):
            for name in ("source", "group", "split", "duplicate_of", "whole_frame"):
                assert getattr(other, name) == getattr(one, name)


@pytest.mark.data
def test_the_real_pictures_pass_through_every_format(data_folder: Path, tmp_path: Path) -> None:
    faces = data_folder / "faces"
    real = read_index(faces / "index.csv", report=lambda _error: None)[::20]
    images = faces / "images"
    write_voc(real, tmp_path / "voc", images)
    assert_same(read_voc(tmp_path / "voc", images), real)
    write_coco(real, tmp_path / "coco.json", images)
    assert_same(read_coco(tmp_path / "coco.json", images), real)
    write_annotator(real, tmp_path / "annotator", images)
    assert_same(read_annotator(tmp_path / "annotator", images), real)
    write_csv(real, tmp_path / "boxes.csv", images)
    assert_same(read_csv(tmp_path / "boxes.csv", images), real)


@pytest.mark.data
def test_the_shared_index_is_read_whole(data_folder: Path) -> None:
    defects: list[ValueError] = []
    pictures = read_any(data_folder / "faces", report=defects.append)
    assert len(pictures) == 6286
    assert sum(len(picture.boxes) for picture in pictures) + len(defects) == 12844
    assert {picture.split for picture in pictures} == {"train", "val", "test"}
    assert {picture.source for picture in pictures} == {"masks853", "jk4nr", "mik1i"}
