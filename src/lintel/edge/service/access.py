"""Who may call what, and from where: tokens, roles, TLS and the addresses to bind."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from lintel.edge.config import Role, Settings, Tls, Token
from lintel.edge.config.addresses import is_this_machine
from lintel.edge.errors import (
    PermissionDeniedError,
    SettingsInvalidError,
    UnauthenticatedError,
)

PUBLIC_SERVICES = ("grpc.health.v1.Health",)
MONITOR_METHODS = frozenset(
    f"/inference.GRPCInferenceService/{name}"
    for name in (
        "ServerLive",
        "ServerReady",
        "ServerMetadata",
        "ModelReady",
        "ModelMetadata",
        "ModelConfig",
        "ModelStatistics",
        "RepositoryIndex",
    )
)
WATCH_SERVICES = ("lintel.v1.CameraService", "lintel.v1.EventService")
ADMIN_METHODS = frozenset(
    (
        "/inference.GRPCInferenceService/RepositoryModelLoad",
        "/inference.GRPCInferenceService/RepositoryModelUnload",
        "/lintel.v1.SeriesService/DeleteSeries",
    )
)

# Another server that starts needs milliseconds to bind its sockets.
LONGEST_LOCK_S = 5.0


def role_for(method: str) -> Role | None:
    """Returns the role that a method asks for, None where anyone may call it.

    Args:
        method: Full name, such as "/lintel.v1.FaceService/DetectFaces".
    """
    service = method.removeprefix("/").partition("/")[0]
    if service in PUBLIC_SERVICES:
        return None
    if method in MONITOR_METHODS or service.startswith("grpc.reflection."):
        return "monitor"
    if method in ADMIN_METHODS:
        return "admin"
    if service in WATCH_SERVICES:
        return "watch"
    return "infer"


class Guard:
    """Checks bearer tokens. With no tokens configured, everyone passes.

    Args:
        tokens: Those that callers may present, as digests.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = tuple((bytes.fromhex(token.sha256), token) for token in tokens)

    def check(self, role: Role | None, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Lets a call pass or raises.

        Args:
            role: What the method asks for; None: nothing.
            metadata: The call's metadata.

        Raises:
            UnauthenticatedError: The token is missing or unknown.
            PermissionDeniedError: The token lacks the role.
        """
        if role is None or not self._tokens:
            return
        header = next((value for key, value in metadata if key == "authorization"), "")
        scheme, _, secret = str(header).partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise UnauthenticatedError("This device asks for a bearer token.")
        digest = hashlib.sha256(secret.strip().encode()).digest()
        # All are compared, so that the time taken tells nothing of which one came near.
        known = [token for known, token in self._tokens if hmac.compare_digest(known, digest)]
        if not known:
            raise UnauthenticatedError("The bearer token is not known to this device.")
        if role not in known[0].roles:
            raise PermissionDeniedError(f"The bearer token lacks the role {role}.")


def is_local(address: str) -> bool:
    """Tells whether only this machine can reach an address: a Unix socket or loopback."""
    if address.startswith("unix:"):
        return True
    return is_this_machine(address.rpartition(":")[0])


@contextmanager
def free_socket(path: str) -> Iterator[None]:
    """Makes sure that a Unix socket may be bound, and that nobody else does so meanwhile.

    gRPC takes a path from under whoever listens there. So that two servers cannot both find it
    free, its folder is locked until the socket listens: only for this moment, and the lock goes
    with the process, however that ends.

    Raises:
        OSError: Somebody listens there, or the folder is not there or stays locked.
    """
    if path.startswith("@"):
        # An abstract socket has no folder, and binding it tells whether it is free.
        yield
        return
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120
    try:
        _lock(folder)
        if is_served(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        yield
    finally:
        os.close(folder)


def _lock(folder: int) -> None:
    deadline = time.monotonic() + LONGEST_LOCK_S
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def is_served(path: str) -> bool:
    """Tells whether somebody listens on the Unix socket at `path`; a dead one's is free."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A server with its backlog full would let the probe wait.
        probe.setblocking(False)
        try:
            return probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT)
        except OSError:
            # Longer than a socket's path may be: binding it will tell.
            return False


def check_addresses(settings: Settings) -> None:
    """Refuses addresses that are malformed, or open to the network without protection.

    Raises:
        SettingsInvalidError: Names the address and what is missing.
    """
    server = settings.server
    protected = bool(server.tls.certificate) and bool(server.tokens or server.tls.client_authority)
    addresses = {f"server.listen[{index}]": each for index, each in enumerate(server.listen)}
    for field, address in addresses.items():
        if not (address.startswith("unix:") and len(address) > len("unix:")):
            _check_host_and_port(address, field, "HOST:PORT nor unix:/path")
    if page := settings.page.address:
        addresses["page.address"] = page
        _check_host_and_port(page, "page.address", "HOST:PORT nor empty")
    for field, address in addresses.items():
        if not (is_local(address) or protected or server.insecure):
            raise SettingsInvalidError(
                f"The address {address} is open to the network: set server.tls with"
                " server.tokens or server.tls.client_authority, or write insecure = true.",
                field=field,
            )
    if settings.metrics.listen:
        # Metrics know neither TLS nor tokens.
        _check_host_and_port(settings.metrics.listen, "metrics.listen", "HOST:PORT nor empty")
        if not (is_local(settings.metrics.listen) or server.insecure):
            raise SettingsInvalidError(
                f"The metrics page {settings.metrics.listen} is open to the network: listen on"
                " loopback, or write server.insecure = true.",
                field="metrics.listen",
            )


def _check_host_and_port(address: str, field: str, allowed: str) -> None:
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and int(port) <= 65535):
        raise SettingsInvalidError(f'The address "{address}" is neither {allowed}.', field=field)


def server_credentials(tls: Tls) -> grpc.ServerCredentials | None:
    """Reads certificates.

    Returns:
        The credentials for TCP addresses, None where TLS is not configured.

    Raises:
        SettingsInvalidError: A file cannot be read or is of another kind, the key is not the
            certificate's, or only one of them is set.
    """
    if not tls.certificate:
        if tls.private_key or tls.client_authority:
            raise SettingsInvalidError(
                "TLS needs server.tls.certificate.", field="server.tls.certificate"
            )
        return None
    if not tls.private_key:
        raise SettingsInvalidError(
            "TLS needs server.tls.private_key.", field="server.tls.private_key"
        )
    chain = _read(tls.certificate, "server.tls.certificate")
    key = _read(tls.private_key, "server.tls.private_key")
    authority = (
        _read(tls.client_authority, "server.tls.client_authority") if tls.client_authority else None
    )
    _check_certificates(tls)
    return grpc.ssl_server_credentials(
        [(key, chain)], root_certificates=authority, require_client_auth=authority is not None
    )


def _check_certificates(tls: Tls) -> None:
    """Tells what is wrong with certificates; gRPC only says that it cannot listen."""
    import ssl  # noqa: PLC0415 - only for those who have certificates

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password, so that nobody is asked for one: gRPC takes no locked key either.
        context.load_cert_chain(tls.certificate, tls.private_key, password="")
    except ssl.SSLError as error:
        raise SettingsInvalidError(
            "The files of server.tls.certificate and server.tls.private_key are not a certificate"
            " and its unencrypted key, in PEM.",
            field="server.tls.certificate",
        ) from error
    if not tls.client_authority:
        return
    try:
        context.load_verify_locations(tls.client_authority)
    except ssl.SSLError as error:
        raise SettingsInvalidError(
            "The file of server.tls.client_authority is no certificate in PEM.",
            field="server.tls.client_authority",
        ) from error


def _read(path: str, field: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsInvalidError(
            f"The file {path} of {field} cannot be read: {error.strerror}.", field=field
        ) from error
