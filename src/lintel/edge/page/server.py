"""The page's server: one port, one thread of its own, bounded in every way."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable
from importlib.metadata import version

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.web import Application

from lintel.edge.config import Settings, Tls
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.page import live, views
from lintel.edge.page.day import DayBook
from lintel.edge.page.gate import Gate
from lintel.edge.page.handling import NotFound, Stage
from lintel.edge.page.languages import open_languages
from lintel.edge.page.report import Reporter, Sources
from lintel.edge.page.seats import Seats

logger = logging.getLogger("lintel.page")

DEFAULT_ADDRESS = "127.0.0.1:8088"
_ANY_ADDRESS = "127.0.0.1:0"
# Requests are small; whoever takes longer to send one, or has none to send, is let go.
_LARGEST_HEAD = 16 * 1024
_LARGEST_BODY = 8 * 1024
_IDLE_TIMEOUT_S = 15.0
_BODY_TIMEOUT_S = 5.0
# Connections besides those of viewers who stay, of all browsers together.
_SHORT_CONNECTIONS = 64
# What the system holds for a slow viewer: a picture or two, or it would show what is long past.
_SEND_BUFFER = 256 * 1024
# A viewer whose machine has gone without a word is noticed after this.
_SILENCE_MS = 30_000
_BACKLOG = 64
_STOP_WITHIN_S = 3.0


class Page:
    """The page for browsers.

    Its port is bound here already, so that browsers that come before `start` wait instead of being
    refused.

    Args:
        settings: All of the device's settings.
        sources: What is shown.
        check_token: Raises UnauthenticatedError or PermissionDeniedError unless a token may watch.

    Attributes:
        url: Where it is, for people.

    Raises:
        SettingsInvalidError: Its address is taken or not this machine's, or a language is wrong.
    """

    def __init__(
        self, settings: Settings, sources: Sources, check_token: Callable[[str], None]
    ) -> None:
        self._closing = False
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_serving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        page, tokens = settings.page, settings.server.tokens
        languages = open_languages(page)
        self._tls = server_context(settings.server.tls)
        self._most_connections = page.max_viewers + _SHORT_CONNECTIONS
        self._socket = _bind(page.address)
        host, port = self._socket.getsockname()[:2]
        self.url = _url(host, port, is_secure=self._tls is not None)
        self._days = DayBook(settings, sources)
        self._stage = Stage(
            sources=sources,
            gate=Gate(check_token, asks_for_token=bool(tokens), hosts=page.hosts),
            languages=languages,
            reporter=Reporter(sources, version("lintel"), page.neutral_after_s, self._days.cameras),
            days=self._days,
            seats=Seats(page.max_viewers),
            is_closing=lambda: self._closing,
            # Browsers tell the cookies of two ports of a machine apart by nothing but their names.
            cookie=f"lintel-{port}",
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()
        self._is_serving.wait()
        logger.info("showing a page", extra={"url": self.url})

    def stop(self) -> None:
        """Lets all viewers go, and gives the port back."""
        self._closing = True
        if self._loop is not None and self._stopping is not None:
            try:
                self._loop.call_soon_threadsafe(self._stopping.set)
            except RuntimeError:
                logger.debug("the page had ended already")
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()
        self._days.close()

    def _run(self) -> None:
        # What somebody sends who speaks no HTTP is not worth a line of the log each.
        for name in ("tornado.access", "tornado.general"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            asyncio.run(self._serve())
        except Exception:
            logger.exception("the page ended unexpectedly")
        finally:
            self._is_serving.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = _BoundedServer(self._application(), self._tls, self._most_connections)
        server.add_socket(self._socket)
        self._is_serving.set()
        if not self._closing:
            await self._stopping.wait()
        server.stop()
        try:
            # Streams see by themselves that the page closes.
            async with asyncio.timeout(_STOP_WITHIN_S):
                await server.close_all_connections()
        except TimeoutError:
            logger.debug("some viewers of the page were cut off")

    def _application(self) -> Application:
        name, stage = "([a-z0-9][a-z0-9_-]{0,63})", {"stage": self._stage}
        return Application(
            [
                (r"/", views.Kiosk, stage),
                (rf"/kiosk/{name}", views.Kiosk, stage),
                (r"/operator", views.Operator, stage),
                (r"/sign-in", views.SignIn, stage),
                (r"/sign-out", views.SignOut, stage),
                (r"/news", live.News, stage),
                (rf"/pictures/{name}", live.MotionJpeg, stage),
                (rf"/pictures/{name}\.jpg", live.Picture, stage),
                (r"/languages/([A-Za-z0-9-]{2,40})\.json", views.Texts, stage),
                (r"/assets/([a-z0-9-]+\.[a-z0-9]+)", views.Asset, stage),
            ],
            default_handler_class=NotFound,
            default_handler_args=stage,
            template_path=str(views.VIEWS),
            log_function=lambda handler: None,
        )


class _BoundedServer(HTTPServer):
    """Serves so many connections at a time, and closes further ones at once."""

    def initialize(  # type: ignore[override]
        self, application: Application, tls: ssl.SSLContext | None, most: int
    ) -> None:
        """See HTTPServer."""
        super().initialize(
            application,
            ssl_options=tls,
            max_header_size=_LARGEST_HEAD,
            max_body_size=_LARGEST_BODY,
            max_buffer_size=_LARGEST_HEAD + _LARGEST_BODY,
            idle_connection_timeout=_IDLE_TIMEOUT_S,
            body_timeout=_BODY_TIMEOUT_S,
        )
        self._most = most

    def handle_stream(self, stream: IOStream, address: tuple[object, ...]) -> None:
        """Takes a connection on."""
        if len(self._connections) >= self._most:
            stream.close()
            return
        # A picture is not to wait for the answer to what was sent before it.
        stream.set_nodelay(True)
        tune(stream.socket)
        super().handle_stream(stream, address)


def tune(connection: socket.socket) -> None:
    """Keeps little for a viewer who is slow, and notices one who has gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS)


def server_context(tls: Tls) -> ssl.SSLContext | None:
    """Returns what TLS needs, of files that were checked; None where it is not configured."""
    if not tls.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.private_key, password="")
    if tls.client_authority:
        context.load_verify_locations(tls.client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _bind(address: str | None) -> socket.socket:
    """Binds the address of the settings, or where there is none, one that is free."""
    try:
        return _bound(DEFAULT_ADDRESS if address is None else address)
    except OSError as error:
        if address is None and error.errno == errno.EADDRINUSE:
            return _bound(_ANY_ADDRESS)
        # Python adds to the text of the error what is said here already.
        known = error.errno in errno.errorcode
        reason = os.strerror(error.errno or 0) if known else "there is no such host"
        raise SettingsInvalidError(
            f"The page's address {address or DEFAULT_ADDRESS} cannot be listened on: {reason}.",
            field="page.address",
        ) from error


def _bound(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    bound = socket.create_server(
        (host, int(port)),
        family=socket.AF_INET6 if ":" in host else socket.AF_INET,
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        backlog=_BACKLOG,
    )
    bound.setblocking(False)
    return bound


def _url(host: str, port: int, *, is_secure: bool) -> str:
    """Returns an address for people; "every address of this machine" is told as its name."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - told, not bound
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http{'s' if is_secure else ''}://{shown}:{port}/"
