"""TensorFlow graphs into TensorFlow Lite files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lintel.converters.errors import ConversionError
from lintel.converters.examples import count_examples, load_examples
from lintel.converters.precision import Precision
from lintel.converters.sources import TensorFlowGraph

# A graph of more steps than this takes longer to convert than it saves.
_MOST_STEPS = 256


def convert_tflite(
    graph: TensorFlowGraph,
    precision: Precision,
    scratch: Path,
    examples: Path | None = None,
    float_layers: Sequence[str] = (),
) -> bytes:
    """Converts a graph.

    Args:
        graph: With no free axes but the first, which becomes 1.
        precision: Of the file.
        scratch: An empty folder for files on the way.
        examples: Folder of calibration examples; needed where `precision.needs_calibration`.
        float_layers: Names of tensors whose operators stay in float.

    Returns:
        The file, made of built-in operators only.

    Raises:
        ConversionError: An operator or a shape has no counterpart there.
    """
    converter = make_converter(graph, precision, scratch, examples)
    try:
        if float_layers:
            model = _quantize_mixed(converter, float_layers)
        else:
            model = bytes(converter.convert())
    except ConversionError:
        raise
    except Exception as error:
        raise explain(error) from error
    refuse_custom(model)
    return model


def make_converter(
    graph: TensorFlowGraph, precision: Precision, scratch: Path, examples: Path | None
) -> Any:
    """Sets TensorFlow's converter up for a graph; see convert_tflite."""
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds

    graph = _laid_out(graph.with_batch(1), precision)
    save_frozen(graph, scratch / "frozen")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(scratch / "frozen"))
    if precision is Precision.FLOAT32:
        return converter
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision is Precision.FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if precision.needs_calibration:
        if examples is None or count_examples(examples) == 0:
            raise ConversionError(
                f"The precision {precision} needs examples to calibrate with: give --calibrate."
            )
        sets = tf.lite.OpsSet
        quantized = (
            sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if precision is Precision.INT16X8
            else sets.TFLITE_BUILTINS_INT8
        )
        converter.representative_dataset = _dataset(graph, examples)
        converter.target_spec.supported_ops = [quantized, sets.TFLITE_BUILTINS]
    if precision is Precision.INT8_INTEGER:
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    return converter


def save_frozen(graph: TensorFlowGraph, folder: Path) -> None:
    """Saves a graph with its weights as constants, and the names of its inputs and outputs.

    Through variables the converter loses weights without an error, or fails to calibrate; without
    a signature it loses the names.
    """
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds

    specs = input_specs(graph)
    frozen = freeze(graph)

    @tf.function(input_signature=specs, autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def serve(*tensors: Any) -> Any:
        return dict(zip(graph.outputs, tf.nest.flatten(frozen(*tensors)), strict=True))

    module = tf.Module()
    module.serve = serve
    signatures = {"serving_default": serve.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def input_specs(graph: TensorFlowGraph) -> list[Any]:
    """Returns TensorFlow's description of a graph's inputs."""
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds

    return [tf.TensorSpec(d.shape, d.dtype, name=d.name) for d in graph.inputs]


def freeze(graph: TensorFlowGraph) -> Any:
    """Returns a graph as a concrete function whose weights are constants."""
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds
    from tensorflow.python.framework import convert_to_constants  # noqa: PLC0415 -- as above

    # Autograph would put what is raised into other words.
    function = tf.function(lambda *tensors: list(graph.call(*tensors)), autograph=False)
    concrete = function.get_concrete_function(*input_specs(graph))
    return convert_to_constants.convert_variables_to_constants_v2(
        concrete, lower_control_flow=False, aggressive_inlining=True
    )


def explain(error: Exception) -> ConversionError:
    """Turns what the converter says into a sentence."""
    text = str(error)
    found = set(re.findall(r"\btf\.([A-Z]\w+)\(", text))
    found |= set(re.findall(r"'tf\.([A-Z]\w+)' op", text))
    found |= {
        name.strip()
        for listed in re.findall(r"(?:Flex|Custom) ops: ([\w, ]+)", text)
        for name in listed.split(",")
    }
    if found:
        return ConversionError(
            "TensorFlow Lite has no built-in operator for"
            f" {', '.join(sorted(found))}: replace it in the model, or convert to ONNX only"
            " (--format onnx)."
        )
    short = re.sub(r"\s+", " ", text).strip()[:200]
    return ConversionError(
        f"TensorFlow Lite cannot hold the model ({short}): convert to ONNX only (--format onnx),"
        " or try another precision."
    )


def refuse_custom(model: bytes) -> None:
    """Refuses a file with operators that a device's runtime has not.

    Raises:
        ConversionError: It has Flex or custom operators.
    """
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 -- large

    codes = schema.ModelT.InitFromPackedBuf(model, 0).operatorCodes or []
    custom = sorted({code.customCode.decode() for code in codes if code.customCode})
    if custom:
        raise ConversionError(
            f"The operators {', '.join(custom)} are not built into TensorFlow Lite: replace them"
            " in the model, or convert to ONNX only (--format onnx)."
        )


def _laid_out(graph: TensorFlowGraph, precision: Precision) -> TensorFlowGraph:
    """Lays recurrent layers out step by step: faster, and the only way that int8 has.

    A loop that is quantized takes the converter with it.
    """
    if graph.unroll is None:
        return graph
    steps = max((d.shape[1] or 0) for d in graph.inputs if len(d.shape) > 1)
    if steps <= _MOST_STEPS:
        shapes = {d.name: tuple(n for n in d.shape[1:] if n is not None) for d in graph.inputs}
        return graph.unroll().with_shapes(shapes).with_batch(1)
    if precision.needs_calibration:
        raise ConversionError(
            f"A recurrent model over {steps} steps cannot be quantized to {precision}; up to"
            f" {_MOST_STEPS} it can: choose float32, float16 or dynamic."
        )
    return graph


def _dataset(graph: TensorFlowGraph, examples: Path) -> Callable[[], Iterator[dict[str, Any]]]:
    names = tuple(d.name for d in graph.inputs)
    ranks = tuple(len(d.shape) for d in graph.inputs)
    return lambda: load_examples(examples, names, ranks)


def _quantize_mixed(converter: Any, float_layers: Sequence[str]) -> bytes:
    """Quantizes all but the operators that give certain tensors."""
    from tensorflow.lite.python import convert  # noqa: PLC0415 -- takes seconds

    # What tf.lite.experimental.QuantizationDebugger does, without its instrumented run.
    converter.experimental_new_quantizer = True
    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    return bytes(
        convert.mlir_quantize(
            calibrated,
            disable_per_channel=False,
            fully_quantize=False,
            denylisted_nodes=list(float_layers),
        )
    )
