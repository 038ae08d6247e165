"""TensorFlow's SavedModel folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lintel.converters.errors import ConversionError
from lintel.converters.sources.graph import TensorDescription, TensorFlowGraph, plain_names

_USUAL = "serving_default"
_CODE = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})


def open_saved_model(folder: Path) -> TensorFlowGraph:
    """Reads a SavedModel.

    Raises:
        ConversionError: It cannot be read, or does not say what its inputs are.
    """
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds

    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ConversionError(
            f"TensorFlow cannot read the SavedModel {folder.name}: export it again."
        ) from error
    signatures = dict(model.signatures)
    name = _USUAL if _USUAL in signatures else next(iter(signatures), None)
    if name is None or (name != _USUAL and len(signatures) > 1):
        raise ConversionError(
            f"The SavedModel {folder.name} has no signature {_USUAL}: export it again with"
            " model.export(FOLDER), or with tf.saved_model.save(..., signatures=...)."
        )
    function = signatures[name]
    if any(operation.type in _CODE for operation in function.graph.get_operations()):
        raise ConversionError(
            f"The SavedModel {folder.name} calls Python code: replace tf.py_function in it."
        )
    specs = function.structured_input_signature[1]
    keys, outputs = list(specs), list(function.structured_outputs)
    inputs = tuple(
        TensorDescription(plain, _shape(specs[key]), specs[key].dtype.name)
        for plain, key in zip(plain_names(keys), keys, strict=True)
    )

    def call(*tensors: Any) -> list[Any]:
        # The model is kept alive here: its variables go with it.
        results = model.signatures[name](**dict(zip(keys, tensors, strict=True)))
        return [results[key] for key in outputs]

    return TensorFlowGraph(call, inputs, plain_names(outputs))


def _shape(spec: Any) -> tuple[int | None, ...]:
    if spec.shape.rank is None:
        raise ConversionError(
            f"The input {spec.name} has no fixed number of axes: export the model again with an"
            " input signature."
        )
    return tuple(spec.shape.as_list())
