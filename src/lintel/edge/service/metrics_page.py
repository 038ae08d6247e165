"""The HTTP server of the metrics page: a thread a request, bounded in number and time."""

from __future__ import annotations

import logging
import socket
import sys
import time
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

logger = logging.getLogger("lintel.service")

# A scraper or two ask at a time; a further connection is closed at once.
MOST_CONNECTIONS = 16
# From the connection to the end of the answer: whoever stays silent or reads nothing is let go.
LONGEST_REQUEST_S = 10.0


class MetricsPage(ThreadingMixIn, WSGIServer):
    """Serves a registry on a port; call `serve_forever` in a thread.

    Args:
        host: Name or address to listen on.
        port: To listen on.
        registry: What is shown.

    Raises:
        OSError: The address is taken or not this machine's.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        self.address_family = family
        self._since: dict[socket.socket, float] = {}
        super().__init__((str(address[0]), port), _SilentHandler)
        self.set_app(make_wsgi_app(registry))

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Tells whether there is room for a connection; see BaseServer."""
        return len(self._since) < MOST_CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        """Takes a connection on."""
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection."""
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cuts off connections that take too long; called twice a second, and after each new one.

        A time-out of the socket would not do: who sends a byte now and then would stay.
        """
        oldest = time.monotonic() - LONGEST_REQUEST_S
        for request, since in list(self._since.items()):
            if since < oldest:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs what broke a connection: mostly the one who asked, who has gone."""
        logger.debug("a request for metrics broke off: %s", sys.exc_info()[1])


class _SilentHandler(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, *_: Any) -> None:
        """Does nothing."""
