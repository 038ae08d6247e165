"""Who may see the page: by which name it was reached, from which page, and with which token."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable

from lintel.edge.errors import UnauthenticatedError

# Browsers forget a cookie after this; no longer is allowed.
COOKIE_AGE_DAYS = 400
LONGEST_TOKEN = 1024
_NAME_AND_PORT = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::\d{1,5})?$")


class Gate:
    """Lets requests in or refuses them.

    Tokens and roles are those of gRPC. Where none are asked for, what protects the page is that
    only this machine, or the holders of a certificate, reach it. A website that somebody opens
    there must not: so a page that asks for no token answers to its own names only, and not to one
    that somebody else's name server points here.

    Args:
        check_token: Raises UnauthenticatedError or PermissionDeniedError unless a token may watch.
        asks_for_token: Whether there are tokens; `check_token` is asked only then.
        hosts: Further names that browsers may reach the page by.
    """

    def __init__(
        self, check_token: Callable[[str], None], *, asks_for_token: bool, hosts: Iterable[str]
    ) -> None:
        own = socket.gethostname().lower()
        self._check_token = check_token
        self.asks_for_token = asks_for_token
        self._names = {"localhost", own, f"{own.partition('.')[0]}.local"}
        self._names |= {host.lower() for host in hosts}

    def is_reached_by(self, host: str) -> bool:
        """Tells whether the header Host of a request is a name of this page."""
        found = _NAME_AND_PORT.match(host)
        if found is None:
            return False
        if self.asks_for_token:
            # Browsers send no cookie to other names, so those tell nobody anything.
            return True
        name = found[1].strip("[]").lower().rstrip(".")
        return name in self._names or _is_number(name)

    def check(self, token: str) -> None:
        """Lets a token pass or raises.

        Args:
            token: As it was presented; "": none was.

        Raises:
            UnauthenticatedError: It is missing or unknown.
            PermissionDeniedError: It may not watch.
        """
        if not self.asks_for_token:
            return
        if not token or len(token) > LONGEST_TOKEN:
            raise UnauthenticatedError("This page asks for a token.")
        self._check_token(token)


def is_same_site(host: str, origin: str, fetch_site: str, fetch_mode: str) -> bool:
    """Tells whether a request was made by this page or by somebody who opens it.

    Args:
        host: Of the request's headers, Host.
        origin: Origin, or "".
        fetch_site: Sec-Fetch-Site, or "" from older browsers and other programs.
        fetch_mode: Sec-Fetch-Mode, or "".
    """
    if origin and origin.partition("://")[2].lower() != host.lower():
        return False
    return fetch_site not in ("cross-site", "same-site") or fetch_mode == "navigate"


def bearer_token(authorization: str) -> str:
    """Returns the token of the header Authorization, or ""."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def to_cookie(token: str) -> str:
    """Writes a token as a cookie may hold it."""
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def from_cookie(value: str) -> str:
    """Reads a token from a cookie; "" where it is none."""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
