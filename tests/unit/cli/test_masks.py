"""`lintel masks`: verdicts as rows and as pictures, here and by a server."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.mask_packages import expected, plain, write_mask_package

from lintel.cli import engines, sheets
from lintel.edge.images import ImageFormat, decode, encode
from lintel.edge.packages import MASK_LABELS
from lintel.edge.service import DeviceServer

Run = Callable[..., tuple[int, str, str]]
Start = Callable[..., "subprocess.Popen[bytes]"]
BLUE, GREEN, RED, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)
# The csv module has a limit too.
LONGER_THAN_ANY_NAME = "a" * 200_000
LABEL_OF_COLOUR = {GREEN: "with_mask", RED: "without_mask", BLUE: "incorrect_mask", GREY: "unsure"}


@pytest.fixture(autouse=True)
def packages(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of packages, with a mask model that goes by colour."""
    folder = tmp_path_factory.mktemp("packages")
    write_mask_package(folder)
    monkeypatch.setenv("LINTEL_MODELS__DIRECTORY", str(folder))
    return folder


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A folder of plain pictures, a colour each: what the model goes by."""
    folder = tmp_path / "crops"
    folder.mkdir()
    for index, colour in enumerate(LABEL_OF_COLOUR):
        (folder / f"{index}.png").write_bytes(encode(plain(colour), ImageFormat.PNG))
    return folder


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A picture of 200x100 grey pixels but for a square of random ones, from 20 to 70."""
    pixels = plain(GREY, 200, 100)
    pixels[20:70, 20:70] = np.random.default_rng(1).integers(0, 256, (50, 50, 3), np.uint8)
    file = tmp_path / "noise.png"
    file.write_bytes(encode(pixels, ImageFormat.PNG))
    return file


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def write_boxes(file: Path, *rows: str, header: str = "image,x_min,y_min,x_max,y_max") -> Path:
    file.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return file


def pixels_of(file: Path) -> NDArray[np.int64]:
    return decode(file.read_bytes()).pixels.astype(np.int64)


def test_the_words_are_those_of_the_device() -> None:
    assert engines.MASK_LABELS == MASK_LABELS
    assert ",".join(sheets.MASK_COLUMNS) == (
        "image,x_min,y_min,x_max,y_max,score,label,p_with_mask,p_without_mask,p_incorrect_mask"
    )


def test_faces_are_found_and_judged_a_row_each(run: Run, album: Path, tmp_path: Path) -> None:
    file = tmp_path / "masks.csv"
    assert run("masks", album, "--csv", file) == (0, "", "")
    [row] = rows_of(file.read_text(encoding="utf-8"))
    assert row["image"] == f"{album}/b face.jpg"
    assert float(row["x_min"]) < 160 < float(row["x_max"]) <= 320
    assert 0.5 <= float(row["score"]) <= 1
    # The drawn skin is more red than anything else.
    assert row["label"] == "without_mask"
    probabilities = [float(row[f"p_{label}"]) for label in MASK_LABELS]
    assert sum(probabilities) == pytest.approx(1, abs=2e-6)
    assert max(probabilities) == probabilities[1]


def test_people_get_a_table(run: Run, album: Path) -> None:
    status, out, err = run("masks", album)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == list(sheets.MASK_TABLE)
    assert any("b face.jpg" in line and "without_mask" in line for line in lines)
    [empty] = [line for line in lines if "a plain.JPEG" in line]
    assert empty.split()[-2:] == ["no", "face"]


def test_crops_are_judged_whole(run: Run, crops: Path) -> None:
    _, out, _ = run("masks", crops, "--whole-picture", "--csv", "-")
    rows = rows_of(out)
    assert [row["label"] for row in rows] == list(LABEL_OF_COLOUR.values())
    assert {tuple(row.values())[1:6] for row in rows} == {
        ("0.00", "0.00", "64.00", "48.00", "1.000000")
    }
    for row, colour in zip(rows, LABEL_OF_COLOUR, strict=True):
        told = [float(row[f"p_{label}"]) for label in MASK_LABELS]
        assert told == pytest.approx(expected(colour), abs=1e-4)


def test_what_is_less_probable_than_asked_for_is_unsure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "dim.png").write_bytes(encode(plain((0, 8, 0)), ImageFormat.PNG))
    likeliest = expected((0, 8, 0)).max()
    assert 0.5 < likeliest < 0.6
    for least, label in ((None, "with_mask"), (0.6, "unsure"), (0.5, "with_mask")):
        options = () if least is None else ("--min-probability", str(least))
        _, out, _ = run("masks", tmp_path / "dim.png", "--whole-picture", "--csv", "-", *options)
        assert [row["label"] for row in rows_of(out)] == [label]


def test_another_model_judges_otherwise(run: Run, crops: Path, packages: Path) -> None:
    labels = ("without_mask", "with_mask", "incorrect_mask")
    from tests.mask_packages import colour_network

    # It takes green for what its first column says.
    write_mask_package(packages, "other", colour_network(MASK_LABELS), labels=labels)
    _, out, _ = run("masks", crops, "--whole-picture", "--csv", "-", "--model", "other")
    assert [row["label"] for row in rows_of(out)][:2] == ["without_mask", "with_mask"]


def test_boxes_of_a_file_are_judged_in_its_order(run: Run, tmp_path: Path) -> None:
    pixels = np.hstack([plain(GREEN, 40, 40), plain(RED, 60, 40)])
    (tmp_path / "two.png").write_bytes(encode(pixels, ImageFormat.PNG))
    (tmp_path / "none.png").write_bytes(encode(plain(BLUE), ImageFormat.PNG))
    rows = (
        f"without_mask,{tmp_path}/two.png,60,10,80.5,30,0.9",
        # However the way to it is written, and whoever else is in the file.
        f"with_mask,{tmp_path}/../{tmp_path.name}/./two.png,10,10,30,30,0.8",
        f"with_mask,{tmp_path}/other.png,10,10,30,30,0.8",
        f",{tmp_path}/none.png,,,,,",
    )
    boxes = write_boxes(
        tmp_path / "boxes.csv", *rows, header="label,image,x_min,y_min,x_max,y_max,score"
    )
    status, out, err = run("masks", tmp_path, "--boxes", boxes, "--csv", "-")
    assert (status, err) == (0, "")
    assert [tuple(row.values())[1:7] for row in rows_of(out)] == [
        ("60.00", "10.00", "80.50", "30.00", "1.000000", "without_mask"),
        ("10.00", "10.00", "30.00", "30.00", "1.000000", "with_mask"),
    ]


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_what_detect_found_is_what_masks_judges(
    run: Run, start: Start, album: Path, tmp_path: Path, way: str
) -> None:
    found, judged = tmp_path / "faces.csv", tmp_path / "masks.csv"
    assert run("detect", album, "--csv", found)[0] == 0
    if way == "file":
        assert run("masks", album, "--boxes", found, "--csv", judged) == (0, "", "")
    else:
        with found.open("rb") as faces:
            process = start("masks", album, "--boxes", "-", "--csv", judged, stdin=faces)
            assert process.communicate(timeout=60) == (b"", b"")
    sides = ("image", "x_min", "y_min", "x_max", "y_max")
    assert [[row[side] for side in sides] for row in rows_of(judged.read_text())] == [
        [row[side] for side in sides] for row in rows_of(found.read_text())
    ]


def test_a_file_without_boxes_tells_that_there_are_no_faces(
    run: Run, album: Path, tmp_path: Path
) -> None:
    boxes = write_boxes(tmp_path / "boxes.csv")
    status, out, _ = run("masks", album, "--boxes", boxes, "--csv", "-")
    assert (status, rows_of(out)) == (0, [])


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("image,x_min,y_min,x_max", "a.jpg,1,2,3", "boxes.csv has no column y_max."),
        ("name,x,y", "a.jpg,1,2", "boxes.csv has no column image, x_min, y_min, x_max, y_max."),
        (None, "a.jpg,1,2,three,4", "boxes.csv, line 2: x_min, y_min, x_max, y_max must be num"),
        (None, "a.jpg,1,2,3", "boxes.csv, line 2: x_min, y_min, x_max, y_max must be numbers."),
        (None, "a.jpg,1,2,inf,4", "boxes.csv, line 2: x_min, y_min, x_max, y_max must be finite."),
        (None, "a.jpg,3,2,1,4", "boxes.csv, line 2: x_max must be greater than x_min, y_max than"),
        (None, LONGER_THAN_ANY_NAME, "boxes.csv, line 2 is no CSV."),
        (None, "a.jpg,1,2,3,4", "boxes.csv has no boxes of any of the pictures: its column image"),
    ],
    ids=lambda value: value[:20] if value else "",
)
def test_a_file_of_boxes_that_is_none_ends_the_command(
    run: Run, album: Path, tmp_path: Path, header: str | None, row: str, said: str
) -> None:
    boxes = write_boxes(tmp_path / "boxes.csv", row, **({"header": header} if header else {}))
    status, out, err = run("masks", album, "--boxes", boxes)
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: {tmp_path}/")
    assert said in err


def test_a_file_of_boxes_that_is_not_there_ends_the_command(run: Run, album: Path) -> None:
    status, _, err = run("masks", album, "--boxes", "missing.csv")
    assert status == 2
    assert err == "Error: missing.csv cannot be read: No such file or directory.\n"


def test_a_box_outside_its_picture_fails_that_picture_alone(run: Run, crops: Path) -> None:
    boxes = write_boxes(crops / "boxes.csv", f"{crops}/0.png,1,1,65,40", f"{crops}/1.png,1,1,64,40")
    status, out, err = run("masks", crops, "--boxes", boxes, "--csv", "-")
    assert status == 1
    assert err.startswith(f"{crops}/0.png: The edge of a box must be 0 to 64")
    assert [row["image"] for row in rows_of(out)] == [f"{crops}/1.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--boxes", "boxes.csv", "--whole-picture"), "contradict"),
        (("--boxes", "boxes.csv", "--min-score", "0.5"), "--min-score is for faces"),
        (("--whole-picture", "--min-score", "0.5"), "--min-score is for faces"),
        (("--show-faces",), "--show-faces needs --annotate"),
        (("--min-probability", "1.1"), "--min-probability"),
        (("--min-probability", "nan"), "--min-probability"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    run: Run, album: Path, options: tuple[str, ...], said: str
) -> None:
    status, out, err = run("masks", album, *options)
    assert (status, out) == (2, "")
    assert said in err


def test_faces_are_destroyed_before_boxes_are_drawn(run: Run, album: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "out"
    status, out, err = run("masks", album, "--annotate", out_folder)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == f"3 pictures annotated in {out_folder}."
    assert sorted(str(path.relative_to(out_folder)) for path in out_folder.rglob("*.*")) == [
        "a plain.JPEG",
        "b face.jpg",
        "trip/chart.png",
    ]
    before = pixels_of(album / "b face.jpg")
    drawn, blurred = pixels_of(out_folder / "b face.jpg"), tmp_path / "blurred"
    assert run("blur", album / "b face.jpg", "--out", blurred)[0] == 0
    blurred_face = pixels_of(blurred / "b face.jpg")
    # The eyes and the mouth are within the box, where nothing is drawn.
    inner = (slice(135, 225), slice(110, 210))
    assert np.abs(drawn[inner] - blurred_face[inner]).max() < 12
    assert np.abs(drawn[inner] - before[inner]).max() > 60
    # Where there is no face, all is as it was.
    assert np.abs(drawn[:20] - before[:20]).max() < 10


def test_the_label_is_drawn_in_its_colour(run: Run, album: Path, tmp_path: Path) -> None:
    run("masks", album / "b face.jpg", "--annotate", tmp_path / "out")
    drawn = pixels_of(tmp_path / "out" / "b face.jpg")
    vermilion = np.abs(drawn - (0, 94, 213)).max(axis=2) < 40
    # A filled label, with letters in it, and the four sides of a box.
    assert vermilion.sum() > 400


def test_faces_are_shown_only_on_purpose(run: Run, album: Path, tmp_path: Path) -> None:
    face = album / "b face.jpg"
    assert run("masks", face, "--annotate", tmp_path / "out", "--show-faces")[0] == 0
    inner = (slice(135, 225), slice(110, 210))
    difference = pixels_of(tmp_path / "out" / "b face.jpg")[inner] - pixels_of(face)[inner]
    assert np.abs(difference).max() < 25


def test_given_boxes_are_destroyed_whether_a_detector_sees_faces_or_not(
    run: Run, noise: Path, tmp_path: Path
) -> None:
    boxes = write_boxes(tmp_path / "boxes.csv", f"{noise},20,20,70,70")
    assert run("masks", noise, "--boxes", boxes, "--annotate", tmp_path / "out")[0] == 0
    before, drawn = pixels_of(noise), pixels_of(tmp_path / "out" / noise.name)
    assert before[25:65, 25:65].std() > 60
    assert drawn[25:65, 25:65].std() < 25
    assert np.array_equal(drawn[:, 120:], before[:, 120:])


def test_faces_that_were_not_given_are_destroyed_too(run: Run, album: Path, tmp_path: Path) -> None:
    face = album / "b face.jpg"
    boxes = write_boxes(tmp_path / "boxes.csv", f"{face},1,1,20,20")
    assert run("masks", face, "--boxes", boxes, "--annotate", tmp_path / "out")[0] == 0
    inner = (slice(135, 225), slice(110, 210))
    difference = pixels_of(tmp_path / "out" / "b face.jpg")[inner] - pixels_of(face)[inner]
    assert np.abs(difference).max() > 60


def test_crops_are_covered_whole(run: Run, noise: Path, tmp_path: Path) -> None:
    options = ("--whole-picture", "--annotate", tmp_path / "out")
    assert run("masks", noise, *options)[0] == 0
    # Below the label.
    assert pixels_of(tmp_path / "out" / noise.name)[30:65, 25:65].std() < 25


@pytest.mark.parametrize("kind", ["grey", "deep", "turned"])
def test_any_picture_can_be_annotated(
    run: Run, tmp_path: Path, kind: str, face_jpeg: bytes
) -> None:
    file = tmp_path / "picture.png"
    if kind == "turned":
        # Orientation 6: stored lying on its side. EXIF behind the start of the JPEG.
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        wide = cv2.imencode(".jpg", plain(GREEN, 60, 40))[1].tobytes()
        header = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        file = tmp_path / "picture.jpg"
        file.write_bytes(wide[:2] + header + wide[2:])
    else:
        grey = np.full((60, 40), 90, np.uint8 if kind == "grey" else np.uint16)
        file.write_bytes(cv2.imencode(".png", grey)[1].tobytes())
    status, out, err = run("masks", file, "--whole-picture", "--annotate", tmp_path / "out")
    assert (status, err) == (0, "")
    assert pixels_of(tmp_path / "out" / file.name).shape == (60, 40, 3)
    assert " 40 " in out and " 60 " in out


def test_existing_pictures_are_kept_unless_asked(run: Run, album: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "out"
    out_folder.mkdir()
    (out_folder / "b face.jpg").write_bytes(b"mine")
    status, out, err = run("masks", album, "--annotate", out_folder)
    assert status == 1
    assert f"{out_folder}/b face.jpg exists; --overwrite replaces it." in err
    assert (out_folder / "b face.jpg").read_bytes() == b"mine"
    assert f"2 pictures annotated in {out_folder}." in out
    assert run("masks", album, "--annotate", out_folder, "--overwrite")[0] == 0
    assert (out_folder / "b face.jpg").read_bytes() != b"mine"


def test_no_picture_is_annotated_onto_itself(run: Run, album: Path, face_jpeg: bytes) -> None:
    status, _, err = run("masks", album, "--annotate", album, "--overwrite")
    assert status == 2
    assert "is one of the given pictures, and would be replaced" in err
    assert (album / "b face.jpg").read_bytes() == face_jpeg


def test_a_file_is_no_folder_for_annotated_pictures(run: Run, album: Path) -> None:
    file = album / "b face.jpg"
    status, out, err = run("masks", file, "--annotate", file)
    assert (status, out, err) == (2, "", f"Error: {file} is not a folder.\n")


def test_pictures_that_fail_have_no_row_and_no_picture(
    run: Run, album: Path, tmp_path: Path, damaged_jpeg: bytes
) -> None:
    (album / "aa.jpg").write_bytes(damaged_jpeg)
    status, out, err = run("masks", album, "--csv", "-", "--annotate", tmp_path / "out")
    assert status == 1
    assert err.startswith(f"{album}/aa.jpg: ")
    # Standard output is the rows' own.
    assert f"3 pictures annotated in {tmp_path}/out." in err
    assert [row["image"] for row in rows_of(out)] == [f"{album}/b face.jpg"]
    assert not (tmp_path / "out" / "aa.jpg").exists()


@pytest.mark.parametrize(
    "options",
    [(), ("--min-score", "0.2"), ("--min-probability", "0.99"), ("--whole-picture",), ("--boxes",)],
    ids=lambda options: " ".join(options) or "plain",
)
def test_both_ways_give_the_same(
    run: Run,
    album: Path,
    tmp_path: Path,
    start_device: Callable[..., DeviceServer],
    packages: Path,
    options: tuple[str, ...],
) -> None:
    if options == ("--boxes",):
        rows = (f"{album}/b face.jpg,10,20,90,120", f"{album}/a plain.JPEG,1.5,2.5,30,48.5")
        options = ("--boxes", str(write_boxes(tmp_path / "boxes.csv", *rows)))
    device = start_device({"models": {"directory": str(packages)}})
    told = {}
    for place in (("--local",), ("--server", device.addresses[0])):
        out_folder = tmp_path / place[0]
        ended = run("masks", album, *options, "--csv", "-", "--annotate", out_folder, *place)
        pictures = {path.name: path.read_bytes() for path in sorted(out_folder.rglob("*.*"))}
        told[place[0]] = (ended[:2], ended[2].replace(str(out_folder), "out"), pictures)
    assert told["--local"] == told["--server"]
    assert told["--local"][0][0] == (1 if options[:1] == ("--boxes",) else 0)


@pytest.mark.parametrize("way", ["local", "server"])
def test_a_model_that_is_not_there_ends_the_command(
    run: Run,
    album: Path,
    start_device: Callable[..., DeviceServer],
    packages: Path,
    way: str,
) -> None:
    place: tuple[str, ...] = ()
    if way == "server":
        device = start_device({"models": {"directory": str(packages)}})
        place = ("--server", device.addresses[0])
    status, out, err = run("masks", album, "--model", "none-such", *place)
    assert (status, out) == (2, "")
    # The server in this process may have logged the call before.
    told = err.splitlines()[-1]
    assert told.startswith("Error: ")
    assert "no mask model" in told


@pytest.mark.data
def test_real_pictures_come_out_the_same_from_both(
    run: Run,
    data_folder: Path,
    tmp_path: Path,
    start_device: Callable[..., DeviceServer],
    packages: Path,
) -> None:
    pictures = sorted((data_folder / "faces" / "images").rglob("*.*"))[::1500]
    device = start_device({"models": {"directory": str(packages)}})
    local = run("masks", *pictures, "--csv", "-")
    assert len(rows_of(local[1])) >= 3
    assert run("masks", *pictures, "--csv", "-", "--server", device.addresses[0]) == local
