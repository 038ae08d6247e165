"""Cameras by GStreamer, through Debian's python3-gi, or an OpenCV that was built with it."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import numpy as np

from lintel.edge.cameras.camera import Camera
from lintel.edge.cameras.captures import CaptureCamera
from lintel.edge.cameras.faults import CameraFailedError, DamagedFrameError, Fault
from lintel.edge.cameras.frame import Frame, RawPixels
from lintel.edge.cameras.pipelines import SINK
from lintel.edge.cameras.system_packages import system_module
from lintel.edge.cameras.video import video_library
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images import PixelFormat

_FORMATS = {
    "NV12": PixelFormat.NV12,
    "BGR": PixelFormat.BGR8,
    "RGB": PixelFormat.RGB8,
    "GRAY8": PixelFormat.GRAY8,
}
_SECOND_NS = 1_000_000_000
# How soon an interrupted reading returns.
_LOOK_EVERY_NS = 100_000_000


def open_gstreamer(settings: CameraSettings, pipeline: str, description: str) -> Camera:
    """Opens a pipeline, by whichever library is there.

    Raises:
        CameraFailedError: It cannot be opened, or no library is there.
    """
    try:
        library()
    except CameraFailedError:
        if "GStreamer:                   YES" not in video_library().getBuildInformation():
            raise
        # Without time limits: builds that know none for pipelines refuse to open with them.
        return CaptureCamera(pipeline, "CAP_GSTREAMER", description, settings.stall_timeout_s, {})
    return GStreamerCamera(settings, pipeline, description)


def has_element(name: str) -> bool:
    """Tells whether GStreamer is there, and has an element of that name."""
    try:
        return library().ElementFactory.find(name) is not None
    except CameraFailedError:
        return False


@cache
def library() -> Any:
    """Imports GStreamer and starts it up.

    Raises:
        CameraFailedError: It is not installed.
    """
    gi = system_module("gi")
    try:
        for namespace in ("Gst", "GstApp"):
            gi.require_version(namespace, "1.0")
    except ValueError as error:
        raise CameraFailedError(Fault.LIBRARY_MISSING) from error
    gst = system_module("gi.repository.Gst")
    # Imported for what it teaches Gst about sinks.
    system_module("gi.repository.GstApp")
    gst.init(None)
    return gst


class GStreamerCamera:
    """Frames out of the appsink of a pipeline.

    Args:
        settings: Of the camera.
        pipeline: Ends in an appsink called `pipelines.SINK`.
        description: What may be shown of it.

    Raises:
        CameraFailedError: The pipeline is wrong, lacks an element, or does not start.
    """

    is_recording = False

    def __init__(self, settings: CameraSettings, pipeline: str, description: str) -> None:
        self.description = description
        self._gst = library()
        self._first_limit_ns = round(settings.open_timeout_s * _SECOND_NS)
        self._limit_ns = round(settings.stall_timeout_s * _SECOND_NS)
        self._had_first = self._interrupted = False
        try:
            self._pipeline = self._gst.parse_launch(pipeline)
        except Exception:  # noqa: BLE001 - of GLib, which cannot be imported before it is there
            # Its text may hold the pipeline, and in it a password.
            raise CameraFailedError(Fault.CANNOT_OPEN) from None
        self._sink = self._pipeline.get_by_name(SINK)
        self._bus = self._pipeline.get_bus()
        playing = self._pipeline.set_state(self._gst.State.PLAYING)
        if playing == self._gst.StateChangeReturn.FAILURE:
            self.close()
            raise CameraFailedError(Fault.CANNOT_OPEN)

    def read(self) -> Frame:
        """Waits for the next frame.

        Raises:
            CameraFailedError: There is none.
            DamagedFrameError: It is no picture.
        """
        limit_ns = self._limit_ns if self._had_first else self._first_limit_ns
        deadline_ns = time.monotonic_ns() + limit_ns
        while (sample := self._sink.try_pull_sample(min(limit_ns, _LOOK_EVERY_NS))) is None:
            self._look_at_bus()
            if self._interrupted:
                raise CameraFailedError(Fault.CUT)
            if time.monotonic_ns() > deadline_ns:
                raise CameraFailedError(
                    Fault.STALLED if self._had_first else Fault.OPENING_TOO_LONG
                )
        self._had_first = True
        return Frame.captured(_pixels(sample), captured_ns=self._captured_ns(sample))

    def interrupt(self) -> None:
        """Lets a reading return soon."""
        self._interrupted = True

    def close(self) -> None:
        """Takes the pipeline down, and its threads with it."""
        self._pipeline.set_state(self._gst.State.NULL)

    def _look_at_bus(self) -> None:
        kinds = self._gst.MessageType.ERROR | self._gst.MessageType.EOS
        message = self._bus.pop_filtered(kinds)
        if message is not None:
            raise CameraFailedError(Fault.CUT if self._had_first else Fault.CANNOT_OPEN)
        if self._sink.is_eos():
            raise CameraFailedError(Fault.CUT)

    def _captured_ns(self, sample: Any) -> int | None:
        """Returns when the frame was captured, where the pipeline's clock is the system's."""
        stamp, base = sample.get_buffer().pts, self._pipeline.get_base_time()
        clock = self._pipeline.get_clock()
        now_ns = time.monotonic_ns()
        if clock is None or stamp == self._gst.CLOCK_TIME_NONE:
            return None
        age_ns = clock.get_time() - (base + stamp)
        return now_ns - age_ns if 0 <= age_ns < 10 * _SECOND_NS else None


def _pixels(sample: Any) -> RawPixels:
    """Copies the samples out once, as they are packed.

    Raises:
        DamagedFrameError: They are packed otherwise than was asked for.
    """
    caps = sample.get_caps().get_structure(0)
    pixel_format = _FORMATS.get(caps.get_string("format"))
    _, width = caps.get_int("width")
    _, height = caps.get_int("height")
    buffer = sample.get_buffer()
    data = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
    rows = height * 3 // 2 if pixel_format is PixelFormat.NV12 else height
    try:
        if pixel_format is None or rows == 0 or data.size % rows:
            raise ValueError("the frame is not packed as was asked for")
        return RawPixels(data.reshape(rows, -1), pixel_format, width, height)
    except ValueError as error:
        raise DamagedFrameError from error
