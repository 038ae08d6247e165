"""The door behind the service: its cameras, what is told of them, and to whom."""

from __future__ import annotations

import logging

import grpc

from lintel.edge.config import Settings
from lintel.edge.notify import Delivery, Notifier
from lintel.edge.pipeline import DoorPipeline, Slot
from lintel.edge.runtime import Runtime
from lintel.edge.series import Recorder
from lintel.edge.service.cameras import CameraServicer
from lintel.edge.service.events import EventServicer
from lintel.v1 import camera_pb2_grpc, event_pb2_grpc

logger = logging.getLogger("lintel.service")


class Door:
    """Watches the cameras of the settings; without any, it does nothing.

    Args:
        settings: All of the device's settings.
        runtime: Its models.
        recorder: The way into the store of series; None where the device keeps none.
        slot: Holds one of the device's places for work.

    Attributes:
        pipeline: The cameras; None where there are none.
        deliveries: To those who are told of events.

    Raises:
        LintelError: The settings of cameras are wrong, or there is no face model.
    """

    def __init__(
        self, settings: Settings, runtime: Runtime, recorder: Recorder | None, slot: Slot
    ) -> None:
        self.pipeline: DoorPipeline | None = None
        if settings.cameras:
            self.pipeline = DoorPipeline(settings, runtime, recorder, slot=slot)
        self._cameras = CameraServicer(self.pipeline)
        self._events = EventServicer(self.pipeline)
        self._notifier = Notifier(settings, self.pipeline) if self.pipeline is not None else None
        self.deliveries: tuple[Delivery, ...] = (
            self._notifier.deliveries if self._notifier is not None else ()
        )
        self._is_started = False

    def add_to(self, server: grpc.Server) -> None:
        """Adds the services to a server; without cameras they say so."""
        camera_pb2_grpc.add_CameraServiceServicer_to_server(self._cameras, server)
        event_pb2_grpc.add_EventServiceServicer_to_server(self._events, server)

    def start(self) -> None:
        """Opens the cameras."""
        if self.pipeline is not None and self._notifier is not None:
            self._is_started = True
            self._notifier.start()
            self.pipeline.start()
            logger.info("watching", extra={"cameras": ", ".join(self.pipeline.cameras)})

    def stop(self) -> None:
        """Closes the cameras, ends all streams, and writes down what happened."""
        self._cameras.drain()
        self._events.drain()
        if self.pipeline is not None and self._notifier is not None and self._is_started:
            self._is_started = False
            self._notifier.stop()
            self.pipeline.stop()
