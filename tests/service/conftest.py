"""Channels to real devices."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from numpy.typing import NDArray
from tests.walks import FACE, HEIGHT, write_walk

from lintel.edge.service import DeviceServer


@pytest.fixture
def channel(device: DeviceServer) -> Iterator[grpc.Channel]:
    """A channel to the session's device."""
    with grpc.insecure_channel(device.addresses[0]) as channel:
        yield channel


@pytest.fixture
def unused_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def details_of() -> Callable[[grpc.RpcError], dict[str, Message]]:
    """Returns the google.rpc details of an error, by the name of their kind."""

    def read(error: grpc.RpcError) -> dict[str, Message]:
        trailers = dict(error.trailing_metadata())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        assert status.code == error.code().value[0]
        assert status.message == error.details()
        found: dict[str, Message] = {}
        for packed in status.details:
            kind = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])
            found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
        return found

    return read


@pytest.fixture
def walk(tmp_path: Path, draw_face: Callable[..., NDArray[np.uint8]]) -> dict[str, Any]:
    """A camera that replays, once and without dropping a frame, how somebody walks through the
    picture from left to right and back, over eight lines; inside is on the right."""
    folder = write_walk(tmp_path / "walk", draw_face(640, HEIGHT, FACE), reach=110, steps=9)
    lines = [
        {"name": f"line-{x}", "start": [x / 100, 0], "end": [x / 100, 1], "inside": [1, 0.5]}
        for x in (35, 39, 43, 47, 51, 55, 59, 63)
    ]
    return {
        "name": "door",
        "source": str(folder),
        "replay": "fastest",
        "loop": False,
        "lines": lines,
    }
