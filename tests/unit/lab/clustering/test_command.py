"""`lintel-lab cluster`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lintel.lab.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in ("cluster", *arguments)])
    return int(caught.value.code or 0)


def test_it_prints_figures_and_writes_a_page_and_json(
    index: Path,
    tmp_path: Path,
    write_package: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    page, figures = tmp_path / "report.html", tmp_path / "figures.json"
    given = (write_package("litert"), "pixels", "--data", index)
    assert run(*given, "--report", page, "--json", figures) == 0
    told = capsys.readouterr().out
    assert "faces.csv, all splits, 24 faces." not in told
    assert "faces.csv, split val, 24 faces." in told
    # Faces of a label are of one colour.
    assert len(re.findall(r" 1\.000 +1\.0000 +0\.5000", told)) == 4
    content = json.loads(figures.read_bytes())
    assert [each["name"] for each in content["features"]] == ["litert@only", "pixels"]
    members = content["features"][0]["methods"][0]["members"]
    assert len(members) == 24
    assert {each["cluster"] for each in members} == {1, 2, 3}
    text = page.read_text()
    assert text.count("<svg") == 2 * 3
    assert text.count("<img") == 2 * 2 * 3
    assert not re.search(r"<script|<link|url\(\s*['\"]?(?!#)", text)
    assert "prefers-color-scheme: dark" in text


def test_how_many_can_be_chosen(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pixels", "--data", index, "--clusters", "2") == 0
    assert re.search(r"pixels +k-means +24 +\d+ \(\d+ %\) +2 ", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "There is no model package nothing"),
        (["nothing.keras"], "There is no file nothing.keras"),
        (["hog", "pixels", "--layer", "x"], "--layer is for .keras files and packages"),
        (["pixels", "--clusters", "1"], "1 is not in the range"),
        (["pixels", "--clusters", "20"], "24 faces are too few for 20 clusters"),
        (["pixels", "--split", "test"], "No faces are left in the split test"),
    ],
)
def test_what_cannot_be_done_is_told(
    index: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(*arguments, "--data", index) == 2
    assert message in capsys.readouterr().err
