"""ONNX models as sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_examples, stack_outputs
from lintel.converters.sources.graph import (
    Shapes,
    TensorDescription,
    fix_lengths,
    plain_names,
)

# What the device's ONNX Runtime understands since 1.20.
_NEWEST_OPSET = 21
_NEWEST_IR = 10
_OLDEST_RUN = 7
# The first that knows a scale a channel.
_OLDEST_QUANTIZED = 13


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


def open_onnx_file(path: Path, shapes: Shapes, *, as_is: bool = False) -> Any:
    """Reads a .onnx file, with the weights that lie beside it, and brings it up to date.

    Args:
        path: The file.
        shapes: Lengths of axes that have any.
        as_is: Leave an old opset as it is, if ONNX Runtime runs it.

    Raises:
        ConversionError: It is none, or has what ONNX Runtime does not run.
    """
    import onnx  # noqa: PLC0415 -- large
    from google.protobuf.message import DecodeError  # noqa: PLC0415 -- comes with onnx

    try:
        model = onnx.load_model(path)
        _check(model)
    except (DecodeError, OSError, ValueError, onnx.checker.ValidationError) as error:
        short = str(error).strip().partition("\n")[0][:160]
        raise ConversionError(
            f"{path.name} is not a valid ONNX model ({short}): export it again."
        ) from error
    opset = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)
    if opset > _NEWEST_OPSET:
        model = _brought_to(_NEWEST_OPSET, model, path)
    elif opset < (_OLDEST_RUN if as_is else _OLDEST_QUANTIZED):
        model = _brought_to(_OLDEST_QUANTIZED, model, path)
    model.ir_version = min(model.ir_version, _NEWEST_IR)
    _refuse_foreign(model, path)
    _simplify_names(model)
    _fix_shapes(model, shapes)
    return model


def _simplify_names(model: Any) -> None:
    """Gives inputs and outputs names that every runtime takes: the same in all variants."""
    places = [place.name for place in (*model.graph.input, *model.graph.output)]
    plain = plain_names(places)
    changed = {old: new for old, new in zip(places, plain, strict=True) if old != new}
    if changed:
        rename_values(model, changed)


def rename_values(model: Any, new_names: dict[str, str]) -> None:
    """Renames values of an ONNX model, and frees the names that this takes."""
    content = model.graph
    taken = {name for node in content.node for name in (*node.input, *node.output)}
    for name in set(new_names.values()) & taken - set(new_names):
        new_names[name] = f"{name}__inner"
    _rename_in(content, new_names)


def _rename_in(graph: Any, new_names: dict[str, str]) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = new_names.get(name, name)
        for attribute in node.attribute:
            for body in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _rename_in(body, new_names)
    for place in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        place.name = new_names.get(place.name, place.name)


def _check(model: Any) -> None:
    """Checks a model as onnx does, but for shapes of outputs: a runtime finds them itself."""
    import onnx  # noqa: PLC0415 -- large

    bare = [
        value.type.tensor_type
        for value in model.graph.output
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape")
    ]
    for kind in bare:
        kind.shape.SetInParent()
    onnx.checker.check_model(model)
    for kind in bare:
        kind.ClearField("shape")


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
