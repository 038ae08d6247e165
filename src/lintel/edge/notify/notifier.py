"""All destinations of a device's events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lintel.edge.notify.delivery import Delivery
from lintel.edge.notify.destination import Destination
from lintel.edge.notify.pictures import EventPictures
from lintel.edge.notify.positions import Position
from lintel.edge.pipeline import DoorPipeline
from lintel.edge.series import default_path

if TYPE_CHECKING:
    from lintel.edge.config import Settings


class Notifier:
    """Tells the destinations of the settings what happens at the door.

    Args:
        settings: All of the device's settings.
        door: Whose events are told.

    Attributes:
        deliveries: One a destination.

    Raises:
        SettingsInvalidError: See `destinations`.
    """

    def __init__(self, settings: Settings, door: DoorPipeline) -> None:
        self.deliveries = tuple(
            Delivery(
                door.events,
                destination,
                Position(
                    _position_path(settings, destination.name), door.events.last_sequence_number
                ),
                EventPictures(door.cameras) if destination.with_pictures else None,
            )
            for destination in destinations(settings)
        )

    def start(self) -> None:
        """Begins."""
        for delivery in self.deliveries:
            delivery.start()

    def stop(self) -> None:
        """Ends; what was not delivered is so after the next start."""
        for delivery in self.deliveries:
            delivery.stop()


def destinations(settings: Settings) -> list[Destination]:
    """Makes the destinations of the settings; nothing is opened yet.

    Raises:
        SettingsInvalidError: A setting of one is wrong, or a file that it names cannot be read.
    """
    made: list[Destination] = []
    # What talks to brokers and receivers costs memory; only those who have them pay.
    if settings.mqtt.host:
        from lintel.edge.notify.mqtt import MqttDestination  # noqa: PLC0415

        made.append(MqttDestination(settings.mqtt))
    if settings.webhook.url:
        from lintel.edge.notify.webhook import WebhookDestination  # noqa: PLC0415

        made.append(WebhookDestination(settings.webhook))
    return made


def _position_path(settings: Settings, name: str) -> Path | None:
    """Returns where a destination's position is kept: beside the events, if those are."""
    events = settings.pipeline.events_path
    if events == "":
        return None
    folder = Path(events).parent if events else default_path().parent
    return folder / f"{name}.json"
