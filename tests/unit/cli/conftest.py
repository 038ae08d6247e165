"""The command line, run in this process or as a program of its own, and pictures for it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from lintel.cli import main
from lintel.edge.images import ImageFormat, encode


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LINTEL_")]:
        if name != "LINTEL_DATA":
            monkeypatch.delenv(name)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs `lintel` with arguments in this process."""
    before = signal.getsignal(signal.SIGTERM)
    logger = logging.getLogger("lintel")
    # `lintel serve` leads logs to a standard error that is gone with the test.
    logs = logger.handlers, logger.level, logger.propagate

    def run_command(*arguments: str | Path) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert isinstance(exit_.value.code, int)
        return Ended(exit_.value.code, out, err)

    yield run_command
    signal.signal(signal.SIGTERM, before)
    logger.handlers, logger.level, logger.propagate = logs


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `lintel` as a program of its own; what still runs at the end is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start_command(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        program = Path(sys.executable).with_name("lintel")
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([program, *arguments], **options)
        started.append(process)
        return process

    yield start_command
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def album(tmp_path: Path, face_jpeg: bytes, plain_jpeg: bytes) -> Path:
    """A folder: a face, a picture without one, a PNG deeper down, and things that are none."""
    folder = tmp_path / "album"
    (folder / "trip").mkdir(parents=True)
    (folder / ".thumbnails").mkdir()
    (folder / "b face.jpg").write_bytes(face_jpeg)
    (folder / "a plain.JPEG").write_bytes(plain_jpeg)
    (folder / "trip" / "chart.png").write_bytes(chart_png())
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes(face_jpeg)
    (folder / ".thumbnails" / "c.jpg").write_bytes(face_jpeg)
    return folder


@pytest.fixture
def damaged_jpeg(face_jpeg: bytes) -> bytes:
    """The first half of a JPEG."""
    return face_jpeg[: len(face_jpeg) // 2]


def chart_png() -> bytes:
    """A PNG of 64x64 smooth colours, in which no detector sees a face."""
    ramp = np.arange(0, 256, 4, dtype=np.uint8)
    across, down = np.meshgrid(ramp, ramp)
    return encode(np.dstack((across, down, 255 - across // 2)), ImageFormat.PNG)
