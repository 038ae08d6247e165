"""Results read well, and pictures are saved whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lintel.client import Box, Frame, OutputPicture
from lintel.client.pictures import PixelFormat

JPEG = OutputPicture(b"\xff\xd8 jpeg", None)


def test_a_box_tells_its_size() -> None:
    box = Box(1.0, 2.0, 4.5, 8.0)
    assert (box.width, box.height) == (3.5, 6.0)


def test_a_picture_is_saved_with_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    JPEG.save(tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == JPEG.data
    ordinary = (tmp_path / "ordinary").stat().st_mode
    assert (tmp_path / "out.jpg").stat().st_mode == ordinary
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ordinary", "out.jpg"]


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere"), Path.mkdir])
def test_what_is_there_is_kept(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "out.jpg"
    make(path)
    before = path.lstat()
    with pytest.raises(FileExistsError):
        JPEG.save(path)
    assert path.lstat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_is_replaced_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(b"old")
    JPEG.save(str(path), overwrite=True)
    assert path.read_bytes() == JPEG.data
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_who_save_at_once_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    start = threading.Barrier(8)
    lost: list[int] = []

    def save(number: int) -> None:
        start.wait()
        try:
            OutputPicture(bytes([number]) * 1000, None).save(path)
        except FileExistsError:
            lost.append(number)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = set(range(8)) - set(lost)
    assert path.read_bytes() == bytes([winner]) * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    JPEG.save(tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == JPEG.data
    with pytest.raises(FileExistsError):
        JPEG.save(tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == [tmp_path / "out.jpg"]


def test_a_folder_that_is_not_there_is_pythons_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JPEG.save(tmp_path / "none" / "out.jpg")


@pytest.mark.parametrize(
    ("pixel_format", "shape"),
    [
        ("bgr8", (4, 6, 3)),
        ("rgb8", (4, 6, 3)),
        ("gray8", (4, 6)),
        ("nv12", (6, 6)),
        ("i420", (6, 6)),
    ],
)
def test_raw_pixels_become_an_array(pixel_format: PixelFormat, shape: tuple[int, ...]) -> None:
    data = bytes(range(np.prod(shape)))
    array = OutputPicture(data, Frame(data, 6, 4, pixel_format)).to_array()
    assert array.shape == shape
    assert array.tobytes() == data


def test_a_file_has_no_array_and_pixels_have_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="decode"):
        JPEG.to_array()
    with pytest.raises(ValueError, match="output_format"):
        OutputPicture(bytes(48), Frame(bytes(48), 4, 4, "bgr8")).save(tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []
