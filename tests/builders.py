"""Small real models, made in code: the same network as TensorFlow Lite, as ONNX and in NumPy.

No trainer is needed: weights are drawn at random. Tests get them as `tests.builders`, which
conftest.py puts in place; a benchmark puts the repository root on sys.path first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """A convolution with padding "same" and ReLU.

    Attributes:
        weights: (height, width, channels in, channels out); (height, width, channels, 1) where
            each channel is convolved by itself.
        bias: (channels out,).
        stride: Of both axes.
        depthwise: Each channel is convolved by itself.
    """

    weights: Floats
    bias: Floats
    stride: int = 1
    depthwise: bool = False


@dataclass(frozen=True)
class Network:
    """Convolutions, the mean over each channel, a dense layer, and softmax.

    Attributes:
        side: Width and height of the input, which has three channels.
        takes_bytes: The input is uint8 and brought to -1 to 1 inside; else it is float32.
        convolutions: In order.
        dense_weights: (channels, classes).
        dense_bias: (classes,).
        gives_logits: The output "logits" is what comes before softmax.
    """

    side: int
    takes_bytes: bool
    convolutions: tuple[Convolution, ...]
    dense_weights: Floats
    dense_bias: Floats
    gives_logits: bool = False

    @property
    def parameter_count(self) -> int:
        """Numbers that training would find."""
        layers = sum(layer.weights.size + layer.bias.size for layer in self.convolutions)
        return layers + self.dense_weights.size + self.dense_bias.size

    def inputs(self, count: int, seed: int = 0) -> NDArray[Any]:
        """Draws inputs, (count, side, side, 3)."""
        drawn = np.random.default_rng(seed).integers(0, 256, (count, self.side, self.side, 3))
        if self.takes_bytes:
            return drawn.astype(np.uint8)
        return (drawn / 127.5 - 1).astype(np.float32)


def tiny_network() -> Network:
    """Returns a network of a few hundred parameters that sees 8x8 pixels as float32."""
    return _draw(8, False, 4, ((1, 8), (2, 8)), classes=3)


def camera_network() -> Network:
    """Returns a network of some 160,000 parameters that sees 128x128 pixels as uint8."""
    blocks = ((1, 32), (2, 64), (1, 64), (2, 128), (1, 128), (2, 128), (1, 256), (2, 256))
    return _draw(128, True, 16, blocks, classes=3)


def _draw(
    side: int, takes_bytes: bool, stem: int, blocks: tuple[tuple[int, int], ...], classes: int
) -> Network:
    """Draws weights (He's initialisation) for a stem and depthwise-separable blocks.

    Args:
        side: Width and height of the input.
        takes_bytes: The input is uint8.
        stem: Channels after the first convolution, which has stride 2.
        blocks: Stride and channels of each block.
        classes: Outputs.
    """
    random = np.random.default_rng(1)

    def weights(*shape: int) -> Floats:
        fan_in = np.prod(shape[:-1]) if shape[-1] > 1 else shape[0] * shape[1]
        drawn: Floats = (random.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
        return drawn

    def bias(length: int) -> Floats:
        return random.uniform(-0.1, 0.1, length).astype(np.float32)

    layers = [Convolution(weights(3, 3, 3, stem), bias(stem), stride=2)]
    channels = stem
    for stride, wider in blocks:
        layers.append(Convolution(weights(3, 3, channels, 1), bias(channels), stride, True))
        layers.append(Convolution(weights(1, 1, channels, wider), bias(wider)))
        channels = wider
    return Network(side, takes_bytes, tuple(layers), weights(channels, classes), bias(classes))


# NumPy ------------------------------------------------------------------------------------


def run_reference(network: Network, inputs: NDArray[Any]) -> NDArray[np.float64]:
    """Computes the probabilities that the network gives, in float64: (count, classes)."""
    values = inputs.astype(np.float64)
    if network.takes_bytes:
        values = values / 127.5 - 1
    for layer in network.convolutions:
        values = np.maximum(_convolve(values, layer) + layer.bias, 0)
    scores = values.mean(axis=(1, 2)) @ network.dense_weights + network.dense_bias
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _convolve(values: NDArray[np.float64], layer: Convolution) -> NDArray[np.float64]:
    height, width = layer.weights.shape[:2]
    before_y, after_y = _padding(values.shape[1], height, layer.stride)
    before_x, after_x = _padding(values.shape[2], width, layer.stride)
    padded = np.pad(values, ((0, 0), (before_y, after_y), (before_x, after_x), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    windows = windows[:, :: layer.stride, :: layer.stride]
    equation = "nyxcij,ijc->nyxc" if layer.depthwise else "nyxcij,ijco->nyxo"
    weights = layer.weights[..., 0] if layer.depthwise else layer.weights
    return np.asarray(np.einsum(equation, windows, weights, optimize=True))


def _padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


# TensorFlow Lite --------------------------------------------------------------------------


class _TfliteGraph:
    """Gathers tensors and operators of a TensorFlow Lite model."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[Any] = []
        self.type_of = {"float32": schema.TensorType.FLOAT32, "uint8": schema.TensorType.UINT8}

    def tensor(self, name: str, shape: list[int], dtype: str = "float32", buffer: int = 0) -> int:
        # Whatever is no constant has a batch of any length.
        free = [-1, *shape[1:]] if buffer == 0 else None
        self.tensors.append(
            self.schema.TensorT(
                name=name,
                shape=shape,
                shapeSignature=free,
                type=self.type_of[dtype],
                buffer=buffer,
                hasRank=True,
            )
        )
        return len(self.tensors) - 1

    def constant(self, name: str, values: NDArray[Any]) -> int:
        self.buffers.append(self.schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        place = self.tensor(name, list(values.shape), buffer=len(self.buffers) - 1)
        if values.dtype == np.int32:
            self.tensors[place].type = self.schema.TensorType.INT32
        return place

    def operator(
        self, name: str, inputs: list[int], output: int, options: Any = None, version: int = 1
    ) -> int:
        code = getattr(self.schema.BuiltinOperator, name)
        self.codes.append(
            self.schema.OperatorCodeT(
                builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=version
            )
        )
        kind = type(options).__name__.removesuffix("T") if options else "NONE"
        self.operators.append(
            self.schema.OperatorT(
                opcodeIndex=len(self.codes) - 1,
                inputs=inputs,
                outputs=[output],
                builtinOptions=options,
                builtinOptionsType=getattr(self.schema.BuiltinOptions, kind),
            )
        )
        return output

    def pack(self, source: int, result: int, name: str) -> bytes:
        import flatbuffers  # type: ignore[import-untyped]

        schema = self.schema
        graph = schema.SubGraphT(
            tensors=self.tensors,
            inputs=[source],
            outputs=[result],
            operators=self.operators,
            name="main",
        )
        signature = schema.SignatureDefT(
            inputs=[schema.TensorMapT(name="input", tensorIndex=source)],
            outputs=[schema.TensorMapT(name=name, tensorIndex=result)],
            signatureKey="serving_default",
        )
        model = schema.ModelT(
            version=3,
            operatorCodes=self.codes,
            subgraphs=[graph],
            buffers=self.buffers,
            signatureDefs=[signature],
        )
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def build_tflite(network: Network) -> bytes:
    """Writes a network as a TensorFlow Lite model.

    Its input "input" is (N, side, side, 3), its output "probabilities" or "logits" (N, classes).
    """
    graph = _TfliteGraph()
    schema, side = graph.schema, network.side
    dtype = "uint8" if network.takes_bytes else "float32"
    values = source = graph.tensor("serving_default_input:0", [1, side, side, 3], dtype)
    if network.takes_bytes:
        options = schema.CastOptionsT(
            inDataType=schema.TensorType.UINT8, outDataType=schema.TensorType.FLOAT32
        )
        values = graph.operator("CAST", [values], graph.tensor("cast", [1, side, side, 3]), options)
        for name, number, kind in (
            ("MUL", 1 / 127.5, schema.MulOptionsT),
            ("SUB", 1.0, schema.SubOptionsT),
        ):
            factor = graph.constant(f"{name}/number", np.array([number], np.float32))
            output = graph.tensor(name, [1, side, side, 3])
            values = graph.operator(name, [values, factor], output, kind())
    for index, layer in enumerate(network.convolutions):
        side = -(-side // layer.stride)
        values = _tflite_convolution(graph, f"layer{index}", layer, values, side)
    channels, classes = network.dense_weights.shape
    axes = graph.constant("axes", np.array([1, 2], np.int32))
    mean = graph.tensor("mean", [1, channels])
    values = graph.operator("MEAN", [values, axes], mean, schema.ReducerOptionsT())
    dense = [
        values,
        graph.constant("dense/weights", np.ascontiguousarray(network.dense_weights.T)),
        graph.constant("dense/bias", network.dense_bias),
    ]
    scores = graph.tensor("scores", [1, classes])
    values = graph.operator("FULLY_CONNECTED", dense, scores, schema.FullyConnectedOptionsT())
    if network.gives_logits:
        return graph.pack(source, values, "logits")
    result = graph.tensor("StatefulPartitionedCall:0", [1, classes])
    graph.operator("SOFTMAX", [values], result, schema.SoftmaxOptionsT(beta=1.0))
    return graph.pack(source, result, "probabilities")


def _tflite_convolution(
    graph: _TfliteGraph, name: str, layer: Convolution, values: int, side: int
) -> int:
    schema = graph.schema
    common = {
        "padding": schema.Padding.SAME,
        "strideW": layer.stride,
        "strideH": layer.stride,
        "fusedActivationFunction": schema.ActivationFunctionType.RELU,
    }
    if layer.depthwise:
        kind = "DEPTHWISE_CONV_2D"
        options = schema.DepthwiseConv2DOptionsT(depthMultiplier=1, **common)
    else:
        kind, options = "CONV_2D", schema.Conv2DOptionsT(**common)
    weights = layer.weights.transpose(3, 0, 1, 2)
    inputs = [
        values,
        graph.constant(f"{name}/weights", np.ascontiguousarray(weights)),
        graph.constant(f"{name}/bias", layer.bias),
    ]
    output = graph.tensor(name, [1, side, side, layer.bias.size])
    return graph.operator(kind, inputs, output, options)


# ONNX -------------------------------------------------------------------------------------


def build_onnx(network: Network) -> bytes:
    """Writes a network as an ONNX model, with the inputs and outputs of the TensorFlow Lite one."""
    from onnx import TensorProto, checker, helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def add(operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"value{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(array: NDArray[Any]) -> str:
        name = f"constant{len(constants)}"
        constants.append(_onnx_tensor(name, array))
        return name

    values = "input"
    if network.takes_bytes:
        values = add("Cast", [values], to=TensorProto.FLOAT)
        values = add("Mul", [values, constant(np.array([1 / 127.5], np.float32))])
        values = add("Sub", [values, constant(np.array([1.0], np.float32))])
    values = add("Transpose", [values], perm=[0, 3, 1, 2])
    for layer in network.convolutions:
        order = (2, 3, 0, 1) if layer.depthwise else (3, 2, 0, 1)
        weights = np.ascontiguousarray(layer.weights.transpose(order))
        convolved = add(
            "Conv",
            [values, constant(weights), constant(layer.bias)],
            auto_pad="SAME_UPPER",
            kernel_shape=list(weights.shape[2:]),
            strides=[layer.stride, layer.stride],
            group=weights.shape[0] if layer.depthwise else 1,
        )
        values = add("Relu", [convolved])
    values = add("Flatten", [add("GlobalAveragePool", [values])])
    values = add("Gemm", [values, constant(network.dense_weights), constant(network.dense_bias)])
    name = "logits" if network.gives_logits else "probabilities"
    operator, options = ("Identity", {}) if network.gives_logits else ("Softmax", {"axis": 1})
    nodes.append(helper.make_node(operator, [values], [name], **options))

    kind = TensorProto.UINT8 if network.takes_bytes else TensorProto.FLOAT
    shape = ["batch", network.side, network.side, 3]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", kind, shape)],
        [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT, ["batch", network.dense_bias.size]
            )
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def _onnx_tensor(name: str, array: NDArray[Any]) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(array, name)
