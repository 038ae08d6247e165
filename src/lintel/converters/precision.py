"""The precisions that a model can be converted to."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from lintel.converters.errors import ConversionError

Format = Literal["litert", "onnx", "xgboost"]

FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".tflite": "litert",
    ".onnx": "onnx",
    ".json": "xgboost",
}
SUFFIX_OF_FORMAT: dict[Format, str] = {form: suffix for suffix, form in FORMAT_OF_SUFFIX.items()}


class Precision(StrEnum):
    """What numbers a converted model is made of.

    FLOAT16 keeps weights in half the room and computes in float32. DYNAMIC keeps weights in
    int8 and computes in float32, or in integers where that pays. INT8 computes in integers and
    takes and gives floats; INT8_INTEGER takes and gives integers too. INT16X8 has int8 weights
    and int16 activations.
    """

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"
    INT8_INTEGER = "int8-integer"
    INT16X8 = "int16x8"

    @property
    def needs_calibration(self) -> bool:
        """Whether examples of the input are needed."""
        return self in {Precision.INT8, Precision.INT8_INTEGER, Precision.INT16X8}


PRECISIONS_OF_FORMAT: dict[Format, tuple[Precision, ...]] = {
    "litert": tuple(Precision),
    "onnx": (Precision.FLOAT32, Precision.FLOAT16, Precision.DYNAMIC, Precision.INT8),
    "xgboost": (Precision.FLOAT32,),
}


def format_of(path: Path) -> Format:
    """Tells what a file is to be, by its suffix.

    Raises:
        ConversionError: The suffix is none of .tflite, .onnx and .json.
    """
    form = FORMAT_OF_SUFFIX.get(path.suffix)
    if form is None:
        raise ConversionError(
            f"{path.name} must end in .tflite, .onnx or .json: that chooses the format."
        )
    return form


def check_precision(form: Format, precision: Precision) -> None:
    """Checks that a format has a precision.

    Raises:
        ConversionError: It has not.
    """
    if precision not in PRECISIONS_OF_FORMAT[form]:
        listed = ", ".join(PRECISIONS_OF_FORMAT[form])
        raise ConversionError(f"The format {form} has no precision {precision}: choose {listed}.")
