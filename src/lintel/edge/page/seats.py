"""Places for those who keep a connection: so many, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Seats:
    """Places for viewers; for the page's own thread.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._free = most

    @property
    def are_taken(self) -> bool:
        """Whether none is free."""
        return self._free <= 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Holds a place, of which one is free."""
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
