"""Cameras of the Raspberry Pi, by picamera2: a main stream to show and a small one to look at."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import numpy as np

from lintel.edge.cameras.faults import CameraFailedError, DamagedFrameError, Fault
from lintel.edge.cameras.frame import Frame, RawPixels
from lintel.edge.cameras.system_packages import system_module
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images import PixelFormat

_FORMATS = {
    "NV12": PixelFormat.NV12,
    "YUV420": PixelFormat.I420,
    # libcamera names the order in a 24-bit word, whose lowest byte comes first.
    "RGB888": PixelFormat.BGR8,
    "BGR888": PixelFormat.RGB8,
}
_PLANAR = (PixelFormat.NV12, PixelFormat.I420)
# Enough to fill one while one is read and one waits.
_BUFFERS = 4


def attached_picameras() -> list[dict[str, Any]]:
    """Lists the cameras that libcamera sees: `Num`, `Model` and `Id` of each.

    Raises:
        CameraFailedError: picamera2 is not installed.
    """
    return list(system_module("picamera2").Picamera2.global_camera_info())


def stream_options(settings: CameraSettings) -> dict[str, Any]:
    """Returns what picamera2's `create_video_configuration` is to be told, but for the turn.

    NV12 is what the Pi's image processor makes and its encoders take; a small copy of it costs
    the processor nothing.
    """
    interval_us = round(1e6 / settings.frame_rate_hz)
    controls: dict[str, Any] = {"FrameDurationLimits": (interval_us, interval_us)}
    if settings.exposure_us:
        controls["ExposureTime"] = settings.exposure_us
    options: dict[str, Any] = {
        "main": {"size": (settings.width, settings.height), "format": "NV12"},
        "lores": None,
        "raw": None,
        "buffer_count": _BUFFERS,
        "controls": controls,
    }
    small_width = min(settings.small_width, settings.width) // 2 * 2
    if small_width:
        small_height = max(2, round(settings.height * small_width / settings.width) // 2 * 2)
        options["lores"] = {"size": (small_width, small_height), "format": "NV12"}
    return options


class PiCamera:
    """A camera of the Raspberry Pi.

    Args:
        settings: Of the camera.
        number: Which, as libcamera counts them.

    Raises:
        CameraFailedError: picamera2 is not installed, or the camera is not there or in use.
    """

    is_recording = False

    def __init__(self, settings: CameraSettings, number: int) -> None:
        module = system_module("picamera2")
        self.description = f"picamera:{number}"
        self._stall_timeout_s = settings.stall_timeout_s
        if number >= len(module.Picamera2.global_camera_info()):
            raise CameraFailedError(Fault.NO_CAMERA)
        try:
            self._camera: Any = module.Picamera2(number)
        except RuntimeError as error:
            raise CameraFailedError(Fault.CANNOT_OPEN) from error
        try:
            options = stream_options(settings)
            self._camera.configure(self._camera.create_video_configuration(**options))
            self._streams = self._camera.camera_configuration()
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise

    def read(self) -> Frame:
        """Waits for the next frame, copies it out, and gives its memory back to the camera.

        Raises:
            CameraFailedError: There is none.
            DamagedFrameError: It is not packed as the camera says.
        """
        try:
            request = self._camera.capture_request(wait=self._stall_timeout_s)
        except (TimeoutError, FutureTimeoutError) as error:
            raise CameraFailedError(Fault.STALLED) from error
        try:
            pixels = _stream_pixels(request, "main", self._streams["main"])
            lores = self._streams.get("lores")
            small = _stream_pixels(request, "lores", lores) if lores else None
            captured_ns = _captured_ns(request.get_metadata())
        finally:
            request.release()
        return Frame.captured(pixels, small, captured_ns)

    def interrupt(self) -> None:
        """Does nothing: a reading returns at its own time limit."""

    def close(self) -> None:
        """Stops the camera and gives it back."""
        self._camera.close()


def _stream_pixels(request: Any, name: str, stream: dict[str, Any]) -> RawPixels:
    width, height = stream["size"]
    pixel_format = _FORMATS.get(stream["format"])
    if pixel_format is None:
        raise CameraFailedError(Fault.UNSUPPORTED)
    rows = height * 3 // 2 if pixel_format in _PLANAR else height
    stride = stream["stride"]
    data = np.asarray(request.make_buffer(name), np.uint8)
    try:
        # Buffers end in padding up to a whole page.
        return RawPixels(data[: rows * stride].reshape(rows, stride), pixel_format, width, height)
    except ValueError as error:
        raise DamagedFrameError from error


def _captured_ns(metadata: dict[str, Any]) -> int | None:
    """Returns when the sensor began the frame, on the clock of `time.monotonic_ns`.

    The sensor's stamp counts from the start of the machine, sleep included.
    """
    stamp = metadata.get("SensorTimestamp")
    if not stamp:
        return None
    age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - int(stamp)
    return time.monotonic_ns() - age_ns if age_ns >= 0 else None
