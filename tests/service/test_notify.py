"""Whom a serving device tells what its cameras see."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.event_receivers import (
    MOSQUITTO,
    NO_MOSQUITTO,
    Broker,
    Subscriber,
    WebhookReceiver,
    free_port,
    wait_until,
)

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.service import DeviceServer

StartDevice = Callable[..., DeviceServer]
SKIN = np.array([150, 180, 215])


@pytest.fixture
def start_walk(
    start_device: StartDevice, walk: dict[str, Any], tmp_path: Path
) -> Callable[..., DeviceServer]:
    """Starts a device at which somebody walks in and out."""

    def start(**tables: Any) -> DeviceServer:
        pipeline = {"model": "face-320", "events_path": f"{tmp_path}/events.jsonl"}
        looks = {"blur": {"method": "fill"}, "masks": {"model": ""}}
        return start_device({"cameras": [walk], "pipeline": pipeline, **looks, **tables})

    return start


def skin_in(picture: bytes) -> int:
    """Returns how many pixels of a picture have the colour of the face."""
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return int((np.abs(pixels.astype(int) - SKIN).max(axis=2) < 12).sum())


def test_no_pictures_go_out_unless_allowed_and_then_blurred_ones(
    start_walk: Callable[..., DeviceServer], walk: dict[str, Any]
) -> None:
    original = next(path for path in sorted(Path(walk["source"]).iterdir()))
    assert skin_in(original.read_bytes()) > 1000
    with WebhookReceiver() as plain, WebhookReceiver() as allowed:
        first = start_walk(webhook={"url": plain.url})
        wait_until(lambda: len(plain.posts) == 16, "all events")
        first.stop()
        start_walk(webhook={"url": allowed.url, "pictures": True})
        wait_until(lambda: len(allowed.posts) == 16, "all events")
    assert plain.numbers == list(range(1, 17))
    assert allowed.numbers == list(range(17, 33))
    assert not [post for post in plain.posts if "picture" in post.document]
    pictures = [post.document.get("picture") for post in allowed.posts]
    shown = [picture for picture in pictures if picture is not None]
    assert len(shown) >= 8
    assert {picture["media_type"] for picture in shown} == {"image/jpeg"}
    for picture in shown:
        assert skin_in(base64.b64decode(picture["base64"])) == 0


def test_a_broker_and_a_webhook_are_told_the_same_and_the_metrics_page_says_so(
    start_walk: Callable[..., DeviceServer], tmp_path: Path
) -> None:
    if MOSQUITTO is None:
        pytest.skip(NO_MOSQUITTO)
    broker, page = Broker(tmp_path, free_port()), free_port()
    try:
        broker.start()
        with WebhookReceiver() as receiver, Subscriber(broker.port) as subscriber:
            start_walk(
                webhook={"url": receiver.url},
                mqtt={"host": "127.0.0.1", "port": broker.port, "topic": "home"},
                metrics={"listen": f"127.0.0.1:{page}"},
            )
            wait_until(lambda: len(receiver.posts) == len(subscriber.events) == 16, "all events")

            def told() -> set[str]:
                with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=60) as read:
                    lines = read.read().decode().splitlines()
                return {line for line in lines if line.startswith("lintel_notif")}

            delivered = 'lintel_notified_events_total{outcome="delivered",to="%s"} 16.0'
            wait_until(lambda: {delivered % "mqtt", delivered % "webhook"} <= told(), "metrics")
    finally:
        broker.kill()
    assert [json.loads(event.payload) for event in subscriber.events] == [
        post.document for post in receiver.posts
    ]
    topics = [event.topic for event in subscriber.events]
    assert topics == ["home/door/person-entered"] * 8 + ["home/door/person-left"] * 8


def test_wrong_settings_are_told_before_the_device_serves(
    start_walk: Callable[..., DeviceServer],
) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        start_walk(mqtt={"host": "broker.example"})
    assert caught.value.field == "mqtt.tls"
