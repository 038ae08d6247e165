"""Small data sets of drawn pictures, sound and otherwise."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.images import ImageFormat, encode
from lintel.lab.cli import main

Pixels = NDArray[np.uint8]


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ended]]:
    """Runs `lintel-lab` with arguments in this process."""
    before = signal.getsignal(signal.SIGTERM)

    def run_command(*arguments: str | Path) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert isinstance(exit_.value.code, int)
        return Ended(exit_.value.code, out, err)

    yield run_command
    signal.signal(signal.SIGTERM, before)


def scene(seed: int, width: int = 160, height: int = 120) -> Pixels:
    """A picture of soft blobs, another one for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


class DataSet:
    """An index and its pictures, written as they are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / "index.csv"
        header = "image,split,x_min,y_min,x_max,y_max,label,source,group,duplicate_of,whole_frame"
        self.index.write_text(f"{header},width,height\n")

    def add(
        self,
        name: str,
        pixels: Pixels,
        box: str = "10,20,90,100",
        split: str = "train",
        group: str = "",
        source: str = "drawn",
    ) -> Path:
        path = self.folder / name
        form = ImageFormat.PNG if name.endswith(".png") else ImageFormat.JPEG
        path.write_bytes(encode(pixels, form, 90))
        height, width = pixels.shape[:2]
        label = "face" if box else ""
        with self.index.open("a") as file:
            file.write(
                f"{name},{split},{box or ',,,'},{label},{source},{group},,0,{width},{height}\n"
            )
        return path


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return DataSet(tmp_path)
