"""Those who follow what a camera gives: each gets the newest, and nobody waits for anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Subscription(Generic[Item]):
    """Gives the newest item that has not been given yet. Use it as a context manager, or close it.

    Args:
        closed: Called once with it when it closes.
        with_pictures: Whether its follower will ask for JPEG pictures.
        woken: Called, by whichever thread, when there is something new or it closed; for those who
            may not wait in `get`. It must return at once and never raise.
    """

    def __init__(
        self,
        closed: Callable[[Subscription[Item]], None],
        *,
        with_pictures: bool,
        woken: Callable[[], object] | None = None,
    ) -> None:
        self.with_pictures = with_pictures
        self._closed = closed
        self._woken = woken or _nobody
        self._changed = threading.Condition()
        self._newest: Item | None = None
        self._is_open = True
        self._dropped = 0

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self._is_open

    @property
    def dropped(self) -> int:
        """Items that gave way to newer ones before they were taken."""
        return self._dropped

    def put(self, item: Item) -> None:
        """Offers an item; one that was not taken gives way."""
        with self._changed:
            if self._is_open:
                self._dropped += self._newest is not None
                self._newest = item
                self._changed.notify()
        self._woken()

    def get(self, timeout_s: float | None = None) -> Item | None:
        """Waits for an item.

        Args:
            timeout_s: Seconds to wait; None: as long as it takes.

        Returns:
            None where none came in time, or it is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or not self._is_open, timeout_s)
            item, self._newest = self._newest, None
            return item

    def close(self) -> None:
        """Ends it, and lets whoever waits go."""
        with self._changed:
            if not self._is_open:
                return
            self._is_open = False
            self._newest = None
            self._changed.notify_all()
        self._woken()
        self._closed(self)

    def __enter__(self) -> Subscription[Item]:
        """Follows."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends it."""
        self.close()


class Viewers(Generic[Item]):
    """All who follow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._following: tuple[Subscription[Item], ...] = ()
        self._newest: Item | None = None
        self._is_open = True

    @property
    def newest(self) -> Item | None:
        """The newest item, however old; None before the first."""
        return self._newest

    @property
    def want_pictures(self) -> bool:
        """Whether anybody will ask for JPEG pictures."""
        return any(one.with_pictures for one in self._following)

    def follow(
        self, *, with_pictures: bool, woken: Callable[[], object] | None = None
    ) -> Subscription[Item]:
        """Begins to follow; the first item is the next one. See Subscription."""
        subscription = Subscription(self._forget, with_pictures=with_pictures, woken=woken)
        with self._lock:
            if self._is_open:
                self._following += (subscription,)
                return subscription
        subscription.close()
        return subscription

    def tell(self, item: Item) -> None:
        """Gives an item to all."""
        self._newest = item
        for subscription in self._following:
            subscription.put(item)

    def close(self) -> None:
        """Ends all, and takes nobody on."""
        with self._lock:
            self._is_open = False
            following = self._following
        for subscription in following:
            subscription.close()

    def _forget(self, subscription: Subscription[Item]) -> None:
        with self._lock:
            self._following = tuple(one for one in self._following if one is not subscription)


def _nobody() -> None:
    """Wakes nobody."""
