"""Channels to real devices."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

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
