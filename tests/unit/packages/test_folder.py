"""Packages on disk: only plain files of the folder are read, and only what was digested is used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lintel.edge.errors import LintelError, PackageInvalidError, SettingsInvalidError
from lintel.edge.packages import (
    MAXIMUM_FILE_BYTES,
    Package,
    builtin_packages,
    find_packages,
    load_package,
)

MODEL = b"the bytes of a model"
MANIFEST = "model.toml"


def write(folder: Path, *, file: str = "model.onnx", name: str = "small") -> Path:
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(
        f'name = "{name}"\nversion = "1.0.0"\ntask = "tensor"\nlicence = "CC0-1.0"\n'
        f'[[variant]]\nname = "only"\nbackend = "onnx"\nfile = "{file}"\n'
        f'sha256 = "{hashlib.sha256(MODEL).hexdigest()}"\n'
    )
    return folder


def read(package: Package) -> bytes:
    return package.variant_bytes(package.manifest.variants[0])


def refusal(work: Callable[[], object]) -> LintelError:
    with pytest.raises(PackageInvalidError) as caught:
        work()
    return caught.value


def test_a_file_with_the_right_digest_is_read(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    (package.folder / "model.onnx").write_bytes(MODEL)
    assert read(package) == MODEL


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    (package.folder / "model.onnx").write_bytes(MODEL + b"!")
    assert refusal(lambda: read(package)).field == "variant[0].sha256"


def test_a_missing_file_is_refused_when_it_is_needed(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    error = refusal(lambda: read(package))
    assert (error.field, error.message) == ("variant[0].file", "The model file is missing.")


@pytest.mark.parametrize(
    "file", ["../model.onnx", "/etc/passwd", "a/b.onnx", "..", ".", "opencv:../x.xml", "opencv:"]
)
def test_a_name_that_leads_elsewhere_is_refused_at_once(tmp_path: Path, file: str) -> None:
    (tmp_path / "model.onnx").write_bytes(MODEL)
    folder = write(tmp_path / "small", file=file)
    assert refusal(lambda: load_package(folder)).field == "variant[0].file"


def test_a_link_is_refused_though_the_digest_is_right(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    (tmp_path / "outside.onnx").write_bytes(MODEL)
    (package.folder / "model.onnx").symlink_to(tmp_path / "outside.onnx")
    error = refusal(lambda: read(package))
    assert (error.field, error.message) == (
        "variant[0].file",
        "The model file is a link, which is refused.",
    )


def test_a_linked_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / MANIFEST).symlink_to(write(tmp_path / "other") / MANIFEST)
    refusal(lambda: load_package(tmp_path / "small"))


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    os.mkfifo(package.folder / "model.onnx")
    assert "plain file" in refusal(lambda: read(package)).message


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    (package.folder / "model.onnx").mkdir()
    refusal(lambda: read(package))


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    with (package.folder / "model.onnx").open("wb") as file:
        file.truncate(MAXIMUM_FILE_BYTES + 1)
    assert str(MAXIMUM_FILE_BYTES) in refusal(lambda: read(package)).message


def test_no_message_has_a_path(tmp_path: Path) -> None:
    package = load_package(write(tmp_path / "small"))
    assert str(tmp_path) not in refusal(lambda: read(package)).message
    assert str(tmp_path) not in refusal(lambda: load_package(tmp_path / "none")).message


def test_the_cascade_of_the_installed_opencv_has_the_digest_of_the_manifest() -> None:
    package = load_package(next(path for path in builtin_packages() if path.name == "face-haar"))
    assert read(package).startswith(b"<?xml")


def test_packages_of_a_folder_are_found_and_broken_ones_told(tmp_path: Path) -> None:
    write(tmp_path / "a", name="small")
    write(tmp_path / "b", name="small")
    write(tmp_path / "c", name="other")
    (tmp_path / "d").mkdir()
    (tmp_path / ".e").mkdir()
    (tmp_path / "note.txt").write_text("not a package")
    found = find_packages(tmp_path)
    assert {name: package.folder.name for name, package in found.packages.items()} == {
        "small": "a",
        "other": "c",
    }
    assert {name: error.message for name, error in found.broken.items()} == {
        "b": "Another package of the folder has the same name.",
        "d": "The manifest is missing.",
    }


def test_without_a_folder_there_are_no_packages() -> None:
    assert find_packages(None) == ({}, {})


def test_a_folder_of_packages_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        find_packages(tmp_path / "none")
    assert caught.value.field == "models.directory"
