"""A frame of a camera: samples as the camera packs them, and when they were captured."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lintel.edge.images import Picture, PixelFormat, from_raw
from lintel.edge.images.opencv import opencv

if TYPE_CHECKING:
    from lintel.edge.images import ImageLimits

_SAMPLES_A_PIXEL = {PixelFormat.BGR8: 3, PixelFormat.RGB8: 3}
_PLANAR = (PixelFormat.NV12, PixelFormat.I420)


@dataclass(frozen=True, slots=True)
class RawPixels:
    """Uncompressed pixels, as a camera or a decoder delivers them.

    Attributes:
        data: (rows, stride) uint8, C-contiguous, plane after plane: `height` rows for BGR8, RGB8
            and GRAY8, half as many more for NV12 and I420. It may be longer than it is used,
            and read-only.
        pixel_format: Order and packing of the samples.
        width: In pixels; even for NV12 and I420.
        height: In pixels; even for NV12 and I420.

    Raises:
        ValueError: The data is not as said above.
    """

    data: NDArray[np.uint8]
    pixel_format: PixelFormat
    width: int
    height: int

    def __post_init__(self) -> None:
        planar = self.pixel_format in _PLANAR
        rows = self.height * 3 // 2 if planar else self.height
        least = self.width * _SAMPLES_A_PIXEL.get(self.pixel_format, 1)
        odd = planar and (self.width % 2 or self.height % 2)
        if min(self.width, self.height) < 1 or odd:
            raise ValueError("a frame has a size, which is even for NV12 and I420")
        if self.data.dtype != np.uint8 or self.data.ndim != 2 or not self.data.flags.c_contiguous:
            raise ValueError("the samples of a frame are rows of uint8")
        if self.data.shape[0] != rows or self.data.shape[1] < least:
            raise ValueError("the samples of a frame fill its rows")

    @classmethod
    def of_pixels(cls, pixels: NDArray[np.uint8]) -> RawPixels:
        """Takes (H, W, 3) blue, green, red or (H, W) grey pixels as they are, without a copy.

        Raises:
            ValueError: They are of another shape or type.
        """
        height, width = pixels.shape[:2]
        if pixels.ndim == 2:
            return cls(np.ascontiguousarray(pixels), PixelFormat.GRAY8, width, height)
        if pixels.shape[2:] != (3,):
            raise ValueError("pixels are grey, or blue, green and red")
        rows = np.ascontiguousarray(pixels).reshape(height, width * 3)
        return cls(rows, PixelFormat.BGR8, width, height)

    @property
    def stride_bytes(self) -> int:
        """Bytes from the start of one row to the next."""
        return int(self.data.shape[1])

    def to_picture(self, limits: ImageLimits | None = None) -> Picture:
        """Makes the pixels: (H, W) for GRAY8, else (H, W, 3) blue, green, red.

        BGR8 and GRAY8 without padding are handed on as they are, if they may be written to;
        NV12 is converted in one go, without a copy of its planes.

        Args:
            limits: Of `from_raw`, by which the less usual packings go; None: the default.

        Raises:
            ImageTooLargeError: More pixels than the limits allow.
        """
        pixels: NDArray[np.uint8]
        if self.pixel_format is PixelFormat.NV12:
            cv2 = opencv()
            pixels = cv2.cvtColor(self.data[:, : self.width], cv2.COLOR_YUV2BGR_NV12)
        elif self.pixel_format is PixelFormat.BGR8 and self.stride_bytes == self.width * 3:
            pixels = _writable(self.data).reshape(self.height, self.width, 3)
        elif self.pixel_format is PixelFormat.GRAY8 and self.stride_bytes == self.width:
            pixels = _writable(self.data)
        else:
            packed = self.data.tobytes()
            arguments = (packed, self.pixel_format, self.width, self.height, self.stride_bytes)
            return from_raw(*arguments, limits) if limits else from_raw(*arguments)
        return Picture(pixels, self.width, self.height, None, self.pixel_format)

    def turned(self, degrees: int) -> RawPixels:
        """Turns the frame clockwise; samples stay packed as they are, but for padding.

        Args:
            degrees: 0, 90, 180 or 270.
        """
        if degrees == 0:
            return self
        width, height, used = self.width, self.height, self.data
        if self.pixel_format is PixelFormat.NV12:
            colour = used[height:, :width].reshape(height // 2, width // 2, 2)
            planes = [used[:height, :width], colour]
        elif self.pixel_format is PixelFormat.I420:
            halves = used[height:].reshape(height, self.stride_bytes // 2)[:, : width // 2]
            planes = [used[:height, :width], halves[: height // 2], halves[height // 2 :]]
        else:
            samples = _SAMPLES_A_PIXEL.get(self.pixel_format, 1)
            planes = [used[:, : width * samples].reshape(height, width, samples)]
        if degrees != 180:
            width, height = height, width
        rows = np.concatenate([_turn(plane, degrees).reshape(-1) for plane in planes])
        stride = width * _SAMPLES_A_PIXEL.get(self.pixel_format, 1)
        return RawPixels(rows.reshape(-1, stride), self.pixel_format, width, height)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a camera.

    Attributes:
        pixels: The full frame.
        small: A smaller copy of the same moment, for detection, where the camera makes one.
        captured_ns: When it was captured, on `time.monotonic_ns`; where the camera does not say,
            when it arrived.
        captured_us: The same in microseconds since 1970 UTC.
        timeline_ns: Where it stands on the camera's own time: for live cameras `captured_ns`; for
            recordings the position in it, which goes on rising from loop to loop. Motion is to
            be reckoned by it, age by `captured_ns`.
        sequence: Grows by one from frame to frame that the camera gives; 0 for the first.
        opening: Grows whenever the camera was opened anew, or the size of a recording's frames
            changed: what was known of earlier frames does not hold any longer.
    """

    pixels: RawPixels
    small: RawPixels | None
    captured_ns: int
    captured_us: int
    timeline_ns: int
    sequence: int = 0
    opening: int = 0

    @classmethod
    def captured(
        cls,
        pixels: RawPixels,
        small: RawPixels | None = None,
        captured_ns: int | None = None,
        timeline_ns: int | None = None,
    ) -> Frame:
        """Makes a frame and fills in the times that are not given."""
        now_ns = time.monotonic_ns()
        captured_ns = now_ns if captured_ns is None else captured_ns
        captured_us = (time.time_ns() - (now_ns - captured_ns)) // 1000
        timeline_ns = captured_ns if timeline_ns is None else timeline_ns
        return cls(pixels, small, captured_ns, captured_us, timeline_ns)

    def turned(self, degrees: int) -> Frame:
        """Turns the frame, and its small copy, clockwise by 0, 90, 180 or 270 degrees."""
        if degrees == 0:
            return self
        small = None if self.small is None else self.small.turned(degrees)
        return replace(self, pixels=self.pixels.turned(degrees), small=small)


def _turn(plane: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Turns one plane of samples clockwise."""
    cv2 = opencv()
    code = {
        90: cv2.ROTATE_90_CLOCKWISE,
        180: cv2.ROTATE_180,
        270: cv2.ROTATE_90_COUNTERCLOCKWISE,
    }[degrees]
    turned: NDArray[np.uint8] = cv2.rotate(plane, code)
    return turned


def _writable(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return data if data.flags.writeable else data.copy()
