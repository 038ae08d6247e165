"""`lintel serve` as a process: stopped, killed, doubled, starved, and called by the rude."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import pytest

from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2, video_pb2, video_pb2_grpc

Start = Callable[..., Any]
Wait = Callable[..., None]

PROGRAM = Path(sys.executable).with_name("lintel")
DEADLINE_S = 30.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# What a process may grow by that merely settles: allocators keep some of what was used.
SETTLING_MIB = 32.0


@pytest.fixture(scope="module")
def long_request(draw_face: Callable[..., Any]) -> face_pb2.DetectFacesRequest:
    """A request of small bytes and much work."""
    done, picture = cv2.imencode(".jpg", draw_face(1280, 720))
    assert done
    return face_pb2.DetectFacesRequest(images=[image_pb2.Image(encoded=picture.tobytes())] * 8)


@pytest.fixture(scope="module")
def short_request(plain_jpeg: bytes) -> face_pb2.DetectFacesRequest:
    return face_pb2.DetectFacesRequest(images=[image_pb2.Image(encoded=plain_jpeg)])


def serves(address: str, request: face_pb2.DetectFacesRequest) -> bool:
    """Makes a call on a connection of its own; waits for the connection."""
    # Else gRPC would give the channel the connection of another to the same address.
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options) as channel:
        faces = face_pb2_grpc.FaceServiceStub(channel)
        return bool(faces.DetectFaces(request, timeout=DEADLINE_S, wait_for_ready=True).results)


class TestStopping:
    def test_calls_in_flight_are_finished(
        self, serve_process: Start, long_request: face_pb2.DetectFacesRequest
    ) -> None:
        device = serve_process("drain_s = 60.0")
        with grpc.insecure_channel(device.unix) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            calls = [faces.DetectFaces.future(long_request) for _ in range(6)]
            # All have arrived by the time that the first is done.
            calls[0].result(DEADLINE_S)
            device.popen.send_signal(signal.SIGTERM)
            assert all(len(call.result(DEADLINE_S).results) == 8 for call in calls)
        assert device.popen.wait(DEADLINE_S) == 0

    def test_what_outlasts_the_drain_is_cut_off(
        self, serve_process: Start, long_request: face_pb2.DetectFacesRequest
    ) -> None:
        device = serve_process("drain_s = 0.1\nworkers = 1\nmax_queue = 40")
        with grpc.insecure_channel(device.unix) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            # So many that some are left, however late this process hears of the first.
            calls = [faces.DetectFaces.future(long_request) for _ in range(40)]
            calls[0].result(DEADLINE_S)
            assert device.stop() == 0
            codes = {call.code() for call in calls[1:]}
        assert codes & {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}

    def test_a_killed_device_comes_back_on_the_same_addresses(
        self, serve_process: Start, short_request: face_pb2.DetectFacesRequest, tmp_path: Path
    ) -> None:
        listen = ["127.0.0.1:0", f"unix:{tmp_path}/socket"]
        device = serve_process(listen=listen)
        listen[0] = device.tcp
        device.popen.kill()
        device.popen.wait(DEADLINE_S)
        assert (tmp_path / "socket").exists()
        device = serve_process(listen=listen)
        assert [serves(address, short_request) for address in listen] == [True, True]
        assert device.stop() == 0


class TestStarting:
    def test_a_second_device_leaves_the_socket_of_the_first_alone(
        self, serve_process: Start, short_request: face_pb2.DetectFacesRequest
    ) -> None:
        device = serve_process()
        second = run_serve("--listen", device.unix)
        assert second.returncode == 2
        assert second.stderr == (
            f"Error: server.listen[0]: The address {device.unix} cannot be listened on; is another"
            " server there?\n"
        )
        assert serves(device.unix, short_request)

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ("[server]\nworker = 2", "workers"),
            ("[server]\nworkers = -1", "workers"),
            ("[server\n", "TOML"),
            ("[server]\nlisten = ['0.0.0.0:0']", "open to the network"),
            ("[models]\ndirectory = '/nowhere/at/all'", "model packages"),
            ("[faces]\nmodel = 'nobody'", "model"),
            ("[server.tls]\ncertificate = '/nowhere/a.pem'", "private_key"),
        ],
    )
    def test_invalid_settings_are_told_in_one_sentence(
        self, tmp_path: Path, settings: str, sentence: str
    ) -> None:
        config = tmp_path / "lintel.toml"
        config.write_text(settings)
        ended = run_serve("--config", str(config))
        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1, ended.stderr
        assert sentence in ended.stderr
        assert not ended.stdout

    @pytest.mark.parametrize("full", ["stdout", "stderr"])
    def test_a_full_disk_does_not_keep_it_from_serving(
        self, short_request: face_pb2.DetectFacesRequest, tmp_path: Path, full: str
    ) -> None:
        (tmp_path / "lintel.toml").write_text("[log]\nlevel = 'debug'")
        address = f"unix:{tmp_path}/socket"
        command = [PROGRAM, "serve", "--config", tmp_path / "lintel.toml", "--listen", address]
        streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with Path("/dev/full").open("w") as disk:
            popen = subprocess.Popen(command, **{**streams, full: disk})
        try:
            assert all(serves(address, short_request) for _ in range(3))
            popen.terminate()
            assert popen.wait(DEADLINE_S) == 0
        finally:
            popen.kill()
            popen.wait()


class TestConnections:
    @pytest.mark.parametrize("beginning", [b"", PREFACE[:7], PREFACE, PREFACE + b"\0\0"], ids=repr)
    def test_those_that_stay_silent_are_closed(
        self, serve_process: Start, short_request: face_pb2.DetectFacesRequest, beginning: bytes
    ) -> None:
        device = serve_process("receive_timeout_s = 0.5")
        with connect(device.tcp) as peer:
            peer.sendall(beginning)
            assert serves(device.tcp, short_request)
            while peer.recv(4096):
                pass

    def test_one_that_sends_a_byte_at_a_time_is_closed(
        self, serve_process: Start, short_request: face_pb2.DetectFacesRequest
    ) -> None:
        device = serve_process("receive_timeout_s = 0.5")
        with connect(device.tcp) as peer:
            peer.settimeout(0.1)
            with pytest.raises(OSError, match="closed"):
                for byte in PREFACE + bytes(600):
                    trickle(peer, byte)
            assert serves(device.tcp, short_request)

    def test_more_than_there_are_file_descriptors_are_survived(
        self, serve_process: Start, short_request: face_pb2.DetectFacesRequest
    ) -> None:
        def starve() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        device = serve_process(preexec_fn=starve)
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(connect(device.tcp))
        assert serves(device.tcp, short_request)
        assert device.stop() == 0


class TestMemory:
    @pytest.mark.parametrize("policy", ["DROP_POLICY_LOSSLESS", "DROP_POLICY_NEWEST_WINS"])
    def test_a_caller_that_never_reads_its_replies_is_held_back(
        self, serve_process: Start, wait: Wait, policy: str
    ) -> None:
        device = serve_process()
        pixels = np.zeros((480, 640, 3), np.uint8).tobytes()
        raw = image_pb2.RawFrame(pixel_format=1, width=640, height=480, data=pixels)
        sent = 0
        sent_at = time.monotonic()

        def requests() -> Iterator[video_pb2.ProcessVideoRequest]:
            nonlocal sent, sent_at
            yield video_pb2.ProcessVideoRequest(
                config={"tasks": ["VIDEO_TASK_BLUR_FACES"], "drop_policy": policy}
            )
            # Far more than may be kept: 0.9 MB each, if nobody held them back.
            for sent in range(300):
                sent_at = time.monotonic()
                frame = video_pb2.VideoFrame(sequence_number=sent, image={"raw": raw})
                yield video_pb2.ProcessVideoRequest(frame=frame)

        with grpc.insecure_channel(device.unix) as channel:
            before_mib = device.resident_mib()
            call = video_pb2_grpc.VideoServiceStub(channel).ProcessVideo(requests())
            # Either all are sent, or no more are taken.
            wait(lambda: sent > 5, "the stream to begin")
            wait(lambda: sent == 299 or time.monotonic() - sent_at > 1, "the stream to stand")
            assert device.resident_mib() - before_mib < 2 * SETTLING_MIB
            call.cancel()
        assert device.stop() == 0

    def test_cancelled_calls_leave_nothing_behind(
        self, serve_process: Start, short_request: face_pb2.DetectFacesRequest, wait: Wait
    ) -> None:
        device = serve_process()
        with grpc.insecure_channel(device.unix) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)

            def leave(number: int) -> None:
                call = faces.DetectFaces.future(short_request)
                if number % 3:
                    call.code()
                call.cancel()

            def leave_often(count: int) -> None:
                with ThreadPoolExecutor(4) as threads:
                    list(threads.map(leave, range(count)))
                faces.DetectFaces(short_request, timeout=DEADLINE_S)

            leave_often(100)
            before_mib, before_threads = device.resident_mib(), device.threads()
            leave_often(200)
            wait(lambda: device.threads() <= before_threads + 2, "threads to end")
            assert device.resident_mib() - before_mib < SETTLING_MIB
        assert "Traceback" not in device.log.read_text()
        assert device.stop() == 0


def run_serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `lintel serve` where it is expected to end by itself."""
    command = [PROGRAM, "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=DEADLINE_S)


def trickle(peer: socket.socket, byte: int) -> None:
    """Sends a byte, and waits a moment for the other side to say or close something."""
    try:
        peer.sendall(bytes([byte]))
        if peer.recv(4096) == b"":
            raise ConnectionResetError("closed")
    except TimeoutError:
        return
    except (ConnectionResetError, BrokenPipeError) as error:
        raise OSError("closed") from error
