"""Telling others what happens at the door: to an MQTT broker, to a webhook.

The log of events is the queue: it is bounded, kept over restarts, and its oldest events give way.
Each destination remembers the number of the last event that it has delivered, so that an event
is told until it has arrived, and at least once.
"""

from lintel.edge.notify.delivery import Delivery, DeliveryStatus
from lintel.edge.notify.notifier import Notifier, destinations

__all__ = ["Delivery", "DeliveryStatus", "Notifier", "destinations"]
