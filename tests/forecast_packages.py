"""A package whose network forecasts, small enough to be understood."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

MANIFEST = """\
name = "{name}"
version = "1.0.0"
task = "forecast"
licence = "CC0-1.0"

[output]
decoder = "forecast-window"
forecast = "forecast"
window = {window}
horizon = 2

[[variant]]
name = "one"
backend = "onnx"
file = "model.onnx"
sha256 = "{digest}"
"""


def write_forecast_package(directory: Path, name: str, window: int = 4) -> None:
    """Writes a package that repeats the last two of four values.

    Args:
        directory: Of packages.
        name: Of the package.
        window: What the manifest says of the network, which takes four.
    """
    model = _last_two()
    folder = directory / name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    digest = hashlib.sha256(model).hexdigest()
    (folder / "model.toml").write_text(MANIFEST.format(name=name, window=window, digest=digest))


def _last_two() -> bytes:
    bounds = {"start": [2], "end": [4], "axis": [1]}
    graph = helper.make_graph(
        [helper.make_node("Slice", ["values", *bounds], ["forecast"])],
        "last-two",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, [1, 2])],
        [
            numpy_helper.from_array(np.array(value, np.int64), name)
            for name, value in bounds.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data
