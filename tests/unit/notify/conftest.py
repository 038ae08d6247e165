"""Logs of events, and deliveries of them to real receivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.event_receivers import MOSQUITTO, NO_MOSQUITTO, Broker, WebhookReceiver, free_port

from lintel.edge.notify import Delivery
from lintel.edge.notify.destination import Destination
from lintel.edge.notify.positions import Position
from lintel.edge.pipeline import EventKind, EventLog

MOST = 10
START_US = 1_800_000_000_000_000


class Door:
    """A log of events in a folder, and one delivery of it.

    Attributes:
        folder: Where both are kept.
        log: The events.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = EventLog(folder / "events.jsonl", MOST)
        self.delivery: Delivery | None = None

    def happen(self, count: int) -> None:
        """Has so many people come in."""
        for _ in range(count):
            number = self.log.last_sequence_number + 1
            kind, moment_us = EventKind.PERSON_ENTERED, START_US + number * 1_000_000
            self.log.append(kind, "door", moment_us, track_id=number, place="mat")

    def deliver(self, destination: Destination) -> Delivery:
        """Begins to deliver."""
        position = Position(self.folder / f"{destination.name}.json", self.log.last_sequence_number)
        self.delivery = Delivery(self.log, destination, position, None)
        self.delivery.start()
        return self.delivery

    def stop(self) -> None:
        """Ends both; what is on the disk stays."""
        if self.delivery is not None:
            self.delivery.stop()
        self.log.close()


@pytest.fixture
def open_door(tmp_path: Path) -> Iterator[Callable[[], Door]]:
    """Opens the door, anew where that is called again."""
    opened: list[Door] = []

    def open_() -> Door:
        opened.append(Door(tmp_path))
        return opened[-1]

    yield open_
    for door in opened:
        door.stop()


@pytest.fixture
def door(open_door: Callable[[], Door]) -> Door:
    """A door."""
    return open_door()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A webhook."""
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Makes brokers with lines of settings; they are to be started."""
    if MOSQUITTO is None:
        pytest.skip(NO_MOSQUITTO)
    made: list[Broker] = []

    def make(*settings: str) -> Broker:
        made.append(Broker(tmp_path, free_port(), *settings))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()
