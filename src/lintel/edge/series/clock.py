"""The device's clock, which may be wrong: a Raspberry Pi has none that runs without power."""

from __future__ import annotations

import time
from collections.abc import Callable

from lintel.edge.errors import ClockNotSetError

# 2026-01-01: no device that runs this has lived earlier.
EARLIEST_S = 1_767_225_600.0
# Longer than it takes to reach a network and ask it for the time.
STEADY_AFTER_S = 3600.0
# How far a clock may move against the time that has really passed: leap seconds, slewing.
_STEADY_WITHIN_S = 60.0
_RETRY_S = 5.0


class Clock:
    """Tells the time, and whether it is to be trusted.

    Args:
        now: Returns seconds since 1970 UTC.
        uptime: Returns seconds that never jump.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        uptime: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._uptime = uptime
        self._since_s = uptime()
        self._offset_s = now() - self._since_s

    def now_s(self) -> float:
        """Returns seconds since 1970 UTC.

        Raises:
            ClockNotSetError: The clock shows a time before there was such a device.
        """
        now = self._now()
        if now < EARLIEST_S:
            raise ClockNotSetError(
                "The clock of the device has not been set since it started; try again later.",
                retry_after_s=_RETRY_S,
            )
        return now

    def is_steady(self) -> bool:
        """Tells whether the clock has gone for an hour without a jump, as far as was looked.

        What was kept for years must not be deleted for its age by a clock that is wrong for the
        minutes until the network has set it.
        """
        uptime = self._uptime()
        offset = self._now() - uptime
        if abs(offset - self._offset_s) > _STEADY_WITHIN_S:
            self._since_s, self._offset_s = uptime, offset
        return uptime - self._since_s >= STEADY_AFTER_S
