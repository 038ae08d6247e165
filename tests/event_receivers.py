"""Real receivers of events on loopback: a Mosquitto broker with a subscriber, and a webhook."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

# Debian puts it where only root looks.
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
NO_MOSQUITTO = "the MQTT broker Mosquitto is not installed: apt-get install mosquitto"
PATIENCE_S = 60.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Asks again and again until `condition` holds; fails where it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


@dataclass(frozen=True)
class Post:
    """What was posted.

    Attributes:
        headers: Of HTTP.
        body: As it came.
    """

    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body, read."""
        document: dict[str, Any] = json.loads(self.body)
        return document


class WebhookReceiver:
    """An HTTP server that answers as it is told.

    Args:
        port: Of loopback; 0: any that is free.
        context: For TLS; None: plain text.

    Attributes:
        answers: Statuses for the next posts, by the first each; 204 when there are no more. "hang"
            answers nothing, and "drip" a byte now and then, for as long as the server runs.
        posts: Those that were answered with 2xx.
        tries: All.
    """

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.answers: list[int | str] = []
        self.headers: dict[str, str] = {}
        self.posts: list[Post] = []
        self.tries: list[Post] = []
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._answer(self)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/door?key=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def numbers(self) -> list[int]:
        """Of the events that were taken."""
        return [post.document["sequence_number"] for post in self.posts]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        post = Post(dict(handler.headers.items()), body)
        assert handler.path == "/door?key=1"
        self.tries.append(post)
        answer = self.answers.pop(0) if self.answers else 204
        if answer == "hang":
            self._over.wait()
        elif answer == "drip":
            handler.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Slow: ")
            try:
                while not self._over.wait(0.02):
                    handler.wfile.write(b"x")
            except OSError:
                # Who has waited too long has gone.
                handler.close_connection = True
        else:
            assert isinstance(answer, int)
            if 200 <= answer < 300:
                # Before the answer, after which the next post may come on another thread.
                self.posts.append(post)
            handler.send_response(answer)
            for name, value in self.headers.items():
                handler.send_header(name, value)
            handler.end_headers()


class Broker:
    """A Mosquitto, which keeps nothing over its end unless it is set to.

    Args:
        folder: For its settings.
        port: Of loopback.
        settings: Lines of its settings after that of the listener.
    """

    def __init__(self, folder: Path, port: int, *settings: str) -> None:
        self.port = port
        lines = (f"listener {port} 127.0.0.1", *(settings or ("allow_anonymous true",)))
        self._file = folder / f"mosquitto-{port}.conf"
        self._file.write_text("\n".join((*lines, "user root", "")))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        """Starts it, and waits until it answers."""
        command = [str(MOSQUITTO), "-c", self._file]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "the broker answers")
        return self

    def kill(self) -> None:
        """Ends it at once, by its number."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Stops it where it is, or lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Subscriber:
    """Takes all that a broker has, again and again where the broker goes.

    Args:
        port: Of the broker.
        options: Called with the client before it connects.
    """

    def __init__(self, port: int, options: Callable[[Client], object] = bool) -> None:
        self.messages: list[MQTTMessage] = []
        self._subscribed = threading.Event()
        # A broker that remembers it keeps messages for it while it is away.
        self._client = Client(CallbackAPIVersion.VERSION2, "subscriber", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = lambda _client, _data, message: self.messages.append(message)
        self._client.reconnect_delay_set(1, 1)
        options(self._client)
        self._client.connect_async("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait(self) -> None:
        """Waits until it has subscribed."""
        assert self._subscribed.wait(PATIENCE_S)

    @property
    def events(self) -> list[MQTTMessage]:
        """All messages but those on whether the device is online."""
        return [one for one in self.messages if not one.topic.endswith("/status")]

    @property
    def numbers(self) -> list[int]:
        """Of the events, as they came."""
        return [json.loads(one.payload)["sequence_number"] for one in self.events]

    @property
    def statuses(self) -> list[bytes]:
        """Whether the device was said to be online."""
        return [bytes(one.payload) for one in self.messages if one.topic.endswith("/status")]


def free_port() -> int:
    """Returns a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
