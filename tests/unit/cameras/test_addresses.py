"""Addresses of network cameras, and that their passwords are not shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.cameras.addresses import (
    is_address,
    split_credentials,
    with_credentials,
    without_credentials,
)
from lintel.edge.errors import SettingsInvalidError

secrets = st.text(st.characters(codec="utf-8"), min_size=8, max_size=20)


@given(user=secrets, password=secrets)
def test_credentials_survive_the_way_through_an_address(user: str, password: str) -> None:
    address = f"rtsp://{quote(user, safe='')}:{quote(password, safe='')}@[::1]:8554/live?x=1"
    assert split_credentials(address, "") == ("rtsp://[::1]:8554/live?x=1", user, password)
    assert with_credentials(address, "") == address


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://me:hush@door.local:8554/live", "rtsp://door.local:8554/live"),
        ("http://me:hush@[::1]/video", "http://[::1]/video"),
        ("http://door/video?user=me&password=hush", "http://door/video?..."),
        ("http://door/video#hush", "http://door/video?..."),
        ("http://me:hush@door:port/", "http://..."),
        ("rtsp://me:hush[@door/", "rtsp://..."),
        ('gstreamer:rtspsrc location="x" user-pw=hush', "gstreamer:..."),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_what_is_shown_of_a_source_holds_no_password(source: str, shown: str) -> None:
    assert without_credentials(source) == shown


@given(st.text(max_size=40).map(lambda text: f"rtsp://{text}:hush-hush@door/"))
def test_no_address_however_odd_shows_its_password(source: str) -> None:
    if "@" not in source.removesuffix("@door/") and not set("/?#") & set(source[7:-16]):
        assert "hush-hush" not in without_credentials(source)


def test_a_file_of_credentials_goes_before_the_address(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("door:a:b\n")
    assert with_credentials("rtsp://me:x@h/", str(file)) == "rtsp://door:a%3Ab@h/"


@pytest.mark.parametrize("source", ["rtsp://", "rtsp://h:port/", "rtsp://[/"])
def test_an_address_that_is_none_is_refused_by_name(source: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        split_credentials(source, "")
    assert caught.value.field == "source"


def test_only_network_cameras_have_addresses() -> None:
    assert is_address("RTSP://camera")
    assert is_address("http://camera")
    assert not is_address("gstreamer:rtspsrc location=rtsp://camera")
    assert not is_address("/dev/video0")
    assert not is_address("rtsp")
