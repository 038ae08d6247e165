"""Events on their way when the device is killed, or its disk is full."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.event_receivers import (
    MOSQUITTO,
    NO_MOSQUITTO,
    Broker,
    Subscriber,
    WebhookReceiver,
    free_port,
    wait_until,
)
from tests.walks import FACE, HEIGHT, write_walk

Start = Callable[..., Any]

# Tells a webhook of events, on a disk of 256 KiB of its own that is full meanwhile.
TELL_ON_A_FULL_DISK = """
import json, pathlib, sys
from lintel.edge.config.notify import Webhook
from lintel.edge.notify import Delivery
from lintel.edge.notify.positions import Position
from lintel.edge.notify.webhook import WebhookDestination
from lintel.edge.pipeline import EventKind, EventLog
from tests.event_receivers import WebhookReceiver, wait_until

folder = pathlib.Path(sys.argv[1])
ballast = folder / "ballast"

def happen(log, count):
    for _ in range(count):
        log.append(EventKind.PERSON_ENTERED, "door", 1_800_000_000_000_000)
    log.save()

with WebhookReceiver() as receiver:
    for full in (False, True, False):
        log = EventLog(folder / "events.jsonl", 2000)
        position = Position(folder / "webhook.json", log.last_sequence_number)
        delivery = Delivery(log, WebhookDestination(Webhook(url=receiver.url)), position, None)
        delivery.start()
        happen(log, 3)
        if full:
            with open(ballast, "wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 1024):
                        pass
                except OSError:
                    pass
            happen(log, 30)
        wait_until(lambda: delivery.status().waiting == 0, "that all are told")
        delivery.stop()
        log.close()
        ballast.unlink(missing_ok=True)
    json.dump(receiver.numbers, sys.stdout)
"""


def test_events_of_a_full_disk_are_told_all_the_same(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=256k tmpfs "$1" && shift && exec "$@"'
    disk = tmp_path / "disk"
    disk.mkdir()
    # The network of the namespace is that of the machine.
    unshared: list[str | Path] = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        mount,
        "sh",
        disk,
    ]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshared, "true"], check=False).returncode
    ):
        pytest.skip("no file system of its own can be mounted here")
    command = [*unshared, sys.executable, "-c", TELL_ON_A_FULL_DISK, disk]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    # While the disk was full, all were told; what it could not keep was told again or is new.
    assert numbers[:36] == list(range(1, 37))
    assert len(numbers) >= 39
    assert "not saved" in done.stderr


@pytest.fixture
def walk_settings(tmp_path: Path, draw_face: Callable[..., NDArray[np.uint8]]) -> str:
    """Settings of a device at which somebody comes in and goes out, again and again."""
    folder = write_walk(tmp_path / "walk", draw_face(960, HEIGHT, FACE), reach=300, steps=15)
    return f"""
[pipeline]
model = "face-320"
events_path = "{tmp_path}/events.jsonl"
hold_s = 0.2
[masks]
model = ""
[series]
path = ""
[[cameras]]
name = "door"
source = "{folder}"
frame_rate_hz = 25
[[cameras.lines]]
name = "mat"
start = [0.5, 0]
end = [0.5, 1]
inside = [1, 0.5]
"""


def has_events(subscriber: Subscriber, count: int) -> bool:
    return len(subscriber.events) >= count


def has_farewells(subscriber: Subscriber, count: int) -> bool:
    return subscriber.statuses.count(b"offline") >= count


def test_a_device_that_is_killed_tells_on_where_it_was(
    serve_process: Start, walk_settings: str, tmp_path: Path
) -> None:
    if MOSQUITTO is None:
        pytest.skip(NO_MOSQUITTO)
    broker = Broker(tmp_path, free_port())
    mqtt = f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
    try:
        broker.start()
        with Subscriber(broker.port) as subscriber:
            for round_ in (1, 2, 3):
                before = len(subscriber.events)
                device = serve_process(walk_settings + mqtt)
                wait_until(partial(has_events, subscriber, before + 3), "events")
                device.popen.send_signal(signal.SIGKILL)
                device.popen.wait()
                wait_until(
                    partial(has_farewells, subscriber, round_),
                    "that the broker says that the device has gone",
                )
    finally:
        broker.kill()
    first_seen = list(dict.fromkeys(subscriber.numbers))
    assert first_seen == sorted(first_seen)


def test_events_that_wait_survive_that_the_device_stops(
    serve_process: Start, walk_settings: str
) -> None:
    port = free_port()
    settings = walk_settings + f'[webhook]\nurl = "http://127.0.0.1:{port}/door?key=1"\n'
    device = serve_process(settings)
    log = device.log
    events = Path(walk_settings.partition('events_path = "')[2].partition('"')[0])
    wait_until(lambda: events.exists() and events.read_bytes().count(b"event") >= 3, "events")
    assert device.stop() == 0, log.read_text()
    kept = events.read_bytes().count(b'"event"')
    with WebhookReceiver(port) as receiver:
        serve_process(settings)
        wait_until(lambda: len(receiver.posts) > kept, "all that waited, and more")
    assert receiver.numbers[:kept] == list(range(1, kept + 1))
