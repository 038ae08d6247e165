"""`lintel-lab evaluate` and `lintel-lab calibrate`, of mask packages."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.mask_packages import write_mask_package

from lintel.lab.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


@pytest.fixture
def mislabelled(index: Path) -> Path:
    """The data set with two faces of val labelled as what they are not."""
    rows = index.read_text().splitlines()
    wrong = {"with_mask": "without_mask", "without_mask": "with_mask"}
    places = [place for place, row in enumerate(rows) if ",val," in row]
    for place in [place for place in places if rows[place].split(",")[6] in wrong][:2]:
        cells = rows[place].split(",")
        cells[6] = wrong[cells[6]]
        rows[place] = ",".join(cells)
    index.write_text("\n".join(rows) + "\n")
    return index


class Page(HTMLParser):
    """Gathers the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_it_prints_figures_and_writes_a_page_and_json(
    mislabelled: Path, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, figures = tmp_path / "report.html", tmp_path / "figures.json"
    other = write_mask_package(tmp_path / "others", "other", backend="onnx")
    given = ("evaluate", package, other, "--data", mislabelled, "--report", page)
    assert run(*given, "--json", figures) == 0
    told = capsys.readouterr().out
    # 16 faces, without the two of a copy.
    assert "index.csv, split val, 14 faces." in told
    for title in ("Of two classes, wrongly worn masks left out", "Of three classes", "By class"):
        assert f"\n{title}" in told
    assert re.search(r"mask@only less other@only +\+0\.0000", told)
    content = json.loads(figures.read_bytes())
    [first, _] = content["classifiers"]
    assert first["three"]["all"]["figures"]["accuracy"] == pytest.approx(12 / 14)
    assert first["by_size"]["24 to 48 px"]["accuracy"] is None
    assert content["balances"][0]["counts"].keys() == {"train", "val", "test"}


def test_the_page_needs_nothing_else_and_shows_what_is_wrong(
    mislabelled: Path, package: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    assert run("evaluate", package, "--data", mislabelled, "--report", page) == 0
    text = page.read_text()
    elements = Page(text)
    assert not elements.all("script")
    assert not elements.all("link")
    assert not re.search(r"url\(\s*['\"]?(?!#)", text)
    pictures = elements.all("img")
    assert len(pictures) == 2
    assert all(str(each["src"]).startswith("data:image/jpeg;base64,") for each in pictures)
    captions = {str(each["alt"]) for each in pictures}
    assert any(
        caption.startswith("labelled without_mask; told with_mask 100.0 %") for caption in captions
    )
    # Calibration, three ROC curves, three of precision; the same of two; two confusions.
    assert len(elements.all("svg")) == 7 + 3 + 2
    assert "prefers-color-scheme: dark" in text
    assert "currentColor" in text


def test_a_detector_finds_the_faces_first(
    index: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", package, "--detector", "face-haar", "--data", index) == 0
    told = capsys.readouterr().out
    assert "face-haar@opencv: package face-haar" in told
    assert "\nFrom picture to verdict\n" in told
    # Nobody finds a face in a plain colour.
    assert re.search(r"all +0\.2 +\d+ +0\.000 +0\.000", told)


def test_folders_of_classes_are_data_too(
    tmp_path: Path, index: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.mask_packages import plain

    from lintel.edge.images import ImageFormat, encode

    root = tmp_path / "crops"
    for split, label, colour in (
        ("train", "with_mask", (40, 200, 90)),
        ("val", "with_mask", (40, 200, 90)),
        ("val", "without_mask", (30, 60, 220)),
        ("train", "without_mask", (30, 60, 220)),
    ):
        (root / split / label).mkdir(parents=True)
        (root / split / label / "a.png").write_bytes(encode(plain(colour), ImageFormat.PNG))
    assert run("evaluate", package, "--data", root, "--split", "val") == 0
    told = capsys.readouterr().out
    assert "crops, split val, 2 faces." in told
    assert re.search(r"- +mask@only +2 +1\.0000", told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["face-haar", "MASK"], "Some of the models find faces and some judge masks"),
        (["face-haar", "--detector", "face-haar"], "--detector is for mask classifiers"),
        (["MASK", "--detector", "MASK"], "mask is no face model"),
        (["nowhere.keras"], "There is no file nowhere.keras"),
        (["MASK", "--split", "vla"], "No faces are left in the split vla"),
        (["MASK", "--min-face", "640"], "No faces are left"),
        (["MASK", "--long-side", "640"], "--long-side is for face detectors"),
        (["MASK", "--iou", "0.5"], "give --detector, too."),
    ],
)
def test_what_cannot_be_done_is_told(
    index: Path,
    package: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    named = [str(package) if argument == "MASK" else argument for argument in arguments]
    assert run("evaluate", *named, "--data", index) == 2
    assert message in capsys.readouterr().err


def test_a_temperature_is_fitted_and_what_it_changes_is_told(
    mislabelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = write_mask_package(tmp_path / "sure", output_keys="temperature = 0.5")
    assert run("calibrate", package, "--data", mislabelled) == 0
    told = capsys.readouterr().out
    assert "mask@only on index.csv, split val, 14 faces." in told
    fitted = temperature_in(told)
    [row] = [line.split() for line in told.splitlines() if line.startswith("all  ")]
    loss_before, loss_after = float(row[2]), float(row[4])
    assert loss_after < loss_before
    # Two of fourteen are wrong, and the package is as sure of them as of the others.
    assert fitted > 1
    assert re.search("min_probability +unsure +accuracy of the rest", told)
    # Given to the package, it is what the fit starts from: there is nothing left to mend.
    mended = write_mask_package(tmp_path / "mended", output_keys=f"temperature = {fitted}")
    assert run("calibrate", mended, "--data", mislabelled) == 0
    assert temperature_in(capsys.readouterr().out) == pytest.approx(fitted, rel=0.02)


def temperature_in(told: str) -> float:
    [line] = [line for line in told.splitlines() if line.startswith("temperature = ")]
    return float(line.removeprefix("temperature = "))


def test_a_temperature_needs_errors(
    index: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("calibrate", package, "--data", index) == 2
    assert "both right and wrong answers" in capsys.readouterr().err
