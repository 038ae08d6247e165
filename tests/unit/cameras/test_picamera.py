"""The Raspberry Pi's cameras: what picamera2 is asked for, and what is made of its buffers.

picamera2 needs libcamera, which is not here: a module of its shape stands in for it.
"""

from __future__ import annotations

import sys
import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.camera_servers import camera_settings

from lintel.edge.cameras import CameraFailedError, Fault, attached_cameras, open_camera
from lintel.edge.cameras.picamera import stream_options
from lintel.edge.images import PixelFormat, to_raw


class FakeRequest:
    def __init__(self, buffers: dict[str, NDArray[np.uint8]], age_ns: int) -> None:
        self.buffers = buffers
        self.age_ns = age_ns
        self.released = False

    def make_buffer(self, name: str) -> NDArray[np.uint8]:
        return self.buffers[name]

    def get_metadata(self) -> dict[str, int]:
        return {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self.age_ns}

    def release(self) -> None:
        self.released = True


class FakePicamera2:
    cameras: tuple[dict[str, object], ...] = ({"Num": 0, "Model": "imx708", "Id": "/base/i2c"},)
    opened: list[FakePicamera2] = []  # noqa: RUF012 - emptied by the fixture

    @classmethod
    def global_camera_info(cls) -> list[dict[str, object]]:
        return list(cls.cameras)

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests: list[FakeRequest] = []
        self.is_closed = False
        FakePicamera2.opened.append(self)

    def create_video_configuration(self, **options: Any) -> dict[str, Any]:
        # Rows are padded to 64 bytes, as the Pi's are.
        streams = {name: dict(options[name]) for name in ("main", "lores") if options[name]}
        for stream in streams.values():
            stream["stride"] = -(-stream["size"][0] // 64) * 64
        self.options = options
        return streams

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def start(self) -> None:
        self.pixels = np.full((48, 80, 3), (40, 80, 160), np.uint8)

    def capture_request(self, wait: float) -> FakeRequest:
        if self.requests:
            raise TimeoutError
        buffers = {}
        for name, stream in self.configuration.items():
            width, height = stream["size"]
            raw = np.frombuffer(to_raw(self.pixels[:height, :width], PixelFormat.NV12), np.uint8)
            rows = np.pad(raw.reshape(-1, width), ((0, 0), (0, stream["stride"] - width)))
            # The memory ends in padding up to a page.
            buffers[name] = np.concatenate([rows.reshape(-1), np.zeros(4096, np.uint8)])
        self.requests.append(FakeRequest(buffers, age_ns=50_000_000))
        return self.requests[-1]

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("picamera2")
    module.Picamera2 = FakePicamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    FakePicamera2.opened.clear()


def test_settings_become_a_main_and_a_small_stream_of_nv12() -> None:
    settings = camera_settings(
        "picamera", width=1280, height=720, small_width=640, frame_rate_hz=20, exposure_us=4000
    )
    options = stream_options(settings)
    assert options["main"] == {"size": (1280, 720), "format": "NV12"}
    assert options["lores"] == {"size": (640, 360), "format": "NV12"}
    assert options["controls"] == {"FrameDurationLimits": (50_000, 50_000), "ExposureTime": 4000}
    assert options["raw"] is None


def test_without_a_small_stream_and_an_exposure_the_camera_decides() -> None:
    options = stream_options(camera_settings("picamera", small_width=0))
    assert options["lores"] is None
    assert "ExposureTime" not in options["controls"]


def test_both_streams_are_one_frame_with_the_sensors_time() -> None:
    camera = open_camera(camera_settings("picamera:0", width=80, height=48, small_width=40))
    before_ns = time.monotonic_ns()
    frame = camera.read()
    after_ns = time.monotonic_ns()
    camera.close()
    assert frame.pixels.pixel_format is PixelFormat.NV12
    assert (frame.pixels.width, frame.pixels.height, frame.pixels.stride_bytes) == (80, 48, 128)
    assert frame.small is not None
    assert (frame.small.width, frame.small.height) == (40, 24)
    for pixels in (frame.pixels, frame.small):
        colour = pixels.to_picture().pixels.reshape(-1, 3).mean(0)
        np.testing.assert_allclose(colour, (40, 80, 160), atol=4)
    slack_ns = 10_000_000
    assert (
        before_ns - 50_000_000 - slack_ns <= frame.captured_ns <= after_ns - 50_000_000 + slack_ns
    )
    fake = FakePicamera2.opened[0]
    assert fake.requests[0].released
    assert fake.is_closed


def test_a_camera_that_gives_no_more_frames_has_stalled() -> None:
    camera = open_camera(camera_settings("picamera", width=80, height=48))
    camera.read()
    with pytest.raises(CameraFailedError) as caught:
        camera.read()
    assert caught.value.fault is Fault.STALLED


def test_a_second_camera_that_is_not_there_is_told() -> None:
    with pytest.raises(CameraFailedError) as caught:
        open_camera(camera_settings("picamera:1"))
    assert caught.value.fault is Fault.NO_CAMERA


def test_auto_takes_the_first_that_answers() -> None:
    assert attached_cameras()[0].source == "picamera:0"
    assert attached_cameras()[0].model == "imx708"
    camera = open_camera(camera_settings("auto", width=80, height=48))
    camera.close()
    assert camera.description == "picamera:0"
