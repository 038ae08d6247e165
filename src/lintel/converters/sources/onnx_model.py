"""ONNX models as sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_examples, stack_outputs
from lintel.converters.sources.graph import Shapes, TensorDescription, fix_lengths

# What the device's ONNX Runtime understands since 1.20.
_NEWEST_OPSET = 21
_NEWEST_IR = 10
_OLDEST_RUN = 7
_OLD_OPSET = 13


class OnnxSource:
    """An ONNX model that ONNX Runtime runs, without its optimisations."""

    def __init__(self, model: Any) -> None:
        """Opens a ModelProto."""
        import onnxruntime  # noqa: PLC0415 -- large

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = describe_inputs(model)
        self.outputs = tuple(value.name for value in model.graph.output)

    def run(self, examples: Path) -> dict[str, Tensor]:
        """See Source.run."""
        names = tuple(d.name for d in self.inputs)
        ranks = tuple(len(d.shape) for d in self.inputs)

        def results() -> Iterator[dict[str, Tensor]]:
            for feed in load_examples(examples, names, ranks):
                ready = {d.name: np.asarray(feed[d.name], d.dtype) for d in self.inputs}
                values = self._session.run(list(self.outputs), ready)
                yield dict(zip(self.outputs, values, strict=True))

        return stack_outputs(results())


def open_onnx_file(path: Path, shapes: Shapes) -> Any:
    """Reads a .onnx file, with the weights that lie beside it, and brings it up to date.

    Args:
        path: The file.
        shapes: Lengths of axes that have any.

    Raises:
        ConversionError: It is none, or has what ONNX Runtime does not run.
    """
    import onnx  # noqa: PLC0415 -- large
    from google.protobuf.message import DecodeError  # noqa: PLC0415 -- comes with onnx

    try:
        model = onnx.load_model(path)
        onnx.checker.check_model(model)
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        short = str(error).strip().partition("\n")[0][:160]
        raise ConversionError(
            f"{path.name} is not a valid ONNX model ({short}): export it again."
        ) from error
    opset = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)
    if opset > _NEWEST_OPSET:
        model = _brought_to(_NEWEST_OPSET, model, path)
    elif opset < _OLDEST_RUN:
        # Below that ONNX Runtime has no operators.
        model = _brought_to(_OLD_OPSET, model, path)
    model.ir_version = min(model.ir_version, _NEWEST_IR)
    _refuse_foreign(model, path)
    _fix_shapes(model, shapes)
    return model


def describe_inputs(model: Any) -> tuple[TensorDescription, ...]:
    """Tells what an ONNX model takes; constants that are told as inputs are none."""
    from onnx import helper  # noqa: PLC0415 -- large

    constants = {tensor.name for tensor in model.graph.initializer}
    described = []
    for value in model.graph.input:
        if value.name in constants:
            continue
        kind = value.type.tensor_type
        shape = tuple(
            axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None
            for axis in kind.shape.dim
        )
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        described.append(TensorDescription(value.name, shape, np.dtype(dtype).name))
    return tuple(described)


def _brought_to(opset: int, model: Any, path: Path) -> Any:
    from onnx import version_converter  # noqa: PLC0415 -- large

    try:
        return version_converter.convert_version(model, opset)
    except (RuntimeError, ValueError) as error:
        raise ConversionError(
            f"{path.name} is of an opset that cannot be brought to {opset}: export it again, with"
            f" an opset from {_OLDEST_RUN} to {_NEWEST_OPSET}."
        ) from error


def _refuse_foreign(model: Any, path: Path) -> None:
    known = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
    known |= {function.domain for function in model.functions}
    foreign = [
        f"{node.domain}.{node.op_type}" for node in model.graph.node if node.domain not in known
    ]
    if foreign:
        raise ConversionError(
            f"ONNX Runtime has no operator for {', '.join(sorted(set(foreign)))} in {path.name}:"
            " replace it in the model."
        )


def _fix_shapes(model: Any, shapes: Shapes) -> None:
    """Writes lengths into the axes of inputs that have any."""
    described = {d.name: d for d in describe_inputs(model)}
    wanted = dict(shapes)
    if set(wanted) == {""} and len(described) == 1:
        wanted = {next(iter(described)): wanted[""]}
    if set(wanted) - set(described):
        raise ConversionError(
            f"The model has no such input; give the shape of {', '.join(sorted(described))}."
        )
    if not wanted:
        return
    for value in model.graph.input:
        if value.name in wanted:
            fixed = fix_lengths(described[value.name], wanted[value.name])
            for axis, length in zip(value.type.tensor_type.shape.dim, fixed.shape, strict=True):
                if length is not None:
                    axis.dim_value = length
    # What was told of the shapes after that is no longer so.
    del model.graph.value_info[:]
