"""What a destination of events is."""

from __future__ import annotations

import threading
from enum import Enum
from typing import NamedTuple, Protocol

from lintel.edge.pipeline import Event


class Outcome(Enum):
    """What became of a message."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It will never be taken; there is no use in trying again."""
    FAILED = "failed"
    """It may be taken later."""


class Message(NamedTuple):
    """An event as it is sent.

    Attributes:
        event: The event.
        id: Tells it from all others of this device, and is the same whenever it is sent again.
        body: A JSON document; see documents.write.
    """

    event: Event
    id: str
    body: bytes


class Destination(Protocol):
    """Where events go; `send` is called by one thread.

    Attributes:
        name: Of the section of settings that it comes from.
        with_pictures: Whether blurred pictures may go there.
    """

    name: str
    with_pictures: bool

    def open(self) -> None:
        """Begins; returns at once, whether or not the other side is there."""

    def send(self, message: Message, stopping: threading.Event) -> Outcome:
        """Tries to deliver a message; returns soon after `stopping` is set.

        Returns:
            What became of it. After FAILED it is worth trying again at once: where it is not
            yet, this waits.
        """

    def close(self) -> None:
        """Ends within seconds, also while another thread sends."""
