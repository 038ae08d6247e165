"""Viewers of the page that are no browsers: they read motion JPEG and server-sent events."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

PATIENCE_S = 60.0


class Part(NamedTuple):
    """A picture of a stream; when it was captured, in microseconds since 1970 UTC."""

    jpeg: bytes
    timestamp_us: int


class Message(NamedTuple):
    """A server-sent event."""

    kind: str
    number: str
    document: Any


@contextmanager
def asking(
    url: str,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """Asks a page for something, without following where it leads."""
    there = urlsplit(url)
    assert there.hostname is not None
    connection: http.client.HTTPConnection
    if there.scheme == "https":
        connection = http.client.HTTPSConnection(
            there.hostname, there.port, timeout=PATIENCE_S, context=tls
        )
    else:
        connection = http.client.HTTPConnection(there.hostname, there.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        yield connection.getresponse()
    finally:
        connection.close()


def read_parts(stream: IO[bytes]) -> Iterator[Part]:
    """Yields the pictures of a motion JPEG stream, each as soon as all of it is there."""
    while line := stream.readline():
        if not line.startswith(b"--"):
            continue
        headers = http.client.parse_headers(stream)
        if not headers:
            return
        jpeg = stream.read(int(headers["Content-Length"]))
        yield Part(jpeg, int(headers["X-Timestamp-Us"]))


def read_messages(stream: IO[bytes]) -> Iterator[Message]:
    """Yields server-sent events."""
    fields: dict[str, str] = {}
    for line in stream:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Message(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
