"""ONNX models as TensorFlow runs them: node by node, channels last.

ONNX has pictures as (N, C, H, W) and TensorFlow Lite as (N, H, W, C). Each value is tracked with
the order that it lies in, so that nothing is turned around but what has to be: what ONNX calls
its axes is translated where an operator is asked for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.sources.graph import TensorFlowGraph
from lintel.converters.sources.onnx_model import describe_inputs

TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class Value:
    """A value on its way.

    Attributes:
        tensor: TensorFlow's, or a constant as a NumPy array.
        is_last: It is a picture whose channels lie last, though ONNX has them second.
    """

    tensor: Any
    is_last: bool = False

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.tensor.shape)

    @property
    def constant(self) -> Any:
        """Its NumPy array, or None where it is not known before the model runs."""
        return self.tensor if isinstance(self.tensor, np.ndarray) else None

    def shape(self) -> list[int]:
        """Returns the lengths of its axes in ONNX's order."""
        lengths = [int(length) for length in self.tensor.shape]
        return [lengths[axis] for axis in TO_FIRST] if self.is_last else lengths

    def axis(self, number: int) -> int:
        """Returns where an axis, as ONNX counts them, lies."""
        number %= self.rank
        return (0, 3, 1, 2)[number] if self.is_last else number

    def last(self) -> Value:
        """Returns it with its channels last."""
        if self.is_last:
            return self
        if self.rank != 4:
            raise ConversionError(
                f"An operator on {self.rank - 2} axes, and not on a picture's two, cannot become"
                " TensorFlow Lite: convert to ONNX only (--format onnx)."
            )
        return Value(_turned(self.tensor, TO_LAST), True)

    def first(self) -> Value:
        """Returns it in ONNX's order."""
        if not self.is_last:
            return self
        return Value(_turned(self.tensor, TO_FIRST))


def _turned(tensor: Any, order: Sequence[int]) -> Any:
    if isinstance(tensor, np.ndarray):
        return np.ascontiguousarray(tensor.transpose(order))
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds

    return tf.transpose(tensor, order)


def open_onnx_graph(model: Any, name: str) -> TensorFlowGraph:
    """Opens an ONNX model as a TensorFlow graph with a batch of 1.

    Args:
        model: The ModelProto.
        name: Of its file.

    Raises:
        ConversionError: It has axes of any length but the first, or operators that are not known.
    """
    from lintel.converters.sources import onnx_operators  # noqa: PLC0415 -- TensorFlow

    graph = TensorFlowGraph(lambda: (), describe_inputs(model), ()).with_batch(1)
    fixed = {d.name: tuple(length or 1 for length in d.shape) for d in graph.inputs}
    folded = _folded(model, fixed, name)
    unknown = sorted({node.op_type for node in folded.graph.node} - set(onnx_operators.OPERATORS))
    if unknown:
        raise ConversionError(
            f"{name} has operators that cannot become TensorFlow Lite ({', '.join(unknown)}):"
            " convert it to ONNX only (--format onnx)."
        )
    input_names = [d.name for d in graph.inputs]
    output_names = [value.name for value in folded.graph.output]

    def call(*tensors: Any) -> list[Any]:
        from onnx import numpy_helper  # noqa: PLC0415 -- large

        values = {t.name: Value(numpy_helper.to_array(t)) for t in folded.graph.initializer}
        values |= {key: Value(t) for key, t in zip(input_names, tensors, strict=True)}
        for node in folded.graph.node:
            results = onnx_operators.run_node(node, values)
            if any(node.output[len(results) :]):
                raise ConversionError(
                    f"The second output of {node.op_type} cannot become TensorFlow Lite: convert to"
                    " ONNX only (--format onnx)."
                )
            values |= {key: v for key, v in zip(node.output, results, strict=False) if key}
        return [_settled(values[key]) for key in output_names]

    inputs = tuple(type(d)(d.name, fixed[d.name], d.dtype) for d in graph.inputs)
    return TensorFlowGraph(call, inputs, tuple(output_names))


def _settled(value: Value) -> Any:
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds

    return tf.convert_to_tensor(value.first().tensor)


def _folded(model: Any, shapes: dict[str, tuple[int, ...]], name: str) -> Any:
    """Fixes shapes, folds what is then constant and normalisations, by ONNX Runtime."""
    import onnx  # noqa: PLC0415 -- large
    import onnxruntime  # noqa: PLC0415 -- large

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        if value.name in shapes:
            axes = value.type.tensor_type.shape.dim
            for axis, length in zip(axes, shapes[value.name], strict=True):
                axis.dim_value = length
    # What was told of the shapes with a free batch holds no more.
    del fixed.graph.value_info[:]
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(
                fixed.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ConversionError(
                f"ONNX Runtime cannot run {name} with a batch of 1"
                f" ({str(error).partition(chr(10))[0][:200]}): export it again."
            ) from error
        return onnx.load_model(path)
