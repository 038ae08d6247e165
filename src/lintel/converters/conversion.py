"""A trained model into one file for devices."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Feed, Tensor, load_outputs, save_examples
from lintel.converters.files import write_whole
from lintel.converters.layers import LayerError
from lintel.converters.precision import Format, Precision, check_precision, format_of
from lintel.converters.sources import Kind, Shapes, TensorDescription, identify
from lintel.converters.workshop import Workshop, shared_workshop


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted model.

    Attributes:
        file: Where it is.
        format: What runs it: "litert", "onnx" or "xgboost".
        precision: What its numbers are.
        seconds: How long the conversion took.
        size_bytes: Of the file.
        notes: Sentences for the report.
        float_layers: What was left in float on purpose.
    """

    file: Path
    format: Format
    precision: Precision
    seconds: float
    size_bytes: int
    notes: tuple[str, ...] = ()
    float_layers: tuple[str, ...] = ()


@dataclass
class SourceModel:
    """A trained model, to be converted and to be compared with.

    Attributes:
        path: The file, or the folder of a SavedModel.
        trust: Run code that the model holds, such as Lambda layers and pickles.
        shapes: Lengths, without the batch, of the axes of inputs that have any length; the key ""
            stands for the only input.
        workshop: Where the work is done; None: one that the process shares.
    """

    path: Path
    trust: bool = False
    shapes: Shapes = field(default_factory=dict)
    workshop: Workshop | None = None
    _exported: Path | None = field(default=None, init=False, repr=False)

    def describe(self) -> tuple[tuple[TensorDescription, ...], tuple[str, ...]]:
        """Tells what the model takes, and the names of what it gives.

        Raises:
            ConversionError: It cannot be read, or holds code and is not trusted.
        """
        told = self.work.run("describe", model=self.path, options=self._options)
        inputs = (
            TensorDescription(value["name"], tuple(value["shape"]), value["dtype"])
            for value in told["inputs"]
        )
        return tuple(inputs), tuple(told["outputs"])

    def run(self, examples: Iterable[Feed] | Path) -> dict[str, Tensor]:
        """Runs the model in the library that it comes from.

        Args:
            examples: Inputs, or a folder of them as `save_examples` writes it.

        Returns:
            Its outputs, (examples, ...) by name.

        Raises:
            ConversionError: It cannot be run on these.
        """
        out = self.work.place("outputs.npz")
        folder = self.keep(examples)
        self.work.run(
            "run_source", model=self.path, options=self._options, examples=folder, out=out
        )
        return load_outputs(out)

    def convert(
        self,
        out_file: Path,
        precision: Precision | str = Precision.FLOAT32,
        calibration: Iterable[Feed] | Path | None = None,
        float_layers: Sequence[str] = (),
        scratch: Path | None = None,
    ) -> Conversion:
        """Writes the model for devices; see lintel.converters.convert.

        Args:
            out_file: As there.
            precision: As there.
            calibration: As there, or a folder as `save_examples` writes it.
            float_layers: Layers that stay in float, as the error by layer names them.
            scratch: A folder that conversions of one model and calibration may share, which saves
                measuring ranges anew; only for ONNX.
        """
        began = time.monotonic()
        form, precision = format_of(out_file), Precision(precision)
        check_precision(form, precision)
        _check_kind(identify(self.path), form, precision, self.path.name)
        if precision.needs_calibration and calibration is None:
            raise ConversionError(
                f"The precision {precision} needs examples to calibrate with: give --calibrate."
            )
        made = self.work.place(out_file.name)
        order: dict[str, Any] = {
            "out": made,
            "precision": str(precision),
            "examples": self.keep(calibration) if precision.needs_calibration else None,
            "float_layers": list(float_layers),
            "scratch": scratch or self.work.place("scratch"),
        }
        if form == "xgboost":
            self.work.run("convert_xgboost", model=self.path, options=self._options, out=made)
            notes = []
        elif form == "litert":
            notes = self.work.run("convert_tflite", model=self.path, options=self._options, **order)
        else:
            notes = self.work.run("convert_onnx", model=self.as_onnx(), **order)
        data = made.read_bytes()
        made.unlink()
        write_whole(out_file, data)
        seconds = time.monotonic() - began
        return Conversion(
            out_file, form, precision, seconds, len(data), tuple(notes), tuple(float_layers)
        )

    def layer_errors(
        self, form: Format, calibration: Iterable[Feed] | Path, scratch: Path | None = None
    ) -> list[LayerError]:
        """Tells where int8 loses information, the worst layer first.

        Args:
            form: "litert" or "onnx".
            calibration: As for `convert`.
            scratch: As for `convert`.

        Raises:
            ConversionError: The model cannot be quantized.
        """
        order = {
            "examples": self.keep(calibration),
            "scratch": scratch or self.work.place("layers"),
        }
        if form == "litert":
            rows = self.work.run("tflite_layers", model=self.path, options=self._options, **order)
        else:
            rows = self.work.run("onnx_layers", model=self.as_onnx(), **order)
        made = [LayerError(**{**row, "float_layers": tuple(row["float_layers"])}) for row in rows]
        return sorted(made, key=lambda row: -row.lost_share)

    def as_onnx(self) -> Path:
        """Returns the model as a float32 ONNX file of the workshop; made once.

        Raises:
            ConversionError: It cannot be written so.
        """
        if self._exported is None:
            out = self.work.place("exported.onnx")
            self.work.run("export_onnx", model=self.path, options=self._options, out=out)
            self._exported = out
        return self._exported

    def keep(self, examples: Iterable[Feed] | Path | None) -> Path:
        """Writes examples where the workshop reads them; a folder stays where it is."""
        if isinstance(examples, Path):
            return examples
        folder = self.work.place("examples")
        save_examples(examples or (), folder)
        return folder

    @property
    def work(self) -> Workshop:
        """Where the work is done."""
        if self.workshop is None:
            self.workshop = shared_workshop()
        return self.workshop

    @property
    def _options(self) -> dict[str, Any]:
        shapes = {name: list(lengths) for name, lengths in self.shapes.items()}
        return {"trust": self.trust, "shapes": shapes}


def _check_kind(kind: Kind, form: Format, precision: Precision, name: str) -> None:
    """Checks that a kind of model can become a format in a precision.

    Raises:
        ConversionError: It cannot.
    """
    if kind.is_trees and (form == "litert" or precision is not Precision.FLOAT32):
        raise ConversionError(
            f"{name} is a model of tables, and becomes ONNX in float32 only: choose the variant"
            " onnx-float32."
        )
    if form == "xgboost" and kind is not Kind.XGBOOST:
        raise ConversionError(
            f"{name} is no XGBoost model, and does not become one: choose another format."
        )


def convert(
    model: Path,
    out_file: Path,
    precision: Precision | str = Precision.FLOAT32,
    calibration: Iterable[Feed] | None = None,
    *,
    trust: bool = False,
    shapes: Shapes | None = None,
) -> Conversion:
    """Converts a trained model into one file for devices.

    The work is done in a process of its own; the file appears whole or not at all, and the same
    call writes the same bytes again. Names of inputs and outputs are kept. A free first axis
    (the batch) becomes 1 in TensorFlow Lite and stays free in ONNX.

    Args:
        model: What was trained: .keras, .h5, a SavedModel's folder, .onnx, .pt2, .json, .ubj.
        out_file: What to write: .tflite, .onnx or, of XGBoost, .json; that chooses the format.
        precision: "float32", "float16", "dynamic", "int8", and for TensorFlow Lite
            "int8-integer" and "int16x8".
        calibration: Inputs as the device will see them, a hundred or more, for the precisions
            with integers: arrays with or without the first axis of 1, or a mapping of them by
            the input's name.
        trust: Run code that the model holds, such as Lambda layers and pickles.
        shapes: Lengths of axes that have any, by the input's name ("": the only one).

    Raises:
        ConversionError: It cannot be done; the message says what to do, and nothing was written.
    """
    source = SourceModel(Path(model), trust, shapes or {})
    return source.convert(Path(out_file), precision, calibration)
