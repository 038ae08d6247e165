"""Finds external data in ONNX models before any parser of the runtime sees them.

A tensor of an ONNX model may say that its values lie in another file, named by a path: a way to
read files that are none of the model's business. The `onnx` package, which could tell, is too
large for a device; so the Protocol Buffers encoding is walked here, and only the messages
between a model and its tensors are looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lintel.edge.errors import PackageInvalidError

# Deeper than graphs within graphs ever are, and what Protocol Buffers itself allows.
_DEEPEST = 100

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Numbers of fields in onnx.proto: of each message, those that lead to a tensor.
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA = 13
_DATA_LOCATION = 14


def refuse_external_data(model: bytes) -> None:
    """Checks that all values of a model are in the model.

    Args:
        model: The .onnx file.

    Raises:
        PackageInvalidError: They are not, or the bytes are no ONNX model.
    """
    _check(memoryview(model), "model", 0)


def _check(message: memoryview, kind: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise _damaged()
    for number, value in _fields(message):
        if kind == "tensor" and (
            number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)
        ):
            raise PackageInvalidError("The ONNX model has external data, which is refused.")
        inner = _FIELDS[kind].get(number)
        if inner is None:
            continue
        if not isinstance(value, memoryview):
            raise _damaged()
        _check(value, inner, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields number and value of each field; of fixed-width ones, which no tensor needs, 0."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        if tag >> 32:
            # Parsers differ on what such a tag means.
            raise _damaged()
        wire, length = tag & 7, 0
        value: int | memoryview = 0
        if wire == _VARINT:
            value, place = _varint(message, place)
        elif wire == _BYTES:
            length, place = _varint(message, place)
            value = message[place : place + length]
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            # Groups: no version of ONNX has any.
            raise _damaged()
        place += length
        if place > len(message):
            raise _damaged()
        yield tag >> 3, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Reads a number of seven bits a byte, least first."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise _damaged()
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _damaged()


def _damaged() -> PackageInvalidError:
    return PackageInvalidError("The model file is not an ONNX model.")
