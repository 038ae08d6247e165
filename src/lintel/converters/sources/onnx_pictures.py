"""ONNX's operators on pictures: convolutions, pools, resizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from lintel.converters.sources.onnx_graph import Value
from lintel.converters.sources.onnx_nodes import Attributes, Operator, constant_of, real, refuse


def _pads(value: Value, given: Attributes, kernel: Sequence[int]) -> list[list[int]]:
    """Returns what is filled in before and after height and width."""
    strides = given.get("strides", [1, 1])
    dilations = given.get("dilations", [1, 1])
    mode = given.get("auto_pad", "NOTSET")
    if mode in {"NOTSET", ""}:
        pads = given.get("pads", [0, 0, 0, 0])
        return [[pads[0], pads[2]], [pads[1], pads[3]]]
    if mode == "VALID":
        return [[0, 0], [0, 0]]
    found = []
    for axis in (0, 1):
        length = value.shape()[2 + axis]
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        total = max((-(-length // strides[axis]) - 1) * strides[axis] + reach - length, 0)
        small, large = total // 2, total - total // 2
        found.append([small, large] if mode == "SAME_UPPER" else [large, small])
    return found


def _padding(value: Value, given: Attributes, kernel: Sequence[int]) -> Any:
    """Returns TensorFlow's word for a padding, or the numbers where it has none."""
    pads = _pads(value, given, kernel)
    if not np.any(pads):
        return "VALID"
    same = _pads(value, {**given, "auto_pad": "SAME_UPPER"}, kernel)
    return "SAME" if pads == same else [[0, 0], *pads, [0, 0]]


def convolution(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Conv."""
    value = real(inputs[0])
    kernel = constant_of(inputs[1])
    if value.rank != 4:
        raise refuse("A convolution over other than two axes")
    value = value.last()
    group = given.get("group", 1)
    channels = value.tensor.shape[3]
    padding = _padding(value, given, kernel.shape[2:])
    tensor = value.tensor
    if not isinstance(padding, str):
        tensor, padding = tf.pad(tensor, padding), "VALID"
    strides, dilations = given.get("strides", [1, 1]), given.get("dilations", [1, 1])
    if group == 1:
        result = tf.nn.conv2d(
            tensor, kernel.transpose(2, 3, 1, 0), strides, padding, dilations=dilations
        )
    elif group == channels:
        weights = kernel.transpose(2, 3, 1, 0).reshape(*kernel.shape[2:], channels, -1)
        if kernel.shape[0] != channels:
            shape = (channels, -1, *kernel.shape[2:])
            weights = kernel.reshape(shape).transpose(2, 3, 0, 1)
        result = _depthwise(tensor, weights, strides, padding, dilations)
    else:
        parts = zip(tf.split(tensor, group, 3), np.split(kernel, group), strict=True)
        result = tf.concat(
            [
                tf.nn.conv2d(part, k.transpose(2, 3, 1, 0), strides, padding, dilations=dilations)
                for part, k in parts
            ],
            3,
        )
    if len(inputs) > 2 and inputs[2] is not None:
        result = tf.nn.bias_add(result, constant_of(inputs[2]))
    return Value(result, True)


def _depthwise(
    tensor: Any, kernel: Any, strides: Sequence[int], padding: str, dilations: Sequence[int]
) -> Any:
    if strides[0] != strides[1]:
        # TensorFlow has no such one: more is computed, and left out.
        full = tf.nn.depthwise_conv2d(tensor, kernel, [1, 1, 1, 1], padding, dilations=dilations)
        if padding != "VALID":
            raise refuse("A depthwise convolution of uneven strides")
        return full[:, :: strides[0], :: strides[1]]
    return tf.nn.depthwise_conv2d(tensor, kernel, [1, *strides, 1], padding, dilations=dilations)


def transposed_convolution(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds ConvTranspose."""
    value, kernel = real(inputs[0]).last(), constant_of(inputs[1])
    if given.get("group", 1) != 1 or list(given.get("dilations", [1, 1])) != [1, 1]:
        raise refuse("A transposed convolution in groups or with dilations")
    if given.get("auto_pad", "NOTSET") not in {"NOTSET", ""} or "output_shape" in given:
        raise refuse("A transposed convolution with padding by name")
    strides, pads = given.get("strides", [1, 1]), given.get("pads", [0, 0, 0, 0])
    extra = given.get("output_padding", [0, 0])
    lengths = [int(n) for n in value.tensor.shape[1:3]]
    full = [
        (lengths[axis] - 1) * strides[axis] + kernel.shape[2 + axis] + extra[axis]
        for axis in (0, 1)
    ]
    shape = [int(value.tensor.shape[0]), *full, kernel.shape[1]]
    result = tf.nn.conv2d_transpose(
        value.tensor, kernel.transpose(2, 3, 1, 0), shape, strides, "VALID"
    )
    result = result[:, pads[0] : full[0] - pads[2], pads[1] : full[1] - pads[3]]
    if len(inputs) > 2 and inputs[2] is not None:
        result = tf.nn.bias_add(result, constant_of(inputs[2]))
    return Value(result, True)


def pool(inputs: Sequence[Value | None], given: Attributes, *, is_max: bool) -> Value:
    """Builds MaxPool or AveragePool."""
    value = real(inputs[0])
    kernel, strides = given["kernel_shape"], given.get("strides", [1, 1])
    if value.rank != 4 or list(given.get("dilations", [1, 1])) != [1, 1]:
        raise refuse("A pool over other than two axes, or with dilations")
    value = value.last()
    given = {**given, **_ceiled(value, given)}
    padding, tensor = _padding(value, given, kernel), value.tensor
    if is_max:
        if not isinstance(padding, str):
            pads = np.array(padding[1:3])
            if (2 * pads > np.array(kernel)[:, None]).any():
                raise refuse("A pool that is filled by more than half of its window")
            # Every window has in it what is mirrored for it. A great negative number would be as
            # good, and spoil the range of what is quantized.
            tensor, padding = tf.pad(tensor, padding, "SYMMETRIC"), "VALID"
        return Value(tf.nn.max_pool2d(tensor, kernel, strides, padding), True)
    if padding == "VALID" or (padding == "SAME" and not given.get("count_include_pad", 0)):
        return Value(tf.nn.avg_pool2d(tensor, kernel, strides, padding), True)
    fill = [[0, 0], *_pads(value, given, kernel), [0, 0]]
    mean = tf.nn.avg_pool2d(tf.pad(tensor, fill), kernel, strides, "VALID")
    if given.get("count_include_pad", 0):
        return Value(mean, True)
    ones = np.pad(np.ones((1, *tensor.shape[1:3], 1), np.float32), fill)
    # Known at once, and not a part of the graph.
    with tf.init_scope():
        share = tf.nn.avg_pool2d(ones, kernel, strides, "VALID").numpy()
    return Value(mean / share, True)


def _ceiled(value: Value, given: Attributes) -> Attributes:
    """Returns pads with which rounding up gives as much as rounding down."""
    if not given.get("ceil_mode", 0):
        return {}
    pads = list(given.get("pads", [0, 0, 0, 0]))
    strides = given.get("strides", [1, 1])
    for axis in (0, 1):
        own = value.shape()[2 + axis]
        reach = own + pads[axis] + pads[axis + 2] - given["kernel_shape"][axis]
        missing = -reach % strides[axis]
        # A window that would begin in what was filled in is left out.
        if missing and reach + missing < own + pads[axis]:
            pads[axis + 2] += missing
    return {"pads": pads}


def global_pool(function: Callable[..., Any]) -> Operator:
    """Builds GlobalMaxPool and its like, by TensorFlow's function."""

    def build(inputs: Sequence[Value | None], _: Attributes) -> Value:
        return Value(function(real(inputs[0]).last().tensor, [1, 2], keepdims=True), True)

    return build


def normalisation(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds BatchNormalization."""
    value = real(inputs[0])
    if given.get("training_mode", 0):
        raise refuse("A normalisation that still learns")
    scale, bias, mean, variance = (constant_of(other) for other in inputs[1:5])
    factor = scale / np.sqrt(variance + given.get("epsilon", 1e-5))
    value = value.last() if value.rank == 4 else value
    if value.rank == 3:
        factor, mean, bias = (numbers[:, None] for numbers in (factor, mean, bias))
    return Value(value.tensor * factor + (bias - mean * factor), value.is_last)


def resize(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds Resize."""
    given = {"coordinate_transformation_mode": "half_pixel"} | given
    if len(inputs) < 3:
        # As it was before opset 11, and as Upsample was.
        given |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    value = real(inputs[0]).last()
    if (
        given.get("antialias", 0)
        or "axes" in given
        or given.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    ):
        raise refuse("A resize with axes, antialiasing or a policy")
    lengths = value.shape()[2:]
    target = _target(inputs, given, lengths)
    way = given["coordinate_transformation_mode"]
    if given.get("mode", "nearest") == "nearest":
        _check_nearest(target, lengths, way, given.get("nearest_mode", "round_prefer_floor"))
        return Value(tf.compat.v1.image.resize_nearest_neighbor(value.tensor, target), True)
    known = {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}
    if given["mode"] != "linear" or way not in known or min(target) < 2:
        raise refuse(f"A resize of the kind {given['mode']}, {way}")
    resized = tf.compat.v1.image.resize_bilinear(
        value.tensor,
        target,
        align_corners=way == "align_corners",
        half_pixel_centers=way.endswith("half_pixel"),
    )
    return Value(resized, True)


def _target(inputs: Sequence[Value | None], given: Attributes, lengths: Sequence[int]) -> list[int]:
    """Returns the height and width that a picture is brought to."""
    if len(inputs) > 3 and inputs[3] is not None:
        return [int(length) for length in constant_of(inputs[3])[2:]]
    scales = given.get("scales")
    if scales is None:
        scales = constant_of(inputs[2] if len(inputs) > 2 else inputs[1]).tolist()
    exact = [length * scale for length, scale in zip(lengths, scales[2:], strict=True)]
    if any(abs(length - round(length)) > 1e-3 for length in exact):
        # Then ONNX goes by the factor, and TensorFlow by the lengths.
        raise refuse("A resize to other than whole pixels")
    return [round(length) for length in exact]


def _check_nearest(target: Sequence[int], lengths: Sequence[int], way: str, mode: str) -> None:
    """Lets those ways of rounding pass that give what TensorFlow gives."""
    factors = [new / old for new, old in zip(target, lengths, strict=True)]
    whole = all(factor == int(factor) for factor in factors)
    alike = (
        (way == "asymmetric" and mode == "floor")
        or (way.endswith("half_pixel") and mode.startswith("round"))
        or (way == "asymmetric" and mode == "round_prefer_floor" and max(factors) <= 2)
    )
    if not (whole and alike):
        raise refuse(f"A nearest resize of the kind {way}, {mode} or by no whole factor")


def depth_to_space(inputs: Sequence[Value | None], given: Attributes) -> Value:
    """Builds DepthToSpace."""
    value, block = real(inputs[0]), given["blocksize"]
    if given.get("mode", "DCR") != "DCR":
        raise refuse("A DepthToSpace of the mode CRD")
    return Value(tf.nn.depth_to_space(value.last().tensor, block), True)
