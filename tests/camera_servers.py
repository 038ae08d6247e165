"""Real cameras on loopback: a server of motion JPEG, one of RTSP, and clips on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.config.cameras import Camera as CameraSettings

# GStreamer's bindings are Debian's, for the system's own Python.
SYSTEM_PYTHON = Path("/usr/bin/python3")
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
RTSP_PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad,ugly}"


def camera_settings(source: str | Path, **others: Any) -> CameraSettings:
    """Returns settings that notice and retry soon, on a machine that may be busy."""
    bounds = {"stall_timeout_s": 1.0, "open_timeout_s": 30.0, "reopen_longest_s": 0.2}
    return CameraSettings(name="test", source=str(source), **{**bounds, **others})


def numbered_picture(index: int, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """Draws a picture whose brightness tells `index`, up to 49, after compression too."""
    return np.full((height, width, 3), 5 + 5 * index, np.uint8)


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Tells the index of a `numbered_picture`."""
    return round((float(pixels.mean()) - 5) / 5)


def write_clip(
    path: Path, frames: int, rate_hz: float = 25, size: tuple[int, int] = (160, 120)
) -> Path:
    """Writes an AVI clip of motion JPEG with numbered pictures."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, size)
    for index in range(frames):
        writer.write(numbered_picture(index, *size))
    writer.release()
    return path


class MotionJpegServer:
    """A network camera of motion JPEG. What it sends is set while it runs.

    Attributes:
        picture: Makes the next body from its index.
        gate: Frames are sent only while it is set.
        login: "Authorization" that is asked for; "" for none.
        measured: Whether parts tell their length.
        content_type: Of the whole answer.
        connections: How many were begun.
    """

    def __init__(self, port: int = 0) -> None:
        self.picture: Callable[[int], bytes] = self.jpeg
        self.gate = threading.Event()
        self.gate.set()
        self.login = ""
        self.measured = True
        self.content_type = 'multipart/x-mixed-replace; boundary="--frame"'
        self.connections = 0
        self._ending = threading.Event()
        self._sockets: list[socket.socket] = []
        self._server = _Server(("127.0.0.1", port), self._handler())
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/video"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @staticmethod
    def jpeg(index: int, width: int = 160, height: int = 120) -> bytes:
        done, encoded = cv2.imencode(".jpg", numbered_picture(index % 50, width, height))
        assert done
        return encoded.tobytes()

    def cut(self) -> None:
        """Closes the connections that there are."""
        # Whoever connects anew meanwhile is in the new list.
        connections, self._sockets = self._sockets, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """Ends the server and its connections; a new one may take its port."""
        self._ending.set()
        self.gate.set()
        self.cut()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if outer.login and self.headers.get("Authorization") != outer.login:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                outer.connections += 1
                outer._sockets.append(self.connection)
                self.send_response(200)
                self.send_header("Content-Type", outer.content_type)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.send_pictures()

            def send_pictures(self) -> None:
                index = 0
                while not outer._ending.wait(0.02):
                    outer.gate.wait()
                    body = outer.picture(index)
                    length = f"Content-Length: {len(body)}\r\n" if outer.measured else ""
                    head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
                    self.wfile.write(head.encode() + body + b"\r\n")
                    index += 1

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """Cut connections are what these tests are about."""


class RtspServer:
    """A network camera of H.264 over RTSP, in a process of its own."""

    def __init__(
        self, port: int = 0, size: tuple[int, int] = (320, 240), rate_hz: int = 15
    ) -> None:
        self.port = port or free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/camera"
        command = [SYSTEM_PYTHON, RTSP_SERVER, self.port, *size, rate_hz]
        self._process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"serving\n"

    def freeze(self) -> None:
        """Stops sending, and keeps every connection open."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Goes on after `freeze`."""
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def rtsp_is_missing() -> str:
    """Tells why there can be no RTSP server here, or ""."""
    test = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst"
    test += "; Gst.init(None); assert Gst.ElementFactory.find('x264enc')"
    if not shutil.which(str(SYSTEM_PYTHON)):
        return "there is no system Python"
    tried = subprocess.run([SYSTEM_PYTHON, "-c", test], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"apt-get install {RTSP_PACKAGES}"


@contextlib.contextmanager
def rtsp_server(**options: Any) -> Iterator[RtspServer]:
    """Runs an RTSP server."""
    server = RtspServer(**options)
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """Finds a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
