"""Files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from lintel.converters.errors import ConversionError


def write_whole(target: Path, data: bytes) -> None:
    """Writes a file so that, killed at any moment, the old one or the new one is there.

    A file that has these bytes already is left alone, with its time: nothing that hangs on it is
    then built anew.

    Args:
        target: The file; its folder is made too.
        data: All of it.

    Raises:
        ConversionError: It cannot be written.
    """
    part = target.with_name(f".{target.name}-{secrets.token_hex(4)}.part")
    try:
        if target.is_file() and target.read_bytes() == data:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        _flush_folder(target.parent)
    except OSError as error:
        raise ConversionError(f"{target} cannot be written: {error.strerror}.") from error


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush_folder(folder: Path) -> None:
    """Makes a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
