"""Files of annotations: text, JSON, and the numbers in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from lintel.lab.errors import AnnotationError

StructType = TypeVar("StructType")


def read_text(path: Path) -> str:
    """Reads a text file.

    Raises:
        AnnotationError: It cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"it cannot be read: {error.strerror}.", path=path) from error
    except UnicodeDecodeError as error:
        raise AnnotationError("it is no text in UTF-8.", path=path) from error


def load_json(path: Path) -> Any:
    """Reads a JSON file; NaN, which Python writes though JSON has none, is let through.

    Raises:
        AnnotationError: It cannot be read, or is none.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnnotationError("it is no JSON.", path=path) from error


def convert_json(value: Any, kind: type[StructType], path: Path) -> StructType:
    """Validates what a JSON file holds.

    Raises:
        AnnotationError: It is not of the kind; the message says where.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise AnnotationError(f"it is not as expected: {error}.", path=path) from error


def to_number(text: str, what: str, path: Path, field: str) -> float:
    """Reads a number, NaN and infinity too, which `read_box` tells apart.

    Raises:
        AnnotationError: It is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise AnnotationError(f"{what} is {text!r}, no number.", path=path, field=field) from error


def to_side(text: str, path: Path, field: str) -> int:
    """Reads the width or height of a picture.

    Raises:
        AnnotationError: It is no whole number.
    """
    side = to_number(text, "the picture's size", path, field)
    if not side.is_integer():
        raise AnnotationError(
            f"the picture's size is {text!r}, no whole number.", path=path, field=field
        )
    return int(side)


def shortest(number: np.float32) -> float:
    """Returns the number of fewest digits that float32 takes for this one: 0.1, not 0.100000001."""
    return float(str(number))
