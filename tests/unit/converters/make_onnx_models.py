"""Writes small ONNX models of random weights into a folder: python make_onnx_models.py FOLDER.

gallery.onnx has an output for every way of using an operator that is told in `CASES`, each behind
a convolution, so that its channels lie last in TensorFlow's order; yolo.onnx is built like
YOLOv8; plain-N.onnx are the same CNN in opsets of different years; every model of `REFUSED` is
one that TensorFlow Lite cannot hold.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(0)


class Graph:
    """A graph that grows node by node."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def input(self, name: str, *shape: int | str) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def constant(self, values: Any) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind: str, *inputs: Any, parts: int = 1, **attributes: Any) -> Any:
        """Adds a node; inputs are names, or NumPy arrays for constants, or None."""
        names = [
            "" if value is None else value if isinstance(value, str) else self.constant(value)
            for value in inputs
        ]
        made = [f"{kind}{len(self.nodes)}_{index}" for index in range(parts)]
        domain = attributes.pop("domain", "")
        self.nodes.append(helper.make_node(kind, names, made, domain=domain, **attributes))
        return made[0] if parts == 1 else made

    def output(self, value: str, name: str) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        kind = helper.make_empty_tensor_value_info(name)
        self.outputs.append(kind)

    def save(self, path: Path) -> None:
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("maker", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model)
        for output, told in zip(model.graph.output, inferred.graph.output, strict=True):
            output.CopyFrom(told)
            if not output.type.tensor_type.elem_type:
                output.type.tensor_type.elem_type = TensorProto.FLOAT
        onnx.save_model(model, path)

    def conv(self, value: str, channels: tuple[int, int], size: int = 3, **more: Any) -> str:
        """A convolution of random weights, of the same size."""
        group = more.get("group", 1)
        shape = (channels[1], channels[0] // group, size, size)
        more = {"pads": [size // 2] * 4} | more
        bias = weights(channels[1]) if more.pop("bias", True) else None
        return str(
            self.add("Conv", value, weights(*shape), *([] if bias is None else [bias]), **more)
        )


def weights(*shape: int) -> Any:
    scale = np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 4.0)
    return (RANDOM.normal(size=shape) / scale).astype(np.float32)


def integers(*values: int) -> Any:
    return np.array(values, np.int64)


# How operators are used behind a convolution that gives (1, 8, 12, 15), all lengths different:
# name, operator, what it takes besides, attributes.
Case = tuple[str, str, Sequence[Any], Mapping[str, Any]]
POOLED: list[dict[str, Any]] = [
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2]},
    {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 0, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
]
CONVOLVED: enumerate[tuple[tuple[int, ...], dict[str, Any]]] = enumerate(
    [
        ((6, 8, 3, 3), {}),
        ((6, 8, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((6, 8, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ((6, 8, 2, 2), {"strides": [1, 1], "auto_pad": "SAME_LOWER"}),
        ((6, 8, 3, 3), {"dilations": [2, 2], "pads": [2, 2, 2, 2]}),
        ((6, 8, 1, 3), {"pads": [0, 1, 0, 1]}),
        ((8, 1, 3, 3), {"group": 8, "pads": [1, 1, 1, 1]}),
        ((16, 1, 3, 3), {"group": 8, "strides": [2, 2]}),
        ((8, 1, 3, 3), {"group": 8, "strides": [2, 1]}),
        ((8, 4, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    ]
)
TRANSPOSED: enumerate[tuple[tuple[int, ...], dict[str, Any]]] = enumerate(
    [
        ((8, 5, 2, 2), {"strides": [2, 2]}),
        ((8, 5, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((8, 5, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ]
)
RESIZED: list[dict[str, Any]] = [
    {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    {"mode": "nearest", "coordinate_transformation_mode": "half_pixel"},
    {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
    {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
]
# What is broadcast against (1, 8, 12, 15): told by its shape, which ONNX lines up from the last.
BROADCAST = [(), (15,), (12, 1), (12, 15), (8, 1, 1), (8, 12, 15), (1, 8, 1, 1), (1, 1, 12, 15)]


def _cases() -> list[Case]:
    no, none = np.float32, None
    cases: list[Case] = [
        *((f"conv{i}", "Conv", [weights(*s), weights(s[0])], a) for i, (s, a) in CONVOLVED),
        *((f"deconv{i}", "ConvTranspose", [weights(*s)], a) for i, (s, a) in TRANSPOSED),
        *((f"max-pool{i}", "MaxPool", [], a) for i, a in enumerate(POOLED)),
        *((f"mean-pool{i}", "AveragePool", [], a) for i, a in enumerate(POOLED)),
        *(
            (f"full-mean-pool{i}", "AveragePool", [], {**a, "count_include_pad": 1})
            for i, a in enumerate(POOLED[:4])
        ),
        *(
            (f"resize{i}", "Resize", [none, no([1, 1, 2, 2])], a) for i, a in enumerate(RESIZED)
        ),
        ("resize-to", "Resize", [none, none, integers(1, 8, 9, 31)], RESIZED[2]),
        *((f"add{i}", "Add", [weights(*s)], {}) for i, s in enumerate(BROADCAST)),
        *((f"multiply{i}", "Mul", [weights(*s)], {}) for i, s in enumerate(BROADCAST)),
        ("divide", "Div", [weights(8, 1, 1) + no(3)], {}),
        ("subtract", "Sub", [weights(15)], {}),
        ("power", "Pow", [no(2)], {}),
        ("largest", "Max", [weights(12, 15), weights(8, 1, 1)], {}),
        ("smallest", "Min", [weights(8, 1, 1)], {}),
        ("prelu", "PRelu", [weights(8, 1, 1)], {}),
        ("relu6", "Clip", [no(0), no(6)], {}),
        ("clip", "Clip", [no(-0.3), no(0.2)], {}),
        ("clip-low", "Clip", [no(-0.3)], {}),
        ("leaky", "LeakyRelu", [], {"alpha": 0.2}),
        ("elu", "Elu", [], {"alpha": 0.7}),
        ("hard-sigmoid", "HardSigmoid", [], {"alpha": 0.17, "beta": 0.4}),
        ("softmax-channels", "Softmax", [], {"axis": 1}),
        ("softmax-last", "Softmax", [], {"axis": -1}),
        ("normalised", "BatchNormalization", [*(np.abs(weights(8)) for _ in range(4))], {}),
        ("mean", "ReduceMean", [], {"axes": [2, 3]}),
        ("mean-flat", "ReduceMean", [], {"axes": [2, 3], "keepdims": 0}),
        ("mean-channels", "ReduceMean", [], {"axes": [1]}),
        ("mean-rows", "ReduceMean", [], {"axes": [-2], "keepdims": 0}),
        ("sum-all", "ReduceSum", [], {}),
        ("maximum", "ReduceMax", [], {"axes": [1], "keepdims": 0}),
        ("minimum", "ReduceMin", [], {"axes": [3]}),
        ("best", "ArgMax", [], {"axis": 1, "keepdims": 0}),
        ("global-mean", "GlobalAveragePool", [], {}),
        ("global-max", "GlobalMaxPool", [], {}),
        ("flat", "Flatten", [], {}),
        ("reshaped", "Reshape", [integers(1, 4, -1)], {}),
        ("reshaped-kept", "Reshape", [integers(0, 0, -1)], {}),
        ("turned-last", "Transpose", [], {"perm": [0, 2, 3, 1]}),
        ("turned", "Transpose", [], {"perm": [0, 1, 3, 2]}),
        ("turned-around", "Transpose", [], {"perm": [3, 0, 2, 1]}),
        ("cut-channels", "Slice", [integers(2), integers(7), integers(1)], {}),
        ("cut-steps", "Slice", [integers(1), integers(-2), integers(3), integers(3)], {}),
        ("cut-twice", "Slice", [integers(1, 0), integers(99, -1), integers(2, 3)], {}),
        ("cut-back", "Slice", [integers(-1), integers(-99), integers(3), integers(-1)], {}),
        ("gathered", "Gather", [integers(3, 0, -1)], {"axis": 1}),
        ("filled", "Pad", [integers(0, 0, 1, 2, 0, 0, 3, 0), no(0.5)], {}),
        ("filled-channels", "Pad", [integers(0, 2, 0, 0, 0, 1, 0, 0)], {}),
        ("mirrored", "Pad", [integers(0, 0, 1, 2, 0, 0, 2, 1)], {"mode": "reflect"}),
        ("deep", "DepthToSpace", [], {"blocksize": 2}),
        ("wider", "Unsqueeze", [integers(0)], {}),
        ("spread", "Expand", [integers(3, 8, 12, 15)], {}),
        ("times-matrix", "MatMul", [weights(15, 4)], {}),
        ("whole", "Cast", [], {"to": TensorProto.INT32}),
        *((k.lower(), k, [], {}) for k in ("Abs", "Exp", "HardSwish", "Identity", "Neg", "Relu")),
        *((k.lower(), k, [], {}) for k in ("Sigmoid", "Softplus", "Tanh", "Dropout")),
    ]  # fmt: skip
    return cases


def gallery() -> Graph:
    graph = Graph()
    picture = graph.conv(graph.input("picture", 1, 3, 12, 15), (3, 8))
    for name, kind, inputs, attributes in _cases():
        graph.output(graph.add(kind, picture, *inputs, **attributes), name)
    positive = graph.add("Add", graph.add("Abs", picture), np.float32(0.1))
    graph.output(graph.add("Log", positive), "log")
    graph.output(graph.add("Sqrt", positive), "sqrt")
    mean = graph.add("GlobalAveragePool", picture)
    graph.output(graph.add("Mul", picture, graph.add("Sigmoid", graph.conv(mean, (8, 8), 1))), "se")
    graph.output(graph.add("Squeeze", mean, integers(2, 3)), "squeezed")
    dense = graph.add("Gemm", graph.add("Flatten", mean), weights(5, 8), weights(5), transB=1)
    graph.output(dense, "dense")
    scaled = {"alpha": 0.5, "beta": 2.0, "transB": 1}
    graph.output(graph.add("Gemm", dense, weights(4, 5), weights(4), **scaled), "dense-scaled")
    halves = graph.add("Split", picture, integers(3, 5), parts=2, axis=1)
    graph.output(graph.add("Concat", halves[1], halves[0], axis=1), "swapped")
    rows = graph.add("Split", picture, parts=3, axis=2)
    graph.output(graph.add("Concat", *rows, axis=3), "side-by-side")
    # One lies in ONNX's order and one does not.
    flat = graph.add("Reshape", graph.add("Reshape", picture, integers(-1)), integers(1, 8, 12, 15))
    graph.output(graph.add("Concat", flat, picture, axis=1), "mixed")
    shuffled = graph.add("Reshape", picture, integers(1, 2, 4, 12, 15))
    shuffled = graph.add("Transpose", shuffled, perm=[0, 2, 1, 3, 4])
    shuffled = graph.add("Reshape", shuffled, integers(1, 8, 12, 15))
    graph.output(graph.conv(shuffled, (8, 4)), "channels-shuffled")
    return graph


class Yolo:
    """The network of YOLOv8, as its maker exports it, with few channels."""

    CLASSES, BINS = 3, 16

    def __init__(self) -> None:
        self.graph = Graph()
        picture = self.graph.input("images", 1, 3, 64, 96)
        stem = self.block(picture, (3, 8), stride=2)
        level2 = self.split_block(self.block(stem, (8, 16), stride=2), 16)
        level3 = self.split_block(self.block(level2, (16, 24), stride=2), 24)
        level4 = self.split_block(self.block(level3, (24, 32), stride=2), 32)
        level5 = self.pyramid(self.block(level4, (32, 32), stride=2), 32)
        up4 = self.joined(self.doubled(level5), level4, (64, 32))
        up3 = self.joined(self.doubled(up4), level3, (56, 24))
        down4 = self.joined(self.block(up3, (24, 24), stride=2), up4, (56, 32))
        down5 = self.joined(self.block(down4, (32, 32), stride=2), level5, (64, 32))
        self.head([(up3, 24), (down4, 32), (down5, 32)])

    def block(self, value: str, channels: tuple[int, int], size: int = 3, stride: int = 1) -> str:
        made = self.graph.conv(value, channels, size, strides=[stride, stride])
        return str(self.graph.add("Mul", made, self.graph.add("Sigmoid", made)))

    def split_block(self, value: str, width: int) -> str:
        half = width // 2
        both = self.block(value, (width, width), 1)
        left, right = self.graph.add("Split", both, integers(half, half), parts=2, axis=1)
        inner = self.block(self.block(right, (half, half)), (half, half))
        added = self.graph.add("Add", right, inner)
        return self.block(
            self.graph.add("Concat", left, right, added, axis=1), (3 * half, width), 1
        )

    def pyramid(self, value: str, width: int) -> str:
        pooled = [self.block(value, (width, width // 2), 1)]
        for _ in range(3):
            pads = {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2], "strides": [1, 1]}
            pooled.append(self.graph.add("MaxPool", pooled[-1], **pads))
        return self.block(self.graph.add("Concat", *pooled, axis=1), (2 * width, width), 1)

    def doubled(self, value: str) -> str:
        return str(self.graph.add("Resize", value, None, np.float32([1, 1, 2, 2]), **RESIZED[0]))

    def joined(self, value: str, other: str, channels: tuple[int, int]) -> str:
        both = self.graph.add("Concat", value, other, axis=1)
        return self.split_block(self.block(both, channels, 1), channels[1])

    def head(self, levels: Sequence[tuple[str, int]]) -> None:
        graph, bins = self.graph, self.BINS
        flat = []
        for value, width in levels:
            boxes = graph.conv(self.block(value, (width, 16)), (16, 4 * bins), 1)
            scores = graph.conv(self.block(value, (width, 16)), (16, self.CLASSES), 1)
            both = graph.add("Concat", boxes, scores, axis=1)
            flat.append(graph.add("Reshape", both, integers(1, 4 * bins + self.CLASSES, -1)))
        everything = graph.add("Concat", *flat, axis=2)
        parts = integers(4 * bins, self.CLASSES)
        boxes, scores = graph.add("Split", everything, parts, parts=2, axis=1)
        spread = graph.add("Reshape", boxes, integers(1, 4, bins, -1))
        spread = graph.add("Softmax", graph.add("Transpose", spread, perm=[0, 2, 1, 3]), axis=1)
        line = np.arange(bins, dtype=np.float32).reshape(1, bins, 1, 1)
        distances = graph.add("Reshape", graph.add("Conv", spread, line), integers(1, 4, -1))
        anchors, strides = self.anchors()
        near = graph.add("Slice", distances, integers(0), integers(2), integers(1))
        far = graph.add("Slice", distances, integers(2), integers(4), integers(1))
        low, high = graph.add("Sub", anchors, near), graph.add("Add", anchors, far)
        middle = graph.add("Div", graph.add("Add", low, high), np.float32(2))
        size = graph.add("Sub", high, low)
        placed = graph.add("Mul", graph.add("Concat", middle, size, axis=1), strides)
        made = graph.add("Concat", placed, graph.add("Sigmoid", scores), axis=1)
        graph.output(made, "output0")

    def anchors(self) -> tuple[Any, Any]:
        points, strides = [], []
        for stride in (8, 16, 32):
            rows, columns = 64 // stride, 96 // stride
            y, x = np.mgrid[:rows, :columns] + np.float32(0.5)
            points.append(np.stack([x.ravel(), y.ravel()]))
            strides.append(np.full((1, rows * columns), stride))
        found = np.concatenate(points, 1)[None].astype(np.float32)
        return found, np.concatenate(strides, 1).astype(np.float32)


def plain(opset: int) -> Graph:
    """A CNN with a free batch, written as exporters of an opset's year did."""
    graph = Graph(opset)
    value = graph.conv(graph.input("x", "N", 3, 16, 16), (3, 8), strides=[2, 2])
    value = graph.add("BatchNormalization", value, *(np.abs(weights(8)) for _ in range(4)))
    if opset >= 11:
        value = graph.add("Clip", value, np.float32(0), np.float32(6))
    else:
        value = graph.add("Clip", value, min=0.0, max=6.0)
    scales = np.float32([1, 1, 2, 2])
    if opset >= 11:
        # The second one is of no use, and was needed at first.
        value = graph.add("Resize", value, np.zeros(0, np.float32), scales, **RESIZED[0])
    elif opset == 10:
        value = graph.add("Resize", value, scales, mode="nearest")
    elif opset == 9:
        value = graph.add("Upsample", value, scales, mode="nearest")
    else:
        value = graph.add("Upsample", value, scales=scales, mode="nearest")
    value = graph.add("GlobalAveragePool", graph.conv(value, (8, 10)))
    value = (
        graph.add("Squeeze", value, integers(2, 3))
        if opset >= 13
        else graph.add("Squeeze", value, axes=[2, 3])
    )
    graph.output(graph.add("Softmax", value, axis=1), "classes")
    return graph


REFUSED: dict[str, tuple[str, Sequence[Any], Mapping[str, Any]]] = {
    "unknown": ("Erf", [], {}),
    "cubic": ("Resize", [None, np.float32([1, 1, 2, 2])], {"mode": "cubic"}),
    "odd-nearest": ("Resize", [None, np.float32([1, 1, 1.5, 1.5])], {"mode": "nearest"}),
    "edge": ("Pad", [integers(0, 0, 1, 1, 0, 0, 1, 1)], {"mode": "edge"}),
    "column-row": ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}),
    "foreign": ("Special", [], {"domain": "maker"}),
}


def refused(kind: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Graph:
    graph = Graph()
    picture = graph.conv(graph.input("picture", 1, 3, 12, 15), (3, 8))
    graph.output(graph.add(kind, picture, *inputs, **attributes), "made")
    return graph


def main(folder: Path) -> None:
    gallery().save(folder / "gallery.onnx")
    Yolo().graph.save(folder / "yolo.onnx")
    for opset in (8, 9, 10, 11, 13, 17, 20):
        plain(opset).save(folder / f"plain-{opset}.onnx")
    for name, (kind, inputs, attributes) in REFUSED.items():
        refused(kind, inputs, attributes).save(folder / f"refused-{name}.onnx")


main(Path(sys.argv[1]))
