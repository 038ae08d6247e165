"""Events to a real Mosquitto, which is killed, stopped and restarted."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.event_receivers import NO_MOSQUITTO, Broker, Subscriber, free_port, wait_until

from lintel.edge.config.notify import Mqtt
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.notify.mqtt import MqttDestination

MakeBroker = Callable[..., Broker]


def mqtt(port: int, **settings: Any) -> MqttDestination:
    return MqttDestination(Mqtt(host="127.0.0.1", port=port, **settings))


def has(subscriber: Subscriber, count: int) -> bool:
    """Tells whether so many different events have come."""
    return len(set(subscriber.numbers)) == count


def test_events_arrive_in_order_by_camera_and_kind(door: Any, make_broker: MakeBroker) -> None:
    broker = make_broker().start()
    with Subscriber(broker.port) as subscriber:
        delivery = door.deliver(mqtt(broker.port, topic="site/lintel"))
        door.happen(5)
        wait_until(lambda: len(subscriber.events) == 5, "five events")
        wait_until(lambda: delivery.status().waiting == 0, "their confirmations")
        delivery.stop()
        wait_until(lambda: b"offline" in subscriber.statuses, "the farewell")
    assert subscriber.numbers == [1, 2, 3, 4, 5]
    assert {event.topic for event in subscriber.events} == {"site/lintel/door/person-entered"}
    assert json.loads(subscriber.events[0].payload)["place"] == "mat"
    assert subscriber.statuses == [b"online", b"offline"]
    assert delivery.status().delivered == 5


def test_whether_the_device_is_online_is_kept_for_those_who_come_later(
    door: Any, make_broker: MakeBroker
) -> None:
    broker = make_broker().start()
    delivery = door.deliver(mqtt(broker.port))
    door.happen(1)
    wait_until(lambda: delivery.status().delivered, "an event")
    with Subscriber(broker.port) as subscriber:
        wait_until(lambda: subscriber.statuses == [b"online"], "that it is")


def test_an_outage_of_the_broker_loses_nothing(
    door: Any, make_broker: MakeBroker, tmp_path: Path
) -> None:
    remembering = (
        "persistence true",
        f"persistence_location {tmp_path}/",
        "autosave_on_changes true",
        "autosave_interval 1",
    )
    broker = make_broker("allow_anonymous true", *remembering).start()
    delivery = door.deliver(mqtt(broker.port))
    with Subscriber(broker.port) as subscriber:
        for outage in range(3):
            before = len(set(subscriber.numbers))
            door.happen(2)
            wait_until(partial(has, subscriber, before + 2), "two events")
            broker.kill()
            door.happen(2)
            broker.start()
            wait_until(partial(has, subscriber, before + 4), "those of the outage")
            assert delivery.status().missed == 0, outage
    # At least once, and in order.
    assert list(dict.fromkeys(subscriber.numbers)) == list(range(1, 13))


def test_a_broker_that_comes_late_gets_all(door: Any, make_broker: MakeBroker) -> None:
    broker = make_broker()
    delivery = door.deliver(mqtt(broker.port))
    door.happen(5)
    wait_until(lambda: delivery.status().failures, "a failure")
    assert delivery.status().waiting == 5
    broker.start()
    wait_until(lambda: delivery.status().delivered == 5, "all events")


def test_a_broker_that_hangs_gets_all_later(door: Any, make_broker: MakeBroker) -> None:
    broker = make_broker().start()
    delivery = door.deliver(mqtt(broker.port))
    with Subscriber(broker.port) as subscriber:
        door.happen(1)
        wait_until(lambda: subscriber.numbers == [1], "an event")
        broker.signal(signal.SIGSTOP)
        door.happen(3)
        wait_until(lambda: delivery.status().failures, "that none is confirmed")
        broker.signal(signal.SIGCONT)
        wait_until(lambda: delivery.status().delivered == 4, "the others")
        wait_until(lambda: subscriber.numbers == [1, 2, 3, 4], "the others")


def test_what_waits_is_bounded_and_kept_over_restarts(
    open_door: Callable[[], Any], make_broker: MakeBroker
) -> None:
    broker = make_broker()
    door = open_door()
    door.deliver(mqtt(broker.port))
    wait_until((door.folder / "mqtt.json").exists, "that it begins")
    door.happen(25)
    door.stop()
    broker.start()
    with Subscriber(broker.port) as subscriber:
        delivery = open_door().deliver(mqtt(broker.port))
        wait_until(lambda: len(subscriber.events) == 10, "what is kept")
        wait_until(lambda: delivery.status().waiting == 0, "the last confirmation")
    assert subscriber.numbers == list(range(16, 26))
    assert json.loads(subscriber.events[0].payload)["missed_events"] == 15
    assert delivery.status().missed == 15


def test_a_password_is_read_from_a_file(
    door: Any, make_broker: MakeBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip(NO_MOSQUITTO)
    passwords = tmp_path / "passwords"
    subprocess.run([program, "-b", "-c", passwords, "door", "right"], check=True)
    broker = make_broker("allow_anonymous false", f"password_file {passwords}").start()
    (tmp_path / "wrong").write_text("wrong\n")
    (tmp_path / "right").write_text("right\n")
    refused = door.deliver(mqtt(broker.port, username="door", password_file=f"{tmp_path}/wrong"))
    door.happen(1)
    wait_until(lambda: "refuses the device" in caplog.text, "that it is refused")
    refused.stop()
    assert refused.status().delivered == 0
    assert "wrong" not in caplog.text
    taken = door.deliver(mqtt(broker.port, username="door", password_file=f"{tmp_path}/right"))
    wait_until(lambda: taken.status().delivered == 1, "the event")


# paho leaves the socket of a failed handshake to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_checks_the_broker_and_shows_a_certificate(
    door: Any, make_broker: MakeBroker, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{tmp_path}/authority.pem")
    trustme.CA().cert_pem.write_to_path(f"{tmp_path}/other.pem")
    for name in ("127.0.0.1", "door.example"):
        issued = authority.issue_cert(name)
        issued.private_key_pem.write_to_path(f"{tmp_path}/{name}.key")
        issued.cert_chain_pems[0].write_to_path(f"{tmp_path}/{name}.pem")
    broker = make_broker(
        "allow_anonymous true",
        f"cafile {tmp_path}/authority.pem",
        f"certfile {tmp_path}/127.0.0.1.pem",
        f"keyfile {tmp_path}/127.0.0.1.key",
        "require_certificate true",
    ).start()
    own = {
        "tls": True,
        "certificate": f"{tmp_path}/door.example.pem",
        "private_key": f"{tmp_path}/door.example.key",
    }
    deceived = door.deliver(mqtt(broker.port, authority=f"{tmp_path}/other.pem", **own))
    door.happen(1)
    wait_until(lambda: deceived.status().failures, "a failure")
    deceived.stop()
    assert deceived.status().delivered == 0
    trusting = door.deliver(mqtt(broker.port, authority=f"{tmp_path}/authority.pem", **own))

    def trust(client: Any) -> None:
        context = ssl.create_default_context(cafile=f"{tmp_path}/authority.pem")
        context.load_cert_chain(own["certificate"], own["private_key"])
        client.tls_set_context(context)

    with Subscriber(broker.port, trust) as subscriber:
        wait_until(lambda: trusting.status().delivered == 1, "the event")
        door.happen(1)
        wait_until(lambda: 2 in subscriber.numbers, "the next")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"host": "broker.example"}, "mqtt.tls"),
        ({"host": "a" * 64 + ".example", "tls": True}, "mqtt.host"),
        ({"username": "door", "password_file": "/nowhere"}, "mqtt.password_file"),
        ({"tls": True, "authority": "/nowhere"}, "mqtt.authority"),
        ({"tls": True, "certificate": "/nowhere"}, "mqtt.certificate"),
    ],
)
def test_settings_that_are_wrong_are_named(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        MqttDestination(Mqtt(**{"host": "127.0.0.1", **settings}))
    assert caught.value.field == field


def test_a_broker_that_says_nothing_is_told_of_once(
    door: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lintel.edge.notify.mqtt._KEEPALIVE_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute, ExitStack() as open_:
        mute.settimeout(30)
        delivery = door.deliver(mqtt(mute.getsockname()[1]))
        for _ in range(3):
            open_.enter_context(mute.accept()[0])
        delivery.stop()
    assert caplog.messages == ["the MQTT broker does not answer; events wait"]


def test_a_broker_that_nobody_runs_holds_no_stop_up(door: Any) -> None:
    door.deliver(mqtt(free_port()))
    door.happen(1)
    door.delivery.stop()
    assert not door.delivery._thread.is_alive()
