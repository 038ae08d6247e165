"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lintel.cli.files import FileFailedError, make_folder, read_picture, refuse_existing, whole_file
from lintel.edge.errors import ImageTooLargeError


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with whole_file(target, overwrite=False) as file:
        file.write(b"half")
        assert not target.exists()
        file.write(b" whole")
    assert target.read_bytes() == b"half whole"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_file_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), whole_file(tmp_path / "file", overwrite=False) as file:
        file.write(b"half")
        raise error
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with (
        pytest.raises(FileFailedError, match="--overwrite replaces it"),
        whole_file(target, overwrite=False),
    ):
        raise AssertionError("nothing is to be done for it")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_no_place_for_a_file(tmp_path: Path, overwrite: bool) -> None:
    with pytest.raises(FileFailedError, match="is a folder: name a file"):
        refuse_existing(tmp_path, overwrite=overwrite)
    with pytest.raises(FileFailedError, match=r"^\. is a folder"):
        refuse_existing(Path(), overwrite=overwrite)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with (
        pytest.raises(FileFailedError, match="exists"),
        whole_file(target, overwrite=False) as file,
    ):
        file.write(b"new")
        target.write_bytes(b"old")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_overwriting_replaces_at_once(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with whole_file(target, overwrite=True) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_a_link_is_replaced_and_what_it_leads_to_is_kept(tmp_path: Path) -> None:
    (tmp_path / "original").write_bytes(b"old")
    target = tmp_path / "link"
    target.symlink_to(tmp_path / "original")
    with whole_file(target, overwrite=True) as file:
        file.write(b"new")
    assert (tmp_path / "original").read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    with whole_file(tmp_path / "whole", overwrite=False) as file:
        file.write(b"x")
    modes = {(tmp_path / name).stat().st_mode for name in ("ordinary", "whole")}
    assert len(modes) == 1


def test_a_name_as_long_as_names_can_be_is_no_trouble(tmp_path: Path) -> None:
    with whole_file(tmp_path / ("x" * 255), overwrite=False) as file:
        file.write(b"x")
    with (
        pytest.raises(FileFailedError, match="cannot be written"),
        whole_file(tmp_path / ("x" * 256), overwrite=False) as file,
    ):
        file.write(b"x")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(FileFailedError, match="is not a folder"),
        whole_file(tmp_path / "file" / "deeper", overwrite=False),
    ):
        pass


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder that this process may look into and not write to; root becomes nobody for it."""
    is_root = os.geteuid() == 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "secret").touch(mode=0o000)
        folder.chmod(0o555)
        if is_root:
            os.seteuid(65534)
        yield folder
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_permissions_that_are_missing_are_told(foreign_folder: Path) -> None:
    with (
        pytest.raises(FileFailedError, match="cannot be written: Permission denied"),
        whole_file(foreign_folder / "file", overwrite=False),
    ):
        pass
    with pytest.raises(FileFailedError, match="cannot be made: Permission denied"):
        make_folder(foreign_folder / "deeper")
    with pytest.raises(FileFailedError, match="cannot be read: Permission denied"):
        read_picture(foreign_folder / "secret", 10)


def test_no_more_of_a_picture_is_read_than_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"12345")
    assert read_picture(path, 5) == b"12345"
    with pytest.raises(ImageTooLargeError) as error:
        read_picture(path, 4)
    assert (error.value.actual, error.value.limit) == (5, 4)
    with pytest.raises(ImageTooLargeError):
        read_picture(Path("/dev/zero"), 1000)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileFailedError, match="no such file"):
        read_picture(tmp_path / "missing", 10)
    with pytest.raises(FileFailedError, match="cannot be read"):
        read_picture(tmp_path, 10)


@pytest.mark.parametrize("overwrite", [True, False])
def test_nothing_takes_the_place_of_a_device(tmp_path: Path, overwrite: bool) -> None:
    # By another name: a fault must not cost this machine its own.
    target = tmp_path / "null"
    target.symlink_to("/dev/null")
    with whole_file(target, overwrite=overwrite) as file:
        file.write(b"gone")
    assert target.is_symlink()
    assert list(tmp_path.iterdir()) == [target]


def test_a_pipe_gets_what_is_written(tmp_path: Path) -> None:
    target = tmp_path / "pipe"
    os.mkfifo(target)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(target.read_bytes)
        with whole_file(target, overwrite=False) as file:
            file.write(b"all of it")
        assert read.result(30) == b"all of it"
    assert target.is_fifo()
