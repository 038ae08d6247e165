"""Addresses of network cameras: their credentials, and what may be shown of them."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from lintel.edge.cameras.faults import CameraFailedError, Fault
from lintel.edge.errors import SettingsInvalidError

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


def is_address(source: str) -> bool:
    """Tells whether a source is the address of a network camera."""
    return source.partition("://")[0].lower() in _PORTS and "://" in source


def without_credentials(source: str) -> str:
    """Returns a source as it may be shown and logged.

    User, password and query, in which cameras take passwords too, are left out, and so are the
    properties of GStreamer pipelines, any of which may hold them.
    """
    if source.startswith("gstreamer:"):
        return "gstreamer:..."
    if "://" not in source:
        return source
    try:
        parts = urlsplit(source)
        place = parts.hostname or ""
        if ":" in place:
            place = f"[{place}]"
        if parts.port is not None:
            place = f"{place}:{parts.port}"
    except ValueError:
        return f"{source.partition('://')[0]}://..."
    hidden = "..." if parts.query or parts.fragment else ""
    return urlunsplit((parts.scheme, place, parts.path, hidden, ""))


def split_credentials(source: str, credentials_file: str) -> tuple[str, str, str]:
    """Takes user and password out of an address.

    Args:
        source: The address.
        credentials_file: File with USER:PASSWORD, which goes before those in the address; "" for
            none.

    Returns:
        The address without them, the user and the password, "" where there are none.

    Raises:
        SettingsInvalidError: The address is none, or the file cannot be read.
    """
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsInvalidError(
            "The source is no address: rtsp://HOST:PORT/PATH or http://HOST:PORT/PATH.",
            field="source",
        ) from error
    if not host:
        raise SettingsInvalidError("The address of the source has no host.", field="source")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if credentials_file:
        user, password = read_credentials(credentials_file)
    place = f"[{host}]" if ":" in host else host
    if port is not None:
        place = f"{place}:{port}"
    bare = urlunsplit((parts.scheme, place, parts.path, parts.query, ""))
    return bare, user, password


def read_credentials(path: str) -> tuple[str, str]:
    """Returns user and password of a file of USER:PASSWORD.

    Raises:
        SettingsInvalidError: It cannot be read.
    """
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalidError(
            "The file of credentials cannot be read.", field="credentials_file"
        ) from error
    user, _, password = text.partition(":")
    return user, password


def with_credentials(source: str, credentials_file: str) -> str:
    """Puts user and password into an address, for libraries that take them there.

    Raises:
        SettingsInvalidError: See `split_credentials`.
    """
    bare, user, password = split_credentials(source, credentials_file)
    if not user and not password:
        return bare
    scheme, _, rest = bare.partition("://")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def check_reachable(source: str, timeout_s: float) -> None:
    """Tells early, and apart from what may follow, that nobody listens at an address.

    Raises:
        CameraFailedError: Nothing answers.
    """
    parts = urlsplit(source)
    port = parts.port or _PORTS[parts.scheme.lower()]
    try:
        socket.create_connection((parts.hostname or "", port), timeout_s).close()
    except OSError as error:
        raise CameraFailedError(Fault.NOT_REACHABLE) from error
