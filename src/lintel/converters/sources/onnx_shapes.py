"""ONNX's operators that move values about, and those that reduce axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from lintel.converters.sources.onnx_graph import TO_FIRST, TO_LAST, Value
from lintel.converters.sources.onnx_nodes import Attributes, Operator, constant_of, real, refuse


def _axes(inputs: Sequence[Value | None], given: Attributes, rank: int) -> list[int]:
    """Returns the axes that a node names, by input or by attribute; all where it names none."""
    named = given.get("axes")
    if named is None and len(inputs) > 1 and inputs[1] is not None:
        named = constant_of(inputs[1]).tolist()
    if not named:
        named = [] if given.get("noop_with_empty_axes", 0) else range(rank)
    return [int(axis) % rank for axis in named]


def reduce(function: Callable[..., Any]) -> Operator:
    """Builds ReduceMean and its like, by TensorFlow's function."""

    def build(inputs: Sequence[Value | None], given: Attributes) -> Value:
        value, keeps = real(inputs[0]), bool(given.get("keepdims", 1))
        axes = _axes(inputs, given, value.rank)
        if not keeps and value.is_last and sorted(axes) != [2, 3]:
            value = value.first()
        where = [value.axis(axis) for axis in axes]
        return Value(function(value.tensor, where, keepdims=keeps), value.is_last and keeps)

    return build


def concat(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Concat."""
    values = [real(value) for value in inputs]
    if any(value.is_last for value in values):
        values = [value.last() for value in values]
    return Value(
        tf.concat([v.tensor for v in values], values[0].axis(given["axis"])), values[0].is_last
    )


def split(inputs: Sequence[Value | None], given: Attributes) -> list[Value]:
    """Builds Split."""
    value = real(inputs[0])
    axis = value.axis(given.get("axis", 0))
    sizes = given.get("split")
    if sizes is None and len(inputs) > 1 and inputs[1] is not None:
        sizes = constant_of(inputs[1]).tolist()
    if sizes is None:
        total, parts = int(value.tensor.shape[axis]), given["parts"]
        size = -(-total // parts)
        sizes = [size] * (parts - 1) + [total - size * (parts - 1)]
    return [Value(part, value.is_last) for part in tf.split(value.tensor, sizes, axis)]


def cut(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Slice."""
    value = real(inputs[0])
    if "starts" in given:
        starts, ends = given["starts"], given["ends"]
        axes, steps = given.get("axes", range(len(starts))), [1] * len(starts)
    else:
        starts, ends = constant_of(inputs[1]).tolist(), constant_of(inputs[2]).tolist()
        has = [len(inputs) > index and inputs[index] is not None for index in (3, 4)]
        axes = constant_of(inputs[3]).tolist() if has[0] else range(len(starts))
        steps = constant_of(inputs[4]).tolist() if has[1] else [1] * len(starts)
    cuts = [slice(None)] * value.rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        length = value.shape()[axis % value.rank]
        begin, stop, stride = slice(start, end, step).indices(length)
        cuts[value.axis(axis)] = slice(begin, stop if stop >= 0 else None, stride)
    return Value(value.tensor[tuple(cuts)], value.is_last)


def transpose(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Transpose."""
    value = real(inputs[0])
    order = tuple(given.get("perm", range(value.rank)[::-1]))
    if value.is_last:
        # Where each axis lies now; channels that are asked for last already do.
        lies = tuple(TO_FIRST[axis] for axis in order)
        return Value(value.tensor if lies == (0, 1, 2, 3) else _turned(value.tensor, lies))
    if value.rank == 4 and order == TO_FIRST:
        return Value(value.tensor, True)
    return Value(_turned(value.tensor, order))


def _turned(tensor: Any, order: Sequence[int]) -> Any:
    return (
        tensor.transpose(order) if isinstance(tensor, np.ndarray) else tf.transpose(tensor, order)
    )


def reshape(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Reshape."""
    value = real(inputs[0]).first()
    shape = constant_of(inputs[1]).tolist() if len(inputs) > 1 else list(given["shape"])
    if not given.get("allowzero", 0):
        shape = [value.shape()[i] if n == 0 else n for i, n in enumerate(shape)]
    return Value(tf.reshape(value.tensor, shape))


def flatten(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Flatten."""
    value = real(inputs[0])
    axis, shape = given.get("axis", 1), value.shape()
    axis = axis + value.rank if axis < 0 else axis
    # A picture of one pixel is the same either way.
    value = value if value.is_last and shape[2:] == [1, 1] else value.first()
    return Value(tf.reshape(value.tensor, [int(np.prod(shape[:axis])), -1]))


def squeeze(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Squeeze."""
    value = real(inputs[0])
    shape = value.shape()
    axes = _axes(inputs, given, value.rank)
    if given.get("axes") is None and len(inputs) < 2:
        axes = [axis for axis, length in enumerate(shape) if length == 1]
    if not (value.is_last and shape[2:] == [1, 1]):
        value = value.first()
    return Value(tf.reshape(value.tensor, [n for i, n in enumerate(shape) if i not in axes]))


def unsqueeze(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Unsqueeze."""
    value = real(inputs[0]).first()
    named = given.get("axes")
    named = constant_of(inputs[1]).tolist() if named is None else named
    shape = value.shape()
    for axis in sorted(int(axis) % (value.rank + len(named)) for axis in named):
        shape.insert(axis, 1)
    return Value(tf.reshape(value.tensor, shape))


def expand(inputs: Sequence[Value | None], _: Attributes) -> Value:
    """Builds Expand."""
    value, wanted = real(inputs[0]).first(), constant_of(inputs[1]).tolist()
    return Value(tf.broadcast_to(value.tensor, np.broadcast_shapes(value.shape(), wanted)))


def gather(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Gather."""
    value, indices = real(inputs[0]).first(), constant_of(inputs[1])
    axis = given.get("axis", 0) % value.rank
    return Value(tf.gather(value.tensor, indices % value.shape()[axis], axis=axis))


def pad(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Pad."""
    value, mode = real(inputs[0]), given.get("mode", "constant")
    pads = given.get("pads")
    pads = list(constant_of(inputs[1]).tolist() if pads is None else pads)
    fill = given.get("value", 0.0)
    if len(inputs) > 2 and inputs[2] is not None:
        fill = float(constant_of(inputs[2]).item())
    if mode not in {"constant", "reflect"} or (len(inputs) > 3 and inputs[3] is not None):
        raise refuse("A pad that repeats the edge, or names its axes")
    pairs = [[pads[axis], pads[axis + value.rank]] for axis in range(value.rank)]
    order = TO_LAST if value.is_last else range(value.rank)
    placed = [pairs[axis] for axis in order]
    return Value(tf.pad(value.tensor, placed, mode, constant_values=fill), value.is_last)


def argmax(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds ArgMax."""
    value = real(inputs[0]).first()
    axis = given.get("axis", 0) % value.rank
    if given.get("select_last_index", 0):
        raise refuse("An ArgMax that prefers the last")
    found = tf.argmax(value.tensor, axis)
    return Value(tf.expand_dims(found, axis) if given.get("keepdims", 1) else found)
