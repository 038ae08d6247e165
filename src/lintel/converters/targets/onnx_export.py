"""TensorFlow graphs into ONNX models."""

from __future__ import annotations

import logging
from typing import Any

from lintel.converters.errors import ConversionError
from lintel.converters.sources import TensorFlowGraph
from lintel.converters.sources.onnx_model import rename_values
from lintel.converters.targets.onnx_order import settle
from lintel.converters.targets.tflite import input_specs

# The newest that the exporter writes; ONNX Runtime 1.20 and later run it.
_OPSET = 18


def export_onnx(graph: TensorFlowGraph) -> Any:
    """Writes a graph as an ONNX model in float32, with the names of the graph.

    Axes of any length stay so.

    Raises:
        ConversionError: An operator has no counterpart.
    """
    import tensorflow as tf  # noqa: PLC0415 -- takes seconds
    import tf2onnx  # noqa: PLC0415 -- as above

    specs = input_specs(graph)
    function = tf.function(
        lambda *tensors: list(graph.call(*tensors)), input_signature=specs, autograph=False
    )
    problems = _Problems()
    logging.getLogger("tf2onnx").addHandler(problems)
    try:
        model, _ = tf2onnx.convert.from_function(function, input_signature=specs, opset=_OPSET)
    except Exception as error:
        raise _explain(problems, error) from error
    finally:
        logging.getLogger("tf2onnx").removeHandler(problems)
    if problems.unsupported:
        raise _explain(problems, None)
    _rename(model, graph)
    settle(model)
    return model


class _Problems(logging.Handler):
    """Gathers the operators that the exporter says it does not know."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.unsupported: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "nsupported ops" in message:
            self.unsupported |= set(message.partition("Counter(")[2].split("'")[1::2])


def _explain(problems: _Problems, error: Exception | None) -> ConversionError:
    if problems.unsupported:
        listed = ", ".join(sorted(problems.unsupported))
        return ConversionError(
            f"ONNX has no operator for {listed}: replace it in the model, or convert to TensorFlow"
            " Lite only (--format litert)."
        )
    short = str(error).strip().partition("\n")[0][:200]
    return ConversionError(
        f"The model cannot be written as ONNX ({short}): convert to TensorFlow Lite only"
        " (--format litert)."
    )


def _rename(model: Any, graph: TensorFlowGraph) -> None:
    """Gives inputs and outputs the names of the graph."""
    content = model.graph
    wanted = [description.name for description in graph.inputs] + list(graph.outputs)
    places = [*content.input, *content.output]
    if len(places) != len(wanted):
        raise ConversionError(
            "An output of the model is one of its inputs, or there twice: leave it out."
        )
    rename_values(model, {place.name: name for place, name in zip(places, wanted, strict=True)})
