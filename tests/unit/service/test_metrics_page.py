"""The HTTP server of the metrics page."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Gauge
from tests.pipeline_parts import wait_until

from lintel.edge.service import metrics_page
from lintel.edge.service.metrics_page import MOST_CONNECTIONS, MetricsPage


@pytest.fixture
def page() -> Iterator[MetricsPage]:
    """A page that is served on loopback."""
    registry = CollectorRegistry()
    Gauge("people", "Who is inside.", registry=registry).set(7)
    page = MetricsPage("127.0.0.1", 0, registry)
    thread = threading.Thread(target=page.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield page
    page.shutdown()
    page.server_close()
    thread.join()


def read(page: MetricsPage) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{page.server_port}/metrics", timeout=30) as told:
        text: str = told.read().decode()
    return text


def connect(page: MetricsPage) -> socket.socket:
    return socket.create_connection(("127.0.0.1", page.server_port), timeout=30)


def working_threads() -> int:
    return sum("process_request" in thread.name for thread in threading.enumerate())


def test_the_page_shows_the_registry(page: MetricsPage) -> None:
    assert "people 7.0" in read(page)


def test_so_many_connections_are_held_and_further_ones_closed(page: MetricsPage) -> None:
    with ExitStack() as open_:
        silent = [open_.enter_context(connect(page)) for _ in range(MOST_CONNECTIONS + 20)]
        for connection in silent[MOST_CONNECTIONS:]:
            assert connection.recv(1) == b""
        assert working_threads() <= MOST_CONNECTIONS
    wait_until(lambda: not working_threads(), "the end of all connections")
    assert "people 7.0" in read(page)


def test_who_takes_too_long_is_let_go_even_if_a_byte_comes_now_and_then(
    page: MetricsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_page, "LONGEST_REQUEST_S", 0.5)
    with ExitStack() as open_:
        for _ in range(MOST_CONNECTIONS - 1):
            open_.enter_context(connect(page))
        slow = open_.enter_context(connect(page))
        began_s = time.monotonic()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            while time.monotonic() - began_s < 30:
                slow.sendall(b"G")
                time.sleep(0.05)
        assert time.monotonic() - began_s < 10
        wait_until(lambda: not working_threads(), "the end of all connections")
        assert "people 7.0" in read(page)
