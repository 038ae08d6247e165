"""`lintel events`, of a real server."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.event_receivers import free_port

from lintel.cli.event_command import KINDS
from lintel.client import EventKind
from lintel.edge.service import DeviceServer

Run = Callable[..., Any]
Start = Callable[..., subprocess.Popen[bytes]]

GONE = [{"name": name, "source": f"/nowhere/{name}.mp4"} for name in ("door", "yard")]


@pytest.fixture
def server(start_device: Callable[..., DeviceServer], tmp_path: Path) -> str:
    """A server with two cameras, both lost."""
    pipeline = {"events_path": f"{tmp_path}/events.jsonl"}
    return start_device({"cameras": GONE, "pipeline": pipeline}).addresses[0]


def test_events_are_lines_of_json(run: Run, server: str) -> None:
    ended = run("events", "--after", "0", "--count", "2", "--server", server)
    assert (ended.status, ended.err) == (0, "")
    first, second = map(json.loads, ended.out.splitlines())
    assert (first["sequence_number"], second["sequence_number"]) == (1, 2)
    assert {first["camera"], second["camera"]} == {"door", "yard"}
    assert first["kind"] == "camera-lost"
    assert first["time"].endswith("Z")
    assert set(first) == {"sequence_number", "timestamp_us", "time", "kind", "camera"}


def test_cameras_and_kinds_can_be_chosen(run: Run, server: str) -> None:
    chosen = ("--camera", "yard", "--kind", "camera-lost", "--server", server)
    ended = run("events", "--after", "0", "--count", "1", *chosen)
    assert json.loads(ended.out)["camera"] == "yard"
    ended = run("events", "--camera", "moon", "--server", server)
    assert (ended.status, ended.out) == (2, "")
    assert "no camera of that name; it has door, yard." in ended.err


def test_following_ends_with_an_interrupt(start: Start, server: str) -> None:
    process = start("events", "--after", "0", "--server", server)
    assert process.stdout is not None
    for _ in range(2):
        assert json.loads(process.stdout.readline())["kind"] == "camera-lost"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130


def test_a_server_without_cameras_and_one_that_is_not_there_are_told(
    run: Run, device: DeviceServer
) -> None:
    ended = run("events", "--server", device.addresses[0])
    assert ended.status == 2
    assert ended.err == "Error: The device has no cameras, and so no events.\n"
    ended = run("events", "--server", f"127.0.0.1:{free_port()}")
    assert ended.status == 2
    assert "does not answer" in ended.err


def test_the_kinds_are_those_of_the_contract() -> None:
    assert set(KINDS) == {str(kind) for kind in EventKind} - {"unknown"}


def test_settings_of_brokers_and_webhooks_are_checked(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "lintel.toml"
    config.write_text('[mqtt]\nhost = "broker.example"\n')
    ended = run("config", "check", "--config", config)
    assert ended.status == 2
    assert "mqtt.tls = true" in ended.err
