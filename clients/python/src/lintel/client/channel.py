"""The way to a device: its address, what protects the way, and the manners of the channel."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path

import grpc

from lintel.client.pictures import MAX_MESSAGE_BYTES

Metadata = tuple[tuple[str, str], ...]
PemSource = str | os.PathLike[str] | bytes

# gRPC makes the retries by itself: waits grow and are jittered, the device's own word on when
# to come back (grpc-retry-pushback-ms) goes before them, and a call's deadline spans them all.
# Doing a unary method twice harms nothing: all but two are pure functions of their requests, counts
# are recorded under a key, and of a deletion only what has not begun is repeated.
RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "3s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
}
SERVICE_CONFIG = {
    "methodConfig": [
        {"name": [{}], "retryPolicy": RETRY_POLICY},
        {
            "name": [{"service": "lintel.v1.SeriesService", "method": "DeleteSeries"}],
            "retryPolicy": {**RETRY_POLICY, "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]},
        },
        # Not streams: seen with gRPC 1.66 and 1.85, a message that is sent while an attempt
        # fails is missing from the next one, and nothing tells.
        {"name": [{"service": "lintel.v1.VideoService"}]},
    ]
}
CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A request that does not fit is not retried; the default, 256 KiB, is less than a photo.
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
    # Notices a device that went away without a word, while a call waits for it.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Finds a device that comes back within seconds; the default waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


def open_channel(
    address: str,
    *,
    token: str | None,
    root_certificates: PemSource | None,
    client_certificate: PemSource | None,
    client_key: PemSource | None,
    insecure: bool,
) -> tuple[grpc.Channel, Metadata]:
    """Opens a channel, which connects at the first call.

    The arguments and what is raised are those of Connection.

    Returns:
        The channel, and the metadata that every call is to carry.
    """
    is_local = _is_local(address)
    credentials = _credentials(root_certificates, client_certificate, client_key)
    metadata = _bearer(token)
    if metadata and not (credentials or is_local or insecure):
        raise ValueError(
            f"the token would travel to {address} in plain text: give root_certificates,"
            " or write insecure=True"
        )
    # A proxy meant for the way out can't lead back to this machine.
    options = (*CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0)) if is_local else CHANNEL_OPTIONS
    if credentials is None:
        return grpc.insecure_channel(address, options), metadata
    return grpc.secure_channel(address, credentials, options), metadata


def _is_local(address: str) -> bool:
    """Checks an address and tells whether it is on this machine.

    Raises:
        ValueError: It is malformed.
    """
    if address.startswith("unix:"):
        if address == "unix:":
            raise ValueError('address "unix:" names no socket; write unix:/path/to/socket')
        return True
    host, _, port = address.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not host or "/" in host or (":" in host and not is_bracketed):
        raise ValueError(
            f'address must be "HOST:PORT", "[IPV6]:PORT" or "unix:/path", not {address!r}'
        )
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"the port of address must be 1 to 65535, not {port!r}")
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _credentials(
    root_certificates: PemSource | None,
    client_certificate: PemSource | None,
    client_key: PemSource | None,
) -> grpc.ChannelCredentials | None:
    root = _pem(root_certificates, "root_certificates")
    certificate = _pem(client_certificate, "client_certificate")
    key = _pem(client_key, "client_key")
    if (certificate is None) != (key is None):
        raise ValueError("client_certificate and client_key must be given together")
    if root is None and certificate is None:
        return None
    return grpc.ssl_channel_credentials(root, key, certificate)


def _pem(source: PemSource | None, name: str) -> bytes | None:
    if source is None:
        return None
    pem = source if isinstance(source, bytes) else Path(source).read_bytes()
    if b"-----BEGIN " not in pem:
        raise ValueError(f"{name} must be in PEM format")
    return pem


def _bearer(token: str | None) -> Metadata:
    if token is None:
        return ()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        # The token itself is a secret, and not for an error message.
        raise ValueError("token must be printable ASCII without spaces or line ends")
    return (("authorization", f"Bearer {token}"),)
