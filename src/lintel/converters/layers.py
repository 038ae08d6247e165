"""Where quantization loses information, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.converters.examples import Tensor, load_examples
from lintel.converters.precision import Precision
from lintel.converters.sources import TensorFlowGraph

# Run through every layer: enough to rank them.
_MOST_EXAMPLES = 8
_PASS_THROUGH = frozenset({"Relu", "Clip"})


@dataclass(frozen=True, slots=True)
class LayerError:
    """What quantization does to the values that one layer gives.

    Attributes:
        name: Of the layer's output.
        operator: What computes it.
        lost_share: The noise that quantization adds here over the variance of the values, each
            channel by itself and at most 1, mean over channels: 0 nothing is lost, 1 all.
        float_layers: What has to stay in float for these values to do so: the layer, and those
            that take what it gives.
    """

    name: str
    operator: str
    lost_share: float
    float_layers: tuple[str, ...]


class ChannelNoise:
    """Adds up the noise and the variance of each channel."""

    def __init__(self, axis: int) -> None:
        """Begins.

        Args:
            axis: That of the channels.
        """
        self._axis = axis
        self._sums: NDArray[np.float64] | None = None

    def add(self, expected: Tensor, actual: Tensor) -> None:
        """Counts values in."""
        channel = self._axis if expected.ndim > 2 else -1
        flat = [
            np.moveaxis(np.asarray(values, np.float64), channel, -1).reshape(
                -1, expected.shape[channel]
            )
            for values in (expected, actual)
        ]
        added = np.stack(
            [
                np.full(flat[0].shape[1], float(len(flat[0]))),
                flat[0].sum(0),
                (flat[0] ** 2).sum(0),
                ((flat[1] - flat[0]) ** 2).sum(0),
            ]
        )
        self._sums = added if self._sums is None else self._sums + added

    def lost_share(self) -> float:
        """Returns the mean over channels; channels that never vary tell nothing."""
        if self._sums is None:
            return 0.0
        count, total, squares, noise = self._sums
        variance = squares / count - (total / count) ** 2
        varies = variance > 1e-9 * squares / count
        if not varies.any():
            return 0.0
        shares = noise[varies] / count[varies] / variance[varies]
        return float(np.minimum(shares, 1).mean())


def tflite_errors(graph: TensorFlowGraph, examples: Path, scratch: Path) -> list[LayerError]:
    """Compares every operator of an int8 TensorFlow Lite model with the same one in float.

    The model is instrumented by TensorFlow's quantizer: each operator is run in float beside it,
    on the same values, so that what it adds is seen and not what came before.
    """
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds
    from tensorflow.lite.python import convert  # noqa: PLC0415 -- as above

    from lintel.converters.targets.tflite import make_converter  # noqa: PLC0415 -- as above

    converter = make_converter(graph, Precision.INT8, scratch, examples)
    converter._experimental_calibrate_only = True
    instrumented = convert.mlir_quantize(
        converter.convert(), fully_quantize=False, enable_numeric_verify=True
    )
    interpreter = tf.lite.Interpreter(
        model_content=instrumented,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=(
            tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        ),
    )
    runner = interpreter.get_signature_runner()
    operators = interpreter._get_ops_details()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    checked = {
        int(quantized): int(floating)
        for operator in operators
        if operator["op_name"] == "NumericVerify"
        for quantized, floating in [operator["inputs"]]
    }
    noises = {quantized: ChannelNoise(-1) for quantized in checked}
    names = tuple(d.name for d in graph.inputs)
    ranks = tuple(len(d.shape) for d in graph.inputs)
    for feed in islice(load_examples(examples, names, ranks), _MOST_EXAMPLES):
        runner(**feed)
        for quantized, floating in checked.items():
            scale = details[quantized]["quantization_parameters"]
            integers = interpreter.get_tensor(quantized).astype(np.float64)
            actual = (integers - scale["zero_points"][0]) * scale["scales"][0]
            noises[quantized].add(interpreter.get_tensor(floating), actual)
    return _tflite_rows(operators, details, checked, noises)


def _tflite_rows(
    operators: Iterable[Mapping[str, Any]],
    details: Mapping[int, Mapping[str, Any]],
    checked: Mapping[int, int],
    noises: Mapping[int, ChannelNoise],
) -> list[LayerError]:
    def name(quantized: int) -> str:
        return str(details[checked[quantized]]["name"])

    consumers: dict[int, list[str]] = {quantized: [] for quantized in checked}
    kinds: dict[int, str] = {}
    for operator in operators:
        outputs = [int(output) for output in operator["outputs"] if int(output) in checked]
        kinds |= dict.fromkeys(outputs, str(operator["op_name"]))
        for value in {int(value) for value in operator["inputs"]} & set(checked):
            consumers[value] += [name(output) for output in outputs]
    return [
        LayerError(
            _readable(name(quantized)),
            kinds.get(quantized, ""),
            noise.lost_share(),
            (name(quantized), *consumers[quantized]),
        )
        for quantized, noise in noises.items()
    ]


def _readable(name: str) -> str:
    """Shortens what TensorFlow makes of the names of fused layers."""
    return name.partition(";")[0].removesuffix(":0")


def onnx_errors(prepared: Path, quantized: Path, examples: Path, scratch: Path) -> list[LayerError]:
    """Compares every activation of a QDQ model before and after it is rounded.

    Args:
        prepared: The float model that was quantized.
        quantized: What came of it.
        examples: Folder of examples.
        scratch: A folder for files on the way.
    """
    import onnx  # noqa: PLC0415 -- large
    from onnxruntime.quantization import qdq_loss_debug as debug  # noqa: PLC0415 -- large

    from lintel.converters.targets import onnx_quantization  # noqa: PLC0415 -- large

    watched = {}
    for name, path in (("float", prepared), ("int8", quantized)):
        watched[name] = scratch / f"watched-{name}.onnx"
        debug.modify_model_output_intermediate_tensors(str(path), str(watched[name]))
    noises: dict[str, ChannelNoise] = {}
    for feed in islice(onnx_quantization.feeds(prepared, examples), _MOST_EXAMPLES):
        values = {
            name: debug.collect_activations(str(path), onnx_quantization.Reader(iter([feed])))
            for name, path in watched.items()
        }
        matched = debug.create_activation_matching(values["int8"], values["float"])
        for name, found in matched.items():
            noise = noises.setdefault(name, ChannelNoise(1))
            for before, after in zip(found["pre_qdq"], found["post_qdq"], strict=True):
                noise.add(before, after)
    graph = onnx.load_model(prepared).graph
    return [_onnx_row(name, graph, noise.lost_share()) for name, noise in noises.items()]


def _onnx_row(name: str, graph: Any, lost_share: float) -> LayerError:
    makers = {value: node for node in graph.node for value in node.output}
    maker = makers.get(name)
    chain = []
    # An activation that is rounded at once goes with what it follows.
    while maker is not None:
        chain.append(str(maker.name))
        maker = makers.get(maker.input[0]) if maker.op_type in _PASS_THROUGH else None
    takers = [str(node.name) for node in graph.node if name in node.input]
    operator = makers[name].op_type if name in makers else "input"
    return LayerError(name, str(operator), lost_share, (*chain, *takers))
