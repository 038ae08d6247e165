"""Events by HTTP POST, signed as Standard Webhooks (standardwebhooks.com) has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import random
import socket
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from lintel.edge.cameras.backoff import Backoff
from lintel.edge.config.addresses import is_this_machine
from lintel.edge.config.notify import Webhook
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.notify.destination import Message, Outcome
from lintel.edge.notify.secrets import read_first_line, tls_context

logger = logging.getLogger("lintel.notify")

_LONGEST_RETRY_S = 60.0
# A receiver that asks for more patience than this does not get it.
_LONGEST_PAUSE_S = 600.0
# Answers after which the same post would be refused again, whatever is mended elsewhere.
_REFUSALS = frozenset({400, 413, 415, 422})
_SECRET_PREFIX = b"whsec_"
_SHORTEST_SECRET = 16


class _Answer(NamedTuple):
    """What the receiver said.

    Attributes:
        status: Of HTTP; 0 where it said nothing.
        pause_s: Seconds that it asks for.
    """

    status: int
    pause_s: float = 0.0


class WebhookDestination:
    """A receiver of posts. Redirects are not followed.

    Args:
        settings: With a URL.

    Raises:
        SettingsInvalidError: The URL is none, a file cannot be read, the secret is too short, or
            events would travel in plain text to another machine.
    """

    name = "webhook"

    def __init__(self, settings: Webhook) -> None:
        self.with_pictures = settings.pictures
        self._timeout_s = settings.timeout_s
        self._host, self._port, self._target = self._read_url(settings)
        is_encrypted = settings.url.lower().startswith("https:")
        self._context = tls_context("webhook", settings.authority) if is_encrypted else None
        self._secret = _read_secret(settings.secret_file)
        # Not a secret: it spreads the tries of many devices.
        self._backoff = Backoff(_LONGEST_RETRY_S, random.Random())  # noqa: S311
        self._is_told = False
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._is_closed = False

    def open(self) -> None:
        """Each post opens a connection of its own."""

    def send(self, message: Message, stopping: threading.Event) -> Outcome:
        """Posts a message; waits, longer each time, where that fails."""
        answer = self._post(message)
        if 200 <= answer.status < 300:
            self._backoff.reset()
            if self._is_told:
                logger.info("the webhook takes events again")
            self._is_told = False
            return Outcome.DELIVERED
        if answer.status in _REFUSALS:
            logger.warning("the webhook refused an event", extra={"status": answer.status})
            return Outcome.REFUSED
        if not self._is_told and not stopping.is_set():
            # Once until it works again: lines wear memory cards out.
            self._is_told = True
            logger.warning("the webhook takes no events; they wait", extra=answer._asdict())
        stopping.wait(max(self._backoff.next_s(), min(answer.pause_s, _LONGEST_PAUSE_S)))
        return Outcome.FAILED

    def close(self) -> None:
        """Ends a post that is under way."""
        with self._lock:
            self._is_closed = True
            connection = self._connection
        if connection is not None:
            _cut(connection)

    def _post(self, message: Message) -> _Answer:
        connection = self._connect()
        with self._lock:
            if self._is_closed:
                return _Answer(0)
            self._connection = connection
        # The connection's own timeout is for each read: a receiver could drip for good.
        late_s = time.monotonic() + self._timeout_s
        deadline = threading.Timer(self._timeout_s, _cut, [connection])
        deadline.daemon = True
        deadline.start()
        try:
            with closing(connection):
                connection.request("POST", self._target, message.body, self._headers(message))
                response = connection.getresponse()
                if time.monotonic() >= late_s or self._is_closed:
                    # An answer that was cut reads like a whole one.
                    return _Answer(0)
                pause = response.getheader("Retry-After", "")
                return _Answer(response.status, float(pause) if pause.isdecimal() else 0.0)
        except (OSError, HTTPException) as error:
            logger.debug("a post failed: %s", error)
            return _Answer(0)
        finally:
            deadline.cancel()
            with self._lock:
                self._connection = None

    def _connect(self) -> HTTPConnection:
        if self._context is None:
            return HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return HTTPSConnection(
            self._host, self._port, timeout=self._timeout_s, context=self._context
        )

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "lintel",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(time.time())),
        }
        if self._secret:
            signed = f"{message.id}.{headers['webhook-timestamp']}.".encode() + message.body
            digest = hmac.digest(self._secret, signed, hashlib.sha256)
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    @staticmethod
    def _read_url(settings: Webhook) -> tuple[str, int | None, str]:
        """Returns host, port and what is posted to."""
        try:
            url = urlsplit(settings.url)
            host, port = url.hostname or "", url.port
            host.encode("idna")
        except ValueError:
            host = ""
        if not host or not _is_plain(url):
            raise SettingsInvalidError(
                "The URL of the webhook must be http:// or https:// and a host, without a user"
                " name, and in ASCII.",
                field="webhook.url",
            )
        if url.scheme == "http" and not (is_this_machine(host) or settings.insecure):
            raise SettingsInvalidError(
                "Events would travel to the webhook in plain text: use https://, or write"
                " webhook.insecure = true.",
                field="webhook.url",
            )
        return host, port, (url.path or "/") + (f"?{url.query}" if url.query else "")


def _is_plain(url: SplitResult) -> bool:
    """Tells whether a URL can be posted to as it is written."""
    written = url.path + url.query
    return (
        url.scheme in {"http", "https"}
        and url.username is None
        and written.isascii()
        and written.isprintable()
        and " " not in written
    )


def _read_secret(path: str) -> bytes:
    line = read_first_line(path, "webhook.secret_file")
    if not path:
        return b""
    if line.startswith(_SECRET_PREFIX):
        try:
            line = base64.b64decode(line.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error as error:
            raise SettingsInvalidError(
                "What follows whsec_ in the secret of the webhook is no base64.",
                field="webhook.secret_file",
            ) from error
    if len(line) < _SHORTEST_SECRET:
        raise SettingsInvalidError(
            f"The secret of the webhook has {len(line)} bytes; at least {_SHORTEST_SECRET} are"
            " needed.",
            field="webhook.secret_file",
        )
    return line


def _cut(connection: HTTPConnection) -> None:
    """Ends a connection that another thread reads from."""
    with suppress(OSError, AttributeError):
        # Gone already, or not there yet.
        connection.sock.shutdown(socket.SHUT_RDWR)
