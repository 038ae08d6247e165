"""Trying a camera: whether it gives frames, and which."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lintel.edge.cameras.faults import Fault
from lintel.edge.cameras.frame import Frame
from lintel.edge.cameras.opening import open_camera
from lintel.edge.cameras.watching import CameraState, WatchedCamera
from lintel.edge.config.cameras import Camera as CameraSettings

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of trying a camera.

    Attributes:
        description: Where its frames came from, without credentials; "" where none came.
        frame: The last frame; None: there was none.
        count: Frames that came.
        frame_rate_hz: Frames a second, from the first to the last; 0 for fewer than two.
        first_after_s: Seconds until the first frame; None: there was none.
        fault: Why fewer frames came than were asked for; None: as many came, or a recording ended.
    """

    description: str
    frame: Frame | None
    count: int
    frame_rate_hz: float
    first_after_s: float | None
    fault: Fault | None


def probe(settings: CameraSettings, frames: int) -> Probe:
    """Opens a camera, reads frames, and closes it, within bounds even where it hangs.

    Args:
        settings: Of the camera; `open_timeout_s` and `stall_timeout_s` bound how long it may take.
        frames: How many to read, at least 1.
    """
    last: Frame | None = None
    begun = time.monotonic()
    first_at = last_at = 0.0
    count = 0
    with WatchedCamera(settings, open_camera) as camera:
        while count < frames and not camera.is_over:
            frame = camera.take(_LOOK_EVERY_S)
            if frame is not None:
                last, last_at = frame, time.monotonic()
                first_at = first_at or last_at
                count += 1
            elif camera.status().state is CameraState.LOST:
                break
        status = camera.status()
    return Probe(
        description=status.description,
        frame=last,
        count=count,
        frame_rate_hz=(count - 1) / (last_at - first_at) if last_at > first_at else 0.0,
        first_after_s=first_at - begun if count else None,
        fault=status.fault if count < frames else None,
    )
