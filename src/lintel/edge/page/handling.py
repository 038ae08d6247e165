"""What all requests to the page have in common: who may ask, and what every answer carries."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses
from typing import Any, ClassVar
from urllib.parse import quote

from tornado.web import HTTPError, RequestHandler

from lintel.edge.errors import LintelError, PermissionDeniedError, UnauthenticatedError
from lintel.edge.page.day import DayBook
from lintel.edge.page.gate import (
    COOKIE_AGE_DAYS,
    Gate,
    bearer_token,
    from_cookie,
    is_same_site,
    to_cookie,
)
from lintel.edge.page.languages import Language, Languages
from lintel.edge.page.report import Reporter, Sources
from lintel.edge.page.seats import Seats
from lintel.edge.pipeline import CameraPipeline

logger = logging.getLogger("lintel.page")

# Seconds after which a viewer who found no place may try again.
RETRY_AFTER_S = 5
_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_FEATURES = ", ".join(
    [
        *(
            f"{name}=()"
            for name in (
                "accelerometer",
                "camera",
                "display-capture",
                "geolocation",
                "gyroscope",
                "microphone",
                "midi",
                "payment",
                "usb",
            )
        ),
        "fullscreen=(self)",
        "screen-wake-lock=(self)",
    ]
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "Permissions-Policy": _FEATURES,
    # Without any, browsers would not say which site a form was sent from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "lintel",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What every request needs.

    Attributes:
        sources: What is shown.
        gate: Who may see it.
        languages: In which it can be said.
        reporter: Tells how the device is.
        days: Of the cameras that count.
        seats: For viewers who stay.
        is_closing: Whether the page is being closed.
        cookie: Name of the cookie that holds the token.
    """

    sources: Sources
    gate: Gate
    languages: Languages
    reporter: Reporter
    days: DayBook
    seats: Seats
    is_closing: Callable[[], bool]
    cookie: str


class Headers(RequestHandler):
    """Checks where a request comes from, and puts the headers on every answer."""

    stage: Stage

    def initialize(self, stage: Stage) -> None:
        """Takes over what requests need."""
        self.stage = stage

    def set_default_headers(self) -> None:
        """Puts on what every answer carries, refusals too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuses requests that came by another name, or from another site."""
        headers = self.request.headers
        host = headers.get("Host", "")
        if not self.stage.gate.is_reached_by(host):
            raise HTTPError(421)
        fetched = (headers.get(f"Sec-Fetch-{what}", "") for what in ("Site", "Mode"))
        if not is_same_site(host, headers.get("Origin", ""), *fetched):
            raise HTTPError(403)

    def write_error(self, status_code: int, **context: Any) -> None:
        """Answers with a line of text; what went wrong inside is nobody's business."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if status_code == 503:
            self.set_header("Retry-After", str(RETRY_AFTER_S))
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="lintel"')
        self.finish(f"{status_code} {responses.get(status_code, 'Error')}\n")

    def compute_etag(self) -> str | None:
        """Makes none: what is live is never the same again."""
        return None

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Logs what is no refusal."""
        if not isinstance(error, HTTPError):
            logger.error("a request to the page failed", exc_info=(kind, error, trace))

    @property
    def token(self) -> str:
        """The token that the request carries, or ""."""
        bearer = bearer_token(self.request.headers.get("Authorization", ""))
        return bearer or from_cookie(self.get_cookie(self.stage.cookie) or "")

    @property
    def language(self) -> Language:
        """The language of the answer."""
        accepted = self.request.headers.get("Accept-Language", "")
        return self.stage.languages.choose(self.get_query_argument("lang", ""), accepted)

    def keep_token(self, token: str) -> None:
        """Has the browser keep a token, out of reach of scripts and other sites."""
        self.set_cookie(
            self.stage.cookie,
            to_cookie(token),
            expires_days=COOKIE_AGE_DAYS,
            httponly=True,
            samesite="Strict",
            secure=self.request.protocol == "https",
        )

    def find_camera(self, name: str) -> CameraPipeline:
        """Returns a camera by its name.

        Raises:
            HTTPError: 404, there is none.
        """
        door = self.stage.sources.door
        camera = door.cameras.get(name) if door is not None else None
        if camera is None:
            raise HTTPError(404)
        return camera


class Watched(Headers):
    """Asks for the role `watch` besides; others are refused, or sent to sign in."""

    is_view: ClassVar[bool] = False

    def prepare(self) -> None:
        """Lets those pass who may watch."""
        super().prepare()
        try:
            self.stage.gate.check(self.token)
        except UnauthenticatedError:
            if not self.is_view:
                raise HTTPError(401) from None
            self._have_sign_in()
        except PermissionDeniedError:
            # A browser whose token has lost the role would have no way to present another.
            if not self.is_view or "Authorization" in self.request.headers:
                raise HTTPError(403) from None
            self._have_sign_in()
        except LintelError:
            raise HTTPError(401) from None

    def _have_sign_in(self) -> None:
        self.redirect(f"/sign-in?next={quote(self.request.uri or '/', safe='')}", status=303)


class NotFound(Headers):
    """Answers where there is nothing."""

    def prepare(self) -> None:
        """Says so."""
        super().prepare()
        raise HTTPError(404)
