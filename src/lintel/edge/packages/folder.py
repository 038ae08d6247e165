"""Model packages on disk: folders, and files that no parser sees before their digest is checked."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lintel.edge.errors import LintelError, PackageInvalidError, SettingsInvalidError
from lintel.edge.packages.manifest import MAXIMUM_MANIFEST_BYTES, Manifest, Variant, parse_manifest

MANIFEST_NAME = "model.toml"
MAXIMUM_FILE_BYTES = 256 << 20
OPENCV_PREFIX = "opencv:"


@dataclass(frozen=True, slots=True)
class Package:
    """A model package: a folder and what its manifest says.

    Attributes:
        folder: Where it is.
        manifest: What `model.toml` says, valid.
    """

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The model's name."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The model's version."""
        return self.manifest.version

    def variant_bytes(self, variant: Variant) -> bytes:
        """Reads the file of a variant and checks its digest.

        The file is read once, and what is returned is what was digested: hand these bytes to the
        parser, never the path.

        Args:
            variant: One of the manifest's.

        Raises:
            PackageInvalidError: The file is missing, not a plain file of the folder, too large,
                or not the one that the manifest digests; `field` names the key.
        """
        prefix = f"variant[{self.manifest.variants.index(variant)}]"
        try:
            data = _read_plain_file(self._place(variant), MAXIMUM_FILE_BYTES, "model file")
        except PackageInvalidError as error:
            raise error.at(f"{prefix}.file") from None
        if hashlib.sha256(data).hexdigest() != variant.sha256:
            raise PackageInvalidError(
                "The SHA-256 of the model file is not the one in the manifest.",
                field=f"{prefix}.sha256",
            )
        return data

    def _place(self, variant: Variant) -> Path:
        """Returns the path of a variant's file: always right inside a folder that is known."""
        name = variant.file.removeprefix(OPENCV_PREFIX)
        if name in {"", ".", ".."} or "/" in name or "\\" in name or "\0" in name:
            raise PackageInvalidError("The name of a model file must be a plain name.")
        if not variant.file.startswith(OPENCV_PREFIX):
            return self.folder / name
        # OpenCV is looked for and not imported: most packages do without it.
        opencv = importlib.util.find_spec("cv2")
        if opencv is None or opencv.origin is None:
            raise PackageInvalidError("The model file is one of OpenCV's, which is not installed.")
        # Some installers lay wheels out as links.
        return (Path(opencv.origin).parent / "data" / name).resolve()


class FoundPackages(NamedTuple):
    """What a folder of packages holds.

    Attributes:
        packages: Those that are valid, by the model's name.
        broken: Why others are not, by the name of their folder.
    """

    packages: dict[str, Package]
    broken: dict[str, LintelError]


def load_package(folder: Path) -> Package:
    """Reads and validates the manifest of a package; model files are not touched.

    Args:
        folder: The package.

    Raises:
        PackageInvalidError: The manifest is missing or breaks a rule; `field` is the path of the
            key at fault.
    """
    data = _read_plain_file(folder / MANIFEST_NAME, MAXIMUM_MANIFEST_BYTES, "manifest")
    package = Package(folder, parse_manifest(data))
    for index, variant in enumerate(package.manifest.variants):
        try:
            package._place(variant)
        except PackageInvalidError as error:
            raise error.at(f"variant[{index}].file") from None
    return package


def find_packages(directory: Path | None) -> FoundPackages:
    """Reads every package of a folder of packages.

    Args:
        directory: The folder; hidden folders in it are passed over. None: there are no packages.

    Raises:
        SettingsInvalidError: The folder cannot be read.
    """
    found = FoundPackages({}, {})
    if directory is None:
        return found
    try:
        folders = sorted(path for path in directory.iterdir() if path.is_dir())
    except OSError as error:
        raise SettingsInvalidError(
            f"The folder {directory} of model packages cannot be read: {error.strerror}.",
            field="models.directory",
        ) from error
    for folder in folders:
        if folder.name.startswith("."):
            continue
        try:
            package = load_package(folder)
            if package.name in found.packages:
                raise PackageInvalidError(
                    "Another package of the folder has the same name.", field="name"
                )
        except PackageInvalidError as error:
            found.broken[folder.name] = error
        else:
            found.packages[package.name] = package
    return found


def builtin_packages() -> tuple[Path, ...]:
    """Returns the folders of the packages that come with Lintel, each named like its model."""
    manifests = (Path(__file__).parent / "builtin").glob(f"*/{MANIFEST_NAME}")
    return tuple(sorted(manifest.parent for manifest in manifests))


def _read_plain_file(path: Path, limit: int, noun: str) -> bytes:
    """Reads a file that is a plain one, no link, and no larger than `limit` bytes.

    Raises:
        PackageInvalidError: It is not so, or cannot be read.
    """
    try:
        # Without O_NONBLOCK the open would wait for the writer of a named pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PackageInvalidError(f"The {noun} is not a plain file.")
            if status.st_size > limit:
                raise PackageInvalidError(
                    f"The {noun} has {status.st_size} bytes; the limit is {limit}."
                )
            return file.read(status.st_size)
    except FileNotFoundError as error:
        raise PackageInvalidError(f"The {noun} is missing.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PackageInvalidError(f"The {noun} is a link, which is refused.") from error
        raise PackageInvalidError(f"The {noun} cannot be read.") from error
