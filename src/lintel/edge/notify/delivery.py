"""Brings events to one destination, one after the other."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from lintel.edge.errors import LintelError
from lintel.edge.notify import documents
from lintel.edge.notify.destination import Destination, Message, Outcome
from lintel.edge.notify.pictures import EventPictures
from lintel.edge.notify.positions import Position
from lintel.edge.pipeline import EventLog, Told

logger = logging.getLogger("lintel.notify")

# How long it may take to notice that the device stops.
_PATIENCE_S = 0.25
# As many seconds of events may be told again after a power cut; a memory card lasts longer so.
_SAVE_EVERY_S = 30.0
_STOP_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How a delivery is.

    Attributes:
        name: Of the destination.
        delivered: Events that arrived, of this run of the device.
        missed: Events that gave way to newer ones before they could be delivered.
        refused: Events that the destination will never take.
        failures: Tries that failed.
        waiting: Events that are not delivered yet.
    """

    name: str
    delivered: int
    missed: int
    refused: int
    failures: int
    waiting: int


class Delivery:
    """Brings the events of a log to a destination, on a thread of its own.

    Args:
        log: The events.
        destination: Where they go.
        position: How far it has got.
        pictures: Blurred pictures of events; None: none go along.
    """

    def __init__(
        self,
        log: EventLog,
        destination: Destination,
        position: Position,
        pictures: EventPictures | None,
    ) -> None:
        self._log = log
        self._destination = destination
        self._position = position
        self._pictures = pictures
        self._stopping = threading.Event()
        self._delivered = self._missed = self._refused = self._failures = 0
        self._prepared: Message | None = None
        self._thread = threading.Thread(
            target=self._deliver, name=f"notify-{destination.name}", daemon=True
        )

    def start(self) -> None:
        """Begins."""
        self._destination.open()
        self._thread.start()

    def stop(self) -> None:
        """Ends within seconds; what was not delivered is so after the next start."""
        self._stopping.set()
        self._destination.close()
        if self._thread.ident is not None:
            self._thread.join(_STOP_WITHIN_S)
        self._position.save()

    def status(self) -> DeliveryStatus:
        """Tells how it is."""
        return DeliveryStatus(
            self._destination.name,
            delivered=self._delivered,
            missed=self._missed,
            refused=self._refused,
            failures=self._failures,
            waiting=self._log.count_after(self._position.after),
        )

    def _deliver(self) -> None:
        # From now on, events that happen while the destination is away are not forgotten.
        self._position.save()
        saved_s = time.monotonic()
        while not self._stopping.is_set():
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                self._position.save()
                saved_s = time.monotonic()
            told = self._log.next(self._position.after, _PATIENCE_S)
            if told is not None:
                outcome = self._destination.send(self._prepare(told), self._stopping)
                self._conclude(told, outcome)

    def _prepare(self, told: Told) -> Message:
        """Writes an event down, once for all tries."""
        event = told.event
        if self._prepared is None or self._prepared.event != event:
            number = f"{self._position.log}-{event.sequence_number}"
            self._prepared = Message(event, number, self._write(told))
        return self._prepared

    def _write(self, told: Told) -> bytes:
        frame = self._pictures.of(told.event) if self._pictures is not None else None
        try:
            return documents.write(told.event, told.missed, frame)
        except LintelError as error:
            logger.warning("an event goes without its picture: %s", error.message)
            return documents.write(told.event, told.missed, None)

    def _conclude(self, told: Told, outcome: Outcome) -> None:
        if outcome is Outcome.FAILED:
            self._failures += not self._stopping.is_set()
            return
        self._position.after = told.event.sequence_number
        self._missed += told.missed
        self._delivered += outcome is Outcome.DELIVERED
        self._refused += outcome is Outcome.REFUSED
