"""What all of ONNX's operators share here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lintel.converters.errors import ConversionError
from lintel.converters.sources.onnx_graph import Value

Attributes = dict[str, Any]
Operator = Callable[[Sequence["Value | None"], Attributes], "Value | list[Value]"]


def refuse(what: str) -> ConversionError:
    """Returns the error that says what cannot be converted."""
    return ConversionError(
        f"{what} cannot become TensorFlow Lite: convert to ONNX only (--format onnx)."
    )


def real(value: Value | None) -> Value:
    """Returns an input that has to be there."""
    if value is None:
        raise refuse("A node without one of its inputs")
    return value


def constant_of(value: Value | None) -> Any:
    """Returns an input that has to be known before the model runs, as ONNX orders it."""
    constant = real(value).first().constant
    if constant is None:
        raise refuse("A node whose settings are computed")
    return constant
