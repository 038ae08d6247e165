"""The server around the services: limits, deadlines, access, health, drain."""

from __future__ import annotations

import hashlib
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import pytest
import trustme
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.mask_packages import write_mask_package

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.service import DeviceServer
from lintel.edge.service.calls import CallInterceptor
from lintel.inference import open_inference_pb2, open_inference_pb2_grpc
from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2, video_pb2, video_pb2_grpc

Details = Callable[[grpc.RpcError], dict[str, Message]]
StartDevice = Callable[..., DeviceServer]
Silence = Callable[[], Iterator[bytes]]

SERVICES = (
    "lintel.v1.FaceService",
    "lintel.v1.MaskService",
    "lintel.v1.StatisticsService",
    "lintel.v1.VideoService",
    "lintel.v1.SeriesService",
    "lintel.v1.ForecastService",
    "inference.GRPCInferenceService",
)


@pytest.fixture(scope="module")
def mask_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with a mask model."""
    return write_mask_package(tmp_path_factory.mktemp("models")).parent


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def detect(picture: bytes, count: int = 1) -> face_pb2.DetectFacesRequest:
    return face_pb2.DetectFacesRequest(images=[image_pb2.Image(encoded=picture)] * count)


def is_idle(device: DeviceServer) -> bool:
    return device.in_flight == 0


def until_taken(method: Callable[..., Any], request: Message) -> Any:
    """Calls a method until the device, which may say that it is at its limit, takes the call."""
    end = time.monotonic() + 20
    while True:
        try:
            return method(request, timeout=5)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert time.monotonic() < end


@pytest.fixture
def slow_request() -> face_pb2.DetectFacesRequest:
    """A request of few bytes, so that it arrives at once, and much work: several large pictures."""
    noise = np.random.default_rng(1).integers(110, 130, (9, 16, 3), np.uint8)
    done, picture = cv2.imencode(".jpg", cv2.resize(noise, (1920, 1080)))
    assert done
    return detect(picture.tobytes(), count=8)


@pytest.fixture
def silence() -> Iterator[Silence]:
    """Returns requests that do not come before the test is over."""
    over = threading.Event()

    def wait() -> Iterator[bytes]:
        over.wait()
        yield b""

    yield wait
    over.set()


class TestLimits:
    def test_what_is_too_much_is_refused_at_once_with_a_hint(
        self,
        start_device: StartDevice,
        slow_request: face_pb2.DetectFacesRequest,
        plain_jpeg: bytes,
        details_of: Details,
    ) -> None:
        device = start_device({"server": {"workers": 1, "max_queue": 1}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            accepted = [faces.DetectFaces.future(slow_request) for _ in range(2)]
            while device.in_flight < 2:
                assert not accepted[0].done()
            # On a busy machine some may take the place of senders that seem slow.
            more = [faces.DetectFaces.future(detect(plain_jpeg)) for _ in range(20)]
            error: Any = next(call.exception() for call in more if call.exception() is not None)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            details = details_of(error)
            assert details["ErrorInfo"].reason == "OVERLOADED"
            delay = details["RetryInfo"].retry_delay.ToTimedelta()
            assert 0.05 <= delay.total_seconds() <= 5
            trailers = dict(error.trailing_metadata())
            assert int(trailers["grpc-retry-pushback-ms"]) == delay.total_seconds() * 1000
            assert all(len(call.result().results) == 8 for call in accepted)
            assert faces.DetectFaces(detect(plain_jpeg)).results

    def test_a_flood_that_is_not_seen_at_once_is_not_taken_for_cancelled(
        self,
        start_device: StartDevice,
        plain_jpeg: bytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        device = start_device()
        released = threading.Event()
        intercept = CallInterceptor.intercept_service

        def stall(interceptor: CallInterceptor, *arguments: Any) -> Any:
            released.wait()
            return intercept(interceptor, *arguments)

        monkeypatch.setattr(CallInterceptor, "intercept_service", stall)
        with grpc.insecure_channel(device.addresses[0]) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            try:
                flood = [faces.DetectFaces.future(detect(plain_jpeg)) for _ in range(2500)]
                # What was sent before it on the same connection has arrived by then.
                last = faces.DetectFaces.future(detect(plain_jpeg), timeout=1)
                assert last.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            finally:
                released.set()
            codes = {call.code() for call in flood}
        assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}

    def test_what_there_is_to_call_is_told_while_videos_take_all_places(
        self, start_device: StartDevice, plain_jpeg: bytes
    ) -> None:
        device = start_device({"server": {"max_streams": 1}})
        over = threading.Event()

        def frames() -> Iterator[video_pb2.ProcessVideoRequest]:
            yield video_pb2.ProcessVideoRequest(
                config=video_pb2.VideoConfig(tasks=[video_pb2.VIDEO_TASK_DETECT_FACES])
            )
            image = image_pb2.Image(encoded=plain_jpeg)
            yield video_pb2.ProcessVideoRequest(frame=video_pb2.VideoFrame(image=image))
            over.wait()

        def ask() -> Iterator[reflection_pb2.ServerReflectionRequest]:
            yield reflection_pb2.ServerReflectionRequest(list_services="")

        with grpc.insecure_channel(device.addresses[0]) as channel:
            video = video_pb2_grpc.VideoServiceStub(channel).ProcessVideo(frames())
            assert next(video).HasField("result")
            reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
            answer = next(reflection.ServerReflectionInfo(ask(), timeout=10))
            assert answer.list_services_response.service
            over.set()
            assert list(video) == []

    def test_probes_are_answered_under_any_load(
        self, start_device: StartDevice, slow_request: face_pb2.DetectFacesRequest
    ) -> None:
        device = start_device({"server": {"workers": 1, "max_queue": 0}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            slow = face_pb2_grpc.FaceServiceStub(channel).DetectFaces.future(slow_request)
            while device.in_flight < 1:
                assert not slow.done()
            stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
            assert stub.ServerLive(open_inference_pb2.ServerLiveRequest()).live
            assert stub.ServerReady(open_inference_pb2.ServerReadyRequest()).ready
            health = health_pb2_grpc.HealthStub(channel)
            assert health.Check(health_pb2.HealthCheckRequest()).status
            assert not slow.done()
            assert slow.result().results

    def test_a_deadline_passes_while_waiting(
        self,
        start_device: StartDevice,
        slow_request: face_pb2.DetectFacesRequest,
        plain_jpeg: bytes,
    ) -> None:
        device = start_device({"server": {"workers": 1}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            slow = faces.DetectFaces.future(slow_request)
            with pytest.raises(grpc.RpcError) as caught:
                while True:
                    faces.DetectFaces(detect(plain_jpeg), timeout=0.02)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert slow.result().results

    def test_a_message_over_the_limit_says_so(
        self, start_device: StartDevice, plain_jpeg: bytes
    ) -> None:
        device = start_device({"server": {"max_message_mib": 1}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            with pytest.raises(grpc.RpcError) as caught:
                faces.DetectFaces(detect(plain_jpeg + bytes(1 << 20)))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(1 << 20) in caught.value.details()

    def test_a_picture_over_the_limits_says_so(
        self, start_device: StartDevice, plain_jpeg: bytes
    ) -> None:
        device = start_device({"images": {"max_bytes": 1024, "max_pixels": 1000}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            long = faces.DetectFaces(detect(plain_jpeg + bytes(1024))).results[0].error
            large = faces.DetectFaces(detect(plain_jpeg)).results[0].error
        assert (long.reason, large.reason) == ("IMAGE_TOO_LARGE",) * 2
        assert "1024" in long.message
        assert "3072 pixels" in large.message
        assert "1000" in large.message


class TestPeers:
    def test_bytes_that_are_no_message_are_refused(
        self, channel: grpc.Channel, details_of: Details
    ) -> None:
        call = channel.unary_unary("/lintel.v1.FaceService/DetectFaces")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "ErrorInfo" in details_of(caught.value)

    def test_a_frame_that_is_no_message_ends_the_stream(
        self, channel: grpc.Channel, details_of: Details
    ) -> None:
        call = channel.stream_stream("/lintel.v1.VideoService/ProcessVideo")
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([b"\x0a\x03\x0a\x01\x01", b"\xff\xff\xff"])))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "ErrorInfo" in details_of(caught.value)

    def test_an_unknown_method_is_unimplemented(self, channel: grpc.Channel) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/lintel.v1.FaceService/PaintFaces")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    def test_a_caller_that_never_sends_is_let_go(
        self, start_device: StartDevice, silence: Silence
    ) -> None:
        device = start_device({"server": {"receive_timeout_s": 0.2}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            call = channel.stream_unary("/lintel.v1.FaceService/DetectFaces")
            with pytest.raises(grpc.RpcError) as caught:
                call(silence(), timeout=20)
        assert caught.value.code() is grpc.StatusCode.CANCELLED

    def test_probes_without_a_request_keep_nobody_out(
        self, start_device: StartDevice, plain_jpeg: bytes, silence: Silence
    ) -> None:
        device = start_device()
        with grpc.insecure_channel(device.addresses[0]) as channel:
            call = channel.stream_unary("/grpc.health.v1.Health/Check")
            silent = [call.future(silence()) for _ in range(200)]
            own_connection = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(device.addresses[0], own_connection) as other:
                faces = face_pb2_grpc.FaceServiceStub(other)
                health = health_pb2_grpc.HealthStub(other)
                # While all of them arrive, a caller may be told to come back.
                assert until_taken(faces.DetectFaces, detect(plain_jpeg)).results
                assert until_taken(health.Check, health_pb2.HealthCheckRequest()).status
            codes = {sender.code() for sender in silent if sender.done()}
            for sender in silent:
                sender.cancel()
        # Those that the device took are let go, the rest refused at once.
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
        assert codes <= {grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED}

    def test_slow_senders_do_not_keep_others_out(
        self, start_device: StartDevice, plain_jpeg: bytes, silence: Silence
    ) -> None:
        device = start_device({"server": {"workers": 1, "max_queue": 1}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            call = channel.stream_unary("/lintel.v1.FaceService/DetectFaces")
            slow = [call.future(silence()) for _ in range(6)]
            faces = face_pb2_grpc.FaceServiceStub(channel)
            # At first they fill the line like any others; then the device sees what they are.
            while faces.DetectFaces.future(detect(plain_jpeg)).code() is not grpc.StatusCode.OK:
                assert any(not sender.done() for sender in slow)
            for sender in slow:
                sender.cancel()

    def test_bytes_that_are_not_http_do_no_harm(
        self, device: DeviceServer, channel: grpc.Channel, plain_jpeg: bytes
    ) -> None:
        host, _, port = device.addresses[0].rpartition(":")
        with socket.create_connection((host, int(port))) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)))
            peer.settimeout(10)
            while peer.recv(4096):
                pass
        faces = face_pb2_grpc.FaceServiceStub(channel)
        assert faces.DetectFaces(detect(plain_jpeg)).results

    def test_the_request_id_comes_back_where_it_is_harmless(
        self, channel: grpc.Channel, plain_jpeg: bytes
    ) -> None:
        faces = face_pb2_grpc.FaceServiceStub(channel)
        request = detect(plain_jpeg)
        _, mine = faces.DetectFaces.with_call(request, metadata=(("x-request-id", "door-7"),))
        _, odd = faces.DetectFaces.with_call(request, metadata=(("x-request-id", "a b;c"),))
        assert dict(mine.trailing_metadata())["x-request-id"] == "door-7"
        assert "x-request-id" not in dict(odd.trailing_metadata())

    def test_every_failure_has_a_request_id(self, channel: grpc.Channel) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            face_pb2_grpc.FaceServiceStub(channel).DetectFaces(face_pb2.DetectFacesRequest())
        assert dict(caught.value.trailing_metadata())["x-request-id"]


class TestHealth:
    def test_every_service_is_serving(self, start_device: StartDevice, mask_models: Path) -> None:
        device = start_device({"models": {"directory": str(mask_models)}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for service in ("", *SERVICES):
                reply = health.Check(health_pb2.HealthCheckRequest(service=service))
                assert reply.status == health_pb2.HealthCheckResponse.SERVING, service

    def test_without_a_face_model_only_faces_are_not_served(
        self, start_device: StartDevice, mask_models: Path, plain_jpeg: bytes
    ) -> None:
        device = start_device({"faces": {"model": ""}, "models": {"directory": str(mask_models)}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            status = {
                service: health.Check(health_pb2.HealthCheckRequest(service=service)).status
                for service in SERVICES
            }
            call = face_pb2_grpc.FaceServiceStub(channel).DetectFaces.future(detect(plain_jpeg))
            assert call.code() is grpc.StatusCode.NOT_FOUND
        serving = health_pb2.HealthCheckResponse.SERVING
        assert [name for name in SERVICES if status[name] != serving] == [SERVICES[0]]

    def test_an_unknown_service_is_not_found(
        self, channel: grpc.Channel, details_of: Details
    ) -> None:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="lintel.v1.Nobody")
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(request)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert details_of(caught.value)["ErrorInfo"].reason == "SERVICE_NOT_FOUND"
        # Who watches may wait for a service that is yet to come.
        unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert next(health.Watch(request)).status == unknown

    def test_a_watcher_sees_the_drain(self, start_device: StartDevice) -> None:
        device = start_device()
        with grpc.insecure_channel(device.addresses[0]) as channel:
            changes = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert next(changes).status == health_pb2.HealthCheckResponse.SERVING
            stopper = threading.Thread(target=device.stop)
            stopper.start()
            assert next(changes).status == health_pb2.HealthCheckResponse.NOT_SERVING
            changes.cancel()
            stopper.join()

    def test_reflection_lists_the_services(self, channel: grpc.Channel) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        reply = next(iter(stub.ServerReflectionInfo(iter([request]))))
        names = {service.name for service in reply.list_services_response.service}
        assert names >= {*SERVICES, "grpc.health.v1.Health"}


class TestDrain:
    def test_work_in_flight_is_finished_and_new_calls_are_refused(
        self,
        start_device: StartDevice,
        slow_request: face_pb2.DetectFacesRequest,
        plain_jpeg: bytes,
    ) -> None:
        device = start_device({"server": {"drain_s": 30.0}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            faces = face_pb2_grpc.FaceServiceStub(channel)
            assert faces.DetectFaces(detect(plain_jpeg)).results
            while not is_idle(device):
                # A call is over just after its answer has left.
                pass
            slow = faces.DetectFaces.future(slow_request)
            while is_idle(device):
                assert not slow.done()
            device.stop()
            assert len(slow.result().results) == 8
            with pytest.raises(grpc.RpcError) as caught:
                faces.DetectFaces(detect(plain_jpeg))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


class TestAddresses:
    def test_a_unix_socket_serves_and_is_for_owner_and_group_only(
        self, device: DeviceServer, plain_jpeg: bytes
    ) -> None:
        address = device.addresses[1]
        mode = Path(address.removeprefix("unix:")).stat().st_mode
        assert stat.S_IMODE(mode) == 0o660
        with grpc.insecure_channel(address) as channel:
            assert face_pb2_grpc.FaceServiceStub(channel).DetectFaces(detect(plain_jpeg)).results

    def test_a_taken_port_is_an_error(
        self, device: DeviceServer, start_device: StartDevice
    ) -> None:
        with pytest.raises(SettingsInvalidError, match="another server") as caught:
            start_device({"server": {"listen": [device.addresses[0]]}})
        assert caught.value.field == "server.listen[0]"

    def test_a_device_that_cannot_listen_leaves_nothing_behind(
        self, device: DeviceServer, start_device: StartDevice, tmp_path: Path
    ) -> None:
        before = set(threading.enumerate())
        free = f"unix:{tmp_path}/socket"
        with pytest.raises(SettingsInvalidError):
            start_device({"server": {"listen": [free, device.addresses[0]]}})
        for thread in set(threading.enumerate()) - before:
            thread.join(30)
            assert not thread.is_alive(), thread.name
        assert start_device({"server": {"listen": [free]}}).addresses == (free,)

    def test_of_devices_that_start_on_one_socket_at_once_one_gets_it(
        self, start_device: StartDevice, tmp_path: Path, plain_jpeg: bytes
    ) -> None:
        for attempt in range(5):
            address = f"unix:{tmp_path}/{attempt}"
            together = threading.Barrier(3)

            def start(address: str = address, together: threading.Barrier = together) -> bool:
                together.wait()
                try:
                    start_device({"server": {"listen": [address]}, "faces": {"model": ""}})
                except SettingsInvalidError as error:
                    assert error.field == "server.listen[0]"
                    return False
                return True

            with ThreadPoolExecutor(3) as pool:
                assert sum(pool.map(lambda _: start(), range(3))) == 1
            with grpc.insecure_channel(address) as channel:
                health = health_pb2_grpc.HealthStub(channel)
                assert health.Check(health_pb2.HealthCheckRequest()).status

    @pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "door.example:0"])
    def test_the_network_needs_protection(self, start_device: StartDevice, address: str) -> None:
        with pytest.raises(SettingsInvalidError, match="open to the network"):
            start_device({"server": {"listen": [address]}})

    @pytest.mark.parametrize("address", ["127.0.0.1", ":50051", "host:port", "h:70000", "unix:"])
    def test_a_malformed_address_is_named(self, start_device: StartDevice, address: str) -> None:
        with pytest.raises(SettingsInvalidError, match="neither HOST:PORT nor unix:/path"):
            start_device({"server": {"listen": [address]}})


class TestTokens:
    @pytest.fixture
    def faces(self, start_device: StartDevice) -> Iterator[face_pb2_grpc.FaceServiceStub]:
        tokens = [
            {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "roles": [role]}
            for name, role in (("door", "infer"), ("watch", "monitor"))
        ]
        device = start_device({"server": {"tokens": tokens}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            yield face_pb2_grpc.FaceServiceStub(channel)

    @pytest.mark.parametrize(
        ("header", "code"),
        [
            ("Bearer door", grpc.StatusCode.OK),
            ("bearer door", grpc.StatusCode.OK),
            ("Bearer watch", grpc.StatusCode.PERMISSION_DENIED),
            ("Bearer nobody", grpc.StatusCode.UNAUTHENTICATED),
            ("Bearer ", grpc.StatusCode.UNAUTHENTICATED),
            ("Basic door", grpc.StatusCode.UNAUTHENTICATED),
            (None, grpc.StatusCode.UNAUTHENTICATED),
        ],
    )
    def test_a_token_opens_what_its_roles_allow(
        self,
        faces: face_pb2_grpc.FaceServiceStub,
        plain_jpeg: bytes,
        header: str | None,
        code: grpc.StatusCode,
    ) -> None:
        metadata = [("authorization", header)] if header is not None else []
        call = faces.DetectFaces.future(detect(plain_jpeg), metadata=metadata)
        assert call.code() is code

    def test_health_is_open_to_all_and_reflection_to_monitors(
        self, start_device: StartDevice
    ) -> None:
        token = {
            "name": "watch",
            "sha256": hashlib.sha256(b"watch").hexdigest(),
            "roles": ["monitor"],
        }
        device = start_device({"server": {"tokens": [token]}})
        with grpc.insecure_channel(device.addresses[0]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            assert health.Check(health_pb2.HealthCheckRequest()).status
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            requests = [reflection_pb2.ServerReflectionRequest(list_services="")]
            metadata = [("authorization", "Bearer watch")]
            assert list(stub.ServerReflectionInfo(iter(requests), metadata=metadata))
            with pytest.raises(grpc.RpcError) as caught:
                list(stub.ServerReflectionInfo(iter(requests)))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            with pytest.raises(grpc.RpcError) as caught:
                list(video_pb2_grpc.VideoServiceStub(channel).ProcessVideo(iter([])))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


class TestTls:
    @pytest.fixture
    def tls(self, authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
        server = authority.issue_cert("localhost", "127.0.0.1")
        server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
        server.private_key_pem.write_to_path(tmp_path / "server.key")
        authority.cert_pem.write_to_path(tmp_path / "clients.pem")
        return {
            "certificate": str(tmp_path / "server.pem"),
            "private_key": str(tmp_path / "server.key"),
        }

    def test_tls_serves_those_who_trust_it(
        self,
        start_device: StartDevice,
        tls: dict[str, str],
        authority: trustme.CA,
        plain_jpeg: bytes,
    ) -> None:
        device = start_device({"server": {"tls": tls}})
        trusting = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        with grpc.secure_channel(device.addresses[0], trusting) as channel:
            assert face_pb2_grpc.FaceServiceStub(channel).DetectFaces(detect(plain_jpeg)).results
        with grpc.insecure_channel(device.addresses[0]) as channel:
            call = face_pb2_grpc.FaceServiceStub(channel).DetectFaces.future(detect(plain_jpeg))
            assert call.code() is grpc.StatusCode.UNAVAILABLE

    def test_mutual_tls_asks_for_a_certificate_of_its_authority(
        self,
        start_device: StartDevice,
        tls: dict[str, str],
        authority: trustme.CA,
        tmp_path: Path,
        plain_jpeg: bytes,
    ) -> None:
        tls = {**tls, "client_authority": str(tmp_path / "clients.pem")}
        device = start_device({"server": {"tls": tls}})
        codes = []
        for issuer in (authority, trustme.CA(), None):
            known = issuer.issue_cert("door@example.org") if issuer else None
            credentials = grpc.ssl_channel_credentials(
                authority.cert_pem.bytes(),
                known.private_key_pem.bytes() if known else None,
                known.cert_chain_pems[0].bytes() if known else None,
            )
            with grpc.secure_channel(device.addresses[0], credentials) as channel:
                faces = face_pb2_grpc.FaceServiceStub(channel)
                codes.append(faces.DetectFaces.future(detect(plain_jpeg)).code())
        refused = grpc.StatusCode.UNAVAILABLE
        assert codes == [grpc.StatusCode.OK, refused, refused]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"private_key": ""}, "server.tls.private_key"),
            ({"certificate": ""}, "server.tls.certificate"),
            ({"certificate": "/nowhere/server.pem"}, "server.tls.certificate"),
            ({"certificate": "junk"}, "server.tls.certificate"),
            ({"private_key": "junk"}, "server.tls.certificate"),
            ({"private_key": "other.key"}, "server.tls.certificate"),
            ({"client_authority": "junk"}, "server.tls.client_authority"),
        ],
    )
    def test_what_is_missing_or_wrong_is_named(
        self,
        start_device: StartDevice,
        tls: dict[str, str],
        change: dict[str, str],
        field: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("junk").write_text("no certificate")
        trustme.CA().issue_cert("localhost").private_key_pem.write_to_path("other.key")
        with pytest.raises(SettingsInvalidError) as caught:
            start_device({"server": {"tls": {**tls, **change}}})
        assert caught.value.field == field
