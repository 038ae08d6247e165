"""Reading pictures, and writing files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lintel.cli.names import shown
from lintel.edge.errors import ImageTooLargeError


class FileFailedError(Exception):
    """A file cannot be read or written; the message is a sentence for people."""


def read_picture(path: Path, max_bytes: int) -> bytes:
    """Reads a picture file, no more of it than is allowed.

    Args:
        path: The file.
        max_bytes: Largest size that is read.

    Raises:
        FileFailedError: It cannot be read.
        ImageTooLargeError: It is larger than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # Pipes and the like tell no size: what comes out of them is counted.
            data = file.read(max_bytes + 1) if size <= max_bytes else b""
    except FileNotFoundError as error:
        raise FileFailedError("There is no such file or folder.") from error
    except OSError as error:
        raise FileFailedError(f"It cannot be read: {error.strerror}.") from error
    if max(size, len(data)) > max_bytes:
        raise ImageTooLargeError(max(size, len(data)), max_bytes, "bytes")
    return data


def read_secret(path: Path) -> str:
    """Reads a secret from a file, without the line end that editors leave.

    Raises:
        FileFailedError: It cannot be read, is no text, or is empty.
    """
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise FileFailedError(f"{shown(str(path))} cannot be read: {reason}.") from error
    if not secret:
        raise FileFailedError(f"{shown(str(path))} is empty.")
    return secret


@contextmanager
def whole_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens a file that appears under its name only when all of it is on the disk.

    What is written goes to a hidden file beside it, which is removed where the block raises. A
    device or a pipe, such as /dev/null, is written to as it is, and nothing takes its place.

    Args:
        target: The file to make; its folder is made too.
        overwrite: Take the place of a file that is there.

    Raises:
        FileFailedError: It is there already, or cannot be written.
    """
    refuse_existing(target, overwrite=overwrite)
    if _is_device_or_pipe(target):
        try:
            with target.open("wb") as file:
                yield file
        except OSError as error:
            raise _unwritable(target, error) from error
        return
    part = target.with_name(f".lintel-{secrets.token_hex(8)}.part")
    make_folder(target.parent)
    try:
        try:
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                part.replace(target)
            else:
                _name_if_free(part, target)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        raise _unwritable(target, error) from error


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, where they are not there yet.

    Raises:
        FileFailedError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FileFailedError(f"{shown(str(folder))} is not a folder.") from error
    except OSError as error:
        raise FileFailedError(
            f"The folder {shown(str(folder))} cannot be made: {error.strerror}."
        ) from error


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Refuses to write where a file is, before any work is done for it.

    Raises:
        FileFailedError: It is there already, and is not to be overwritten; or it is a folder.
    """
    if os.path.isdir(target):  # noqa: PTH112 - Path.is_dir raises where it may not look
        raise FileFailedError(f"{shown(str(target))} is a folder: name a file.")
    if not overwrite and os.path.lexists(target) and not _is_device_or_pipe(target):
        raise _exists(target)


def _is_device_or_pipe(target: Path) -> bool:
    """Tells whether it is one, by whatever link: it holds nothing that could be replaced."""
    try:
        kind = target.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)


def _unwritable(target: Path, error: OSError) -> FileFailedError:
    return FileFailedError(f"{shown(str(target))} cannot be written: {error.strerror}.")


def _exists(target: Path) -> FileFailedError:
    return FileFailedError(f"{shown(str(target))} exists; --overwrite replaces it.")


def _name_if_free(part: Path, target: Path) -> None:
    """Names a file without replacing another, even one that appears at this moment."""
    try:
        # Unlike a rename, a link never replaces.
        target.hardlink_to(part)
    except OSError as error:
        # FAT on a memory card has no links.
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
            raise
        refuse_existing(target, overwrite=False)
        part.replace(target)
