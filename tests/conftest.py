"""What all tests share: a real device, drawn faces, and the way to the real pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.config import Settings, parse

if TYPE_CHECKING:
    from lintel.edge.service import DeviceServer

# Machines that are busy with other things are no reason to fail.
hypothesis.settings.register_profile("lintel", deadline=None)
hypothesis.settings.load_profile("lintel")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps what devices remember out of the home of whoever runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    os.environ.pop("STATE_DIRECTORY", None)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real pictures; tests that need it are marked `data` and skip without."""
    folder = Path(os.environ.get("LINTEL_DATA", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not (folder / "faces" / "index.csv").exists():
        pytest.skip("LINTEL_DATA names no folder with faces/index.csv")
    return folder


@pytest.fixture(scope="session")
def draw_face() -> Callable[..., NDArray[np.uint8]]:
    """Draws a face that the embedded detector finds, in the middle of a plain picture."""
    return _draw_face


@pytest.fixture(scope="session")
def face_jpeg() -> bytes:
    """A JPEG of 320x320 with one drawn face around its middle."""
    return _jpeg(_draw_face(320, 320))


@pytest.fixture(scope="session")
def plain_jpeg() -> bytes:
    """A JPEG of 64x48 with nothing on it."""
    return _jpeg(np.full((48, 64, 3), 90, np.uint8))


@pytest.fixture(scope="session")
def noise_jpeg() -> bytes:
    """A JPEG of 800x600, small as such, of which a PNG is larger than 1 MiB."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    done, encoded = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 20])
    assert done
    return encoded.tobytes()


@pytest.fixture
def start_device(tmp_path: Path) -> Iterator[Callable[..., DeviceServer]]:
    """Starts devices with settings of the test's own; all are stopped at its end.

    Called with a table of settings as in the TOML file; without `server.listen` the device
    listens on a free port of loopback.
    """
    from lintel.edge.service import DeviceServer

    started: list[DeviceServer] = []

    def start(tree: dict[str, dict[str, object]] | None = None) -> DeviceServer:
        series = {"path": str(tmp_path / "series.db"), **(tree or {}).get("series", {})}
        device = DeviceServer(settings_for_tests({**(tree or {}), "series": series}))
        device.start()
        started.append(device)
        return device

    yield start
    for device in started:
        device.stop()


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceServer]:
    """A device with default settings, on a free port of loopback (`addresses[0]`) and on a
    Unix socket (`addresses[1]`)."""
    from lintel.edge.service import DeviceServer

    folder = tmp_path_factory.mktemp("device")
    listen = ["127.0.0.1:0", f"unix:{folder}/socket"]
    tree = {"server": {"listen": listen}, "series": {"path": f"{folder}/series.db"}}
    with DeviceServer(settings_for_tests(tree)) as server:
        yield server


def settings_for_tests(tree: dict[str, dict[str, object]] | None) -> Settings:
    """Returns settings that listen on a free port of loopback, drain quickly, and have a page
    only where the test wants one."""
    tree = {"page": {"address": ""}, **(tree or {})}
    tree["server"] = {"listen": ["127.0.0.1:0"], "drain_s": 2.0, **tree.get("server", {})}
    return parse(tree)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    done, encoded = cv2.imencode(".jpg", pixels)
    assert done
    return encoded.tobytes()


def _draw_face(width: int, height: int, size: int | None = None) -> NDArray[np.uint8]:
    size = size or min(width, height) // 2
    picture = np.full((height, width, 3), 90, np.uint8)
    x, y = width // 2, height // 2

    def ellipse(dx: float, dy: float, a: float, b: float, colour: tuple[int, int, int]) -> None:
        centre = (round(x + dx * size), round(y + dy * size))
        axes = (round(a * size), round(b * size))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    ellipse(0, 0, 0.42, 0.56, (150, 180, 215))
    for side in (-1, 1):
        ellipse(side * 0.18, -0.10, 0.13, 0.075, (70, 85, 110))
        ellipse(side * 0.18, -0.20, 0.14, 0.03, (40, 50, 70))
        ellipse(side * 0.18, -0.10, 0.04, 0.04, (20, 20, 20))
    ellipse(0, 0.12, 0.06, 0.05, (110, 140, 180))
    ellipse(0, 0.30, 0.17, 0.05, (70, 70, 130))
    blurred: NDArray[np.uint8] = cv2.GaussianBlur(picture, (0, 0), size / 60).astype(np.uint8)
    return blurred
