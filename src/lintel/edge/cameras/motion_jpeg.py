"""Motion JPEG over HTTP: one JPEG after the other in a multipart answer that never ends.

Read here and not by FFmpeg, so that every JPEG meets the limits on pictures before it is decoded,
a change of size shows, and a reading can be interrupted by closing the socket under it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    OpenerDirector,
    ProxyHandler,
    build_opener,
)

import numpy as np

from lintel.edge.cameras.addresses import split_credentials, without_credentials
from lintel.edge.cameras.faults import CameraFailedError, DamagedFrameError, Fault
from lintel.edge.cameras.frame import Frame, RawPixels
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import LintelError
from lintel.edge.images import decode
from lintel.edge.images.formats import DEFAULT_LIMITS

_PIECE = 1 << 16
# Of what stands before a picture; a reading may bring a piece of the picture with it.
_LONGEST_HEADERS = _PIECE + 8192
_REFUSED = (401, 403)


class MotionJpegCamera:
    """A network camera that gives motion JPEG.

    Args:
        settings: Of the camera; Basic and Digest authentication are answered.

    Raises:
        CameraFailedError: It cannot be opened, or gives something else.
        SettingsInvalidError: The address or the credentials are wrong.
    """

    is_recording = False

    def __init__(self, settings: CameraSettings) -> None:
        self.description = without_credentials(settings.source)
        address, user, password = split_credentials(settings.source, settings.credentials_file)
        # Of the socket, for good: who watches the camera is stricter, and interrupts it.
        limit_s = max(settings.open_timeout_s, settings.stall_timeout_s)
        self._answer = _request(address, user, password, limit_s)
        # The same connection under a second number: shutting it down ends a reading of the first.
        self._socket = socket.socket(fileno=os.dup(self._answer.fileno()))
        if self._answer.headers.get_content_maintype() != "multipart":
            self.close()
            raise CameraFailedError(Fault.UNSUPPORTED)
        boundary = self._answer.headers.get_param("boundary") or ""
        # Cameras disagree on whether the dashes before a boundary belong to it.
        separator = b"--" + str(boundary).strip('"').encode("latin-1", "replace").lstrip(b"-")
        self._parts = Parts(lambda: self._answer.read1(_PIECE), separator)

    def read(self) -> Frame:
        """Waits for the next JPEG and decodes it.

        Raises:
            CameraFailedError: The stream stalled, ended, or is no longer in parts.
            DamagedFrameError: The JPEG is damaged, or over the limits.
        """
        try:
            data = self._parts.next()
        except TimeoutError as error:
            raise CameraFailedError(Fault.STALLED) from error
        except (OSError, HTTPException, ValueError) as error:
            raise CameraFailedError(Fault.CUT) from error
        captured_ns = time.monotonic_ns()
        try:
            picture = decode(data, depth8=True)
        except LintelError as error:
            raise DamagedFrameError from error
        pixels = RawPixels.of_pixels(picture.pixels.astype(np.uint8, copy=False))
        return Frame.captured(pixels, captured_ns=captured_ns)

    def interrupt(self) -> None:
        """Ends a reading in another thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is closed already, which is what is wanted.
            return

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()
        self._answer.close()


class Parts:
    """The bodies of a multipart stream (RFC 2046), each of at most as many bytes as a picture.

    Args:
        read: Waits for more bytes; none: the stream ended.
        separator: What parts are parted by, with its dashes.
    """

    def __init__(self, read: Callable[[], bytes], separator: bytes) -> None:
        self._read = read
        self._separator = separator
        self._bytes = bytearray()

    def next(self) -> bytes:
        """Waits for the next body.

        Raises:
            CameraFailedError: The stream ended, or what comes are no parts.
            Exception: Whatever `read` raises.
        """
        self._drop(self._find(self._separator, _LONGEST_HEADERS))
        head_end = self._find(b"\n\r\n", _LONGEST_HEADERS) + 3
        length = _content_length(bytes(self._bytes[:head_end]))
        self._drop(head_end)
        if length is None:
            # Without the line break that belongs to the separator; JPEG does not mind it.
            length = self._find(self._separator, DEFAULT_LIMITS.max_bytes)
        elif not 0 <= length <= DEFAULT_LIMITS.max_bytes:
            raise CameraFailedError(Fault.DAMAGED)
        while len(self._bytes) < length:
            self._fill()
        body = bytes(self._bytes[:length])
        self._drop(length)
        return body

    def _find(self, wanted: bytes, within: int) -> int:
        """Returns where `wanted` begins."""
        begin = 0
        while (place := self._bytes.find(wanted, begin)) < 0:
            if len(self._bytes) > within:
                raise CameraFailedError(Fault.DAMAGED)
            begin = max(0, len(self._bytes) - len(wanted))
            self._fill()
        return place

    def _fill(self) -> None:
        piece = self._read()
        if not piece:
            raise CameraFailedError(Fault.CUT)
        self._bytes += piece

    def _drop(self, count: int) -> None:
        del self._bytes[:count]


def _content_length(head: bytes) -> int | None:
    for line in head.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            digits = value.strip()
            return int(digits) if digits.isdigit() else None
    return None


def _request(address: str, user: str, password: str, timeout_s: float) -> HTTPResponse:
    try:
        answer: HTTPResponse = _opener(address, user, password).open(address, timeout=timeout_s)
    except HTTPError as error:
        error.close()
        fault = Fault.ACCESS_DENIED if error.code in _REFUSED else Fault.CANNOT_OPEN
        raise CameraFailedError(fault) from None
    except TimeoutError:
        raise CameraFailedError(Fault.OPENING_TOO_LONG) from None
    except (OSError, HTTPException, ValueError):
        raise CameraFailedError(Fault.NOT_REACHABLE) from None
    return answer


def _opener(address: str, user: str, password: str) -> OpenerDirector:
    passwords = HTTPPasswordMgrWithDefaultRealm()
    if user or password:
        passwords.add_password(None, address, user, password)
    # A camera is on the device's own network: proxies are not for it.
    return build_opener(
        ProxyHandler({}), HTTPBasicAuthHandler(passwords), HTTPDigestAuthHandler(passwords)
    )
