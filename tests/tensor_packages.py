"""Model packages of small real networks, for the tests and benchmarks of the tensor service."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from tests.builders import Network, build_onnx, build_tflite

# The file's ending by backend.
ENDINGS = {"litert": "tflite", "onnx": "onnx"}
VERSION = "1.2.0"
# Every type of elements that ONNX Runtime and NumPy share, by NumPy's name.
ECHO_TYPES = {
    "bool": TensorProto.BOOL,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "object": TensorProto.STRING,
}


def write_package(directory: Path, name: str, backend: str, model: bytes) -> Path:
    """Writes a package that serves a model's tensors as they are, and returns its folder."""
    folder = directory / name
    folder.mkdir(parents=True)
    file = f"{name}.{ENDINGS[backend]}"
    (folder / file).write_bytes(model)
    (folder / "model.toml").write_text(
        f'name = "{name}"\nversion = "{VERSION}"\ntask = "tensor"\nlicence = "Apache-2.0"\n'
        f'[[variant]]\nname = "only"\nbackend = "{backend}"\nfile = "{file}"\n'
        f'sha256 = "{hashlib.sha256(model).hexdigest()}"\n'
    )
    return folder


def write_network(directory: Path, name: str, network: Network) -> None:
    """Writes a network twice: as NAME-litert and as NAME-onnx."""
    write_package(directory, f"{name}-litert", "litert", build_tflite(network))
    write_package(directory, f"{name}-onnx", "onnx", build_onnx(network))


def build_echo() -> bytes:
    """Writes an ONNX model that gives back what it takes: for each of ECHO_TYPES an input
    "in_TYPE" and an output "out_TYPE", (N, 2)."""
    inputs, outputs, nodes = [], [], []
    for name, kind in ECHO_TYPES.items():
        inputs.append(helper.make_tensor_value_info(f"in_{name}", kind, ["count", 2]))
        outputs.append(helper.make_tensor_value_info(f"out_{name}", kind, ["count", 2]))
        nodes.append(helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]))
    graph = helper.make_graph(nodes, "echo", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def echo_arrays(count: int) -> dict[str, np.ndarray]:
    """Draws an array for every input of the echo model, (count, 2), by input name."""
    random = np.random.default_rng(0)
    arrays = {}
    for name in ECHO_TYPES:
        drawn = random.integers(0, 2 if name == "bool" else 100, (count, 2))
        if name == "object":
            drawn = np.array([f"n°{number}".encode() for number in drawn.flat], object)
            arrays[f"in_{name}"] = drawn.reshape(count, 2)
        else:
            arrays[f"in_{name}"] = drawn.astype(name)
    return arrays
