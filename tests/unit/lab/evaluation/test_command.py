"""`lintel-lab evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lintel.lab.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in ("evaluate", *arguments)])
    return int(caught.value.code or 0)


def test_it_prints_figures_and_writes_a_page_and_json(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, figures = tmp_path / "report.html", tmp_path / "figures.json"
    assert run("face-haar", "--data", index, "--report", page, "--json", figures) == 0
    told = capsys.readouterr().out
    assert "index.csv, split val, 2 pictures." in told
    assert "indoors   face-haar@opencv" in told
    assert "report.html shows" in told
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(figures.read_bytes())["detectors"][0]["name"] == "face-haar@opencv"


def test_what_counts_can_be_chosen(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--source", "outdoors", "--keep-duplicates", "--iou", "0.3", "--min-face", "300")
    assert run("face-haar", "--data", index, *chosen) == 0
    told = capsys.readouterr().out
    assert "2 pictures" in told
    assert "AP@0.3" in told
    # No drawn face has 300 pixels of 640.
    assert "outdoors  face-haar@opencv         2      0" in told
    assert run("face-haar", "--data", index, "--split", "all", "--long-side", "640") == 0
    told = capsys.readouterr().out
    assert "all splits, 3 pictures" in told
    assert "Pictures are scaled to a long side of 640 pixels first." in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["faec"], "There is no model package faec"),
        (["peer:yunet"], "There is no peer yunet; there are blazeface, centerface, mtcnn"),
        (["face-haar", "--split", "vla"], "The data has no split vla; it has test, val"),
        (["face-haar", "--iou", "nan"], "no number from"),
    ],
)
def test_what_cannot_be_done_is_told(
    index: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(*arguments, "--data", index) == 2
    assert message in capsys.readouterr().err


def test_a_defect_of_the_data_is_told_and_left_out(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index.write_text(index.read_text() + "a.jpg,val,9,9,9,9,,indoors,a.jpg,,0,320,320\n")
    assert run("face-haar", "--data", index) == 0
    assert "1 defect in the annotations left out, the first:" in capsys.readouterr().err


def test_files_that_are_there_are_kept(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    page.write_text("mine")
    assert run("face-haar", "--data", index, "--report", page) == 2
    assert page.read_text() == "mine"
    assert run("face-haar", "--data", index, "--report", page, "--overwrite") == 0
    assert page.read_text() != "mine"
