"""Which addresses may be bound, and which role a method asks for."""

from __future__ import annotations

import errno
import socket
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from lintel.edge.config import parse
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.service.access import check_addresses, free_socket, is_local, role_for

TOKEN = {"name": "door", "sha256": "0" * 64, "roles": ["infer"]}


@pytest.mark.parametrize(
    "address",
    [
        "unix:/run/lintel.sock",
        "unix:@abstract",
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "localhost:1",
    ],
)
def test_sockets_and_loopback_are_local(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.7:1", "door.example:1"])
def test_everything_else_is_not(address: str) -> None:
    assert not is_local(address)


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ({}, False),
        ({"insecure": True}, True),
        ({"tokens": [TOKEN]}, False),
        ({"tls": {"certificate": "c", "private_key": "k"}}, False),
        ({"tls": {"certificate": "c", "private_key": "k"}, "tokens": [TOKEN]}, True),
        ({"tls": {"certificate": "c", "private_key": "k", "client_authority": "a"}}, True),
    ],
)
def test_the_network_asks_for_encryption_and_authentication(
    server: dict[str, Any], allowed: bool
) -> None:
    settings = parse({"server": {**server, "listen": ["127.0.0.1:50051", "0.0.0.0:50051"]}})
    if allowed:
        check_addresses(settings)
        return
    with pytest.raises(SettingsInvalidError) as caught:
        check_addresses(settings)
    assert caught.value.field == "server.listen[1]"


def test_the_metrics_page_stays_on_loopback_unless_insecure_is_written_out() -> None:
    metrics = {"listen": "0.0.0.0:9464"}
    with pytest.raises(SettingsInvalidError) as caught:
        check_addresses(parse({"metrics": metrics}))
    assert caught.value.field == "metrics.listen"
    check_addresses(parse({"metrics": metrics, "server": {"insecure": True}}))


@pytest.mark.parametrize(
    ("method", "role"),
    [
        ("/grpc.health.v1.Health/Check", None),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "monitor"),
        ("/inference.GRPCInferenceService/ModelStatistics", "monitor"),
        ("/inference.GRPCInferenceService/ModelInfer", "infer"),
        ("/inference.GRPCInferenceService/RepositoryModelLoad", "admin"),
        ("/lintel.v1.SeriesService/RecordCounts", "infer"),
        ("/lintel.v1.SeriesService/DeleteSeries", "admin"),
        ("/lintel.v1.FaceService/BlurFaces", "infer"),
        ("/lintel.v1.MaskService/ClassifyMasks", "infer"),
        ("/lintel.v1.SomethingNew/Method", "infer"),
        ("/lintel.v1.CameraService/TakeSnapshot", "watch"),
        ("/lintel.v1.EventService/StreamEvents", "watch"),
    ],
)
def test_every_method_has_a_role(method: str, role: str | None) -> None:
    assert role_for(method) == role


def test_a_socket_is_looked_for_and_bound_by_one_server_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    refused: SimpleQueue[OSError | None] = SimpleQueue()

    def bind_too() -> None:
        try:
            with free_socket(path):
                refused.put(None)
        except OSError as error:
            refused.put(error)

    other = threading.Thread(target=bind_too)
    with socket.socket(socket.AF_UNIX) as listener:
        with free_socket(path):
            other.start()
            with pytest.raises(Empty):
                refused.get(timeout=0.2)
            listener.bind(path)
            listener.listen()
        error = refused.get(timeout=30)
        other.join()
    assert isinstance(error, OSError)
    assert error.errno == errno.EADDRINUSE


def test_a_dead_socket_is_free_and_a_missing_folder_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dead"))
    with free_socket(str(tmp_path / "dead")), free_socket("@abstract"):
        pass
    with pytest.raises(FileNotFoundError), free_socket(str(tmp_path / "nowhere" / "socket")):
        pass
