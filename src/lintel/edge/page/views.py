"""What is looked at: the kiosk's view, the operator's, the way in, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from tornado.web import HTTPError, StaticFileHandler

from lintel.edge.errors import PermissionDeniedError, UnauthenticatedError
from lintel.edge.page.handling import HEADERS, Headers, Stage, Watched

ASSETS = Path(__file__).with_name("assets")
VIEWS = Path(__file__).with_name("views")


class _View(Headers):
    """Something written in HTML, in the language of whoever asks."""

    def show(self, template: str, **values: Any) -> None:
        """Answers with a view.

        Args:
            template: Name of its file.
            values: What it shows besides texts.
        """
        language = self.language
        self.render(
            template,
            language=language,
            languages=self.stage.languages.all.values(),
            text=language.texts.__getitem__,
            asks_for_token=self.stage.gate.asks_for_token,
            **values,
        )


class _WatchedView(_View, Watched):
    """A view for those who may watch."""

    is_view = True

    def prepare(self) -> None:
        """Renews the cookie, so that a kiosk that is looked at stays signed in."""
        super().prepare()
        if not self._finished and self.get_cookie(self.stage.cookie):
            self.keep_token(self.token)


class Kiosk(_WatchedView):
    """What those see who stand at the door."""

    def get(self, name: str = "") -> None:
        """Shows a camera; the first of the settings where none is named."""
        door = self.stage.sources.door
        if door is None:
            self.show("no-camera.html")
            return
        name = name or next(iter(door.cameras))
        self.find_camera(name)
        self.show("kiosk.html", camera=name, counts=name in self.stage.days.cameras)

    head = get


class Operator(_WatchedView):
    """What those see who look after the device."""

    def get(self) -> None:
        """Shows all cameras."""
        door = self.stage.sources.door
        self.show("operator.html", cameras=list(door.cameras) if door is not None else [])

    head = get


class SignIn(_View):
    """The way in, where a token is asked for."""

    def get(self) -> None:
        """Asks for the token."""
        self._ask("")

    head = get

    def post(self) -> None:
        """Takes the token, and leads to where it was asked for."""
        token = self.get_body_argument("token", "")
        try:
            self.stage.gate.check(token)
        except UnauthenticatedError:
            self.set_status(401)
            self._ask("sign-in.unknown")
        except PermissionDeniedError:
            self.set_status(403)
            self._ask("sign-in.may-not-watch")
        else:
            self.keep_token(token)
            self.redirect(self._next(), status=303)

    def _ask(self, problem: str) -> None:
        self.show("sign-in.html", problem=problem, next=self._next())

    def _next(self) -> str:
        """Returns where to go afterwards: a path of this page, whatever was written."""
        wanted = self.get_argument("next", "/")
        is_path = wanted.startswith("/") and wanted[1:2] not in ("/", "\\") and wanted.isprintable()
        return wanted if is_path else "/"


class SignOut(Headers):
    """The way out."""

    def post(self) -> None:
        """Has the browser forget the token."""
        self.clear_cookie(self.stage.cookie, httponly=True, samesite="Strict")
        self.redirect("/sign-in", status=303)


class Texts(Headers):
    """The texts of a language, for scripts; they are no secret."""

    def get(self, code: str) -> None:
        """Sends them as JSON."""
        language = self.stage.languages.all.get(code)
        if language is None:
            raise HTTPError(404)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-cache")
        self.write(msgspec.json.encode(dict(language.texts)))

    head = get


class Asset(Headers, StaticFileHandler):
    """Scripts, styles and symbols; they are no secret."""

    def initialize(self, stage: Stage) -> None:  # type: ignore[override]
        """Takes over what requests need."""
        Headers.initialize(self, stage)
        StaticFileHandler.initialize(self, path=str(ASSETS))

    def set_default_headers(self) -> None:
        """Lets browsers keep files as long as they ask whether they are the newest."""
        for name, value in {**HEADERS, "Cache-Control": "no-cache"}.items():
            self.set_header(name, value)

    def compute_etag(self) -> str | None:
        """Makes one of the file's digest."""
        return StaticFileHandler.compute_etag(self)
