"""OpenCV's video captures: V4L2 devices, FFmpeg's network streams and clips, GStreamer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.cameras.faults import CameraFailedError, Fault
from lintel.edge.cameras.frame import RawPixels
from lintel.edge.images import PixelFormat
from lintel.edge.images.opencv import opencv

# For network streams, and read by OpenCV at every opening, of clips too. TCP, since lost datagrams
# smear frames. Without buffering and with a short look at the stream beforehand: a camera that sent
# two key frames a second was open after 0.4 s in place of 2.2, and its frames arrived as they were
# sent instead of 2 s late in bursts. A camera whose description lacks the parameters of its codec
# needs a longer look: whoever has one sets OpenCV's variable himself.
_STREAM_OPTIONS = (
    "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay|analyzeduration;100000|probesize;200000"
)
# FFmpeg's av_log writes addresses, passwords and all, to standard error.
_QUIET = "-8"


def video_library() -> ModuleType:
    """Imports OpenCV, with FFmpeg set up for streams that are watched live."""
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", _STREAM_OPTIONS)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET)
    return opencv()


class VideoCapture:
    """One capture of OpenCV.

    Args:
        where: A device, address, path or pipeline.
        interface: Name of OpenCV's constant for what opens it, such as "CAP_FFMPEG".
        properties: To open it with, by the names of OpenCV's constants.

    Raises:
        CameraFailedError: It cannot be opened.
    """

    def __init__(self, where: str, interface: str, properties: Mapping[str, float]) -> None:
        cv2 = video_library()
        self._cv2 = cv2
        numbers = [
            number
            for name, value in properties.items()
            for number in (getattr(cv2, name), round(value))
        ]
        try:
            self._capture: Any = cv2.VideoCapture(where, getattr(cv2, interface), numbers)
        except cv2.error:
            # Its text may hold the address with its password.
            raise CameraFailedError(Fault.CANNOT_OPEN) from None
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraFailedError(Fault.CANNOT_OPEN)

    def read(self) -> NDArray[np.uint8] | None:
        """Waits for the next frame; None: there is none, for whatever reason."""
        try:
            done, pixels = self._capture.read()
        except self._cv2.error:
            return None
        return pixels if done else None

    def get(self, name: str) -> float:
        """Returns a property by the name of OpenCV's constant."""
        return float(self._capture.get(getattr(self._cv2, name)))

    def set(self, name: str, value: float) -> None:
        """Sets a property; one that is not there is passed over."""
        self._capture.set(getattr(self._cv2, name), value)

    def close(self) -> None:
        """Closes it."""
        self._capture.release()


def to_raw_pixels(pixels: NDArray[np.uint8], height: int) -> RawPixels:
    """Takes what OpenCV read: colour, grey, or, where it is half as high again, NV12.

    Args:
        pixels: As `VideoCapture.read` gives them.
        height: Of a frame; 0 where it is not known, and pixels are no NV12.

    Raises:
        ValueError: They are no picture.
    """
    if pixels.ndim == 2 and height and pixels.shape[0] == height * 3 // 2:
        return RawPixels(pixels, PixelFormat.NV12, pixels.shape[1], height)
    return RawPixels.of_pixels(pixels)
