"""Blurred pictures to go along with events."""

from __future__ import annotations

import time
from collections.abc import Mapping

from lintel.edge.pipeline import CameraPipeline, Event, FrameResult

# An event that is told later goes without a picture: the newest shows somebody else.
_LATEST_S = 5.0
# The frame of an event is blurred, and shown, just after the event is told.
_PATIENCE_S = 1.0


class EventPictures:
    """Finds the picture of an event among the newest frames; for one thread.

    Args:
        cameras: The cameras by name.
    """

    def __init__(self, cameras: Mapping[str, CameraPipeline]) -> None:
        self._following = {
            name: camera.follow(with_pictures=False) for name, camera in cameras.items()
        }
        self._newest: dict[str, FrameResult] = {}

    def of(self, event: Event) -> FrameResult | None:
        """Returns the first frame that shows an event or what follows; None where none comes.

        Args:
            event: One without a person has no picture.
        """
        following = self._following.get(event.camera)
        if following is None or event.track_id == 0:
            return None
        until_s = time.monotonic() + _PATIENCE_S
        newest = self._newest.pop(event.camera, None)
        while newest is None or newest.captured_us < event.timestamp_us:
            newest = following.get(until_s - time.monotonic())
            if newest is None:
                return None
        # The next event may be of the same frame.
        self._newest[event.camera] = newest
        is_late = newest.captured_us - event.timestamp_us > _LATEST_S * 1e6
        return None if is_late else newest
