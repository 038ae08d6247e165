"""Which pictures count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.errors import LabError
from lintel.lab.evaluation import select_pictures

Make = Callable[..., AnnotatedPicture]


@pytest.fixture
def pictures(make_picture: Make) -> list[AnnotatedPicture]:
    return [
        make_picture("a.jpg", split="val", source="one"),
        make_picture("b.jpg", split="val", source="two", duplicate_of="a.jpg"),
        make_picture("c.jpg", split="val", source="two", whole_frame=True),
        make_picture("d.jpg", split="test", source="two"),
    ]


def names(pictures: tuple[AnnotatedPicture, ...]) -> str:
    return "".join(picture.path.stem for picture in pictures)


def test_copies_and_bare_crops_are_left_out(pictures: list[AnnotatedPicture]) -> None:
    assert names(select_pictures(pictures)) == "ad"
    assert names(select_pictures(pictures, duplicates=True)) == "abd"
    assert names(select_pictures(pictures, whole_frames=True)) == "acd"


def test_splits_and_sources_are_picked(pictures: list[AnnotatedPicture]) -> None:
    assert names(select_pictures(pictures, split="val")) == "a"
    assert names(select_pictures(pictures, sources=["two"])) == "d"
    assert names(select_pictures(pictures, sources=["one", "two"])) == "ad"


def test_what_there_is_not_is_named(pictures: list[AnnotatedPicture]) -> None:
    with pytest.raises(LabError, match="no split tset; it has test, val"):
        select_pictures(pictures, split="tset")
    with pytest.raises(LabError, match="no source three; it has one, two"):
        select_pictures(pictures, sources=["three"])
    with pytest.raises(LabError, match="No pictures are left"):
        select_pictures(pictures, split="test", sources=["one"])
