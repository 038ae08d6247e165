"""Addresses, tokens and certificates."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from lintel.client import (
    Client,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from lintel.edge.service import DeviceServer

TOKEN = "correct-horse"  # noqa: S105 - for this test's own device


def token_settings(*roles: str) -> dict[str, Any]:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    return {"tokens": [{"name": "test", "sha256": digest, "roles": list(roles)}]}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """The device's settings for TLS with a certificate of the authority."""
    issued = authority.issue_cert("127.0.0.1", "localhost")
    chain, key = tmp_path / "device.pem", tmp_path / "device.key"
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    return {"certificate": str(chain), "private_key": str(key)}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1",
        "50051",
        ":50051",
        "http://127.0.0.1:50051",
        "dns:///device:50051",
        "::1:50051",
        "device:port",
        "device:0",
        "device:65536",
        "device:50051:",
        "unix:",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Client(address)


@pytest.mark.parametrize(
    "address", ["device:50051", "[::1]:50051", "10.0.0.7:1", "unix:/run/socket", "unix:socket"]
)
def test_an_address_is_not_connected_to_before_it_is_needed(address: str) -> None:
    Client(address).close()


@pytest.mark.parametrize("address", ["device.local:50051", "10.0.0.7:50051", "[fe80::1]:50051"])
def test_a_token_does_not_travel_in_plain_text(address: str) -> None:
    with pytest.raises(ValueError, match="plain text") as caught:
        Client(address, token=TOKEN)
    assert TOKEN not in str(caught.value)
    Client(address, token=TOKEN, insecure=True).close()


@pytest.mark.parametrize("address", ["localhost:1", "127.0.0.2:1", "[::1]:1", "unix:/run/socket"])
def test_a_token_may_travel_within_the_machine(address: str) -> None:
    Client(address, token=TOKEN).close()


@pytest.mark.parametrize("token", ["", "two words", "line\n", "naïve"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(token: str) -> None:
    with pytest.raises(ValueError, match="token must be printable") as caught:
        Client(token=token)
    assert not token or token not in str(caught.value)


def test_half_a_client_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="client_key"):
        Client(client_certificate=b"-----BEGIN CERTIFICATE-----")


def test_what_is_no_certificate_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(ValueError, match="root_certificates must be in PEM format"):
        Client(root_certificates=tmp_path / "empty.pem")
    with pytest.raises(FileNotFoundError):
        Client(root_certificates=tmp_path / "none.pem")


@pytest.mark.parametrize("timeout_s", [0, -1.0])
def test_a_timeout_must_be_one(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        Client(timeout_s=timeout_s)


def test_tokens_open_what_their_roles_allow(
    ask: Any, start_device: Callable[..., Any], plain_jpeg: bytes
) -> None:
    address = start_device({"server": token_settings("infer")}).addresses[0]
    assert ask(address, "detect_faces", plain_jpeg, client={"token": TOKEN}).width == 64
    video = ask(
        address, "process_video", [plain_jpeg], tasks=["detect_faces"], client={"token": TOKEN}
    )
    assert len(video) == 1
    # Health is open to all.
    assert ask(address, "is_serving")
    for client in ({}, {"token": "wrong"}):
        with pytest.raises(UnauthenticatedError) as caught:
            ask(address, "detect_faces", plain_jpeg, client=client)
        assert caught.value.reason == "UNAUTHENTICATED"


def test_a_token_without_the_role_is_denied(
    ask: Any, start_device: Callable[..., Any], plain_jpeg: bytes
) -> None:
    address = start_device({"server": token_settings("monitor")}).addresses[0]
    with pytest.raises(PermissionDeniedError):
        ask(address, "detect_faces", plain_jpeg, client={"token": TOKEN})


def test_tls_trusts_the_authority_it_is_given(
    ask: Any,
    start_device: Callable[..., Any],
    authority: trustme.CA,
    certificate: dict[str, str],
    plain_jpeg: bytes,
    tmp_path: Path,
) -> None:
    settings = {"tls": certificate, **token_settings("infer")}
    address = start_device({"server": settings}).addresses[0]
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(root)
    for source in (root, str(root), root.read_bytes()):
        trusting = {"root_certificates": source, "token": TOKEN}
        assert ask(address, "detect_faces", plain_jpeg, client=trusting).width == 64

    stranger: dict[str, Any] = {"root_certificates": trustme.CA().cert_pem.bytes(), "token": TOKEN}
    for client in (stranger, {"token": TOKEN}):
        # A stream, since what fails to open it is told at once, without retries.
        with pytest.raises(UnavailableError):
            ask(address, "process_video", [plain_jpeg], tasks=["detect_faces"], client=client)


def test_mutual_tls_asks_for_a_certificate_of_the_authority(
    ask: Any,
    start_device: Callable[..., Any],
    authority: trustme.CA,
    certificate: dict[str, str],
    plain_jpeg: bytes,
    tmp_path: Path,
) -> None:
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(root)
    settings = {"tls": {**certificate, "client_authority": str(root)}}
    address = start_device({"server": settings}).addresses[0]

    def client(issuer: trustme.CA) -> dict[str, Any]:
        issued = issuer.issue_cert("client")
        return {
            "root_certificates": root,
            "client_certificate": issued.cert_chain_pems[0].bytes(),
            "client_key": issued.private_key_pem.bytes(),
        }

    assert ask(address, "detect_faces", plain_jpeg, client=client(authority)).width == 64
    for refused in (client(trustme.CA()), {"root_certificates": root}):
        with pytest.raises(UnavailableError):
            ask(address, "process_video", [plain_jpeg], tasks=["detect_faces"], client=refused)


def test_a_proxy_for_the_way_out_is_not_asked_for_this_machine(
    ask: Any, device: DeviceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    assert ask(device.addresses[0], "is_serving")
