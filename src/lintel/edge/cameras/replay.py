"""Recordings in place of a camera: clips, and folders of clips and pictures."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.cameras.camera import Pace
from lintel.edge.cameras.faults import CameraFailedError, Fault, RecordingEndedError
from lintel.edge.cameras.frame import Frame
from lintel.edge.cameras.video import VideoCapture, to_raw_pixels
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import LintelError
from lintel.edge.images import ImageLimits, decode

_PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
_CLIPS = {".avi", ".mkv", ".mov", ".mp4", ".m4v", ".mjpeg", ".mjpg", ".ts", ".webm"}
_SECOND_NS = 1_000_000_000
# Containers reckon their length from rates and durations, and may be a frame or two off.
_MISCOUNTED = 2


class _Shot(NamedTuple):
    """A picture of a recording, and how long it is shown."""

    pixels: NDArray[np.uint8]
    duration_ns: int


class ReplayCamera:
    """Replays a clip, or the clips and pictures of a folder in the order of their names.

    Clips keep their own rate, pictures `frame_rate_hz`. What of a folder cannot be read is left
    out; the recording is then told to be incomplete.

    Args:
        settings: Of the camera.

    Raises:
        CameraFailedError: The source is not there, or holds nothing that can be replayed.
    """

    is_recording = True

    def __init__(self, settings: CameraSettings) -> None:
        self.description = settings.source
        self._paths = _find(Path(settings.source))
        self._picture_ns = round(_SECOND_NS / settings.frame_rate_hz)
        self._loop = settings.loop
        self._pace = Pace(real_time=settings.replay == "real-time")
        self._complete = True
        self._clip: VideoCapture | None = None
        self._shots = self._play()
        self._timeline_ns = 0

    def read(self) -> Frame:
        """Waits until the next frame is due.

        Raises:
            CameraFailedError: Nothing of the recording can be read.
            RecordingEndedError: It is not looped, and ended.
        """
        shot = next(self._shots, None)
        if shot is None:
            raise RecordingEndedError(complete=self._complete)
        timeline_ns = self._timeline_ns
        self._timeline_ns += shot.duration_ns
        self._pace.wait(timeline_ns, time.monotonic_ns())
        return Frame.captured(to_raw_pixels(shot.pixels, 0), timeline_ns=timeline_ns)

    def interrupt(self) -> None:
        """Ends the wait for the next frame's time."""
        self._pace.interrupt()

    def close(self) -> None:
        """Closes the clip that is open."""
        self._shots.close()
        if self._clip is not None:
            self._clip.close()

    def _play(self) -> Generator[_Shot, None, None]:
        while True:
            count = 0
            for path in self._paths:
                shots = self._picture(path) if _is_picture(path) else self._frames(path)
                for shot in shots:
                    count += 1
                    yield shot
            if not count:
                raise CameraFailedError(Fault.DAMAGED)
            if not self._loop:
                return

    def _picture(self, path: Path) -> Iterator[_Shot]:
        try:
            data = path.read_bytes()
            picture = decode(data, ImageLimits(max_bytes=len(data)), depth8=True)
        except (OSError, LintelError):
            self._complete = False
            return
        yield _Shot(picture.pixels.astype(np.uint8, copy=False), self._picture_ns)

    def _frames(self, path: Path) -> Iterator[_Shot]:
        try:
            clip = self._clip = VideoCapture(str(path), "CAP_FFMPEG", {"CAP_PROP_N_THREADS": 1})
        except CameraFailedError:
            self._complete = False
            return
        # Frames that were dropped by looking at the stream without buffering come back.
        clip.set("CAP_PROP_POS_FRAMES", 0)
        rate_hz = clip.get("CAP_PROP_FPS")
        duration_ns = round(_SECOND_NS / rate_hz) if rate_hz > 0 else self._picture_ns
        count = 0
        while (pixels := clip.read()) is not None:
            count += 1
            yield _Shot(pixels, duration_ns)
        if count < clip.get("CAP_PROP_FRAME_COUNT") - _MISCOUNTED:
            self._complete = False
        clip.close()


def is_clip(path: Path) -> bool:
    """Tells by its name whether a file may be a clip."""
    return path.suffix.lower() in _CLIPS


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in _PICTURES


def _find(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise CameraFailedError(Fault.GONE)
    found = [path for path in sorted(source.iterdir()) if is_clip(path) or _is_picture(path)]
    if not found:
        raise CameraFailedError(Fault.EMPTY)
    return found
