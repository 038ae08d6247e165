"""The Open Inference Protocol as a bare client sees it, message by message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from numpy.typing import NDArray
from tests.builders import run_reference, tiny_network
from tests.tensor_packages import (
    ECHO_TYPES,
    VERSION,
    build_echo,
    echo_arrays,
    write_network,
    write_package,
)

from lintel.edge.config import parse
from lintel.edge.service import DeviceServer
from lintel.inference import open_inference_pb2 as protocol
from lintel.inference import open_inference_pb2_grpc

Stub = open_inference_pb2_grpc.GRPCInferenceServiceStub
Details = Callable[[grpc.RpcError], dict[str, Message]]
InputTensor = protocol.ModelInferRequest.InferInputTensor
WantedTensor = protocol.ModelInferRequest.InferRequestedOutputTensor

DATATYPES = {
    **{"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64", "object": "BYTES"},
    **{name: name.upper() for name in ECHO_TYPES if "int" in name},
}
MODELS = ["echo", "tiny-litert", "tiny-onnx"]
NETWORK = tiny_network()
SHAPE = (1, NETWORK.side, NETWORK.side, 3)


@pytest.fixture(scope="module")
def tensor_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceServer]:
    """A device with a network for both backends, and a model that takes every datatype."""
    directory = tmp_path_factory.mktemp("models")
    write_network(directory, "tiny", NETWORK)
    write_package(directory, "echo", "onnx", build_echo())
    write_package(directory, "broken", "onnx", b"not a model")
    tree = {
        "server": {"listen": ["127.0.0.1:0"]},
        "models": {"directory": str(directory)},
        "masks": {"model": ""},
        "faces": {"model": "face-haar"},
    }
    with DeviceServer(parse(tree)) as device:
        yield device


@pytest.fixture(scope="module")
def stub(tensor_device: DeviceServer) -> Iterator[Stub]:
    with grpc.insecure_channel(tensor_device.addresses[0]) as channel:
        yield Stub(channel)


def raw_bytes(array: NDArray[Any]) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    return b"".join(len(text).to_bytes(4, "little") + text for text in array.flat)


def raw_request(model: str, arrays: dict[str, NDArray[Any]]) -> protocol.ModelInferRequest:
    """Builds a request with raw contents."""
    request = protocol.ModelInferRequest(model_name=model)
    for name, array in arrays.items():
        request.inputs.add(name=name, datatype=DATATYPES[array.dtype.name], shape=array.shape)
        request.raw_input_contents.append(raw_bytes(array))
    return request


def tiny_request(model: str = "tiny-litert") -> protocol.ModelInferRequest:
    return raw_request(model, {"input": NETWORK.inputs(1)})


def read_outputs(response: protocol.ModelInferResponse) -> dict[str, NDArray[Any]]:
    """Reads numbers; byte strings stay as they travel."""
    assert len(response.outputs) == len(response.raw_output_contents)
    by_datatype = {datatype: name for name, datatype in DATATYPES.items()}
    arrays: dict[str, NDArray[Any]] = {}
    for output, data in zip(response.outputs, response.raw_output_contents, strict=True):
        if output.datatype == "BYTES":
            arrays[output.name] = np.array(data, object)
        else:
            array = np.frombuffer(data, by_datatype[output.datatype])
            arrays[output.name] = array.reshape(output.shape)
    return arrays


def test_the_device_is_live_and_ready(stub: Stub) -> None:
    assert stub.ServerLive(protocol.ServerLiveRequest()).live
    assert stub.ServerReady(protocol.ServerReadyRequest()).ready


def test_the_device_says_what_it_is(stub: Stub) -> None:
    metadata = stub.ServerMetadata(protocol.ServerMetadataRequest())

    assert metadata.name == "lintel"
    assert metadata.version
    assert set(metadata.extensions) == {"model_repository", "model_configuration", "statistics"}


@pytest.mark.parametrize(
    ("name", "version", "ready"),
    [
        ("tiny-onnx", "", True),
        ("tiny-onnx", VERSION, True),
        ("tiny-onnx", "1", False),
        ("no-such-model", "", False),
        ("", "", False),
        ("broken", "", False),
        # A cascade looks at pictures in its own way: it has no tensors to speak of.
        ("face-haar", "", False),
    ],
)
def test_models_are_ready_under_their_name_and_version(
    stub: Stub, name: str, version: str, ready: bool
) -> None:
    request = protocol.ModelReadyRequest(name=name, version=version)

    assert stub.ModelReady(request).ready is ready


def test_the_index_lists_models_with_tensors_and_broken_ones(stub: Stub) -> None:
    index = stub.RepositoryIndex(protocol.RepositoryIndexRequest())

    assert [(model.name, model.version, model.state) for model in index.models] == [
        *((name, VERSION, "READY") for name in MODELS),
        ("broken", "", "UNAVAILABLE"),
    ]
    assert index.models[-1].reason
    assert not any(model.reason for model in index.models[:-1])


def test_the_index_lists_only_what_is_ready_where_asked(stub: Stub) -> None:
    index = stub.RepositoryIndex(protocol.RepositoryIndexRequest(ready=True))

    assert [model.name for model in index.models] == MODELS


def test_metadata_tells_every_tensor(stub: Stub) -> None:
    metadata = stub.ModelMetadata(protocol.ModelMetadataRequest(name="echo"))

    assert metadata.platform == "onnx_onnxv1"
    assert list(metadata.versions) == [VERSION]
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs] == [
        (f"in_{name}", DATATYPES[name], [-1, 2]) for name in ECHO_TYPES
    ]
    assert [tensor.datatype for tensor in metadata.outputs] == [
        DATATYPES[name] for name in ECHO_TYPES
    ]


def test_config_tells_every_tensor(stub: Stub) -> None:
    config = stub.ModelConfig(protocol.ModelConfigRequest(name="echo", version=VERSION)).config

    assert (config.name, config.backend, config.max_batch_size) == ("echo", "onnx", 0)
    kinds = [protocol.DataType.Name(tensor.data_type) for tensor in config.input]
    assert kinds == [
        "TYPE_STRING" if name == "object" else f"TYPE_{DATATYPES[name]}" for name in ECHO_TYPES
    ]
    assert all(list(tensor.dims) == [-1, 2] for tensor in (*config.input, *config.output))
    assert config.instance_group[0].count >= 1


@pytest.mark.parametrize("method", ["ModelMetadata", "ModelConfig", "ModelStatistics"])
@pytest.mark.parametrize(
    ("name", "version", "field"),
    [("no-such-model", "", "name"), ("face-haar", "", "name"), ("echo", "9.9.9", "version")],
)
def test_questions_about_unknown_models_are_refused(
    stub: Stub, details_of: Details, method: str, *, name: str, version: str, field: str
) -> None:
    request = getattr(protocol, f"{method}Request")(name=name, version=version)

    with pytest.raises(grpc.RpcError) as caught:
        getattr(stub, method)(request)

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    details: Any = details_of(caught.value)
    assert details["ErrorInfo"].reason == "MODEL_NOT_FOUND"
    assert details["BadRequest"].field_violations[0].field == field


@pytest.mark.parametrize("model", ["tiny-litert", "tiny-onnx"])
@pytest.mark.parametrize("count", [1, 5])
def test_both_backends_infer_what_the_network_computes(stub: Stub, model: str, count: int) -> None:
    batch = NETWORK.inputs(count)

    outputs = read_outputs(stub.ModelInfer(raw_request(model, {"input": batch})))

    assert set(outputs) == {"probabilities"}
    np.testing.assert_allclose(outputs["probabilities"], run_reference(NETWORK, batch), atol=1e-5)


def test_typed_contents_infer_the_same_as_raw_ones(stub: Stub) -> None:
    batch = NETWORK.inputs(2)
    request = protocol.ModelInferRequest(model_name="tiny-onnx")
    tensor = request.inputs.add(name="input", datatype="FP32", shape=batch.shape)
    tensor.contents.fp32_contents.extend(batch.ravel().tolist())

    typed = read_outputs(stub.ModelInfer(request))
    raw = read_outputs(stub.ModelInfer(raw_request("tiny-onnx", {"input": batch})))

    np.testing.assert_array_equal(typed["probabilities"], raw["probabilities"])


def test_every_datatype_comes_back_as_it_went(stub: Stub) -> None:
    arrays = echo_arrays(3)

    response = stub.ModelInfer(raw_request("echo", arrays))

    # In the order of the model, with raw contents alone, as Triton answers.
    assert [output.name for output in response.outputs] == [f"out_{name}" for name in ECHO_TYPES]
    assert not any(output.HasField("contents") for output in response.outputs)
    for output, data in zip(response.outputs, response.raw_output_contents, strict=True):
        sent = arrays[output.name.replace("out", "in")]
        assert output.datatype == DATATYPES[sent.dtype.name]
        assert tuple(output.shape) == sent.shape
        assert data == raw_bytes(sent)


def test_inputs_may_come_in_any_order(stub: Stub) -> None:
    arrays = echo_arrays(1)
    turned = dict(reversed(arrays.items()))

    assert stub.ModelInfer(raw_request("echo", turned)) == stub.ModelInfer(
        raw_request("echo", arrays)
    )


def test_outputs_come_as_they_are_wanted(stub: Stub) -> None:
    request = raw_request("echo", echo_arrays(1))
    wanted = ["out_int8", "out_object", "out_bool"]
    request.outputs.extend(WantedTensor(name=name) for name in wanted)

    response = stub.ModelInfer(request)

    assert [output.name for output in response.outputs] == wanted
    assert len(response.raw_output_contents) == len(wanted)


def test_the_answer_names_the_request_and_the_version(stub: Stub) -> None:
    request = tiny_request()
    request.id = "door-7"
    request.model_version = VERSION

    response = stub.ModelInfer(request)

    assert (response.id, response.model_name, response.model_version) == (
        "door-7",
        "tiny-litert",
        VERSION,
    )


def test_parameters_that_are_only_hints_are_ignored(stub: Stub) -> None:
    request = tiny_request()
    request.parameters["priority"].uint64_param = 1
    request.parameters["sequence_id"].int64_param = 4
    request.inputs[0].parameters["binary_data_size"].int64_param = 1
    request.outputs.add(name="probabilities").parameters["binary_data"].bool_param = True

    assert len(stub.ModelInfer(request).outputs) == 1


def add_unknown_input(request: protocol.ModelInferRequest) -> None:
    request.inputs.add(name="secret-name", datatype="FP32", shape=[1])
    request.raw_input_contents.append(bytes(4))


def add_input_again(request: protocol.ModelInferRequest) -> None:
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])


def leave_out_inputs(request: protocol.ModelInferRequest) -> None:
    del request.inputs[:]
    del request.raw_input_contents[:]


def leave_out_contents(request: protocol.ModelInferRequest) -> None:
    del request.raw_input_contents[:]


def add_raw_contents(request: protocol.ModelInferRequest) -> None:
    request.raw_input_contents.append(b"")


def give_both_contents(request: protocol.ModelInferRequest) -> None:
    request.inputs[0].contents.fp32_contents.append(1.0)


def set_shape(*shape: int) -> Callable[[protocol.ModelInferRequest], None]:
    def change(request: protocol.ModelInferRequest) -> None:
        request.inputs[0].shape[:] = shape

    return change


def set_datatype(datatype: str) -> Callable[[protocol.ModelInferRequest], None]:
    def change(request: protocol.ModelInferRequest) -> None:
        request.inputs[0].datatype = datatype

    return change


def cut_contents(request: protocol.ModelInferRequest) -> None:
    request.raw_input_contents[0] = request.raw_input_contents[0][:-1]


def share_memory(request: protocol.ModelInferRequest) -> None:
    request.inputs[0].parameters["shared_memory_region"].string_param = "region"


def want(*names: str) -> Callable[[protocol.ModelInferRequest], None]:
    def change(request: protocol.ModelInferRequest) -> None:
        request.outputs.extend(WantedTensor(name=name) for name in names)

    return change


def want_classes(request: protocol.ModelInferRequest) -> None:
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 2


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (add_unknown_input, "inputs[1].name", 'it takes "input"'),
        (add_input_again, "inputs[1].name", '"input" is given twice'),
        (leave_out_inputs, "inputs", 'needs "input"'),
        (leave_out_contents, "inputs[0].contents.fp32_contents", '"input" have 0 elements'),
        (add_raw_contents, "raw_input_contents", "2 raw contents for 1 inputs"),
        (give_both_contents, "inputs[0].contents", '"input" has both'),
        (set_shape(1, 8, 8), "inputs[0].shape", '"input" has 3 dimensions'),
        (set_shape(1, 8, 9, 3), "inputs[0].shape", "[1, 8, 9, 3]"),
        (set_shape(0, 8, 8, 3), "inputs[0].shape", "at least 1"),
        (set_shape(-1, 8, 8, 3), "inputs[0].shape", "at least 1"),
        (set_shape(2, 8, 8, 3), "raw_input_contents[0]", "768 bytes"),
        (set_shape(2**62, 8, 8, 3), "raw_input_contents[0]", '"input" have 768 bytes'),
        (cut_contents, "raw_input_contents[0]", '"input" have 767 bytes'),
        (set_datatype("UINT8"), "inputs[0].datatype", '"input" is to be FP32'),
        (set_datatype(""), "inputs[0].datatype", '"input" is to be FP32'),
        (share_memory, "inputs[0].parameters", "shared_memory_region"),
        (want("secret-name"), "outputs[0].name", 'it gives "probabilities"'),
        (want("probabilities", "probabilities"), "outputs[1].name", "asked for twice"),
        (want_classes, "outputs[0].parameters", "classification"),
    ],
)
@pytest.mark.parametrize("model", ["tiny-litert", "tiny-onnx"])
def test_wrong_requests_are_refused_at_the_field_at_fault(
    stub: Stub,
    details_of: Details,
    *,
    model: str,
    change: Callable[[protocol.ModelInferRequest], None],
    field: str,
    words: str,
) -> None:
    request = tiny_request(model)
    change(request)

    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in caught.value.details()
    # What a caller sends is never sent back to whoever reads the logs.
    assert "secret-name" not in caught.value.details()
    details: Any = details_of(caught.value)
    assert details["BadRequest"].field_violations[0].field == field


@pytest.mark.parametrize(
    ("name", "version", "field"),
    [("no-such-model", "", "model_name"), ("echo", "0.0.1", "model_version")],
)
def test_inference_of_unknown_models_is_refused(
    stub: Stub, details_of: Details, name: str, version: str, field: str
) -> None:
    request = protocol.ModelInferRequest(model_name=name, model_version=version)

    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request)

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    details: Any = details_of(caught.value)
    assert details["BadRequest"].field_violations[0].field == field


def test_inference_of_a_broken_model_is_unavailable(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(protocol.ModelInferRequest(model_name="broken"))

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "broken" in caught.value.details()


def test_text_that_is_not_utf_8_is_refused(stub: Stub) -> None:
    arrays = echo_arrays(1)
    arrays["in_object"][0, 0] = b"\xff\xfe"

    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(raw_request("echo", arrays))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "in_object" in caught.value.details()


def test_a_refused_request_leaves_the_model_usable(stub: Stub) -> None:
    before = stub.ModelInfer(tiny_request())
    wrong = tiny_request()
    cut_contents(wrong)
    with pytest.raises(grpc.RpcError):
        stub.ModelInfer(wrong)

    assert stub.ModelInfer(tiny_request()) == before


def test_statistics_count_what_was_served(stub: Stub) -> None:
    def read() -> protocol.ModelStatistics:
        request = protocol.ModelStatisticsRequest(name="tiny-onnx", version=VERSION)
        (statistics,) = stub.ModelStatistics(request).model_stats
        return statistics

    before = read()
    for _ in range(3):
        stub.ModelInfer(tiny_request("tiny-onnx"))
    after = read()

    assert after.inference_count - before.inference_count == 3
    assert after.execution_count - before.execution_count == 3
    assert after.inference_stats.success.count == after.inference_count
    assert after.inference_stats.compute_infer.ns > before.inference_stats.compute_infer.ns
    assert after.last_inference >= before.last_inference > 0


def test_statistics_of_all_models_are_listed_by_name(stub: Stub) -> None:
    statistics = stub.ModelStatistics(protocol.ModelStatisticsRequest()).model_stats

    assert [model.name for model in statistics] == MODELS


def test_a_stream_answers_in_order_and_survives_errors(stub: Stub) -> None:
    wrong = tiny_request()
    wrong.id = "wrong"
    set_shape(1, 8, 9, 3)(wrong)
    requests = [tiny_request("tiny-litert"), wrong, tiny_request("tiny-onnx")]

    first, second, third = stub.ModelStreamInfer(iter(requests))

    assert first.infer_response == stub.ModelInfer(requests[0])
    assert '"input" has the shape [1, 8, 9, 3]' in second.error_message
    assert second.infer_response == protocol.ModelInferResponse(id="wrong")
    assert third.infer_response == stub.ModelInfer(requests[2])


def test_what_only_triton_has_is_unimplemented(tensor_device: DeviceServer) -> None:
    with grpc.insecure_channel(tensor_device.addresses[0]) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/RepositoryModelLoad")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
