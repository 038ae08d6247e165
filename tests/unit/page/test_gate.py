"""Who may see the page."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import PermissionDeniedError, UnauthenticatedError
from lintel.edge.page.gate import (
    LONGEST_TOKEN,
    Gate,
    bearer_token,
    from_cookie,
    is_same_site,
    to_cookie,
)


def check(token: str) -> None:
    """Knows two tokens, one of which may watch."""
    if token == "may":
        return
    if token == "may not":
        raise PermissionDeniedError("It lacks the role.")
    raise UnauthenticatedError("It is not known.")


OPEN = Gate(check, asks_for_token=False, hosts=["Door.Example"])
CLOSED = Gate(check, asks_for_token=True, hosts=[])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8088",
        "LocalHost.:80",
        "127.0.0.1:8088",
        "192.168.1.20",
        "[::1]:8088",
        "door.example:443",
        socket.gethostname(),
    ],
)
def test_its_own_names_reach_a_page_that_asks_for_no_token(host: str) -> None:
    assert OPEN.is_reached_by(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8088", "::1", "a:b:c"],
)
def test_other_names_do_not(host: str) -> None:
    assert not OPEN.is_reached_by(host)


def test_with_tokens_any_name_does() -> None:
    assert CLOSED.is_reached_by("proxy.example:443")
    assert not CLOSED.is_reached_by("")


def test_tokens_are_asked_for_only_where_there_are_some() -> None:
    OPEN.check("")
    CLOSED.check("may")
    for token in ("", "unknown", "may" * LONGEST_TOKEN):
        with pytest.raises(UnauthenticatedError):
            CLOSED.check(token)
    with pytest.raises(PermissionDeniedError):
        CLOSED.check("may not")


@pytest.mark.parametrize(
    ("origin", "site", "mode", "allowed"),
    [
        ("", "", "", True),
        ("", "same-origin", "cors", True),
        ("", "none", "navigate", True),
        ("http://door:8088", "same-origin", "cors", True),
        ("https://door:8088", "", "", True),
        ("", "cross-site", "navigate", True),
        ("", "cross-site", "no-cors", False),
        ("", "same-site", "cors", False),
        ("http://door:8089", "same-site", "navigate", False),
        ("https://evil.example", "", "", False),
        ("null", "", "", False),
    ],
)
def test_other_sites_may_link_and_no_more(origin: str, site: str, mode: str, allowed: bool) -> None:
    assert is_same_site("door:8088", origin, site, mode) is allowed


@given(st.text(max_size=200))
def test_cookies_hold_any_token(token: str) -> None:
    try:
        token.encode()
    except UnicodeEncodeError:
        return
    cookie = to_cookie(token)
    assert from_cookie(cookie) == token
    assert cookie.replace("-", "").replace("_", "").isalnum() or not token


@given(st.text(max_size=100))
def test_whatever_a_cookie_holds_is_read_or_left(value: str) -> None:
    assert isinstance(from_cookie(value), str)


def test_a_bearer_token_is_read_of_its_header() -> None:
    assert bearer_token("Bearer may") == "may"
    assert bearer_token("bearer  may ") == "may"
    assert bearer_token("Basic may") == ""
    assert bearer_token("") == ""
