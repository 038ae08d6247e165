"""How a box moves: a Kalman filter of constant velocity.

As in SORT (Bewley et al., Simple Online and Realtime Tracking, 2016), but for frames at any
distance in time, and with noise in proportion to the box (as in Wojke et al., DeepSORT, 2017).
Centre, width and height share one covariance, since all are measured together and equally well.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]

# All in sides of the box, the geometric mean of width and height, and seconds.
_MEASURED_WITHIN = 0.06
_FIRST_SPEED = 4.0
_ACCELERATION = 4.0
# Nobody runs faster past a camera; frames that come in bursts would make it seem so.
_FASTEST = 15.0
# Who is out of sight soon goes elsewhere: speed falls by e in this time.
_SLOWING_S = 0.8
_LEAST_SIDE = 1.0


class Motion:
    """Where a box is, and how it moves.

    Args:
        box: Where it is at first: x_min, y_min, x_max, y_max in pixels.
    """

    def __init__(self, box: Corners) -> None:
        # Centre x, centre y, width, height.
        self._place = _to_place(box)
        self._speed = np.zeros(4)
        # Of the place, of place and speed, and of the speed; in squares of the box's side.
        self._variance = _MEASURED_WITHIN**2
        self._covariance = 0.0
        self._speed_variance = _FIRST_SPEED**2

    @property
    def box(self) -> Corners:
        """Where it is now, x_min, y_min, x_max, y_max in pixels."""
        half = np.maximum(self._place[2:], _LEAST_SIDE) / 2
        return np.concatenate([self._place[:2] - half, self._place[:2] + half])

    def move(self, seconds: float, *, seen: bool) -> None:
        """Lets time pass.

        Args:
            seconds: How much, 0 or more.
            seen: Whether the box was found the last time; if not, it slows down.
        """
        self._place = self._place + self._speed * seconds
        noise = _ACCELERATION**2 * seconds
        self._variance += seconds * (2 * self._covariance + seconds * self._speed_variance)
        self._variance += noise * seconds**2 / 3
        self._covariance += seconds * self._speed_variance + noise * seconds / 2
        self._speed_variance += noise
        if not seen:
            # Sizes that went on as before would come to nothing, or to everything.
            self._speed[2:] = 0
            self._speed = self._speed * math.exp(-seconds / _SLOWING_S)

    def correct(self, box: Corners) -> None:
        """Takes in where the box was found.

        Args:
            box: x_min, y_min, x_max, y_max in pixels.
        """
        surprise = _to_place(box) - self._place
        whole = self._variance + _MEASURED_WITHIN**2
        gain, speed_gain = self._variance / whole, self._covariance / whole
        self._place = self._place + gain * surprise
        fastest = _FASTEST * max(float(np.sqrt(np.abs(self._place[2] * self._place[3]))), 1.0)
        self._speed = np.clip(self._speed + speed_gain * surprise, -fastest, fastest)
        self._speed_variance -= speed_gain * self._covariance
        self._covariance *= 1 - gain
        self._variance *= 1 - gain


def _to_place(box: Corners) -> Corners:
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
