"""The command line and a server: the same words, the same results."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from lintel.client import Client
from lintel.edge.service import DeviceServer

Run = Callable[..., tuple[int, str, str]]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(params=["TCP", "Unix socket"])
def address(request: pytest.FixtureRequest, device: DeviceServer) -> str:
    return device.addresses[1 if request.param == "Unix socket" else 0]


@pytest.mark.parametrize("command", ["detect", "stats"])
def test_csv_is_the_same_from_both(
    run: Run, album: Path, tmp_path: Path, address: str, command: str, damaged_jpeg: bytes
) -> None:
    (album / "damaged.jpg").write_bytes(damaged_jpeg)
    local = run(command, album, "--csv", tmp_path / "local.csv", "--local")
    server = run(command, album, "--csv", tmp_path / "server.csv", "--server", address)
    assert local == server
    assert local[0] == 1
    assert (tmp_path / "local.csv").read_bytes() == (tmp_path / "server.csv").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--method", "fill", "--shape", "box", "--margin", "0.5", "--format", "png"),
        ("--whole-frame", "--method", "pixelate", "--format", "webp", "--quality", "50"),
    ],
)
def test_blurred_pictures_are_the_same_from_both(
    run: Run, album: Path, tmp_path: Path, device: DeviceServer, options: tuple[str, ...]
) -> None:
    folders = {"local": ("--local",), "server": ("--server", device.addresses[0])}
    for name, place in folders.items():
        assert run("blur", album, "--out", tmp_path / name, *options, *place)[0] == 0
    results = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*.*")
        }
        for name in folders
    ]
    assert len(results[0]) == 3
    assert results[0] == results[1]


@pytest.mark.data
def test_real_pictures_come_out_the_same_from_both(
    run: Run, data_folder: Path, tmp_path: Path, device: DeviceServer
) -> None:
    pictures = sorted((data_folder / "faces" / "images").rglob("*.*"))[::1000]
    assert pictures
    folders = {"local": ("--local",), "server": ("--server", device.addresses[0])}
    seen = {}
    for name, place in folders.items():
        assert run("blur", *pictures, "--out", tmp_path / name, *place)[0] == 0
        faces = run("detect", *pictures, "--csv", "-", *place)
        statistics = run("stats", *pictures, "--csv", "-", *place)
        assert len(statistics[1].splitlines()) == 1 + len(pictures)
        blurred = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        assert len(blurred) == len(pictures)
        seen[name] = (faces, statistics, blurred)
    assert seen["local"] == seen["server"]


def test_the_environment_may_name_the_server(
    run: Run, album: Path, device: DeviceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINTEL_SERVER", device.addresses[0])
    assert run("stats", album, "--csv", "-")[0] == 0
    monkeypatch.setenv("LINTEL_SERVER", "nowhere")
    assert run("stats", album, "--csv", "-")[0] == 2
    assert run("stats", album, "--csv", "-", "--local")[0] == 0


@pytest.mark.parametrize("option", ["--token", "--token-file", "--client-certificate"])
def test_what_is_shown_to_a_server_is_not_left_unused(
    run: Run, album: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, err = run("stats", album, option, "me")
    assert status == 2
    assert f"{option} is for a server: give --server, too." in err
    monkeypatch.setenv("LINTEL_TOKEN", "of-another-day")
    assert run("stats", album, "--csv", "-")[0] == 0


def test_local_and_server_contradict_each_other(run: Run, album: Path) -> None:
    status, _, err = run("stats", album, "--local", "--server", "127.0.0.1:1")
    assert status == 2
    assert "contradict" in err


def test_settings_are_not_for_a_server(run: Run, album: Path, tmp_path: Path) -> None:
    options = ("--server", "127.0.0.1:1", "--config", tmp_path / "lintel.toml")
    status, _, err = run("stats", album, *options)
    assert status == 2
    assert "leave --config out" in err


def test_no_server_ends_the_command_with_what_to_do(run: Run, album: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    status, out, err = run("stats", album, "--server", address)
    assert (status, out) == (2, "")
    assert err == (
        f"Error: The server at {address} does not answer: start one with `lintel serve`,"
        " give --root-certificates or --client-certificate where it speaks TLS, or leave"
        " --server out.\n"
    )


def test_a_server_that_goes_away_ends_the_command(
    start: Start, start_device: Callable[..., DeviceServer], tmp_path: Path, plain_jpeg: bytes
) -> None:
    (tmp_path / "b.jpg").write_bytes(plain_jpeg)
    os.mkfifo(tmp_path / "a.jpg")
    server = start_device()
    process = start("stats", tmp_path / "a.jpg", tmp_path, "--server", server.addresses[0])
    # Opens once the command has asked the server whether it is ready, and holds it there.
    with (tmp_path / "a.jpg").open("wb") as pipe:
        server.stop()
        pipe.write(plain_jpeg)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert b"does not answer" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--server", "nowhere"), "--server must be"),
        (("--server", "192.0.2.1:1", "--token", "secret"), "give --root-certificates."),
        (("--server", "127.0.0.1:1", "--root-certificates", "missing.pem"), "missing.pem cannot"),
        (("--server", "127.0.0.1:1", "--client-key", "/dev/null"), "--client-key must be in PEM"),
        (("--server", "127.0.0.1:1", "--token-file", "missing"), "missing cannot be read"),
        (("--server", "127.0.0.1:1", "--token-file", "/dev/null"), "/dev/null is empty."),
        (("--server", "127.0.0.1:1", "--token-file", "a", "--token", "b"), "give one of them"),
    ],
)
def test_wrong_addresses_and_certificates_are_told_in_the_words_of_the_options(
    run: Run, album: Path, options: tuple[str, ...], message: str
) -> None:
    status, _, err = run("stats", album, *options)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_a_token_is_asked_for_and_taken(
    run: Run,
    album: Path,
    start_device: Callable[..., DeviceServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = {
        "name": "test",
        "sha256": hashlib.sha256(b"secret").hexdigest(),
        "roles": ["infer"],
    }
    server = start_device({"server": {"tokens": [token]}})
    place = ("--server", server.addresses[0])
    status, _, err = run("stats", album, *place)
    assert status == 2
    assert "refuses" in err
    monkeypatch.setenv("LINTEL_TOKEN", "secret")
    assert run("stats", album, *place)[0] == 0
    monkeypatch.delenv("LINTEL_TOKEN")
    (tmp_path / "token").write_text("secret\n")
    assert run("stats", album, *place, "--token-file", tmp_path / "token")[0] == 0


def test_mutual_tls_is_spoken_with_a_certificate_and_its_key(
    run: Run,
    album: Path,
    start_device: Callable[..., DeviceServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, known in (("server", "127.0.0.1"), ("client", "door@example.org")):
        issued = authority.issue_cert(known)
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    tls = {
        "certificate": str(tmp_path / "server.pem"),
        "private_key": str(tmp_path / "server.key"),
        "client_authority": str(tmp_path / "ca.pem"),
    }
    server = start_device({"server": {"tls": tls}})
    trusting = ("--server", server.addresses[0], "--root-certificates", tmp_path / "ca.pem")
    pair = (
        "--client-certificate",
        tmp_path / "client.pem",
        "--client-key",
        tmp_path / "client.key",
    )
    assert run("stats", album, *trusting, *pair)[0] == 0
    refused = run("stats", album, *trusting)[2]
    assert "see that it speaks TLS and that these certificates are its" in refused
    assert "together" in run("stats", album, *trusting, *pair[:2])[2]
    monkeypatch.setenv("LINTEL_ROOT_CERTIFICATES", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("LINTEL_CLIENT_CERTIFICATE", str(tmp_path / "client.pem"))
    monkeypatch.setenv("LINTEL_CLIENT_KEY", str(tmp_path / "client.key"))
    assert run("stats", album, "--server", server.addresses[0])[0] == 0


def test_serve_says_where_and_how_to_try_it_and_stops_when_told(
    start: Start, tmp_path: Path, face_jpeg: bytes
) -> None:
    process = start("serve", "--listen", "127.0.0.1:0", "--listen", f"unix:{tmp_path}/socket")
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    address = line.removeprefix("Serving on ").partition(",")[0]
    assert f"lintel blur photo.jpg --out blurred --server {address}" in line
    with Client(address) as client:
        assert client.detect_faces(face_jpeg).faces
    page = process.stdout.readline().decode().strip().removeprefix("Look at it: ")
    with urllib.request.urlopen(page, timeout=60) as answer:
        assert b"No camera is set up yet" in answer.read()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_serve_says_what_to_show_it(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "lintel.toml"
    digest = hashlib.sha256(b"secret").hexdigest()
    config.write_text(f'[[server.tokens]]\nname = "me"\nsha256 = "{digest}"\nroles = ["infer"]\n')
    process = start("serve", "--listen", f"unix:{tmp_path}/socket", "--config", config)
    assert process.stdout is not None
    assert process.stdout.readline().endswith(b"socket --token-file FILE\n")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
