"""Messages from strangers: whatever the bytes, a documented status, and a device that goes on.

Real calls to a real `lintel serve`, one at a time so that each finding has its number.
`LINTEL_FUZZ_MUTATIONS` says how many, `LINTEL_FUZZ_SEED` which.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tests.builders import tiny_network
from tests.mask_packages import write_mask_package
from tests.message_mutations import mutate
from tests.tensor_packages import build_echo, echo_arrays, write_network, write_package

from lintel.edge import errors
from lintel.inference import open_inference_pb2 as inference
from lintel.v1 import (
    face_pb2,
    forecast_pb2,
    image_pb2,
    mask_pb2,
    series_pb2,
    statistics_pb2,
    video_pb2,
)

MUTATIONS = int(os.environ.get("LINTEL_FUZZ_MUTATIONS", "1500"))
SEED = os.environ.get("LINTEL_FUZZ_SEED", "lintel")

# Far above what any of these calls needs: one that takes longer hangs.
DEADLINE_S = 20.0
# What the process may grow by over all mutations, however many: pictures of up to 40 megapixels
# are decoded on the way, of which the allocator keeps some 32 MiB in each of its arenas.
GROWTH_MIB = 96.0
# Calls one at a time, in time, to a device that serves: nothing else may happen.
EXPECTED_CODES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNAVAILABLE"}
EXPECTED_CODES |= {"RESOURCE_EXHAUSTED", "INTERNAL"}
REASONS = {
    kind.reason: kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.LintelError)
}
# Neither traces nor names of exceptions, modules or files.
INDISCREET = re.compile(r"Traceback|\w(Error|Exception)\b|\.py\b|(^|[\s\"'(])/\w+/|site-packages")


@dataclass(frozen=True)
class Method:
    """A method, good requests to it, what it answers, and what surrounds a request in a stream."""

    path: str
    requests: list[Message]
    response: type[Message]
    is_stream: bool = False
    before: tuple[Message, ...] = ()
    after: tuple[Message, ...] = ()


def raw_frames() -> Iterator[image_pb2.Image]:
    for number, size in ((1, 24 * 16 * 3), (3, 24 * 16), (4, 24 * 24), (5, 24 * 24)):
        yield image_pb2.Image(
            raw=image_pb2.RawFrame(
                pixel_format=number, width=24, height=16, stride_bytes=0, data=b"\x55" * size
            )
        )


def picture_methods(pictures: list[image_pb2.Image]) -> list[Method]:
    detection = face_pb2.DetectionOptions(min_score=0.25, model="face")
    blur = face_pb2.BlurOptions(method=2, shape=1, margin=0.3)
    output = face_pb2.OutputOptions(format=2, quality=50)
    masks = face_pb2.MaskOptions(min_probability=0.5, model="mask")
    face, video = "/lintel.v1.FaceService/", "/lintel.v1.VideoService/ProcessVideo"
    detect = [face_pb2.DetectFacesRequest(images=[one], detection=detection) for one in pictures]
    blurs = [
        face_pb2.BlurFacesRequest(images=[one], detection=detection, blur=blur, output=output)
        for one in pictures
    ] + [face_pb2.BlurFacesRequest(images=pictures, blur={"whole_frame": True})]
    statistics = [statistics_pb2.ComputeImageStatisticsRequest(images=pictures)]
    config = video_pb2.VideoConfig(
        tasks=video_pb2.VideoTask.values()[1:],
        drop_policy=2,
        detection=detection,
        blur=blur,
        output=output,
        masks=masks,
    )
    start = video_pb2.ProcessVideoRequest(config=config)
    frames: list[Message] = [
        video_pb2.ProcessVideoRequest(
            frame=video_pb2.VideoFrame(sequence_number=5, timestamp_us=6, image=one)
        )
        for one in pictures
    ]
    reply = video_pb2.ProcessVideoResponse
    return [
        Method(face + "DetectFaces", [*detect], face_pb2.DetectFacesResponse),
        Method(face + "BlurFaces", [*blurs], face_pb2.BlurFacesResponse),
        Method(
            "/lintel.v1.StatisticsService/ComputeImageStatistics",
            [*statistics],
            statistics_pb2.ComputeImageStatisticsResponse,
        ),
        mask_method(pictures, detection, masks),
        Method(video, [start], reply, True, after=(frames[0],)),
        Method(video, frames, reply, True, before=(start,)),
    ]


def mask_method(
    pictures: list[image_pb2.Image],
    detection: face_pb2.DetectionOptions,
    masks: face_pb2.MaskOptions,
) -> Method:
    box = image_pb2.BoundingBox(x_min=1, y_min=2.5, x_max=15, y_max=16)
    faces = [mask_pb2.FaceBoxes(boxes=[box, box]) for _ in pictures]
    requests: list[Message] = [
        mask_pb2.ClassifyMasksRequest(images=pictures, detection=detection, masks=masks),
        mask_pb2.ClassifyMasksRequest(images=pictures, face_source=2, boxes=faces, masks=masks),
        mask_pb2.ClassifyMasksRequest(images=pictures, face_source=3, masks=masks),
    ]
    return Method("/lintel.v1.MaskService/ClassifyMasks", requests, mask_pb2.ClassifyMasksResponse)


def series_methods() -> list[Method]:
    service = "/lintel.v1.SeriesService/"
    counts = [series_pb2.Count(series="door", timestamp_us=1_767_225_600_000_000, value=2.5)] * 2
    record: list[Message] = [
        series_pb2.RecordCountsRequest(counts=counts, idempotency_key="once"),
        series_pb2.RecordCountsRequest(counts=counts, buffered=True),
    ]
    read: list[Message] = [
        series_pb2.ReadSeriesRequest(name="door", resolution=1, start_timestamp_us=1),
        series_pb2.ReadSeriesRequest(name="door", resolution=3, end_timestamp_us=1 << 60),
    ]
    return [
        Method(service + "RecordCounts", record, series_pb2.RecordCountsResponse),
        Method(service + "ReadSeries", read, series_pb2.ReadSeriesResponse),
        Method(
            service + "ListSeries", [series_pb2.ListSeriesRequest()], series_pb2.ListSeriesResponse
        ),
        Method(
            service + "DeleteSeries",
            [series_pb2.DeleteSeriesRequest(name="door")],
            series_pb2.DeleteSeriesResponse,
        ),
    ]


def forecast_method() -> Method:
    """Forecasts, most of them by models that need no fitting."""
    step_us = 86_400_000_000
    values = [float(day % 7) for day in range(28)]
    history = series_pb2.TimeSeries(
        timestamps_us=[day * step_us for day in range(28)], values=values
    )
    known = forecast_pb2.Regressor(name="open", history_values=values, future_values=[1, 0])
    requests: list[Message] = [
        forecast_pb2.ForecastRequest(
            history=history,
            horizon=2,
            quantile_levels=[0.1, 0.9],
            model=model,
            season_length=season,
            time_zone="Europe/Berlin",
            regressors=[known],
        )
        for model, season in (("", 0), ("seasonal-naive", 7), ("naive", 1), ("drift", 1))
    ]
    return Method("/lintel.v1.ForecastService/Forecast", requests, forecast_pb2.ForecastResponse)


def tensor_methods() -> list[Method]:
    service = inference.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    infer = tensor_requests()
    methods = []
    for method in service.methods:
        request = getattr(inference, method.input_type.name)
        named = "name" in request.DESCRIPTOR.fields_by_name
        requests = [request(name="echo", version="1.2.0")] if named else [request()]
        if method.input_type.name == "ModelInferRequest":
            requests = infer
        response = getattr(inference, method.output_type.name)
        path = f"/{service.full_name}/{method.name}"
        methods.append(Method(path, requests, response, method.client_streaming))
    return methods


def tensor_requests() -> list[Message]:
    network = tiny_network()
    tiny = inference.ModelInferRequest(id="7", model_version="1.2.0")
    tiny.outputs.add(name="probabilities")
    tiny.inputs.add(name="input", datatype="FP32", shape=(1, 8, 8, 3))
    tiny.parameters["priority"].int64_param = 1
    raw, typed = inference.ModelInferRequest(), inference.ModelInferRequest()
    raw.CopyFrom(tiny)
    typed.CopyFrom(tiny)
    raw.model_name, typed.model_name = "tiny-litert", "tiny-onnx"
    raw.raw_input_contents.append(network.inputs(1).tobytes())
    typed.inputs[0].contents.fp32_contents.extend(network.inputs(1).ravel().tolist())
    echo = inference.ModelInferRequest(model_name="echo")
    for name, array in echo_arrays(3).items():
        # Half precision has no typed contents, so all travel raw.
        echo.inputs.add(name=name, datatype=datatype_of(array.dtype), shape=array.shape)
        data = array.tobytes()
        if array.dtype == object:
            data = b"".join(len(text).to_bytes(4, "little") + text for text in array.flat)
        echo.raw_input_contents.append(data)
    broken = inference.ModelInferRequest(model_name="broken")
    return [raw, typed, echo, echo, broken]


def datatype_of(dtype: np.dtype[Any]) -> str:
    names = {"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64"}
    return {**names, "object": "BYTES"}.get(dtype.name, dtype.name.upper())


def infrastructure_methods() -> list[Method]:
    reflection = reflection_pb2.ServerReflectionRequest
    questions: list[Message] = [
        reflection(host="door", list_services=""),
        reflection(file_by_filename="lintel/v1/face.proto"),
        reflection(file_containing_symbol="lintel.v1.FaceService"),
        reflection(all_extension_numbers_of_type="lintel.v1.Image"),
        reflection(
            file_containing_extension=reflection_pb2.ExtensionRequest(
                containing_type="lintel.v1.Image", extension_number=5
            )
        ),
    ]
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    check = health_pb2.HealthCheckRequest(service="lintel.v1.FaceService")
    return [
        Method("/grpc.health.v1.Health/Check", [check], health_pb2.HealthCheckResponse),
        Method("/grpc.health.v1.Health/Watch", [check], health_pb2.HealthCheckResponse),
        Method(path, questions, reflection_pb2.ServerReflectionResponse, True),
    ]


class Caller:
    """Sends mutations, holds the answers to what is promised, and counts them."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.counts: Counter[tuple[str, str]] = Counter()

    def send(self, method: Method, data: bytes) -> None:
        code, texts = "OK", []
        try:
            for answer in self._answers(method, data):
                texts += texts_of(method.response.FromString(answer))
        except grpc.RpcError as error:
            code = error.code().name
            texts.append(error.details() or "")
            self._check_status(error)
        for text in texts:
            assert not INDISCREET.search(text), text
        self.counts[method.path, code] += 1

    def _answers(self, method: Method, data: bytes) -> Iterator[bytes]:
        if method.path.endswith("/Watch"):
            changes = self._channel.unary_stream(method.path)(data, timeout=DEADLINE_S)
            yield next(changes)
            # Until it is cancelled, it lasts.
            changes.cancel()
            return
        if not method.is_stream:
            yield self._channel.unary_unary(method.path)(data, timeout=DEADLINE_S)
            return
        before = [message.SerializeToString() for message in method.before]
        after = [message.SerializeToString() for message in method.after]
        messages = iter([*before, data, *after])
        yield from self._channel.stream_stream(method.path)(messages, timeout=DEADLINE_S)

    def _check_status(self, error: grpc.RpcError) -> None:
        code = error.code().name
        assert code in EXPECTED_CODES, (code, error.details())
        trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
        assert (info.domain, REASONS.get(info.reason)) == ("lintel", code), info
        assert info.reason != errors.LintelError.reason, "the device did not expect this"
        assert (status.code, status.message) == (error.code().value[0], error.details())


def texts_of(answer: Message) -> list[str]:
    """Returns the sentences in an answer, and checks the errors of single pictures."""
    texts = [getattr(answer, "error_message", "")]
    for result in [answer, *getattr(answer, "results", [])]:
        if isinstance(problem := getattr(result, "error", None), image_pb2.ImageError):
            if not result.HasField("error"):
                continue
            assert REASONS[problem.reason] != "INTERNAL" or problem.reason == "INFERENCE_FAILED"
            texts.append(problem.message)
    return texts


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    write_network(directory, "tiny", tiny_network())
    write_package(directory, "echo", "onnx", build_echo())
    write_package(directory, "broken", "onnx", b"not a model")
    write_mask_package(directory)
    return directory


@pytest.mark.timeout(600 + MUTATIONS)
def test_mutated_messages_get_a_documented_status_and_do_no_harm(
    serve_process: Callable[..., Any], models: Path, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    device = serve_process(f"[models]\ndirectory = '{models}'")
    pictures = [image_pb2.Image(encoded=plain_jpeg), *raw_frames()]
    methods = [*picture_methods(pictures), *series_methods(), forecast_method()]
    methods += [*tensor_methods(), *infrastructure_methods()]
    good = [(method, one.SerializeToString()) for method in methods for one in method.requests]
    # Those that take more than one kind of request have more in them to go wrong.
    turns = [method for method in methods for _ in range(4 if len(method.requests) > 1 else 1)]
    began = time.monotonic()
    with grpc.insecure_channel(device.unix, [("grpc.max_receive_message_length", -1)]) as channel:
        caller = Caller(channel)
        for method, data in good:
            caller.send(method, data)
        # Nothing but the broken model is refused while the messages are whole.
        assert {code for _, code in caller.counts} == {"OK", "UNAVAILABLE"}, caller.counts
        before_mib = device.resident_mib()
        for number in range(MUTATIONS):
            chance = random.Random(f"{SEED}:{number}")  # noqa: S311 - repeatable, not secret
            method = turns[number % len(turns)]
            data = mutate([one.SerializeToString() for one in method.requests], chance)
            try:
                caller.send(method, data)
            except Exception as error:
                error.add_note(f"seed {SEED}, mutation {number} of {method.path}: {data[:300]!r}")
                raise
        growth_mib = device.resident_mib() - before_mib
        face = face_pb2.DetectFacesRequest(images=[image_pb2.Image(encoded=face_jpeg)])
        answer = channel.unary_unary(methods[0].path)(face.SerializeToString(), timeout=DEADLINE_S)
    assert face_pb2.DetectFacesResponse.FromString(answer).results[0].detections.faces
    assert growth_mib < GROWTH_MIB
    assert device.stop() == 0
    log = device.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
    # Neither were all refused at the gate nor all let through untouched.
    for path in {method.path for method in methods}:
        assert caller.counts[path, "OK"], path
    assert sum(caller.counts[path, "INVALID_ARGUMENT"] for path, _ in caller.counts) > MUTATIONS / 8
    print(f"{time.monotonic() - began:.1f} s, {growth_mib:+.1f} MiB")  # noqa: T201 - for -s
    for (path, code), count in sorted(caller.counts.items()):
        print(f"{count:6d} {code:20} {path}")  # noqa: T201 - what was tried, for `pytest -s`
