"""ONNX models into smaller and faster ONNX models.

What was measured, and decides here: without onnxruntime's own pre-processing int8 was slower
than float32; per channel, unsigned activations and signed weights ran fastest; convolutions
whose activations are quantized as they come ran 3 to 14 times slower than in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, count_examples, load_examples, stack_outputs
from lintel.converters.precision import Precision

METHODS = ("MinMax", "Percentile", "Entropy")
# The others count values in bins, which do not always fit between the least and the largest.
_SURE_METHOD = "MinMax"
# Smaller constants stay as they are: what they would save is less than what says so.
_LEAST_ELEMENTS = 64
# So many examples make the histograms and choose the method.
_MOST_TO_CHOOSE = 64
_CHUNK = 8
_CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1}


class Quantized(NamedTuple):
    """An ONNX model, and how it came about.

    Attributes:
        model: The .onnx file.
        notes: Sentences for the report.
    """

    model: bytes
    notes: tuple[str, ...] = ()


def convert_onnx(
    model: Any,
    precision: Precision,
    scratch: Path,
    examples: Path | None = None,
    float_layers: Sequence[str] = (),
) -> Quantized:
    """Brings a float32 ONNX model to a precision.

    Args:
        model: The ModelProto; it may be changed.
        precision: To bring it to.
        scratch: A folder for files on the way.
        examples: Folder of calibration examples, for INT8.
        float_layers: Names of nodes that stay in float, for INT8.

    Raises:
        ConversionError: There are no examples, or nothing that could be quantized.
    """
    if precision is Precision.FLOAT32:
        return Quantized(serialize(model))
    if precision is Precision.FLOAT16:
        return Quantized(_halve_weights(model))
    scratch.mkdir(parents=True, exist_ok=True)
    prepared = preprocess(model, scratch)
    if precision is Precision.DYNAMIC:
        return Quantized(_quantize_dynamic(prepared, scratch))
    if examples is None or count_examples(examples) == 0:
        raise ConversionError(
            f"The precision {precision} needs examples to calibrate with: give --calibrate."
        )
    return quantize_static(prepared, scratch, examples, float_layers)


def serialize(model: Any) -> bytes:
    """Returns the bytes of a model, the same each time."""
    return bytes(model.SerializeToString(deterministic=True))


def preprocess(model: Any, scratch: Path) -> Path:
    """Folds constants and normalisations, and tells every shape, for the quantizers."""
    import onnx  # noqa: PLC0415 -- large
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    source, prepared = scratch / "source.onnx", scratch / "prepared.onnx"
    _name_nodes(model)
    onnx.save_model(model, source)
    try:
        quant_pre_process(source, prepared)
    except Exception:  # noqa: BLE001 -- whatever the shape inference stumbles on
        # Symbolic shapes are a help, not a need.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
    return prepared


def quantize_static(
    prepared: Path, scratch: Path, examples: Path, float_layers: Sequence[str] = ()
) -> Quantized:
    """Quantizes with the method of calibration that comes nearest to the source.

    Args:
        prepared: What `preprocess` gave.
        scratch: A folder for files on the way.
        examples: Folder of calibration examples.
        float_layers: Names of nodes that stay in float.
    """
    expected = _outputs(prepared, examples)
    tried: dict[str, tuple[float, bytes]] = {}
    for method in METHODS:
        try:
            made = _quantize_with(method, prepared, scratch, examples, float_layers)
        except ValueError:
            if method == _SURE_METHOD:
                raise
            # NumPy makes no histogram of an activation that hardly varies.
            continue
        tried[method] = (_distance(expected, _outputs(made, examples)), made.read_bytes())
    best = min(tried, key=lambda method: tried[method][0])
    listed = ", ".join(f"{method} {distance:.4g}" for method, (distance, _) in tried.items())
    note = (
        f"Calibrated with {best}: mean difference over the deviation of the outputs, on"
        f" calibration data: {listed}."
    )
    return Quantized(tried[best][1], (note,))


def _quantize_with(
    method: str, prepared: Path, scratch: Path, examples: Path, float_layers: Sequence[str]
) -> Path:
    from onnxruntime import quantization  # noqa: PLC0415 -- large

    ranges = scratch / f"ranges-{method}.json"
    if not ranges.exists():
        _find_ranges(method, prepared, scratch, examples, ranges)
    made = scratch / f"int8-{method}.onnx"
    quantization.quantize_static(
        prepared,
        made,
        None,
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=list(float_layers),
        calibrate_method=quantization.CalibrationMethod[method],
        calibration_cache_path=ranges,
    )
    return made


def _find_ranges(method: str, prepared: Path, scratch: Path, examples: Path, ranges: Path) -> None:
    """Measures the range of every activation, a few examples at a time, and writes them down."""
    from onnxruntime.quantization import CalibrationMethod, calibrate  # noqa: PLC0415 -- large

    calibrator = calibrate.create_calibrator(
        prepared,
        augmented_model_path=str(scratch / f"augmented-{method}.onnx"),
        calibrate_method=CalibrationMethod[method],
    )
    most = None if method == "MinMax" else _MOST_TO_CHOOSE
    examples_left = islice(feeds(prepared, examples), most)
    while chunk := list(islice(examples_left, _CHUNK)):
        calibrator.collect_data(Reader(iter(chunk)))
    calibrate.save_tensors_data(calibrator.compute_data(), ranges)


class Reader:
    """Hands examples to a calibrator in the way that it wants."""

    def __init__(self, feeds: Iterator[dict[str, Tensor]]) -> None:
        self._feeds = feeds

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self._feeds

    def get_next(self) -> dict[str, Tensor] | None:
        """Returns the next example, or None where there is none left."""
        return next(self._feeds, None)


def _quantize_dynamic(prepared: Path, scratch: Path) -> bytes:
    import onnx  # noqa: PLC0415 -- large
    from onnxruntime import quantization  # noqa: PLC0415 -- large

    made = scratch / "dynamic.onnx"
    quantization.quantize_dynamic(
        prepared,
        made,
        op_types_to_quantize=["LSTM", "MatMul"],
        per_channel=True,
        weight_type=quantization.QuantType.QInt8,
    )
    model = onnx.load_model(made)
    _shrink_kernels(model)
    return serialize(model)


def _halve_weights(model: Any) -> bytes:
    """Stores weights as float16; the runtime turns them back once, when it loads the model."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 -- large

    nodes = []
    for tensor in _float_weights(model):
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            halved = values.astype(np.float16)
        if not np.isfinite(halved).all():
            # Beyond what float16 can say: it stays as it is.
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halved, f"{name}__float16"))
        nodes.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    return _put_first(model, nodes)


def _shrink_kernels(model: Any) -> None:
    """Stores the kernels of convolutions as int8; the runtime turns them back when it loads."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 -- large

    axes = {
        node.input[1]: _CHANNEL_AXIS[node.op_type]
        for node in model.graph.node
        if node.op_type in _CHANNEL_AXIS
    }
    nodes = []
    for tensor in _float_weights(model):
        if tensor.name not in axes:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        integers, scale = _quantize_symmetric(values, axes[name])
        tensor.CopyFrom(numpy_helper.from_array(integers, f"{name}__int8"))
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}__scale"))
        nodes += [
            helper.make_node("Cast", [tensor.name], [f"{name}__cast"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}__cast", f"{name}__scale"], [name]),
        ]
    _put_first(model, nodes)


def _quantize_symmetric(
    values: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    others = tuple(index for index in range(values.ndim) if index != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
    return np.rint(values / scale).clip(-127, 127).astype(np.int8), scale


def _float_weights(model: Any) -> list[Any]:
    """Returns the constants that are worth shrinking."""
    from onnx import TensorProto  # noqa: PLC0415 -- large

    places = {place.name for place in (*model.graph.input, *model.graph.output)}
    return [
        tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
        and np.prod(tensor.dims) >= _LEAST_ELEMENTS
        and tensor.name not in places
    ]


def _put_first(model: Any, nodes: list[Any]) -> bytes:
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return serialize(model)


def _name_nodes(model: Any) -> None:
    """Gives every node a name: those that stay in float are told by it."""
    taken = {node.name for node in model.graph.node}
    for index, node in enumerate(model.graph.node):
        if not node.name:
            name = f"{node.op_type}_{index}"
            node.name = name if name not in taken else f"{name}__node"


def feeds(model: Path, examples: Path) -> Iterator[dict[str, Tensor]]:
    """Yields the examples of a folder as a model takes them."""
    inputs = _session(model).get_inputs()
    names = tuple(value.name for value in inputs)
    return load_examples(examples, names, tuple(len(value.shape) for value in inputs))


def _outputs(model: Path, examples: Path) -> dict[str, Tensor]:
    session = _session(model)
    names = [value.name for value in session.get_outputs()]
    chosen = islice(feeds(model, examples), _MOST_TO_CHOOSE)
    return stack_outputs(dict(zip(names, session.run(names, f), strict=True)) for f in chosen)


def _session(model: Path) -> Any:
    import onnxruntime  # noqa: PLC0415 -- large

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _distance(expected: dict[str, Tensor], actual: dict[str, Tensor]) -> float:
    """Mean difference of outputs, each over its own deviation."""
    shares = [
        float(np.abs(actual[name] - values).mean() / (values.std() + 1e-12))
        for name, values in expected.items()
    ]
    return float(np.mean(shares))
