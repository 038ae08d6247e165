"""What the worker can do; every argument and result is plain, as it travels as JSON."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lintel.converters import layers
from lintel.converters.errors import ConversionError
from lintel.converters.examples import save_outputs
from lintel.converters.precision import Precision
from lintel.converters.sources import Kind, opening

_TENSORFLOW = ("tensorflow", "keras")
_ONNX = ("onnx", "onnxruntime", "onnxruntime.quantization")
_LIBRARIES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.KERAS: _TENSORFLOW,
        Kind.KERAS_H5: (*_TENSORFLOW, "tf_keras"),
        Kind.SAVED_MODEL: ("tensorflow",),
        Kind.ONNX: _ONNX,
        Kind.TORCH_EXPORT: ("torch", "onnx"),
        Kind.TORCH_PICKLE: ("torch", "onnx"),
        Kind.XGBOOST: ("xgboost", "onnx", "onnxmltools"),
        Kind.PICKLE: ("sklearn", "onnx", "skl2onnx"),
    }
)


def load_libraries(job: str, model: str, options: Mapping[str, Any] | None = None) -> None:
    """Imports what a job needs, before it is forked: once for all jobs.

    Raises:
        ConversionError: A library is not installed, or the model is code and not trusted.
    """
    trust = bool(options and options["trust"])
    own = _LIBRARIES[opening.identify_trusted(Path(model), trust=trust)]
    besides = {
        "convert_tflite": ("tensorflow",),
        "tflite_layers": ("tensorflow",),
        "export_onnx": ("onnx", "tf2onnx") if "tensorflow" in own else ("onnx",),
    }
    for name in (*own, *besides.get(job, ())):
        try:
            importlib.import_module(name)
        except ImportError as error:
            extra = "convert-torch" if name == "torch" else "convert"
            raise ConversionError(
                f"{name.partition('.')[0]} is not installed, which this model needs: pip install"
                f" 'lintel[{extra}]'."
            ) from error


def describe(model: str, options: dict[str, Any]) -> dict[str, Any]:
    """Tells what a source model takes and gives."""
    source = opening.open_source(Path(model), **options)
    return {"inputs": [asdict(d) for d in source.inputs], "outputs": list(source.outputs)}


def run_source(model: str, options: dict[str, Any], examples: str, out: str) -> None:
    """Runs a source model, in the library that it comes from, on a folder of examples."""
    source = opening.open_source(Path(model), **options)
    save_outputs(source.run(Path(examples)), Path(out))


def convert_tflite(
    model: str,
    options: dict[str, Any],
    out: str,
    precision: str,
    examples: str | None,
    float_layers: Sequence[str],
    scratch: str,
) -> list[str]:
    """Converts a source model to TensorFlow Lite; returns notes."""
    from lintel.converters.targets.tflite import convert_tflite as convert  # noqa: PLC0415

    graph = opening.open_graph(Path(model), **options)
    made = convert(graph, Precision(precision), Path(scratch), _path(examples), float_layers)
    Path(out).write_bytes(made)
    return []


def export_onnx(model: str, options: dict[str, Any], out: str) -> None:
    """Brings a source model into the form of a float32 ONNX model."""
    from lintel.converters.targets.onnx_quantization import serialize  # noqa: PLC0415

    Path(out).write_bytes(serialize(opening.open_onnx(Path(model), **options)))


def convert_xgboost(model: str, options: dict[str, Any], out: str) -> None:
    """Writes an XGBoost model in the form that the device takes, without names of columns."""
    import xgboost  # noqa: PLC0415 -- large

    # Whether it can be read at all, and its names, are the source's affair.
    opening.open_source(Path(model), **options)
    booster = xgboost.Booster(model_file=model)
    booster.feature_names = booster.feature_types = None
    Path(out).write_bytes(booster.save_raw("json"))


def convert_onnx(
    model: str,
    out: str,
    precision: str,
    examples: str | None,
    float_layers: Sequence[str],
    scratch: str,
) -> list[str]:
    """Brings a float32 ONNX model to a precision; returns notes."""
    import onnx  # noqa: PLC0415 -- large

    from lintel.converters.targets import onnx_quantization  # noqa: PLC0415

    made = onnx_quantization.convert_onnx(
        onnx.load_model(model), Precision(precision), Path(scratch), _path(examples), float_layers
    )
    Path(out).write_bytes(made.model)
    return list(made.notes)


def tflite_layers(
    model: str, options: dict[str, Any], examples: str, scratch: str
) -> list[dict[str, Any]]:
    """Tells where int8 TensorFlow Lite loses information, by layer."""
    graph = opening.open_graph(Path(model), **options)
    return [asdict(row) for row in layers.tflite_errors(graph, Path(examples), Path(scratch))]


def onnx_layers(model: str, examples: str, scratch: str) -> list[dict[str, Any]]:
    """Tells where int8 ONNX loses information, by layer."""
    import onnx  # noqa: PLC0415 -- large

    from lintel.converters.targets import onnx_quantization  # noqa: PLC0415

    folder, feeds = Path(scratch), Path(examples)
    folder.mkdir(parents=True, exist_ok=True)
    prepared = onnx_quantization.preprocess(onnx.load_model(model), folder)
    quantized = folder / "watched.onnx"
    quantized.write_bytes(onnx_quantization.quantize_static(prepared, folder, feeds).model)
    return [asdict(row) for row in layers.onnx_errors(prepared, quantized, feeds, folder)]


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


JOBS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        job.__name__: job
        for job in (
            describe,
            run_source,
            convert_tflite,
            export_onnx,
            convert_xgboost,
            convert_onnx,
            tflite_layers,
            onnx_layers,
        )
    }
)
