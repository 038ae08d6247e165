"""ONNX's operators in TensorFlow's words, as far as networks for pictures have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from lintel.converters.sources import onnx_pictures, onnx_shapes
from lintel.converters.sources.onnx_graph import Value
from lintel.converters.sources.onnx_nodes import Attributes, Operator, constant_of, real, refuse


def run_node(node: Any, values: Mapping[str, Value]) -> list[Value]:
    """Builds one node; returns what it gives.

    Raises:
        ConversionError: It has a setting that is not known.
    """
    from onnx import helper  # noqa: PLC0415 -- large

    inputs = [values[name] if name else None for name in node.input]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    if node.op_type == "Split":
        attributes["parts"] = len(node.output)
    results = OPERATORS[node.op_type](inputs, attributes)
    return results if isinstance(results, list) else [results]


# One value in, one of the same shape out ---------------------------------------------------


def _each(function: Callable[[Any], Any]) -> Operator:
    return lambda inputs, _: Value(function(real(inputs[0]).tensor), real(inputs[0]).is_last)


def _dropout(inputs: Sequence[Value | None], _: Attributes) -> Value:
    if len(inputs) > 2 and inputs[2] is not None and constant_of(inputs[2]).item():
        raise refuse("A Dropout that still learns")
    return real(inputs[0])


def _leaky_relu(inputs: Sequence[Value | None], given: Attributes) -> Value:
    value = real(inputs[0])
    return Value(tf.nn.leaky_relu(value.tensor, given.get("alpha", 0.01)), value.is_last)


def _elu(inputs: Sequence[Value | None], given: Attributes) -> Value:
    value, alpha = real(inputs[0]), given.get("alpha", 1.0)
    negative = alpha * (tf.exp(tf.minimum(value.tensor, 0.0)) - 1.0)
    return Value(tf.where(value.tensor > 0, value.tensor, negative), value.is_last)


def _hard_sigmoid(inputs: Sequence[Value | None], given: Attributes) -> Value:
    value = real(inputs[0])
    line = value.tensor * given.get("alpha", 0.2) + given.get("beta", 0.5)
    return Value(tf.clip_by_value(line, 0.0, 1.0), value.is_last)


def _clip(inputs: Sequence[Value | None], given: Attributes) -> Value:
    value = real(inputs[0])
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        bound = inputs[index] if len(inputs) > index else None
        bounds.append(given.get(name) if bound is None else float(constant_of(bound).item()))
    low, high = bounds
    if (low, high) == (0.0, 6.0):
        return Value(tf.nn.relu6(value.tensor), value.is_last)
    result = value.tensor
    result = result if low is None else tf.maximum(result, np.float32(low))
    result = result if high is None else tf.minimum(result, np.float32(high))
    return Value(result, value.is_last)


def _cast(inputs: Sequence[Value | None], given: Attributes) -> Value:
    from onnx import helper  # noqa: PLC0415 -- large

    value = real(inputs[0])
    dtype = helper.tensor_dtype_to_np_dtype(given["to"])
    return Value(tf.cast(value.tensor, dtype), value.is_last)


def _softmax(inputs: Sequence[Value | None], given: Attributes) -> Value:
    value = real(inputs[0])
    axis = value.axis(given.get("axis", -1))
    return Value(tf.nn.softmax(value.tensor, axis), value.is_last)


# Two values, broadcast --------------------------------------------------------------------


def _both(function: Callable[[Any, Any], Any]) -> Operator:
    def build(inputs: Sequence[Value | None], _: Attributes) -> Value:
        values = [real(value) for value in inputs]
        made = values[0]
        for other in values[1:]:
            left, right = _aligned(made, other)
            made = Value(function(left.tensor, right.tensor), left.is_last)
        return made

    return build


def _aligned(left: Value, right: Value) -> tuple[Value, Value]:
    """Brings two values that are broadcast into one order.

    ONNX lines axes up from the last one; that is W, and not C, of a picture whose channels lie
    last here. So the shorter one gets its missing axes first, and is then turned around.
    """
    if not (left.is_last or right.is_last):
        return left, right
    return _as_picture(left), _as_picture(right)


def _as_picture(value: Value) -> Value:
    if value.is_last:
        return value
    missing = 4 - value.rank
    if missing < 0:
        raise refuse("A value of more than four axes")
    if missing:
        shape = [1] * missing + value.shape()
        tensor = value.constant
        value = Value(tf.reshape(value.tensor, shape) if tensor is None else tensor.reshape(shape))
    return value.last()


def _divide(left: Any, right: Any) -> Any:
    left = tf.convert_to_tensor(left)
    return tf.truncatediv(left, right) if left.dtype.is_integer else tf.divide(left, right)


def _prelu(inputs: Sequence[Value | None], _: Attributes) -> Value:
    value, slope = _aligned(real(inputs[0]), real(inputs[1]))
    positive, negative = tf.nn.relu(value.tensor), tf.minimum(value.tensor, 0.0)
    return Value(positive + slope.tensor * negative, value.is_last)


def _where(inputs: Sequence[Value | None], _: Attributes) -> Value:
    first, second, third = (real(value).first() for value in inputs)
    return Value(tf.where(first.tensor, second.tensor, third.tensor))


# Products ---------------------------------------------------------------------------------


def _matmul(inputs: Sequence[Value | None], _: Attributes) -> Value:
    left, right = (real(value).first() for value in inputs)
    if min(left.rank, right.rank) < 2:
        raise refuse("A product with a vector")
    return Value(tf.matmul(left.tensor, right.tensor))


def _gemm(inputs: Sequence[Value | None], given: Attributes) -> Value:
    left, right = (real(value).first() for value in inputs[:2])
    result = tf.matmul(
        left.tensor,
        right.tensor,
        transpose_a=bool(given.get("transA", 0)),
        transpose_b=bool(given.get("transB", 0)),
    )
    if given.get("alpha", 1.0) != 1.0:
        result *= given["alpha"]
    if len(inputs) > 2 and inputs[2] is not None:
        bias = real(inputs[2]).first().tensor
        result += bias * given["beta"] if given.get("beta", 1.0) != 1.0 else bias
    return Value(result)


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "Abs": _each(tf.abs),
        "Add": _both(tf.add),
        "ArgMax": onnx_shapes.argmax,
        "AveragePool": lambda inputs, given: onnx_pictures.pool(inputs, given, is_max=False),
        "BatchNormalization": onnx_pictures.normalisation,
        "Cast": _cast,
        "Clip": _clip,
        "Concat": onnx_shapes.concat,
        "Conv": onnx_pictures.convolution,
        "ConvTranspose": onnx_pictures.transposed_convolution,
        "DepthToSpace": onnx_pictures.depth_to_space,
        "Div": _both(_divide),
        "Dropout": _dropout,
        "Elu": _elu,
        "Exp": _each(tf.exp),
        "Expand": onnx_shapes.expand,
        "Flatten": onnx_shapes.flatten,
        "Gather": onnx_shapes.gather,
        "Gemm": _gemm,
        "GlobalAveragePool": onnx_pictures.global_pool(tf.reduce_mean),
        "GlobalMaxPool": onnx_pictures.global_pool(tf.reduce_max),
        "HardSigmoid": _hard_sigmoid,
        "HardSwish": _each(lambda tensor: tensor * tf.nn.relu6(tensor + 3.0) * (1 / 6)),
        "Identity": _each(lambda tensor: tensor),
        "LeakyRelu": _leaky_relu,
        "Log": _each(tf.math.log),
        "MatMul": _matmul,
        "Max": _both(tf.maximum),
        "MaxPool": lambda inputs, given: onnx_pictures.pool(inputs, given, is_max=True),
        "Min": _both(tf.minimum),
        "Mul": _both(tf.multiply),
        "Neg": _each(tf.negative),
        "PRelu": _prelu,
        "Pad": onnx_shapes.pad,
        "Pow": _both(tf.pow),
        "ReduceMax": onnx_shapes.reduce(tf.reduce_max),
        "ReduceMean": onnx_shapes.reduce(tf.reduce_mean),
        "ReduceMin": onnx_shapes.reduce(tf.reduce_min),
        "ReduceSum": onnx_shapes.reduce(tf.reduce_sum),
        "Relu": _each(tf.nn.relu),
        "Reshape": onnx_shapes.reshape,
        "Resize": onnx_pictures.resize,
        "Sigmoid": _each(tf.sigmoid),
        "Slice": onnx_shapes.cut,
        "Softmax": _softmax,
        "Softplus": _each(tf.math.softplus),
        "Split": onnx_shapes.split,
        "Sqrt": _each(tf.sqrt),
        "Squeeze": onnx_shapes.squeeze,
        "Sub": _both(tf.subtract),
        "Tanh": _each(tf.tanh),
        "Transpose": onnx_shapes.transpose,
        "Unsqueeze": onnx_shapes.unsqueeze,
        "Upsample": onnx_pictures.resize,
        "Where": _where,
    }
)
