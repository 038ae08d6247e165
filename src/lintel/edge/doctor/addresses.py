"""Looks at the addresses to listen on: allowed, and free or served by Lintel."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from pathlib import Path

from lintel.edge.config import Settings
from lintel.edge.doctor.findings import Findings, Outcome
from lintel.edge.errors import LintelError

_LONGEST_SOCKET_PATH = 107
_ANSWER_TIMEOUT_S = 2.0


def look_at_addresses(settings: Settings) -> Findings:
    """Looks whether the addresses to listen on are allowed, and free or served by Lintel."""
    from lintel.edge.service.access import check_addresses, server_credentials  # noqa: PLC0415

    try:
        check_addresses(settings)
        server_credentials(settings.server.tls)
    except LintelError as error:
        hint = "The server would not start: mend the settings."
        yield Outcome.FAILURE, str(error), hint
        return
    for address in settings.server.listen:
        if address.startswith("unix:"):
            yield from _look_at_socket(address)
        else:
            yield from _look_at_port(address, is_secure=bool(settings.server.tls.certificate))


def _look_at_port(address: str, *, is_secure: bool) -> Findings:
    if (error := _listening_fails(address)) is None:
        yield Outcome.OK, f"{address} is free."
    elif error.errno == errno.EADDRINUSE:
        yield from _look_at_server(address, is_secure=is_secure)
    else:
        yield _cannot_be_listened_on(address, error, "server.listen")


def _listening_fails(address: str) -> OSError | None:
    """Tells why a port cannot be listened on; None: it can."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            # As the server does: a port that was in use a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except OSError as error:
        return error
    return None


def _cannot_be_listened_on(address: str, error: OSError, setting: str) -> tuple[Outcome, str, str]:
    reason = error.strerror or "unknown host"
    hint = f"Choose another with {setting}; ports below 1024 need rights."
    return Outcome.FAILURE, f"{address} cannot be listened on: {reason}.", hint


def _look_at_socket(address: str) -> Findings:
    path = Path(address.removeprefix("unix:"))
    if address.startswith("unix:@"):
        yield Outcome.OK, f"{address} needs no file."
    elif len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        hint = f"The system allows {_LONGEST_SOCKET_PATH} bytes."
        yield Outcome.FAILURE, "The path of a Unix socket is too long.", hint
    elif path.is_socket():
        yield from _look_at_server(address, is_secure=False)
    elif path.exists() or not os.access(path.parent, os.W_OK | os.X_OK):
        hint = "Give a free name in a folder that you may write to."
        yield Outcome.FAILURE, f"{address} cannot be made.", hint
    else:
        yield Outcome.OK, f"{address} is free."


def _look_at_server(address: str, *, is_secure: bool) -> Findings:
    """Asks whoever listens whether it is a Lintel server in health."""
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2  # noqa: PLC0415

    if is_secure:
        hint = "If that is not Lintel, stop it, or choose another address with server.listen."
        yield Outcome.NOTE, f"{address} is in use; TLS hides by whom.", hint
        return
    request = health_pb2.HealthCheckRequest(service="lintel.v1.FaceService")
    with grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        try:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            status = check(request, timeout=_ANSWER_TIMEOUT_S).status
        except grpc.RpcError as error:
            if address.startswith("unix:") and error.code() is grpc.StatusCode.UNAVAILABLE:
                yield Outcome.OK, f"{address} is left over from a server that is gone."
                return
            hint = "Stop it, or choose another address with server.listen."
            yield Outcome.FAILURE, f"{address} is in use by another program.", hint
            return
    if status == health_pb2.HealthCheckResponse.SERVING:
        yield Outcome.OK, f"{address} is served by Lintel, and well."
    else:
        yield Outcome.WARNING, f"{address} is served by Lintel, which is not ready.", "Look again."


def look_at_page(settings: Settings) -> Findings:
    """Looks whether the page's port is free, or served by Lintel, and its languages are well."""
    from lintel.edge.page import DEFAULT_ADDRESS, open_languages  # noqa: PLC0415

    page = settings.page
    if page.address == "":
        yield Outcome.NOTE, "None is wanted."
        return
    try:
        open_languages(page)
    except LintelError as problem:
        yield Outcome.FAILURE, str(problem), "The server would not start: mend the settings."
    address = page.address or DEFAULT_ADDRESS
    error = _listening_fails(address)
    if error is None:
        yield Outcome.OK, f"{address} is free."
    elif error.errno != errno.EADDRINUSE:
        yield _cannot_be_listened_on(address, error, "page.address")
    elif settings.server.tls.certificate:
        hint = "If that is not Lintel, stop it, or choose another address with page.address."
        yield Outcome.NOTE, f"{address} is in use; TLS hides by whom.", hint
    elif _is_page(address):
        yield Outcome.OK, f"{address} is served by Lintel."
    elif page.address is None:
        message = f"{address} is in use by another program: the page will be at another port."
        yield Outcome.NOTE, message, "Choose one with page.address."
    else:
        hint = "Stop it, or choose another address with page.address."
        yield Outcome.FAILURE, f"{address} is in use by another program.", hint


def _is_page(address: str) -> bool:
    """Asks whoever listens whether it is a page of Lintel."""
    connection = http.client.HTTPConnection(address, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("HEAD", "/assets/icon.svg", headers={"Host": "localhost"})
        return connection.getresponse().getheader("Server") == "lintel"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
