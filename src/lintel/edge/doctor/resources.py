"""Looks at memory, disk and clock."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import tempfile
from pathlib import Path

from lintel.edge.config import MEBIBYTE, Settings
from lintel.edge.doctor.findings import Findings, Outcome
from lintel.edge.series import default_path

# The server needs some 100 MiB; with less than this free, the next large picture ends it.
_LEAST_MEMORY, _GOOD_MEMORY = 128 * MEBIBYTE, 256 * MEBIBYTE
_LEAST_DISK, _GOOD_DISK = 16 * MEBIBYTE, 256 * MEBIBYTE


def look_at_memory(_settings: Settings) -> Findings:
    """Looks how much memory is free."""
    free = available_memory(Path("/proc/meminfo").read_text(encoding="utf-8"))
    yield from _judge(free, _LEAST_MEMORY, _GOOD_MEMORY, "to programs", "End other programs.")


def available_memory(meminfo: str) -> int:
    """Returns the bytes of memory that programs can still get.

    Args:
        meminfo: What /proc/meminfo says.

    Raises:
        ValueError: It does not say.
    """
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    if found is None:
        raise ValueError("no MemAvailable")
    return int(found[1]) * 1024


def look_at_disk(settings: Settings) -> Findings:
    """Looks whether the folders that the device uses are there, writable, and not full."""
    yield from _look_at_folder(Path(tempfile.gettempdir()), "for temporary files")
    if settings.models.directory:
        yield from _look_at_folder(Path(settings.models.directory), "of model packages")
    for folder in _state_folders(settings):
        yield from _look_at_state(folder)


def _state_folders(settings: Settings) -> list[Path]:
    """Returns where the device keeps series and events, each folder once."""
    paths = [settings.series.path]
    if settings.cameras:
        paths.append(settings.pipeline.events_path)
    # None is where they are kept by default, and "" is nowhere.
    files = [default_path() if path is None else Path(path) for path in paths if path != ""]
    return list(dict.fromkeys(file.parent for file in files))


def _look_at_state(folder: Path) -> Findings:
    """Looks whether a folder of state can be written, or made: the device makes it when needed."""
    if folder.is_dir():
        yield from _look_at_folder(folder, "of series and events")
        return
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Outcome.OK, f"The folder of series and events, {folder}, can be made."
    else:
        hint = f"Mend {there}, or choose others with series.path and pipeline.events_path."
        yield Outcome.WARNING, f"The folder of series and events, {folder}, cannot be made.", hint


def _look_at_folder(folder: Path, purpose: str) -> Findings:
    where = f"in the folder {purpose}, {folder}"
    if not folder.is_dir():
        yield Outcome.FAILURE, f"The folder {purpose}, {folder}, is not there.", "Make it."
        return
    free = shutil.disk_usage(folder).free
    yield from _judge(free, _LEAST_DISK, _GOOD_DISK, where, "Remove what is not needed.")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"lintel")
    except OSError as error:
        hint = "Mend its permissions, or mount its disk writable."
        yield Outcome.WARNING, f"Nothing can be written {where}: {error.strerror}.", hint


def _judge(free: int, least: int, good: int, where: str, hint: str) -> Findings:
    message = f"{free // MEBIBYTE} MiB are left {where}."
    if free >= good:
        yield Outcome.OK, message
    else:
        yield (Outcome.FAILURE if free < least else Outcome.WARNING), message, hint


class _Timex(ctypes.Structure):
    """The head of the kernel's `struct timex`, and room for its rest; see adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maximum_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def look_at_clock(_settings: Settings) -> Findings:
    """Looks whether the kernel knows its clock to be kept right by NTP or the like."""
    unsynchronised, clock_error = 0x40, 5
    timex = _Timex()
    # With no modes set the call changes nothing and needs no rights.
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    hint = "Turn it on: timedatectl set-ntp true, or install chrony. Times in results rely on it."
    if state == -1:
        yield Outcome.WARNING, "Whether the clock is synchronised cannot be told here.", hint
    elif state == clock_error or timex.status & unsynchronised:
        yield Outcome.WARNING, "The clock is not synchronised.", hint
    else:
        yield Outcome.OK, "The clock is synchronised."
