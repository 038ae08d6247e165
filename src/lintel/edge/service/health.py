"""grpc.health.v1.Health: who is serving, for orchestrators and for clients that wait.

gRPC's own servicer sends while it holds the lock that its end-of-call callbacks take, so that
a watcher who leaves at the wrong moment stops the whole server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lintel.edge.errors import NotServingError, ServiceNotFoundError

SERVICE_NAME = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Tells which services are serving; at first, none is.

    Args:
        services: Names of the services that may be asked for; "" is the device as a whole.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(services)
        self._serving: frozenset[str] = frozenset()
        self._draining = False
        self._changed = threading.Condition()

    def start_serving(self, services: Iterable[str]) -> None:
        """Says SERVING of `services` from now on."""
        with self._changed:
            self._serving = frozenset(services)
            self._changed.notify_all()

    def drain(self) -> None:
        """Says NOT_SERVING for good, and lets the watchers go."""
        with self._changed:
            self._serving, self._draining = frozenset(), True
            self._changed.notify_all()

    def Check(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Tells whether a service is serving.

        Raises:
            ServiceNotFoundError: There is none of that name, as the health protocol wants it.
        """
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            raise ServiceNotFoundError("The device has no such service.", field="service")
        return health_pb2.HealthCheckResponse(status=status)

    def Watch(  # noqa: N802 - the contract's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """Tells whether a service is serving, and every change, until the caller leaves.

        Raises:
            NotServingError: The device is shutting down, which the caller has been told.
        """
        if not context.add_callback(self._wake):
            return
        told: int | None = None
        while context.is_active():
            # Sent outside of the lock: that lasts as long as the caller takes.
            status = self._wait_for_news(request.service, told, context)
            if status != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
            elif self._draining:
                raise NotServingError("The device is shutting down.", retry_after_s=1.0)

    def _wait_for_news(self, service: str, told: int | None, context: grpc.ServicerContext) -> int:
        """Returns the status once it is another, the device drains, or the caller has gone."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._status(service) != told or self._draining or not context.is_active()
            )
            return self._status(service)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return SERVICE_UNKNOWN
        return SERVING if service in self._serving else NOT_SERVING

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
