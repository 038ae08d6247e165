"""Live cameras that OpenCV reads: V4L2 devices, RTSP, and GStreamer where OpenCV has it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from lintel.edge.cameras.addresses import check_reachable, with_credentials, without_credentials
from lintel.edge.cameras.faults import CameraFailedError, DamagedFrameError, Fault
from lintel.edge.cameras.frame import Frame
from lintel.edge.cameras.video import VideoCapture, to_raw_pixels
from lintel.edge.config.cameras import Camera as CameraSettings

# Of V4L2: exposure is told in units of 100 us, and 1 is manual, 3 automatic.
_EXPOSURE_UNIT_US = 100
_MANUAL_EXPOSURE, _AUTOMATIC_EXPOSURE = 1, 3


class CaptureCamera:
    """A live camera that OpenCV reads.

    Args:
        where: A device, address or pipeline.
        interface: Name of OpenCV's constant for what opens it.
        description: What may be shown of `where`.
        stall_timeout_s: How long a reading that gave nothing took if the camera stalled.
        properties: To open it with, by the names of OpenCV's constants.

    Raises:
        CameraFailedError: It cannot be opened.
    """

    is_recording = False

    def __init__(
        self,
        where: str,
        interface: str,
        description: str,
        stall_timeout_s: float,
        properties: Mapping[str, float],
    ) -> None:
        self.description = description
        self._stall_timeout_s = stall_timeout_s
        self._capture = VideoCapture(where, interface, properties)
        self._height = round(self._capture.get("CAP_PROP_FRAME_HEIGHT"))

    def read(self) -> Frame:
        """Waits for the next frame.

        Raises:
            CameraFailedError: There is none.
            DamagedFrameError: It is no picture.
        """
        begun = time.monotonic()
        pixels = self._capture.read()
        if pixels is None:
            stalled = time.monotonic() - begun >= 0.9 * self._stall_timeout_s
            raise CameraFailedError(Fault.STALLED if stalled else self._why_ended())
        try:
            return Frame.captured(to_raw_pixels(pixels, self._height))
        except ValueError as error:
            raise DamagedFrameError from error

    def interrupt(self) -> None:
        """Does nothing: OpenCV cannot be interrupted, and returns at its own time limit."""

    def close(self) -> None:
        """Closes the capture."""
        self._capture.close()

    def _why_ended(self) -> Fault:
        return Fault.CUT


class DeviceCamera(CaptureCamera):
    """A V4L2 device, such as a USB camera.

    Args:
        settings: Of the camera.
        device: Path of the device.

    Raises:
        CameraFailedError: It cannot be opened.
    """

    def __init__(self, settings: CameraSettings, device: str) -> None:
        self._device = Path(device)
        if not self._device.exists():
            raise CameraFailedError(Fault.GONE)
        if not os.access(device, os.R_OK | os.W_OK):
            raise CameraFailedError(Fault.ACCESS_DENIED)
        super().__init__(device, "CAP_V4L2", device, settings.stall_timeout_s, {})
        # Not while it is opened, where OpenCV refuses a device that lacks one of them.
        for name, value in device_properties(settings).items():
            self._capture.set(name, value)
        self._height = round(self._capture.get("CAP_PROP_FRAME_HEIGHT"))
        automatic = not settings.exposure_us
        mode = _AUTOMATIC_EXPOSURE if automatic else _MANUAL_EXPOSURE
        self._capture.set("CAP_PROP_AUTO_EXPOSURE", mode)
        if not automatic:
            exposure = max(1, settings.exposure_us // _EXPOSURE_UNIT_US)
            self._capture.set("CAP_PROP_EXPOSURE", exposure)

    def _why_ended(self) -> Fault:
        """A device that was unplugged (ENODEV) has lost its file."""
        return Fault.CUT if self._device.exists() else Fault.GONE


def device_properties(settings: CameraSettings) -> dict[str, float]:
    """Returns what a V4L2 device is asked for: JPEG, which fits through USB at full rate."""
    motion_jpeg = int.from_bytes(b"MJPG", "little")
    return {
        "CAP_PROP_FOURCC": motion_jpeg,
        "CAP_PROP_FRAME_WIDTH": settings.width,
        "CAP_PROP_FRAME_HEIGHT": settings.height,
        "CAP_PROP_FPS": settings.frame_rate_hz,
        # Frames that waited in the driver would be old.
        "CAP_PROP_BUFFERSIZE": 2,
    }


def open_rtsp(settings: CameraSettings) -> CaptureCamera:
    """Opens an RTSP stream by FFmpeg, decoded in software.

    Raises:
        CameraFailedError: It cannot be opened.
        SettingsInvalidError: The address or the credentials are wrong.
    """
    address = with_credentials(settings.source, settings.credentials_file)
    check_reachable(address, settings.open_timeout_s)
    properties = {
        "CAP_PROP_OPEN_TIMEOUT_MSEC": settings.open_timeout_s * 1000,
        # Later than whoever watches: at its limit FFmpeg hands out the frame that it held back,
        # which would pass for a sign of life.
        "CAP_PROP_READ_TIMEOUT_MSEC": 2 * settings.stall_timeout_s * 1000,
        "CAP_PROP_N_THREADS": 1,
    }
    description = without_credentials(settings.source)
    return CaptureCamera(address, "CAP_FFMPEG", description, settings.stall_timeout_s, properties)
