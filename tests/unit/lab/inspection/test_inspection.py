"""`lintel-lab inspect`: what it counts, what it finds, and the page that it writes."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tests.unit.lab.inspection.conftest import DataSet, scene

from lintel.edge.images import decode
from lintel.lab.annotations import read_any
from lintel.lab.errors import AnnotationError, Defect
from lintel.lab.inspection import Inspection, inspect_pictures
from lintel.lab.inspection.contact_sheet import BACKGROUND, draw_sheet, draw_tile

Run = Callable[..., tuple[int, str, str]]


def inspected(data_set: DataSet) -> Inspection:
    errors: list[AnnotationError] = []
    pictures = read_any(data_set.index, report=errors.append)
    return inspect_pictures(pictures, errors)


def test_sound_data_end_well(run: Run, data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1))
    data_set.add("b.jpg", scene(2), split="val")
    status, out, err = run("inspect", data_set.index)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "Sound."


def test_what_there_is_is_counted_by_source_and_split(data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1), "10,20,14,30")
    data_set.add("b.jpg", scene(2), "")
    data_set.add("c.jpg", scene(3), "0,0,160,120", split="val")
    train, val = inspected(data_set).counts
    assert (train.source, train.split, train.pictures, train.empty) == ("drawn", "train", 2, 1)
    assert (train.boxes, train.labels) == (1, {"face": 1})
    # 4 of 160 pixels are 16 of 640.
    assert train.sizes["below 24 px"] == 1
    assert (val.split, val.sizes["96 px and more"]) == ("val", 1)


@pytest.mark.parametrize(
    ("box", "defect"),
    [
        ("10,20,90,160", Defect.BOX_OUT_OF_BOUNDS),
        ("0.1,0.2,0.5,0.6", Defect.IMPOSSIBLE_BOX),
        ("90,100,10,20", Defect.IMPOSSIBLE_BOX),
    ],
)
def test_boxes_that_cannot_be_are_defects(
    run: Run, data_set: DataSet, box: str, defect: Defect
) -> None:
    data_set.add("a.jpg", scene(1), box)
    status, out, _ = run("inspect", data_set.index)
    assert status == 1
    assert f"{defect}: {data_set.index}, row 2, a.jpg: the box" in out
    assert out.splitlines()[-1] == f"1 defect: 1 {defect}"


def test_pictures_that_are_missing_or_damaged_are_defects(data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1))
    data_set.add("gone.jpg", scene(2)).unlink()
    path = data_set.add("cut.jpg", scene(3))
    path.write_bytes(path.read_bytes()[:-200])
    no_picture = data_set.add("text.jpg", scene(4))
    no_picture.write_text("no picture")
    inspection = inspected(data_set)
    assert inspection.by_kind() == {Defect.MISSING_PICTURE: 1, Defect.DAMAGED_PICTURE: 2}
    assert [picture.path.name for picture in inspection.pictures] == ["a.jpg"]


def test_copies_across_splits_are_defects(data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1))
    data_set.add("b.jpg", scene(1)[:, ::-1].copy(), split="test")
    [finding] = inspected(data_set).defects
    assert finding.defect is Defect.COPY_ACROSS_SPLITS
    assert finding.place.endswith("a.jpg")
    assert "it is in train and nearly the same, mirrored, as" in finding.problem
    assert "b.jpg in test" in finding.problem


def test_groups_across_splits_are_defects(data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1), group="7")
    data_set.add("b.jpg", scene(2), split="test", group="7")
    [finding] = inspected(data_set).defects
    assert finding.defect is Defect.GROUP_ACROSS_SPLITS
    assert (finding.place, "in test and train" in finding.problem) == ("group 7", True)


def test_copies_within_a_split_are_told_unless_they_are_known(run: Run, data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1))
    data_set.add("b.jpg", scene(1))
    data_set.add("c.jpg", scene(2), group="7")
    data_set.add("d.jpg", scene(2), group="7")
    status, out, _ = run("inspect", data_set.index)
    assert status == 0
    assert "1 pair of near-duplicates within a split, of no common group" in out


def test_one_split_may_be_looked_at(run: Run, data_set: DataSet) -> None:
    data_set.add("a.jpg", scene(1))
    data_set.add("b.jpg", scene(1), split="test")
    assert run("inspect", data_set.index, "--split", "test")[0] == 0
    assert run("inspect", data_set.index, "--split", "test", "--split", "train")[0] == 1
    data_set.add("c.jpg", scene(3), split="train", box="90,20,10,100")
    assert run("inspect", data_set.index, "--split", "test")[0] == 0
    status, _, err = run("inspect", data_set.index, "--split", "tset")
    assert (status, "no pictures of the split tset" in err) == (2, True)


def test_what_is_not_understood_is_told(run: Run, tmp_path: Path) -> None:
    status, out, err = run("inspect", tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {tmp_path}: there is nothing that is understood, which is: an")


class Page(HTMLParser):
    """What a page refers to, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_report_is_one_page_that_needs_nothing_else(
    run: Run, data_set: DataSet, tmp_path: Path
) -> None:
    data_set.add("a.jpg", scene(1))
    data_set.add("b.jpg", scene(1), split="test")
    data_set.add("c.jpg", scene(2), "1,2,3,900")
    report = tmp_path / "out" / "report.html"
    status, out, _ = run("inspect", data_set.index, "--report", report)
    assert status == 1
    assert out.splitlines()[-1] == f"{report} shows all of it."
    page = Page(report.read_text())
    assert not page.tags & {"script", "link", "iframe"}
    # The pair and the contact sheet.
    assert len(page.sources) == 2
    for source in page.sources:
        assert source.startswith("data:image/jpeg;base64,")
        decode(b64decode(source.partition(",")[2]))
    assert "2 defects" in re.sub(r"\s+", " ", page.words)
    assert Defect.BOX_OUT_OF_BOUNDS in page.words
    assert "Across splits: 1" in page.words
    content = json.loads(report.with_suffix(".json").read_text())
    assert content["sound"] is False
    assert content["defects_by_kind"][Defect.COPY_ACROSS_SPLITS] == 1
    assert [pair["second_split"] for pair in content["copies"]] == ["test"]
    assert sum(count["boxes"] for count in content["counts"]) == 2


def test_names_are_never_taken_for_html(run: Run, data_set: DataSet, tmp_path: Path) -> None:
    data_set.add("a.jpg", scene(1), source="<script>alert(1)</script>")
    report = tmp_path / "report.html"
    assert run("inspect", data_set.index, "--report", report)[0] == 0
    assert "script" not in Page(report.read_text()).tags


def test_reports_are_replaced_only_when_that_is_wanted(
    run: Run, data_set: DataSet, tmp_path: Path
) -> None:
    data_set.add("a.jpg", scene(1))
    report = tmp_path / "report.html"
    report.write_text("mine")
    status, _, err = run("inspect", data_set.index, "--report", report)
    assert (status, report.read_text()) == (2, "mine")
    assert "exists; --overwrite replaces it" in err
    assert run("inspect", data_set.index, "--report", report, "--overwrite")[0] == 0
    assert report.read_text() != "mine"


def test_boxes_are_drawn_where_they_are(data_set: DataSet) -> None:
    data_set.add("a.png", np.zeros((120, 160, 3), np.uint8), "40,30,120,90")
    [picture] = read_any(data_set.index)
    tile = draw_tile(picture, 80, {"face": "#ff0000"})
    assert tile.shape == (80, 80, 3)
    drawn = np.argwhere((tile == (0, 0, 255)).all(axis=2))
    assert drawn.min(axis=0).tolist() == [10 + 15, 20]
    assert drawn.max(axis=0).tolist() == [10 + 45 - 1, 60 - 1]
    assert (tile[:10] == BACKGROUND).all()


def test_a_sheet_has_as_many_rows_as_it_needs() -> None:
    tile = np.zeros((20, 20, 3), np.uint8)
    assert decode(draw_sheet([tile] * 5, 3)).pixels.shape == (44, 68, 3)
    assert decode(draw_sheet([tile] * 2, 3)).pixels.shape == (20, 44, 3)


@pytest.mark.data
def test_the_shared_data_have_only_the_defects_that_are_known(data_folder: Path) -> None:
    """One box without an area, and two pairs across train and val; nothing touches test."""
    errors: list[AnnotationError] = []
    pictures = read_any(data_folder / "faces" / "index.csv", report=errors.append)
    inspection = inspect_pictures(pictures, errors)
    assert inspection.by_kind() == {Defect.IMPOSSIBLE_BOX: 1, Defect.COPY_ACROSS_SPLITS: 2}
    assert not any(
        "test" in {first.split, second.split} and first.split != second.split
        for first, second, _ in inspection.copies
    )
