"""Events to an MQTT broker, with quality of service 1: until the broker has confirmed each."""

from __future__ import annotations

import logging
import threading
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lintel.edge.config.addresses import is_this_machine
from lintel.edge.config.notify import Mqtt
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.notify.destination import Message, Outcome
from lintel.edge.notify.secrets import read_first_line, tls_context

logger = logging.getLogger("lintel.notify")

_KEEPALIVE_S = 30
_FIRST_RECONNECT_S, _LONGEST_RECONNECT_S = 1, 30
_PATIENCE_S = 1.0
_FAREWELL_S = 1.0
ONLINE, OFFLINE = b"online", b"offline"


class MqttDestination:
    """A broker. It is told, too, whether the device is online: by the device, or by its silence.

    Args:
        settings: With a host.

    Raises:
        SettingsInvalidError: A file cannot be read, or is of another kind; the host is no name;
            or events would travel in plain text to another machine.
    """

    name = "mqtt"

    def __init__(self, settings: Mqtt) -> None:
        self.with_pictures = settings.pictures
        self._topic = settings.topic.rstrip("/")
        self._changed = threading.Condition()
        self._is_connected = False
        self._is_told = False
        # What the broker has not confirmed yet; paho sends it again after each connection.
        self._pending: tuple[str, int] | None = None
        self._confirmed: set[int] = set()
        self._client = self._make_client(settings)

    def open(self) -> None:
        """Connects, and does so again whenever the connection is lost."""
        self._client.loop_start()

    def send(self, message: Message, stopping: threading.Event) -> Outcome:
        """Publishes a message, and waits until the broker has confirmed it."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_connected, _PATIENCE_S):
                return Outcome.FAILED
        if self._pending is None:
            event = message.event
            topic = f"{self._topic}/{event.camera}/{event.kind}"
            self._pending = message.id, self._client.publish(topic, message.body, qos=1).mid
        identifier, number = self._pending
        with self._changed:
            self._changed.wait_for(
                lambda: number in self._confirmed or stopping.is_set(), _PATIENCE_S
            )
            if number not in self._confirmed:
                return Outcome.FAILED
            self._confirmed.clear()
        self._pending = None
        # One that waited too long may have given way to newer ones meanwhile.
        return Outcome.DELIVERED if identifier == message.id else Outcome.FAILED

    def close(self) -> None:
        """Says that the device is offline, and disconnects."""
        with self._changed:
            is_connected = self._is_connected
        if is_connected:
            farewell = self._client.publish(f"{self._topic}/status", OFFLINE, qos=1, retain=True)
            with self._changed:
                self._changed.wait_for(lambda: farewell.mid in self._confirmed, _FAREWELL_S)
        self._client.disconnect()
        # paho would wait for good, where a name server does not answer.
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()
        ending.join(_FAREWELL_S)

    def _make_client(self, settings: Mqtt) -> Client:
        is_local = is_this_machine(settings.host)
        if not (settings.tls or is_local or settings.insecure):
            raise SettingsInvalidError(
                "Events would travel to the broker in plain text: set mqtt.tls = true, or write"
                " mqtt.insecure = true.",
                field="mqtt.tls",
            )
        try:
            settings.host.encode("idna")
        except UnicodeError as error:
            raise SettingsInvalidError(
                "The host of the MQTT broker is no name of a machine.", field="mqtt.host"
            ) from error
        client = Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id)
        if settings.password_file and not settings.username:
            raise SettingsInvalidError(
                "A password goes with a name: give mqtt.username, too.", field="mqtt.username"
            )
        if settings.username:
            password = read_first_line(settings.password_file, "mqtt.password_file")
            client.username_pw_set(settings.username, password.decode(errors="replace") or None)
        if settings.tls:
            client.tls_set_context(
                tls_context("mqtt", settings.authority, settings.certificate, settings.private_key)
            )
        client.will_set(f"{self._topic}/status", OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(_FIRST_RECONNECT_S, _LONGEST_RECONNECT_S)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_connect_fail = self._not_connected
        client.on_publish = self._published
        port = settings.port or (8883 if settings.tls else 1883)
        client.connect_async(settings.host, port, _KEEPALIVE_S)
        return client

    def _connected(
        self,
        client: Client,
        _data: Any,
        _flags: ConnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._tell(f"the MQTT broker refuses the device: {code}")
            return
        client.publish(f"{self._topic}/status", ONLINE, qos=1, retain=True)
        with self._changed:
            self._is_connected, self._is_told = True, False
            self._changed.notify_all()
        logger.info("connected with the MQTT broker")

    def _disconnected(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._changed:
            was_connected, self._is_connected = self._is_connected, False
        if code.is_failure:
            # One that takes the connection and never says a word is given up after a while.
            self._tell(
                "the connection with the MQTT broker is lost"
                if was_connected
                else "the MQTT broker does not answer"
            )

    def _not_connected(self, _client: Client, _data: Any) -> None:
        self._tell("the MQTT broker is not to be reached")

    def _published(
        self,
        _client: Client,
        _data: Any,
        number: int,
        _code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._changed:
            self._confirmed.add(number)
            self._changed.notify_all()

    def _tell(self, what: str) -> None:
        """Logs once until the broker is there again: lines wear memory cards out."""
        if not self._is_told:
            self._is_told = True
            logger.warning("%s; events wait", what)
