"""Events by HTTP, to a real receiver that fails in all the ways there are."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError
from tests.event_receivers import WebhookReceiver, free_port, wait_until
from tests.pipeline_parts import cut_power

from lintel.edge.config.notify import Webhook
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.notify.webhook import WebhookDestination

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


def webhook(url: str, **settings: Any) -> WebhookDestination:
    return WebhookDestination(Webhook(url=url, **settings))


def test_events_arrive_in_order_and_signed(
    door: Any, receiver: WebhookReceiver, secret_file: Path
) -> None:
    door.deliver(webhook(receiver.url, secret_file=str(secret_file)))
    door.happen(3)
    wait_until(lambda: len(receiver.posts) == 3, "three posts")
    assert receiver.posts[0].document == {
        "sequence_number": 1,
        "timestamp_us": 1_800_000_001_000_000,
        "time": "2027-01-15T08:00:01.000Z",
        "kind": "person-entered",
        "camera": "door",
        "track_id": 1,
        "place": "mat",
    }
    assert receiver.numbers == [1, 2, 3]
    for post in receiver.posts:
        assert post.headers["Content-Type"] == "application/json"
        Verifier(SECRET).verify(post.body, dict(post.headers))
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRET).verify(post.body + b" ", dict(post.headers))
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 3


def test_any_text_is_a_secret_and_without_one_nothing_is_signed(
    door: Any, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    path = tmp_path / "text"
    path.write_text("sixteen bytes or more")
    door.deliver(webhook(receiver.url, secret_file=str(path)))
    door.happen(1)
    wait_until(lambda: receiver.posts, "a post")
    Verifier(b"sixteen bytes or more").verify(
        receiver.posts[0].body, dict(receiver.posts[0].headers)
    )
    door.delivery.stop()
    door.deliver(webhook(receiver.url))
    door.happen(1)
    wait_until(lambda: len(receiver.posts) == 2, "another post")
    assert "webhook-signature" not in receiver.posts[1].headers


@pytest.mark.parametrize("failure", [500, 503, 429, 401, 404, 302, "hang", "drip"])
def test_what_fails_is_sent_again_as_the_same(
    door: Any, receiver: WebhookReceiver, failure: int | str, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [failure, failure]
    receiver.headers = {"Location": receiver.url, "Retry-After": "0"}
    timeout_s = 0.3 if isinstance(failure, str) else 30.0
    with caplog.at_level(logging.INFO, "lintel.notify"):
        delivery = door.deliver(webhook(receiver.url, timeout_s=timeout_s))
        door.happen(2)
        wait_until(lambda: receiver.numbers == [1, 2], "both events")
        wait_until(lambda: delivery.status().waiting == 0, "the answers")
    assert [post.document["sequence_number"] for post in receiver.tries] == [1, 1, 1, 2]
    assert len({post.headers["webhook-id"] for post in receiver.tries[:3]}) == 1
    assert [record.message for record in caplog.records] == [
        "the webhook takes no events; they wait",
        "the webhook takes events again",
    ]
    status = delivery.status()
    assert (status.delivered, status.failures, status.missed, status.refused) == (2, 2, 0, 0)


def test_who_asks_for_patience_gets_it(door: Any, receiver: WebhookReceiver) -> None:
    receiver.answers, receiver.headers = [503], {"Retry-After": "1"}
    begun = time.monotonic()
    door.deliver(webhook(receiver.url))
    door.happen(1)
    wait_until(lambda: receiver.posts, "the event")
    assert time.monotonic() - begun >= 1


def test_what_will_never_be_taken_is_left_out(door: Any, receiver: WebhookReceiver) -> None:
    receiver.answers = [422, 413]
    delivery = door.deliver(webhook(receiver.url))
    door.happen(3)
    wait_until(lambda: receiver.numbers == [3], "the third event")
    wait_until(lambda: delivery.status().waiting == 0, "the answer")
    assert (delivery.status().delivered, delivery.status().refused) == (1, 2)


def test_a_receiver_that_comes_late_gets_all(door: Any) -> None:
    port = free_port()
    delivery = door.deliver(webhook(f"http://127.0.0.1:{port}/door?key=1"))
    door.happen(5)
    wait_until(lambda: delivery.status().failures, "a failure")
    with WebhookReceiver(port) as receiver:
        wait_until(lambda: receiver.numbers == [1, 2, 3, 4, 5], "all events")


def test_a_receiver_that_hangs_holds_no_stop_up(door: Any, receiver: WebhookReceiver) -> None:
    receiver.answers = ["hang"]
    door.deliver(webhook(receiver.url, timeout_s=300.0))
    door.happen(1)
    wait_until(lambda: receiver.tries, "a post")
    door.delivery.stop()
    assert not door.delivery._thread.is_alive()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_tls_checks_the_receiver(door: Any, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with WebhookReceiver(context=context) as receiver:
        delivery = door.deliver(webhook(receiver.url, authority=f"{tmp_path}/other.pem"))
        door.happen(1)
        wait_until(lambda: delivery.status().failures, "a failure")
        delivery.stop()
        assert receiver.tries == []
        door.deliver(webhook(receiver.url, authority=f"{tmp_path}/authority.pem"))
        wait_until(lambda: receiver.numbers == [1], "the event")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"url": "ftp://127.0.0.1/"}, "webhook.url"),
        ({"url": "127.0.0.1:80"}, "webhook.url"),
        ({"url": "http://"}, "webhook.url"),
        ({"url": "http://127.0.0.1:99999/"}, "webhook.url"),
        ({"url": "http://[::1/"}, "webhook.url"),
        ({"url": "http://me:secret@127.0.0.1/"}, "webhook.url"),
        ({"url": "http://127.0.0.1/a b"}, "webhook.url"),
        ({"url": f"http://{'a' * 64}.example/"}, "webhook.url"),
        ({"url": "http://door.example/"}, "webhook.url"),
        ({"secret_file": "/nowhere"}, "webhook.secret_file"),
        ({"secret_file": "SHORT"}, "webhook.secret_file"),
        ({"secret_file": "NO_BASE64"}, "webhook.secret_file"),
        ({"url": "https://door.example/", "authority": "SHORT"}, "webhook.authority"),
    ],
)
def test_settings_that_are_wrong_are_named(
    tmp_path: Path, settings: dict[str, str], field: str
) -> None:
    (tmp_path / "SHORT").write_text("too short")
    (tmp_path / "NO_BASE64").write_text("whsec_????????????????????")
    placed = {
        name: str(tmp_path / value) if value.isupper() else value
        for name, value in settings.items()
    }
    with pytest.raises(SettingsInvalidError) as caught:
        webhook(**{"url": "http://127.0.0.1/", **placed})
    assert caught.value.field == field


def test_plain_text_to_others_can_be_allowed() -> None:
    assert webhook("http://door.example/", insecure=True).name == "webhook"
    assert webhook("http://[::1]:8080").name == "webhook"


def test_deliveries_go_on_after_a_restart(
    open_door: Callable[[], Any], receiver: WebhookReceiver
) -> None:
    door = open_door()
    door.deliver(webhook(receiver.url))
    door.happen(3)
    wait_until(lambda: receiver.numbers == [1, 2, 3], "three events")
    door.delivery.stop()
    door.happen(2)
    door.stop()
    again = open_door()
    again.deliver(webhook(receiver.url))
    again.happen(1)
    wait_until(lambda: len(receiver.numbers) == 6, "the others")
    assert receiver.numbers == [1, 2, 3, 4, 5, 6]
    runs = {post.headers["webhook-id"].rpartition("-")[0] for post in receiver.posts}
    assert len(runs) == 1


def test_a_power_cut_has_nobody_miss_or_wait_for_what_never_was(
    open_door: Callable[[], Any], receiver: WebhookReceiver
) -> None:
    door = open_door()
    door.deliver(webhook(receiver.url))
    door.happen(1)
    wait_until(lambda: receiver.numbers == [1], "the event")
    door.delivery.stop()
    door.log.save()
    cut_power(door.log)
    again = open_door()
    delivery = again.deliver(webhook(receiver.url))
    assert delivery.status().waiting == 0
    again.happen(1)
    wait_until(lambda: len(receiver.numbers) == 2, "the other")
    assert "missed_events" not in receiver.posts[1].document
    assert delivery.status().missed == 0


def test_what_waits_is_bounded_and_what_gave_way_is_counted(
    door: Any, receiver: WebhookReceiver
) -> None:
    door.deliver(webhook(receiver.url)).stop()
    door.happen(25)
    delivery = door.deliver(webhook(receiver.url))
    wait_until(lambda: len(receiver.posts) == 10, "what is kept")
    assert receiver.numbers == list(range(16, 26))
    assert receiver.posts[0].document["missed_events"] == 15
    assert "missed_events" not in receiver.posts[1].document
    wait_until(lambda: delivery.status().waiting == 0, "the last answer")
    assert delivery.status().missed == 15
