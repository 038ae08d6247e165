"""What an operator sees: the metrics page and the logs."""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.mask_packages import write_mask_package

from lintel.edge.config import Log
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.service import DeviceServer
from lintel.edge.service.calls import CallLog, CallRecord
from lintel.edge.service.logs import configure
from lintel.v1 import face_pb2, face_pb2_grpc, image_pb2, mask_pb2, mask_pb2_grpc

StartDevice = Callable[..., DeviceServer]
DETECT = "/lintel.v1.FaceService/DetectFaces"
CLASSIFY = "/lintel.v1.MaskService/ClassifyMasks"
CHECK = "/grpc.health.v1.Health/Check"
UNKNOWN_SERVICE = health_pb2.HealthCheckRequest(service="lintel.v1.Nobody")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Puts the logger back as it was."""
    root = logging.getLogger("lintel")
    before = (root.handlers, root.level, root.propagate)
    yield
    root.handlers, root.level, root.propagate = before


def read_page(address: str) -> dict[str, float]:
    """Returns the samples of a metrics page by name and labels."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def test_the_page_tells_calls_times_and_memory(
    start_device: StartDevice, face_jpeg: bytes, unused_port: int
) -> None:
    address = f"127.0.0.1:{unused_port}"
    device = start_device({"metrics": {"listen": address}})
    with grpc.insecure_channel(device.addresses[0]) as channel:
        faces = face_pb2_grpc.FaceServiceStub(channel)
        request = face_pb2.DetectFacesRequest(images=[image_pb2.Image(encoded=face_jpeg)])
        for _ in range(3):
            faces.DetectFaces(request)
        with pytest.raises(grpc.RpcError):
            faces.DetectFaces(face_pb2.DetectFacesRequest())
        with pytest.raises(grpc.RpcError):
            health_pb2_grpc.HealthStub(channel).Check(UNKNOWN_SERVICE)
        failed = {
            f'lintel_calls_total{{code="INVALID_ARGUMENT",method="{DETECT}"}}',
            f'lintel_calls_total{{code="NOT_FOUND",method="{CHECK}"}}',
        }
        samples = read_page(address)
        while not failed <= samples.keys() or samples["lintel_calls_in_flight"]:
            # A call is counted, and no longer in flight, just after its answer has left.
            samples = read_page(address)
    assert samples[f'lintel_calls_total{{code="OK",method="{DETECT}"}}'] == 3
    assert samples[f'lintel_call_work_seconds_count{{method="{DETECT}"}}'] == 4
    assert samples[f'lintel_call_queue_seconds_sum{{method="{DETECT}"}}'] > 0
    assert samples['lintel_model_inferences_total{model="face",outcome="success"}'] == 3
    assert samples['lintel_model_compute_seconds_total{model="face"}'] > 0
    assert samples["process_resident_memory_bytes"] > 1e7


def test_the_page_tells_mask_models_by_name(
    start_device: StartDevice, tmp_path: Path, face_jpeg: bytes, unused_port: int
) -> None:
    write_mask_package(tmp_path / "models", "door-mask")
    address = f"127.0.0.1:{unused_port}"
    device = start_device(
        {
            "metrics": {"listen": address},
            "models": {"directory": str(tmp_path / "models")},
            "masks": {"model": "door-mask"},
        }
    )
    with grpc.insecure_channel(device.addresses[0]) as channel:
        request = mask_pb2.ClassifyMasksRequest(images=[image_pb2.Image(encoded=face_jpeg)] * 2)
        mask_pb2_grpc.MaskServiceStub(channel).ClassifyMasks(request)
        count = f'lintel_calls_total{{code="OK",method="{CLASSIFY}"}}'
        while count not in (samples := read_page(address)):
            pass
    for model in ("face", "door-mask"):
        name = f'lintel_model_inferences_total{{model="{model}",outcome="success"}}'
        assert samples[name] == 2


def test_a_taken_metrics_port_is_named(device: DeviceServer, start_device: StartDevice) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        start_device({"metrics": {"listen": device.addresses[0]}})
    assert caught.value.field == "metrics.listen"


def test_logs_are_json_lines_with_request_ids_and_no_content(
    start_device: StartDevice,
    face_jpeg: bytes,
    capsys: pytest.CaptureFixture[str],
    restored_logging: None,
) -> None:
    configure(Log(level="debug", format="json"))
    device = start_device()
    with grpc.insecure_channel(device.addresses[0]) as channel:
        faces = face_pb2_grpc.FaceServiceStub(channel)
        request = face_pb2.DetectFacesRequest(images=[image_pb2.Image(encoded=face_jpeg)])
        faces.DetectFaces(request, metadata=(("x-request-id", "door-7"),))
    device.stop()
    written = capsys.readouterr().err
    entries = [json.loads(line) for line in written.splitlines()]
    call = next(entry for entry in entries if entry["message"] == "call")
    assert call["level"] == "DEBUG"
    assert (call["request_id"], call["method"], call["code"]) == ("door-7", DETECT, "OK")
    assert call["work_ms"] > 0
    assert max(map(len, written.splitlines())) < 500


def test_text_logs_put_what_they_know_behind_the_message(
    capsys: pytest.CaptureFixture[str], restored_logging: None
) -> None:
    configure(Log())
    logging.getLogger("lintel.service").info("draining", extra={"in_flight": 2})
    assert re.search(r"INFO +draining in_flight=2\n", capsys.readouterr().err)


def test_a_flood_of_refusals_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    log = CallLog()
    refused = CallRecord(DETECT, "a-1", code="RESOURCE_EXHAUSTED", reason="OVERLOADED")
    with caplog.at_level(logging.INFO, "lintel.calls"):
        for _ in range(1000):
            log.observe(refused)
    assert [record.getMessage() for record in caplog.records] == ["the device is at its limit"]


@pytest.mark.parametrize(
    ("code", "level"),
    [("OK", "DEBUG"), ("INVALID_ARGUMENT", "INFO"), ("INTERNAL", "ERROR"), ("UNKNOWN", "ERROR")],
)
def test_the_level_tells_whose_fault_it_was(
    caplog: pytest.LogCaptureFixture, code: str, level: str
) -> None:
    with caplog.at_level(logging.DEBUG, "lintel.calls"):
        CallLog().observe(CallRecord(DETECT, "a-1", code=code))
    assert [record.levelname for record in caplog.records] == [level]
