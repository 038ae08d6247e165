"""How often faces are looked for, so that the device keeps up with its cameras."""

from __future__ import annotations

# Weight of the newest measurement.
_SMOOTHING = 0.2
# Shares of the time between two looks that a look may take: more, and they become fewer; less of
# the next shorter time, and they become more.
_BUSY, _IDLE = 0.9, 0.7
# Looks in a row that have to agree.
_UNTIL_FEWER, _UNTIL_MORE = 5, 30
MOST_EVERY = 8


class Rhythm:
    """Looks for faces in every n-th frame; for one thread at a time.

    n grows only as far as frames between two looks, which wait for the later one, wait no longer
    than they may. Where that is not enough, frames are dropped instead.

    Args:
        every: n, 1 to 8; 0: as the measured times ask.
        hold_back_s: Seconds that a frame may wait for the next look.
    """

    def __init__(self, every: int, hold_back_s: float) -> None:
        self.every = every or 1
        self._is_fixed = every > 0
        self._hold_back_s = hold_back_s
        self._interval_s = 0.0
        self._look_s = 0.0
        self._mask_s = 0.0
        self._in_a_row = 0

    def looked(self, look_s: float, interval_s: float) -> None:
        """Takes in how long a look took.

        Args:
            look_s: Seconds that finding and following took, without masks.
            interval_s: Seconds from frame to frame of the camera.
        """
        self._look_s = _smooth(self._look_s, look_s)
        self._interval_s = _smooth(self._interval_s, interval_s)
        if self._is_fixed:
            return
        wanted = self._wanted()
        if wanted == 0 or (wanted > 0) != (self._in_a_row > 0):
            self._in_a_row = 0
        self._in_a_row += wanted
        if self._in_a_row >= _UNTIL_FEWER or self._in_a_row <= -_UNTIL_MORE:
            self.every += wanted
            self._in_a_row = 0

    def read_mask(self, mask_s: float) -> None:
        """Takes in how long reading the mask of one face took, in seconds."""
        self._mask_s = _smooth(self._mask_s, mask_s)

    def mask_readings(self) -> int:
        """Returns how many masks there is time to read in a look, at least 1."""
        if self._mask_s == 0:
            return 1
        left_s = _BUSY * self.every * self._interval_s - self._look_s
        return max(1, int(left_s / self._mask_s))

    def _wanted(self) -> int:
        """Returns 1 where looks should be fewer, -1 where they can be more, else 0."""
        if self._interval_s <= 0:
            return 0
        most = min(1 + int(self._hold_back_s / self._interval_s), MOST_EVERY)
        if self.every > most:
            return -1
        if self._look_s > _BUSY * self.every * self._interval_s and self.every < most:
            return 1
        can_be_more = self._look_s < _IDLE * (self.every - 1) * self._interval_s
        return -1 if can_be_more else 0


def _smooth(mean: float, value: float) -> float:
    return mean + _SMOOTHING * (value - mean) if mean else value
