"""`lintel blur`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lintel.cli.picture_commands import SUFFIX_OF_FORMAT
from lintel.edge.images import ImageFormat, decode, encode, read_header

Run = Callable[..., tuple[int, str, str]]
Start = Callable[..., "subprocess.Popen[bytes]"]


def files_under(folder: Path) -> list[str]:
    """All files, hidden ones too."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_a_face_is_destroyed_and_the_rest_is_kept(run: Run, album: Path, tmp_path: Path) -> None:
    status, out, err = run("blur", album / "b face.jpg", "--out", tmp_path / "out")
    assert (status, err) == (0, "")
    assert out == f"1 picture written to {tmp_path / 'out'}, 1 face blurred.\n"
    before = decode((album / "b face.jpg").read_bytes()).pixels.astype(int)
    after = decode((tmp_path / "out" / "b face.jpg").read_bytes()).pixels.astype(int)
    difference = np.abs(before - after)
    assert difference[140:180, 120:200].max() > 30
    assert difference[:20].max() < 10


def test_folders_keep_their_layout_and_pictures_their_names(
    run: Run, album: Path, tmp_path: Path
) -> None:
    out_folder = tmp_path / "out"
    status, out, _ = run("blur", album, "--out", out_folder)
    assert status == 0
    assert files_under(out_folder) == ["a plain.JPEG", "b face.jpg", "trip/chart.png"]
    assert "3 pictures written" in out
    assert f"No face was found in {album}/a plain.JPEG, {album}/trip/chart.png" in out


@pytest.mark.parametrize("name", SUFFIX_OF_FORMAT)
def test_another_format_changes_the_suffix(
    run: Run, album: Path, tmp_path: Path, name: str
) -> None:
    out_folder = tmp_path / "out"
    status, _, _ = run("blur", album / "b face.jpg", "--out", out_folder, "--format", name)
    assert status == 0
    [file] = files_under(out_folder)
    assert file == f"b face{SUFFIX_OF_FORMAT[name]}"
    assert read_header((out_folder / file).read_bytes()).format is ImageFormat(name)


def test_whole_frames_are_covered_without_looking(run: Run, album: Path, tmp_path: Path) -> None:
    picture = album / "trip" / "chart.png"
    options = ("--whole-frame", "--method", "pixelate")
    status, out, _ = run("blur", picture, "--out", tmp_path / "out", *options)
    assert (status, out) == (0, f"1 picture covered whole in {tmp_path / 'out'}.\n")
    pixels = decode((tmp_path / "out" / "chart.png").read_bytes()).pixels
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 64


def test_existing_results_are_kept_and_the_others_go_on(
    run: Run, album: Path, tmp_path: Path
) -> None:
    out_folder = tmp_path / "out"
    out_folder.mkdir()
    (out_folder / "b face.jpg").write_bytes(b"mine")
    status, out, err = run("blur", album, "--out", out_folder)
    assert status == 1
    assert f"{album}/b face.jpg: {out_folder}/b face.jpg exists; --overwrite replaces it." in err
    assert "1 picture of 3 failed." in err
    assert (out_folder / "b face.jpg").read_bytes() == b"mine"
    assert "2 pictures written" in out


def test_existing_results_are_replaced_where_asked(run: Run, album: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "out"
    out_folder.mkdir()
    (out_folder / "b face.jpg").write_bytes(b"mine")
    status, _, _ = run("blur", album, "--out", out_folder, "--overwrite")
    assert status == 0
    assert (out_folder / "b face.jpg").read_bytes() != b"mine"


def test_damaged_and_missing_pictures_fail_alone(
    run: Run, album: Path, tmp_path: Path, damaged_jpeg: bytes
) -> None:
    (album / "aa damaged.jpg").write_bytes(damaged_jpeg)
    (album / "empty.png").touch()
    status, _, err = run("blur", album, tmp_path / "missing.jpg", "--out", tmp_path / "out")
    assert status == 1
    assert files_under(tmp_path / "out") == ["a plain.JPEG", "b face.jpg", "trip/chart.png"]
    failed = [line.partition(": ")[0] for line in err.splitlines()]
    assert failed == [
        f"{album}/aa damaged.jpg",
        f"{album}/empty.png",
        f"{tmp_path}/missing.jpg",
        "3 pictures of 6 failed.",
    ]


def test_two_pictures_that_would_become_one_are_refused_before_any_work(
    run: Run, album: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "b face.jpg").write_bytes(b"")
    status, _, err = run("blur", album, other, "--out", tmp_path / "out")
    assert status == 2
    assert "would both become" in err
    assert not (tmp_path / "out").exists()


def test_formats_can_make_two_pictures_one(run: Run, album: Path, tmp_path: Path) -> None:
    (album / "b face.png").write_bytes((album / "trip" / "chart.png").read_bytes())
    assert run("blur", album, "--out", tmp_path / "a")[0] == 0
    assert run("blur", album, "--out", tmp_path / "b", "--format", "webp")[0] == 2


@pytest.mark.parametrize("way", ["the folder itself", "a link to it", "a link to the picture"])
def test_no_picture_is_written_onto_itself(
    run: Run, album: Path, tmp_path: Path, face_jpeg: bytes, way: str
) -> None:
    out_folder = tmp_path / "out"
    if way == "the folder itself":
        out_folder = album
    elif way == "a link to it":
        out_folder.symlink_to(album)
    else:
        out_folder.mkdir()
        (out_folder / "b face.jpg").symlink_to(album / "b face.jpg")
    status, _, err = run("blur", album, "--out", out_folder, "--overwrite")
    assert status == 2
    assert "is one of the given pictures" in err
    assert (album / "b face.jpg").read_bytes() == face_jpeg


def test_results_inside_the_folder_are_not_blurred_again(run: Run, album: Path) -> None:
    out_folder = album / "out"
    for _ in range(2):
        assert run("blur", album, "--out", out_folder, "--overwrite")[0] == 0
    assert files_under(out_folder) == ["a plain.JPEG", "b face.jpg", "trip/chart.png"]


@pytest.mark.parametrize(
    "name", ["Été à la mer.jpg", "two\nlines.jpg", "[bold]red[%].jpg", "-dash.jpg", "\udcff.jpg"]
)
def test_any_file_name_will_do(
    run: Run, tmp_path: Path, face_jpeg: bytes, damaged_jpeg: bytes, name: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(face_jpeg)
    (folder / f"damaged {name}").write_bytes(damaged_jpeg)
    status, _, err = run("blur", folder, "--out", tmp_path / "out")
    assert status == 1
    assert len(err.splitlines()) == 2
    assert files_under(tmp_path / "out") == [name]


@pytest.mark.parametrize("out_folder", ["/dev/null", "/dev/null/out", "/proc/out"])
def test_a_folder_that_cannot_be_made_ends_the_command(
    run: Run, album: Path, out_folder: str
) -> None:
    status, _, err = run("blur", album, "--out", out_folder)
    assert status == 2
    assert err.startswith("Error: ")
    assert "Traceback" not in err


def test_a_full_disk_leaves_nothing_half_written(start: Start, album: Path, tmp_path: Path) -> None:
    # A limit on the size of files stands in for a full disk: both refuse in mid-file.
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    (album / "trip" / "noise.png").write_bytes(encode(noise, ImageFormat.PNG))
    process = start("blur", album, "--out", tmp_path / "out", preexec_fn=limit)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"noise.png cannot be written: File too large." in err
    assert "trip/noise.png" not in files_under(tmp_path / "out")
    assert not [name for name in files_under(tmp_path / "out") if ".part" in name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_whole_pictures_only(
    start: Start, tmp_path: Path, face_jpeg: bytes, number: signal.Signals
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(8):
        (folder / f"{index}.jpg").write_bytes(face_jpeg)
    pipe = folder / "9.jpg"
    os.mkfifo(pipe)
    for index in range(100, 300):
        (folder / f"a{index}.jpg").write_bytes(face_jpeg)
    process = start("blur", folder, "--out", tmp_path / "out")
    # Opens once the command has come to the pipe, and holds it there.
    with pipe.open("wb"):
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err.strip()) == (b"", b"Interrupted.")
    results = files_under(tmp_path / "out")
    assert results
    for name in results:
        assert decode((tmp_path / "out" / name).read_bytes()).width == 320


@pytest.mark.parametrize(
    "options",
    [
        ("--margin", "2.1"),
        ("--margin", "nan"),
        ("--min-score", "-0.1"),
        ("--quality", "0"),
        ("--method", "swirl"),
        ("--format", "gif"),
    ],
)
def test_options_out_of_range_are_refused(
    run: Run, album: Path, tmp_path: Path, options: tuple[str, str]
) -> None:
    status, _, err = run("blur", album, "--out", tmp_path / "out", *options)
    assert status == 2
    assert options[0] in err
    assert not (tmp_path / "out").exists()


def test_a_least_score_is_for_faces_that_are_looked_for(
    run: Run, album: Path, tmp_path: Path
) -> None:
    options = ("--whole-frame", "--min-score", "0.5")
    status, _, err = run("blur", album, "--out", tmp_path / "out", *options)
    assert status == 2
    assert "leave it out with --whole-frame" in " ".join(err.split())
    assert not (tmp_path / "out").exists()
