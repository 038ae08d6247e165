from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lintel.lab.errors import LabError
from lintel.lab.training.crops import CropError, cut_faces, load_crops
from lintel.lab.training.faces import Face, find_faces, select_faces
from lintel.lab.training.splits import with_splits


def face(path: Path = Path("a.png"), label: str = "with_mask", **more: object) -> Face:
    known = {"box": (2.0, 2.0, 30.0, 30.0), "number": 0, "stored_size": (32, 32), "size": 100.0}
    return Face(path, label, **{**known, **more})


def test_the_spelling_of_a_source_is_read_as_our_label(faces_index: Path) -> None:
    faces = find_faces(faces_index)

    assert len(faces) == 60
    assert {each.label for each in faces} == {"with_mask", "without_mask", "incorrect_mask"}


def test_folders_of_classes_are_faces_too(tmp_path: Path, draw_masked: Callable[..., Any]) -> None:
    for split in ("train", "val"):
        for label in ("with_mask", "without_mask"):
            path = tmp_path / split / label / "1.jpg"
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), draw_masked(label, 1))

    faces = find_faces(tmp_path)

    assert [(each.split, each.label) for each in faces] == [
        ("train", "with_mask"),
        ("train", "without_mask"),
        ("val", "with_mask"),
        ("val", "without_mask"),
    ]
    assert faces[0].box == (0, 0, 96, 96)


def test_data_that_says_nothing_of_masks_is_refused(
    tmp_path: Path, draw_masked: Callable[..., Any]
) -> None:
    for label in ("cats", "dogs"):
        (tmp_path / label).mkdir()
        cv2.imwrite(str(tmp_path / label / "1.png"), draw_masked("with_mask", 1))

    with pytest.raises(LabError, match="no face has a label that says something of masks"):
        find_faces(tmp_path)


def test_only_faces_that_count_are_selected() -> None:
    faces = [
        face(split="val"),
        face(split="val", size=20.0),
        face(split="val", duplicate_of="b.png"),
        face(split="train"),
        face(split="val", source="other"),
    ]

    chosen = select_faces(faces, split="val", sources=[""], smallest=24.0)

    assert chosen == (faces[0],)
    with pytest.raises(LabError, match="No faces are left in the split test"):
        select_faces(faces, split="test")


def test_crops_are_those_of_the_device_with_room_round_them(faces_index: Path) -> None:
    one = find_faces(faces_index)[:1]

    plain = cut_faces(one, 56, 0.2).pixels[0]
    roomy = cut_faces(one, 56, 0.2, context=1.5).pixels[0]

    assert plain.shape == (56, 56, 3)
    assert roomy.shape == (84, 84, 3)
    assert float(np.abs(roomy[14:-14, 14:-14].astype(int) - plain).mean()) < 20


def test_what_cannot_be_cut_is_reported_and_the_rest_is_cut(
    tmp_path: Path, draw_masked: Callable[..., Any]
) -> None:
    good, broken, blank = (tmp_path / name for name in ("good.png", "broken.png", "blank.png"))
    cv2.imwrite(str(good), draw_masked("with_mask", 1))
    broken.write_bytes(good.read_bytes()[:100])
    cv2.imwrite(str(blank), np.full((96, 96, 3), 7, np.uint8))
    faces = [face(path, stored_size=(96, 96)) for path in (broken, blank, tmp_path / "no", good)]
    told: list[CropError] = []

    crops = cut_faces(faces, 32, 0.2, report=told.append)

    assert crops.faces == (faces[3],)
    assert [error.face for error in told] == faces[:3]
    assert "the crop is empty" in str(told[1])
    with pytest.raises(CropError, match="it cannot be read: No such file or directory"):
        cut_faces(faces[2:], 32, 0.2)


def test_kept_crops_are_made_anew_when_a_picture_changes(
    tmp_path: Path, draw_masked: Callable[..., Any]
) -> None:
    path, cache = tmp_path / "a.png", tmp_path / "cache"
    cv2.imwrite(str(path), draw_masked("with_mask", 1))
    faces = [face(path, stored_size=(96, 96))]
    first = load_crops(faces, 32, 0.2, cache)

    again = load_crops(faces, 32, 0.2, cache)
    cv2.imwrite(str(path), draw_masked("without_mask", 2))
    changed = load_crops(faces, 32, 0.2, cache)

    assert (again.pixels == first.pixels).all()
    assert (changed.pixels != first.pixels).any()
    assert len(list(cache.iterdir())) == 2


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["with_mask", "without_mask"])),
        min_size=120,
        max_size=300,
    )
)
def test_no_group_is_ever_divided(members: list[tuple[int, str]]) -> None:
    both = [(group, label) for group in range(12) for label in ("with_mask", "without_mask")]
    everyone = [*members, *both]
    faces = with_splits([face(label=label, group=str(group)) for group, label in everyone])

    splits: dict[str, set[str]] = {}
    for each in faces:
        splits.setdefault(each.group, set()).add(each.split)
    assert all(len(names) == 1 for names in splits.values())
    assert {each.split for each in faces} == {"train", "val", "test"}


def test_every_split_has_its_share_of_every_label() -> None:
    labels = ["with_mask"] * 600 + ["without_mask"] * 300 + ["incorrect_mask"] * 100
    faces = with_splits([face(label=name, group=str(k // 2)) for k, name in enumerate(labels)])

    for split, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        held = [each.label for each in faces if each.split == split]
        for label, total in (("with_mask", 600), ("without_mask", 300), ("incorrect_mask", 100)):
            assert held.count(label) == pytest.approx(share * total, abs=4)


def test_splits_that_are_there_stay_and_half_of_them_are_refused() -> None:
    known = [face(split="train"), face(split="val")]
    assert with_splits(known) == tuple(known)
    with pytest.raises(LabError, match="Some faces have a split and some have none"):
        with_splits([*known, face()])
    with pytest.raises(LabError, match="at least 10 are needed"):
        with_splits([face(group="a"), face(group="b")])
    rare = [face(label="incorrect_mask" if k < 3 else "with_mask", group=str(k)) for k in range(40)]
    with pytest.raises(LabError, match="There are 3 faces of incorrect_mask: at least 10"):
        with_splits(rare)
