"""The page of a real device, over real connections."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import grpc
import numpy as np
import pytest
import trustme
from numpy.typing import NDArray
from tests.page_viewers import Message, asking, read_messages, read_parts
from tests.pipeline_parts import wait_until

from lintel.edge.cameras import open_camera
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.page import server as page_server
from lintel.edge.page.gate import to_cookie
from lintel.edge.service import DeviceServer
from lintel.v1 import series_pb2, series_pb2_grpc

StartDoor = Callable[..., DeviceServer]
LOST = {"name": "yard", "source": "/nowhere/at/all.mp4"}
SYNTHETIC = {"name": "door", "source": "synthetic", "width": 320, "height": 240}
SILL = {"name": "sill", "start": [0, 0.5], "end": [1, 0.5], "inside": [0.5, 1]}


@pytest.fixture
def start_door(start_device: Callable[..., DeviceServer], tmp_path: Path) -> StartDoor:
    """Starts a device with cameras and a page on a free port, and a file of events of its own."""
    numbers = itertools.count()

    def start(*cameras: dict[str, Any], **tables: Any) -> DeviceServer:
        page = {"address": "127.0.0.1:0", **tables.pop("page", {})}
        pipeline = {"model": "face-320", "events_path": f"{tmp_path}/{next(numbers)}.jsonl"}
        tree = {"cameras": list(cameras), "pipeline": pipeline, "page": page, **tables}
        return start_device(tree)

    return start


def url_of(device: DeviceServer) -> str:
    assert device.page is not None
    return device.page.url


@pytest.fixture(scope="module")
def striped_face(draw_face: Callable[..., NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A face before a wall, both of stripes, of which a cover leaves nothing."""
    stripes = 24 * np.sign(np.sin(np.arange(480) * 2 * np.pi / 6))
    picture = draw_face(480, 360, 200).astype(np.int16) + stripes[None, :, None]
    clipped: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return clipped


@pytest.fixture
def face_camera(striped_face: NDArray[np.uint8], tmp_path: Path) -> dict[str, Any]:
    """A camera that replays the face again and again."""
    (tmp_path / "face").mkdir()
    cv2.imwrite(str(tmp_path / "face" / "face.png"), striped_face)
    return {"name": "door", "source": str(tmp_path / "face")}


def status_of(url: str, path: str, method: str = "GET", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with asking(url, path, method, named) as answer:
        return answer.status


def first(messages: Iterator[Message], kind: str) -> Any:
    return next(message.document for message in messages if message.kind == kind)


class TestPictures:
    def test_live_pictures_show_no_face_and_say_when_they_were_captured(
        self, start_door: StartDoor, face_camera: dict[str, Any], striped_face: NDArray[np.uint8]
    ) -> None:
        url = url_of(start_door(face_camera))
        with asking(url, "/pictures/door") as answer:
            assert answer.getheader("Content-Type", "").startswith("multipart/x-mixed-replace")
            parts = list(islice(read_parts(answer), 12))
        with asking(url, "/pictures/door.jpg") as answer:
            assert answer.getheader("Cache-Control") == "no-store"
            newest, captured = answer.read(), int(answer.getheader("X-Timestamp-Us", "0"))
        times = [part.timestamp_us for part in parts]
        assert times == sorted(set(times))
        assert 0 < time.time_ns() // 1000 - times[-1] < 60_000_000
        assert captured >= times[-1]
        middle = np.s_[100:260, 170:310]
        assert texture(striped_face[middle]) > 8
        for jpeg in [*(part.jpeg for part in parts), newest]:
            shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert shown is not None
            assert shown.shape == striped_face.shape
            assert texture(shown[middle].astype(np.uint8)) < 1.5

    def test_a_picture_is_complete_without_the_next_one(
        self, start_door: StartDoor, face_camera: dict[str, Any]
    ) -> None:
        once = {**face_camera, "loop": False}
        device = start_door(SYNTHETIC, {**once, "name": "once"})
        with asking(url_of(device), "/pictures/door") as answer:
            stream = answer
            assert stream.readline().startswith(b"--")
            headers = http.client.parse_headers(stream)
            stream.read(int(headers["Content-Length"]))
            assert stream.readline() == b"\r\n"
            # What ends it came with it: browsers show nothing before.
            assert stream.readline() == b"--lintel-frame\r\n"

    def test_another_device_can_take_them_for_a_camera(self, start_door: StartDoor) -> None:
        url = url_of(start_door(SYNTHETIC))
        camera = open_camera(CameraSettings(name="other", source=f"{url}pictures/door"))
        pixels = [camera.read().pixels for _ in range(3)]
        camera.close()
        assert {(each.width, each.height) for each in pixels} == {(320, 240)}

    def test_a_camera_without_a_picture_has_none_to_show(self, start_door: StartDoor) -> None:
        url = url_of(start_door(LOST))
        with asking(url, "/pictures/yard.jpg") as answer:
            assert answer.status == 503
            assert answer.getheader("Retry-After") == "5"
        assert status_of(url, "/pictures/moon") == 404
        assert status_of(url, "/pictures/moon.jpg") == 404
        assert status_of(url, "/kiosk/moon") == 404

    def test_a_viewer_who_does_not_read_is_let_go_and_holds_nobody_up(
        self, start_door: StartDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lintel.edge.page.live._SEND_TIMEOUT_S", 0.5)
        large = {**SYNTHETIC, "width": 1920, "height": 1080, "frame_rate_hz": 60}
        device = start_door(large, page={"max_viewers": 2}, pipeline={"jpeg_quality": 100})
        url = url_of(device)
        there = urlsplit(url)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.connect((there.hostname, there.port))
            idle.sendall(f"GET /pictures/door HTTP/1.1\r\nHost: {there.netloc}\r\n\r\n".encode())
            with asking(url, "/pictures/door") as answer:
                assert len(list(islice(read_parts(answer), 20))) == 20
                # Of two seats one is free again, though that viewer has not left.
                wait_until(lambda: status_of(url, "/news", "HEAD") == 200, "a seat comes free")


def texture(pixels: NDArray[np.uint8]) -> float:
    """Returns how strongly neighbours in a row differ."""
    return float(np.abs(np.diff(pixels.astype(np.int16), axis=1)).mean())


class TestNews:
    def test_reports_tell_how_cameras_and_models_are(self, start_door: StartDoor) -> None:
        url = url_of(start_door({**SYNTHETIC, "lines": [SILL]}, LOST))
        with asking(url, "/news") as answer:
            assert answer.getheader("Content-Type") == "text/event-stream"
            reports = (each.document for each in read_messages(answer) if each.kind == "report")
            report = next(
                each
                for each in reports
                if each["cameras"][0]["latency_ms"] and each["cameras"][1]["sign"] == "blind"
            )
            door, yard = report["cameras"]
            # Also where nothing happens, one comes every second.
            assert next(reports)["time_us"] - report["time_us"] < 60_000_000
        assert (door["name"], door["state"], door["width"]) == ("door", "STREAMING", 320)
        assert 0 < door["latency_ms"] <= door["latency_p99_ms"]
        assert door["stages_ms"]["detect"] > 0
        assert (door["counts"], yard["counts"]) == (True, False)
        assert (yard["sign"], yard["fault"], yard["picture_age_s"]) == ("blind", "GONE", None)
        assert {model["name"] for model in report["models"]} == {"face", "face-320", "mask"}
        assert report["reads_masks"] is True

    def test_events_go_on_where_a_viewer_left(
        self, start_door: StartDoor, walk: dict[str, Any]
    ) -> None:
        url = url_of(start_door(walk))
        with asking(url, "/news") as answer:
            happenings = (each for each in read_messages(answer) if each.kind == "happening")
            seen = list(islice(happenings, 3))
        numbers = [int(each.number) for each in seen]
        assert numbers == [1, 2, 3]
        entered = [each.document for each in seen if each.document["kind"] == "person-entered"]
        assert entered
        assert entered[0]["place"].startswith("line-")
        for how in ({"headers": {"Last-Event-ID": "2"}}, {"path": "/news?after=2"}):
            with asking(url, how.get("path", "/news"), headers=how.get("headers")) as answer:
                messages = read_messages(answer)
                following = next(each for each in messages if each.kind == "happening")
            assert following.document == seen[2].document

    def test_who_knows_events_of_an_earlier_life_is_told_the_newest(
        self, start_door: StartDoor, walk: dict[str, Any]
    ) -> None:
        url = url_of(start_door(walk))
        with asking(url, "/news?after=1000000") as answer:
            assert first(read_messages(answer), "happening")["missed"] == 0

    def test_the_day_counts_up_to_now_and_owns_up_to_a_short_history(
        self, start_door: StartDoor, walk: dict[str, Any]
    ) -> None:
        device = start_door({**walk, "lines": walk["lines"][:1]})
        assert device._door.pipeline is not None
        door = device._door.pipeline
        wait_until(lambda: door.today("door").entered == 1, "somebody comes in")
        with asking(url_of(device), "/news") as answer:
            day = first(read_messages(answer), "day")
        assert sum(hour["entered"] for hour in day["hours"]) == 1
        assert (day["outlook"], day["coming"], day["needed_hours"]) == ("too-short", [], 72)
        assert day["start_us"] <= day["hours"][-1]["start_us"] < day["end_us"]

    def test_a_long_history_brings_a_forecast(self, start_door: StartDoor) -> None:
        device = start_door({**SYNTHETIC, "lines": [SILL]})
        hour = int(time.time()) // 3600
        counts = [
            series_pb2.Count(
                series="door.sill.entered",
                timestamp_us=(hour - back) * 3_600_000_000 + 1,
                value=5 + (hour - back) % 24,
            )
            for back in range(1, 24 * 8)
        ]
        with grpc.insecure_channel(device.addresses[0]) as channel:
            stub = series_pb2_grpc.SeriesServiceStub(channel)
            stub.RecordCounts(series_pb2.RecordCountsRequest(counts=counts))
        with asking(url_of(device), "/news") as answer:
            day = first(read_messages(answer), "day")
        assert day["outlook"] == "ready"
        starts = [each["start_us"] for each in day["coming"]]
        assert starts[0] == day["hours"][-1]["start_us"]
        assert starts[-1] == day["end_us"] - 3_600_000_000
        for each in day["coming"]:
            expected = 5 + each["start_us"] // 3_600_000_000 % 24
            assert each["low"] <= each["middle"] <= each["high"]
            assert each["middle"] == pytest.approx(expected, abs=2)

    def test_who_finds_no_place_is_told_when_to_come_again(self, start_door: StartDoor) -> None:
        url = url_of(start_door(SYNTHETIC, page={"max_viewers": 1}))
        with asking(url, "/news") as answer:
            assert answer.status == 200
            for path in ("/news", "/pictures/door"):
                with asking(url, path) as refused:
                    assert refused.status == 503
                    assert refused.getheader("Retry-After") == "5"
            # What does not stay needs no place.
            assert status_of(url, "/operator") == 200
        wait_until(lambda: status_of(url, "/news", "HEAD") == 200, "the place comes free")


class TestAccess:
    @pytest.fixture
    def tokens(self) -> list[dict[str, Any]]:
        return [
            {"name": role, "sha256": hashlib.sha256(role.encode()).hexdigest(), "roles": [role]}
            for role in ("monitor", "infer", "watch", "admin")
        ]

    PROTECTED = ("/news", "/pictures/door", "/pictures/door.jpg")

    def test_only_the_role_watch_sees_anything(
        self, start_door: StartDoor, tokens: list[dict[str, Any]]
    ) -> None:
        url = url_of(start_door(SYNTHETIC, server={"tokens": tokens}))
        for path in (*self.PROTECTED, "/"):
            for role in ("monitor", "infer", "admin"):
                assert status_of(url, path, Authorization=f"Bearer {role}") == 403
        for path in self.PROTECTED:
            with asking(url, path) as answer:
                assert answer.status == 401
                assert answer.getheader("WWW-Authenticate", "").startswith("Bearer")
            assert status_of(url, path, Authorization="Bearer nobody") == 401
            assert status_of(url, f"{path}?token=watch&access_token=watch") == 401
        wait_until(
            lambda: status_of(url, "/pictures/door.jpg", Authorization="Bearer watch") == 200,
            "there is a picture",
        )

    def test_a_browser_signs_in_once_and_out_again(
        self, start_door: StartDoor, tokens: list[dict[str, Any]]
    ) -> None:
        url = url_of(start_door(SYNTHETIC, server={"tokens": tokens}))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        with asking(url, "/operator?lang=fr") as answer:
            assert answer.status == 303
            asked = answer.getheader("Location", "")
        assert asked == "/sign-in?next=%2Foperator%3Flang%3Dfr"
        for token, status in (("", 401), ("wrong", 401), ("monitor", 403)):
            with asking(url, "/sign-in", "POST", form, f"token={token}") as answer:
                assert (answer.status, answer.getheader("Set-Cookie")) == (status, None)
                assert "<form" in answer.read().decode()
        with asking(
            url, "/sign-in", "POST", form, "token=watch&next=%2Foperator%3Flang%3Dfr"
        ) as answer:
            assert (answer.status, answer.getheader("Location")) == (303, "/operator?lang=fr")
            cookie = answer.getheader("Set-Cookie", "")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert "watch" not in cookie
        kept = cookie.partition(";")[0]
        assert status_of(url, "/operator", Cookie=kept) == 200
        assert status_of(url, "/news", "HEAD", Cookie=kept) == 200
        with asking(url, "/sign-out", "POST", {"Cookie": kept}) as answer:
            assert answer.status == 303
            gone = answer.getheader("Set-Cookie", "")
        assert gone.startswith(kept.partition("=")[0] + '=""')

    def test_a_browser_whose_token_lost_the_role_may_present_another(
        self, start_door: StartDoor, tokens: list[dict[str, Any]]
    ) -> None:
        url = url_of(start_door(SYNTHETIC, server={"tokens": tokens}))
        cookie = {"Cookie": f"lintel-{urlsplit(url).port}={to_cookie('infer')}"}
        for path in self.PROTECTED:
            assert status_of(url, path, **cookie) == 403
        with asking(url, "/operator", headers=cookie) as answer:
            assert answer.status == 303
            assert answer.getheader("Location") == "/sign-in?next=%2Foperator"

    @pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/\\evil.example"])
    def test_signing_in_leads_nowhere_else(
        self, start_door: StartDoor, tokens: list[dict[str, Any]], next_: str
    ) -> None:
        url = url_of(start_door(LOST, server={"tokens": tokens}))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        with asking(url, "/sign-in", "POST", form, f"token=watch&next={next_}") as answer:
            assert answer.getheader("Location") == "/"

    def test_a_page_without_tokens_answers_to_its_own_names_only(
        self, start_door: StartDoor
    ) -> None:
        url = url_of(start_door(LOST, page={"hosts": ["door.example"]}))
        port = urlsplit(url).port
        own = ("localhost", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST:99", "door.example")
        for host in own:
            assert status_of(url, "/operator", Host=host) == 200, host
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "a b", ""):
            assert status_of(url, "/operator", Host=host) in (400, 421), host

    def test_other_sites_reach_nothing(self, start_door: StartDoor) -> None:
        url = url_of(start_door(SYNTHETIC))
        own = url.rstrip("/")
        for path in ("/news", "/pictures/door", "/pictures/door.jpg", "/assets/base.css"):
            embedded = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
            assert status_of(url, path, **embedded) == 403
            assert status_of(url, path, Origin="https://evil.example") == 403
            assert status_of(url, path, Origin="null") == 403
        assert status_of(url, "/sign-in", "POST", Origin="https://evil.example") == 403
        assert status_of(url, "/assets/base.css", Origin=own) == 200
        # A link is followed all the same.
        link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
        assert status_of(url, "/operator", **link) == 200

    def test_every_answer_carries_the_headers_that_lock_it_down(
        self, start_door: StartDoor
    ) -> None:
        url = url_of(start_door(LOST))
        for path in ("/", "/operator", "/nothing", "/pictures/yard.jpg", "/assets/base.css"):
            with asking(url, path) as answer:
                policy = answer.getheader("Content-Security-Policy", "")
                assert policy.startswith("default-src 'none'; script-src 'self';")
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert answer.getheader("X-Content-Type-Options") == "nosniff"
                assert answer.getheader("Referrer-Policy") == "same-origin"
                assert "camera=()" in answer.getheader("Permissions-Policy", "")
                assert answer.getheader("Server") == "lintel"

    def test_nothing_but_reading_and_signing_in_is_possible(self, start_door: StartDoor) -> None:
        url = url_of(start_door(LOST))
        for path in ("/", "/operator", "/news", "/pictures/yard", "/assets/base.css"):
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert status_of(url, path, method) == 405, (method, path)
        for path in ("/assets/../server.py", "/assets/%2e%2e%2fserver.py", "/languages/xx.json"):
            assert status_of(url, path) == 404

    def test_tls_is_that_of_grpc_and_the_cookie_stays_within_it(
        self, start_door: StartDoor, tokens: list[dict[str, Any]], tmp_path: Path
    ) -> None:
        authority = trustme.CA()
        files = certificate_files(authority, tmp_path)
        url = url_of(start_door(LOST, server={"tls": files, "tokens": tokens}))
        assert url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        with asking(url, "/sign-in", "POST", form, "token=watch", trusting) as answer:
            assert answer.status == 303
            assert "Secure" in answer.getheader("Set-Cookie", "")
        with pytest.raises(ssl.SSLError), asking(url, "/", tls=ssl.create_default_context()):
            pass

    def test_mutual_tls_asks_browsers_for_a_certificate(
        self, start_door: StartDoor, tmp_path: Path
    ) -> None:
        authority = trustme.CA()
        files = certificate_files(authority, tmp_path)
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        files["client_authority"] = str(tmp_path / "authority.pem")
        url = url_of(start_door(LOST, server={"tls": files}))
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with pytest.raises((ssl.SSLError, ConnectionError)), asking(url, "/", tls=trusting):
            pass
        authority.issue_cert("operator@example.com").configure_cert(trusting)
        with asking(url, "/operator", tls=trusting) as answer:
            assert answer.status == 200

    def test_the_network_needs_protection(self, start_door: StartDoor) -> None:
        with pytest.raises(SettingsInvalidError) as caught:
            start_door(LOST, page={"address": "0.0.0.0:0"})
        assert caught.value.field == "page.address"
        assert "open to the network" in caught.value.message


def certificate_files(authority: trustme.CA, folder: Path) -> dict[str, str]:
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    return {"certificate": f"{folder}/certificate.pem", "private_key": f"{folder}/key.pem"}


class TestServer:
    def test_a_taken_port_is_an_error_where_the_settings_name_it(
        self, start_door: StartDoor
    ) -> None:
        taken = urlsplit(url_of(start_door(LOST))).netloc
        with pytest.raises(SettingsInvalidError) as caught:
            start_door(LOST, page={"address": taken})
        assert caught.value.field == "page.address"
        assert taken in caught.value.message

    def test_without_a_setting_two_devices_get_a_page_each(
        self, start_door: StartDoor, monkeypatch: pytest.MonkeyPatch, unused_port: int
    ) -> None:
        monkeypatch.setattr(page_server, "DEFAULT_ADDRESS", f"127.0.0.1:{unused_port}")
        urls = [url_of(start_door(LOST, page={"address": None})) for _ in range(2)]
        assert urls[0] == f"http://127.0.0.1:{unused_port}/"
        assert urls[1].startswith("http://127.0.0.1:")
        assert urls[0] != urls[1]
        assert {status_of(url, "/operator") for url in urls} == {200}

    def test_a_device_without_cameras_says_what_to_do(self, start_door: StartDoor) -> None:
        url = url_of(start_door())
        with asking(url, "/") as answer:
            assert "[[cameras]]" in answer.read().decode()
        with asking(url, "/news") as answer:
            assert first(read_messages(answer), "report")["cameras"] == []

    def test_stopping_ends_all_streams_and_gives_the_port_back(self, start_door: StartDoor) -> None:
        device = start_door(SYNTHETIC)
        url = url_of(device)
        with asking(url, "/news") as news, asking(url, "/pictures/door") as pictures:
            next(read_parts(pictures))
            began = time.monotonic()
            device.stop()
            # Both end by themselves, as streams that are complete do.
            list(read_messages(news))
            list(read_parts(pictures))
            assert time.monotonic() - began < 30
        again = start_door(SYNTHETIC, page={"address": urlsplit(url).netloc})
        assert url_of(again) == url

    def test_silent_and_long_winded_callers_are_let_go(
        self, start_door: StartDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page_server, "_IDLE_TIMEOUT_S", 0.3)
        there = urlsplit(url_of(start_door(LOST)))
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"\x16\x03\x01 no HTTP"):
            with socket.create_connection((there.hostname, there.port), timeout=30) as connection:
                connection.sendall(sent)
                assert b"200" not in connection.recv(1024)
        endless = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000
        with socket.create_connection((there.hostname, there.port), timeout=30) as connection:
            connection.sendall(endless)
            assert b"200 OK" not in read_all(connection)

    def test_connections_are_bounded(
        self, start_door: StartDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page_server, "_SHORT_CONNECTIONS", 3)
        there = urlsplit(url_of(start_door(LOST, page={"max_viewers": 1})))
        opened = [socket.create_connection((there.hostname, there.port)) for _ in range(4)]
        with socket.create_connection((there.hostname, there.port), timeout=30) as refused:
            assert read_all(refused) == b""
        opened[0].close()
        wait_until(lambda: is_answered(there.geturl()), "there is room again")
        for connection in opened:
            connection.close()

    def test_failures_inside_tell_callers_nothing(
        self,
        start_door: StartDoor,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        device = start_door(SYNTHETIC)

        def fail(*_: object) -> None:
            raise ValueError("a secret of /etc/lintel")

        monkeypatch.setattr("lintel.edge.page.views.Operator.get", fail)
        monkeypatch.setattr(logging.getLogger("lintel"), "propagate", True)
        with asking(url_of(device), "/operator") as answer:
            assert (answer.status, answer.read()) == (500, b"500 Internal Server Error\n")
        assert "a secret of /etc/lintel" in caplog.text


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


def is_answered(url: str) -> bool:
    try:
        return status_of(url, "/operator") == 200
    except (ConnectionError, http.client.HTTPException):
        return False


class TestLanguages:
    def test_the_page_speaks_as_asked(self, start_door: StartDoor) -> None:
        url = url_of(start_door(LOST))

        def language(path: str, accepted: str = "") -> str:
            with asking(url, path, headers={"Accept-Language": accepted}) as answer:
                found = re.search(r'<html lang="(\S+)" dir="(\w+)">', answer.read().decode())
            assert found is not None
            return found[1]

        assert language("/") == "en"
        assert language("/", "de-CH, en;q=0.9") == "de"
        assert language("/?lang=fr", "de") == "fr"
        assert language("/operator?lang=xx", "tlh, it;q=0.5") == "it"
        with asking(url, "/languages/de.json") as answer:
            assert json.load(answer)["sign.worn"] == "Danke"

    def test_the_settings_choose_unless_the_address_does(
        self, start_door: StartDoor, tmp_path: Path
    ) -> None:
        folder = tmp_path / "languages"
        folder.mkdir()
        greeting = {"name": "Plattdüütsch", "texts": {"sign.welcome": "Moin <b>"}}
        (folder / "nds.json").write_text(json.dumps(greeting), encoding="utf-8")
        page = {"language": "nds", "languages_directory": str(folder)}
        url = url_of(start_door(LOST, page=page))
        with asking(url, "/", headers={"Accept-Language": "fr"}) as answer:
            shown = answer.read().decode()
        assert '<html lang="nds"' in shown
        assert "Moin &lt;b&gt;" in shown
        assert "Live picture; faces are blurred" in shown
