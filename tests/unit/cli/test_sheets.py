"""`lintel detect` and `lintel stats`."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lintel.cli import sheets
from lintel.edge.images import decode

Run = Callable[..., tuple[int, str, str]]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_detect_writes_a_row_a_face(run: Run, album: Path, tmp_path: Path) -> None:
    file = tmp_path / "faces.csv"
    status, out, err = run("detect", album, "--csv", file, "--min-score", "0.5")
    assert (status, out, err) == (0, "", "")
    text = file.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "image,x_min,y_min,x_max,y_max,score"
    [row] = rows_of(text)
    assert row["image"] == f"{album}/b face.jpg"
    assert float(row["x_min"]) < 160 < float(row["x_max"]) <= 320
    assert float(row["y_min"]) < 160 < float(row["y_max"]) <= 320
    assert 0.5 <= float(row["score"]) <= 1


def test_detect_shows_a_table_for_people(run: Run, album: Path) -> None:
    status, out, _ = run("detect", album)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split() == list(sheets.FACE_COLUMNS)
    [plain] = [line for line in lines if "a plain.JPEG" in line]
    assert plain.split()[-2:] == ["no", "face"]


def test_scores_below_the_least_are_left_out(run: Run, album: Path) -> None:
    _, out, _ = run("detect", album, "--csv", "-", "--min-score", "1")
    assert rows_of(out) == []


def test_stats_writes_the_columns_of_the_original_first(
    run: Run, album: Path, tmp_path: Path
) -> None:
    file = tmp_path / "statistics.csv"
    assert run("stats", album, "--csv", file)[0] == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("image,mean,std,min,max,height,width,pixels,bit_depth,sharpness,")
    assert [row["image"] for row in rows_of(text)] == [
        f"{album}/a plain.JPEG",
        f"{album}/b face.jpg",
        f"{album}/trip/chart.png",
    ]


def test_stats_are_those_of_the_picture(run: Run, album: Path) -> None:
    _, out, _ = run("stats", album / "trip" / "chart.png", "--csv", "-")
    [row] = rows_of(out)
    pixels = decode((album / "trip" / "chart.png").read_bytes()).pixels.astype(np.float64)
    grey = pixels @ np.array([0.1140, 0.5870, 0.2989])
    assert float(row["mean"]) == pytest.approx(grey.mean(), rel=1e-6)
    assert float(row["std"]) == pytest.approx(grey.std(), rel=1e-6)
    assert float(row["min"]) == pytest.approx(grey.min(), abs=1e-6)
    assert float(row["max"]) == pytest.approx(grey.max(), abs=1e-6)
    assert (row["height"], row["width"], row["pixels"]) == ("64", "64", "4096")
    for index, colour in enumerate(("blue", "green", "red")):
        assert float(row[f"{colour}_mean"]) == pytest.approx(pixels[..., index].mean(), rel=1e-6)
        assert row[f"{colour}_min"] == f"{pixels[..., index].min():g}"


def test_stats_of_a_grey_picture_leave_the_colours_empty(run: Run, tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    (tmp_path / "grey.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    _, out, _ = run("stats", tmp_path / "grey.png", "--csv", "-")
    [row] = rows_of(out)
    assert (row["bit_depth"], row["min"], row["max"]) == ("16", "0", "65535")
    assert {row[name] for name in row if name.startswith(sheets.COLOURS)} == {""}


def test_stats_adds_the_histogram_where_asked(run: Run, album: Path) -> None:
    _, out, _ = run("stats", album / "trip" / "chart.png", "--csv", "-", "--histogram")
    [row] = rows_of(out)
    counts = [int(row[f"hist_{value}"]) for value in range(256)]
    assert sum(counts) == 4096
    status, _, err = run("stats", album, "--histogram")
    assert status == 2
    assert "--csv" in err


def test_stats_shows_a_table_for_people(run: Run, album: Path) -> None:
    status, out, _ = run("stats", album)
    assert status == 0
    assert len(out.splitlines()) == 2 + 3


@pytest.mark.parametrize("command", ["detect", "stats"])
def test_pictures_that_fail_have_no_row_and_are_named(
    run: Run, album: Path, tmp_path: Path, damaged_jpeg: bytes, command: str
) -> None:
    (album / "aa.jpg").write_bytes(damaged_jpeg)
    file = tmp_path / "rows.csv"
    status, _, err = run(command, album, "--csv", file)
    assert status == 1
    assert err.startswith(f"{album}/aa.jpg: ")
    rows = rows_of(file.read_text(encoding="utf-8"))
    assert f"{album}/b face.jpg" in [row["image"] for row in rows]
    assert f"{album}/aa.jpg" not in [row["image"] for row in rows]


@pytest.mark.parametrize("command", ["detect", "stats"])
def test_an_existing_csv_is_kept_unless_asked(
    run: Run, album: Path, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("mine")
    status, _, err = run(command, album, "--csv", file)
    assert status == 2
    assert "exists; --overwrite replaces it." in err
    assert file.read_text() == "mine"
    assert run(command, album, "--csv", file, "--overwrite")[0] == 0
    assert file.read_text() != "mine"


def test_any_file_name_survives_in_csv(run: Run, tmp_path: Path, face_jpeg: bytes) -> None:
    names = ['a "quoted", name.jpg', "two\nlines.jpg", "été.jpg", "\udcff.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(face_jpeg)
    file = tmp_path / "faces.csv"
    assert run("detect", tmp_path, "--csv", file)[0] == 0
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        found = {row["image"] for row in csv.DictReader(text)}
    assert found == {f"{tmp_path}/{name}" for name in names}


def test_brackets_and_line_breaks_cannot_play_with_the_table(
    run: Run, tmp_path: Path, plain_jpeg: bytes
) -> None:
    (tmp_path / "[red]a\nb.jpg").write_bytes(plain_jpeg)
    _, out, _ = run("detect", tmp_path)
    assert r"[red]a\nb.jpg" in out


def test_an_interrupt_leaves_no_csv(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, plain_jpeg: bytes
) -> None:
    (tmp_path / "a.jpg").write_bytes(plain_jpeg)
    os.mkfifo(tmp_path / "b.jpg")
    process = start("stats", tmp_path, "--csv", tmp_path / "rows.csv")
    with (tmp_path / "b.jpg").open("wb"):
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]


def test_a_reader_that_has_seen_enough_ends_it_quietly(
    start: Callable[..., subprocess.Popen[bytes]], album: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("stats", album, "--csv", "-", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"")


@pytest.mark.parametrize("options", [(), ("--csv", "-")])
def test_a_full_output_is_told_in_a_sentence(
    start: Callable[..., subprocess.Popen[bytes]], album: Path, options: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("stats", album, *options, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == b"Error: The output cannot be written: No space left on device.\n"


def test_a_csv_on_a_full_disk_is_told_in_a_sentence(run: Run, album: Path) -> None:
    status, _, err = run("stats", album, "--csv", "/proc/rows.csv")
    assert status == 2
    assert err.startswith("Error: /proc/rows.csv cannot be written: ")


def test_pictures_over_the_limit_of_the_settings_are_refused(
    run: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINTEL_IMAGES__MAX_PIXELS", "4000")
    status, out, err = run("stats", album, "--csv", "-")
    assert status == 1
    assert "The picture has 102400 pixels; the limit is 4000." in err
    assert [row["width"] for row in rows_of(out)] == ["64"]
