"""ONNX models: external data never reaches the runtime; strings are bytes outside of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from lintel.edge.backends.onnx import OnnxSession
from lintel.edge.backends.onnx_external_data import refuse_external_data
from lintel.edge.errors import InferenceFailedError, InvalidArgumentError, PackageInvalidError

CPU = ("CPUExecutionProvider",)


def tensor(name: str, *, external: bool) -> TensorProto:
    made = numpy_helper.from_array(np.arange(6, dtype=np.float32), name)
    if external:
        external_data_helper.set_external_data(made, location="weights.bin")
        made.ClearField("raw_data")
    return made


def model_of(graph: Any, **more: Any) -> bytes:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)
    return bytes(made.SerializeToString())


def graph_of(nodes: list[Any], initializers: list[Any], name: str = "graph") -> Any:
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_graph(nodes, name, [], [value], initializers)


def build(place: str, *, external: bool) -> bytes:
    """Writes a model with a tensor in one of the places where ONNX has tensors."""
    weights = tensor("w", external=external)
    constant = helper.make_node("Constant", [], ["y"], value=weights)
    identity = helper.make_node("Identity", ["w"], ["y"])
    if place == "initializer":
        return model_of(graph_of([identity], [weights]))
    if place == "constant":
        return model_of(graph_of([constant], []))
    if place == "branch":
        inner = graph_of([helper.make_node("Identity", ["w"], ["y"])], [weights], "inner")
        condition = numpy_helper.from_array(np.array(True), "c")
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
        return model_of(graph_of([node], [condition]))
    if place == "function":
        function = helper.make_function(
            "own", "Give", [], ["y"], [constant], [helper.make_opsetid("", 17)]
        )
        node = helper.make_node("Give", [], ["y"], domain="own")
        return model_of(graph_of([node], []), functions=[function])
    indices = numpy_helper.from_array(np.arange(6, dtype=np.int64), "i")
    sparse = helper.make_sparse_tensor(weights, indices, [12])
    graph = graph_of([identity], [])
    graph.sparse_initializer.append(sparse)
    return model_of(graph)


@pytest.mark.parametrize("place", ["initializer", "constant", "branch", "function", "sparse"])
def test_external_data_is_found_wherever_it_hides(place: str) -> None:
    refuse_external_data(build(place, external=False))
    with pytest.raises(PackageInvalidError) as caught:
        refuse_external_data(build(place, external=True))
    assert caught.value.message == "The ONNX model has external data, which is refused."


def test_a_real_model_saved_with_external_data_is_refused(tiny_onnx: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save_model(
        onnx.load_model_from_string(tiny_onnx),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    assert (tmp_path / "weights.bin").stat().st_size > 0
    with pytest.raises(PackageInvalidError) as caught:
        OnnxSession(path.read_bytes(), 1, CPU)
    assert "external data" in caught.value.message


def test_external_data_without_the_flag_is_refused_too(tiny_onnx: bytes) -> None:
    model = onnx.load_model_from_string(tiny_onnx)
    entry = model.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    with pytest.raises(PackageInvalidError):
        OnnxSession(model.SerializeToString(), 1, CPU)


def test_a_second_graph_appended_to_the_bytes_is_looked_into(tiny_onnx: bytes) -> None:
    # Protocol Buffers merges messages that follow one another.
    with pytest.raises(PackageInvalidError) as caught:
        refuse_external_data(tiny_onnx + build("initializer", external=True))
    assert "external data" in caught.value.message


def test_graphs_nested_without_end_are_refused() -> None:
    graph = b""
    for _ in range(1000):
        # An attribute (6) of a node (5) of a graph (1).
        for number in (6, 5, 1):
            graph = bytes([number << 3 | 2]) + length_of(graph) + graph
    with pytest.raises(PackageInvalidError):
        refuse_external_data(b"\x3a" + length_of(graph) + graph)


def length_of(message: bytes) -> bytes:
    """Returns the length of a message in seven bits a byte."""
    length, written = len(message), bytearray()
    while length > 0x7F:
        written.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(written) + bytes([length])


@pytest.mark.parametrize(
    "data",
    [
        b"\x3a",
        b"\x3a\x05abc",
        b"\x38\x01",
        b"\x3b\x3c",
        b"\x80" * 11,
        b"\x8d\xff\xff\xff\xff\x01\0",
    ],
    ids=["no length", "short", "number for a graph", "group", "endless number", "long tag"],
)
def test_what_is_no_protocol_buffers_message_of_a_model_is_refused(data: bytes) -> None:
    with pytest.raises(PackageInvalidError):
        refuse_external_data(data)


@pytest.fixture
def joining() -> OnnxSession:
    """A model that gives back the strings that it takes."""
    place = helper.make_tensor_value_info("texts", TensorProto.STRING, ["count"])
    result = helper.make_tensor_value_info("same", TensorProto.STRING, ["count"])
    node = helper.make_node("Identity", ["texts"], ["same"])
    return OnnxSession(model_of(helper.make_graph([node], "strings", [place], [result])), 1, CPU)


def test_strings_are_arrays_of_bytes(joining: OnnxSession) -> None:
    texts = np.array(["höhe".encode(), b"", b"\0x"], dtype=object)
    assert joining.inputs[0].dtype == object
    np.testing.assert_array_equal(joining.run({"texts": texts})["same"], texts)


def test_strings_that_are_not_text_are_refused(joining: OnnxSession) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        joining.run({"texts": np.array([b"\xff"], dtype=object)})
    assert caught.value.field == "inputs.texts"


def test_a_model_that_gives_no_tensors_is_refused() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [1]))
    result = helper.make_value_info("y", kind)
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    with pytest.raises(PackageInvalidError):
        OnnxSession(model_of(helper.make_graph([node], "sequence", [value], [result])), 1, CPU)


def test_a_name_that_is_not_text_is_refused(tiny_onnx: bytes) -> None:
    assert tiny_onnx.count(b"input") > 1
    with pytest.raises(PackageInvalidError) as caught:
        OnnxSession(tiny_onnx.replace(b"input", b"inp\xfft"), 1, CPU)
    assert caught.value.message == "The model file cannot be run by ONNX Runtime."


def test_a_model_that_fails_on_an_input_says_no_more() -> None:
    place = helper.make_tensor_value_info("indices", TensorProto.INT64, ["count"])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["count"])
    node = helper.make_node("Gather", ["w", "indices"], ["y"])
    graph = helper.make_graph([node], "gather", [place], [result], [tensor("w", external=False)])
    session = OnnxSession(model_of(graph), 1, CPU)
    with pytest.raises(InferenceFailedError) as caught:
        session.run({"indices": np.array([99], np.int64)})
    assert caught.value.message == "The model failed on this input."
