"""Which pictures a command line names."""

from __future__ import annotations

from pathlib import Path

import pytest

from lintel.cli.pictures import find_pictures


def test_a_folder_gives_its_pictures_sorted_without_hidden_ones(album: Path) -> None:
    found = find_pictures([str(album)])
    assert [picture.place.as_posix() for picture in found.pictures] == [
        "a plain.JPEG",
        "b face.jpg",
        "trip/chart.png",
    ]
    assert not found.failures


def test_pictures_are_named_as_the_command_line_names_them(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    names = [picture.name for picture in find_pictures(["trip", "./trip/", "./notes.txt"]).pictures]
    assert names == ["trip/chart.png", "./trip/chart.png", "./notes.txt"]


def test_a_file_named_outright_is_taken_whatever_its_name(album: Path) -> None:
    found = find_pictures([str(album / ".hidden.jpg"), str(album / "notes.txt")])
    assert [picture.path.name for picture in found.pictures] == [".hidden.jpg", "notes.txt"]


def test_a_file_that_is_not_there_is_left_to_fail_by_itself(tmp_path: Path) -> None:
    found = find_pictures([str(tmp_path / "missing.jpg")])
    assert [picture.path.name for picture in found.pictures] == ["missing.jpg"]


def test_a_picture_named_twice_is_taken_once(album: Path) -> None:
    name = str(album / "b face.jpg")
    assert len(find_pictures([name, name]).pictures) == 1


def test_a_folder_without_pictures_is_a_failure(tmp_path: Path) -> None:
    found = find_pictures([str(tmp_path)])
    [(name, reason)] = found.failures
    assert name == str(tmp_path)
    assert ".webp" in reason


def test_links_to_files_are_followed_and_links_to_folders_are_not(
    album: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "file.jpg").symlink_to(album / "b face.jpg")
    (folder / "loop").symlink_to(folder)
    assert [picture.place.name for picture in find_pictures([str(folder)]).pictures] == ["file.jpg"]


def test_earlier_results_inside_a_folder_are_left_out(album: Path) -> None:
    results = album / "blurred"
    results.mkdir()
    (results / "old.jpg").write_bytes(b"")
    found = find_pictures([str(album)], leave_out=album / "trip" / ".." / "blurred")
    assert "old.jpg" not in [picture.place.name for picture in found.pictures]
