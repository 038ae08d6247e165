"""A camera that is none: a moving picture with a counter, the same whenever it is played."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from lintel.edge.cameras.camera import Pace
from lintel.edge.cameras.frame import Frame, RawPixels
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images.opencv import opencv

_SECOND_NS = 1_000_000_000


class SyntheticCamera:
    """Draws a grey slope, a square that moves over it, and the number of the frame.

    Args:
        settings: Size, frame rate, width of the small copy, and whether to keep pace.
    """

    is_recording = True
    description = "synthetic"

    def __init__(self, settings: CameraSettings) -> None:
        width, height = settings.width, settings.height
        slope = np.linspace(40, 200, width, dtype=np.uint8)
        self._ground = np.ascontiguousarray(
            np.broadcast_to(slope[None, :, None], (height, width, 3))
        )
        self._small_width = min(settings.small_width, width)
        self._interval_ns = _SECOND_NS / settings.frame_rate_hz
        self._pace = Pace(real_time=settings.replay == "real-time")
        self._index = 0

    def read(self) -> Frame:
        """Draws the next frame."""
        pixels = self._draw(self._index)
        timeline_ns = round(self._index * self._interval_ns)
        self._index += 1
        self._pace.wait(timeline_ns, time.monotonic_ns())
        return Frame.captured(
            RawPixels.of_pixels(pixels), self._shrink(pixels), timeline_ns=timeline_ns
        )

    def interrupt(self) -> None:
        """Ends the wait for the next frame's time."""
        self._pace.interrupt()

    def close(self) -> None:
        """There is nothing to give back."""

    def _draw(self, index: int) -> NDArray[np.uint8]:
        cv2 = opencv()
        pixels = self._ground.copy()
        height, width = pixels.shape[:2]
        side = max(4, height // 6)
        left = index * max(1, width // 60) % max(1, width - side)
        top = (height - side) // 2
        pixels[top : top + side, left : left + side] = (60, 120, 240)
        scale = height / 240
        where = (round(8 * scale), height - round(8 * scale))
        font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(2 * scale))
        cv2.putText(pixels, f"{index:08d}", where, font, scale, (0, 0, 0), thickness)
        return pixels

    def _shrink(self, pixels: NDArray[np.uint8]) -> RawPixels | None:
        if not self._small_width:
            return None
        cv2 = opencv()
        height, width = pixels.shape[:2]
        size = (self._small_width, max(1, round(height * self._small_width / width)))
        return RawPixels.of_pixels(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
