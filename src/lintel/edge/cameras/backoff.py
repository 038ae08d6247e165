"""How long to wait before a camera is tried again."""

from __future__ import annotations

import random

FIRST_S = 0.25


class Backoff:
    """Waits that double up to a limit, each of a random length from half of it to all of it.

    The jitter keeps the cameras of a switch that lost power from all being tried at one moment.

    Args:
        longest_s: The limit.
        generator: Where the randomness comes from.
    """

    def __init__(self, longest_s: float, generator: random.Random) -> None:
        self._longest_s = longest_s
        self._generator = generator
        self._next_s = min(FIRST_S, longest_s)

    def next_s(self) -> float:
        """Returns the next wait in seconds."""
        wait_s = self._next_s * self._generator.uniform(0.5, 1)
        self._next_s = min(2 * self._next_s, self._longest_s)
        return wait_s

    def reset(self) -> None:
        """Begins with the first wait again."""
        self._next_s = min(FIRST_S, self._longest_s)
