"""Tensors of the Open Inference Protocol: from bytes and lists to arrays, and back."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.backends import TensorSpec
from lintel.edge.errors import InferenceFailedError, InvalidArgumentError
from lintel.inference import open_inference_pb2 as protocol

# Each element of a raw BYTES tensor follows its length in bytes.
BYTES_LENGTH = struct.Struct("<I")


class Datatype(NamedTuple):
    """A type of elements.

    Attributes:
        name: As metadata and requests name it.
        config: As configurations name it.
        contents: The field of InferTensorContents that holds such elements; "" where there is
            none and they travel raw.
    """

    name: str
    config: protocol.DataType.ValueType
    contents: str


# By the name of the NumPy type; `object` stands for byte strings. `bfloat16` is not NumPy's own
# but added to it by the package ml_dtypes.
DATATYPES = {
    "bool": Datatype("BOOL", protocol.TYPE_BOOL, "bool_contents"),
    "uint8": Datatype("UINT8", protocol.TYPE_UINT8, "uint_contents"),
    "uint16": Datatype("UINT16", protocol.TYPE_UINT16, "uint_contents"),
    "uint32": Datatype("UINT32", protocol.TYPE_UINT32, "uint_contents"),
    "uint64": Datatype("UINT64", protocol.TYPE_UINT64, "uint64_contents"),
    "int8": Datatype("INT8", protocol.TYPE_INT8, "int_contents"),
    "int16": Datatype("INT16", protocol.TYPE_INT16, "int_contents"),
    "int32": Datatype("INT32", protocol.TYPE_INT32, "int_contents"),
    "int64": Datatype("INT64", protocol.TYPE_INT64, "int64_contents"),
    "float16": Datatype("FP16", protocol.TYPE_FP16, ""),
    "bfloat16": Datatype("BF16", protocol.TYPE_BF16, ""),
    "float32": Datatype("FP32", protocol.TYPE_FP32, "fp32_contents"),
    "float64": Datatype("FP64", protocol.TYPE_FP64, "fp64_contents"),
    "object": Datatype("BYTES", protocol.TYPE_STRING, "bytes_contents"),
}


@dataclass(frozen=True, slots=True)
class TensorKind:
    """What a model says of one of its tensors, with all that a request needs of it worked out.

    Attributes:
        name: Its name.
        dtype: NumPy type of its elements; `object` for byte strings.
        datatype: The same for the protocol.
        shape: Sizes, -1 where any will do.
        fixed_count: Number of elements where the shape is fixed, -1 where it is not.
    """

    name: str
    dtype: np.dtype[Any]
    datatype: Datatype
    shape: tuple[int, ...]
    fixed_count: int

    @classmethod
    def of(cls, spec: TensorSpec) -> TensorKind:
        """Describes a tensor of a model; the type of its elements must be in DATATYPES."""
        shape = tuple(spec.shape)
        fixed_count = -1 if -1 in shape else math.prod(shape)
        return cls(spec.name, spec.dtype, DATATYPES[spec.dtype.name], shape, fixed_count)

    def count(self, shape: tuple[int, ...]) -> int:
        """Checks a shape against the model's.

        Returns:
            The number of elements, exact however large.

        Raises:
            InvalidArgumentError: The shape doesn't fit, or a size is below 1.
        """
        if shape == self.shape and self.fixed_count >= 0:
            return self.fixed_count
        if len(shape) != len(self.shape):
            raise InvalidArgumentError(
                f'The input "{self.name}" has {len(shape)} dimensions;'
                f" the model takes the shape {list(self.shape)}.",
                field="shape",
            )
        for size, wanted in zip(shape, self.shape, strict=True):
            if size < 1 or wanted not in (size, -1):
                raise InvalidArgumentError(
                    f'The input "{self.name}" has the shape {list(shape)};'
                    f" the model takes {list(self.shape)}, every size at least 1.",
                    field="shape",
                )
        return math.prod(shape)


def read_raw(kind: TensorKind, shape: tuple[int, ...], data: bytes) -> NDArray[Any]:
    """Reads raw contents, without a copy but for BOOL and BYTES.

    Args:
        kind: The tensor.
        shape: As the request has it.
        data: Elements in row-major order, little endian as this machine is.

    Returns:
        An array of `kind.dtype` and `shape`, read-only.

    Raises:
        InvalidArgumentError: The shape doesn't fit the model or the data.
    """
    count = kind.count(shape)
    if kind.dtype.hasobject:
        return _byte_strings(shape, _split(kind, count, data))
    # Exact integers: no product of sizes overflows into one that fits.
    if len(data) != count * kind.dtype.itemsize:
        raise InvalidArgumentError(
            f'The raw contents of the input "{kind.name}" have {len(data)} bytes;'
            f" its shape and datatype need {count * kind.dtype.itemsize}."
        )
    if kind.dtype == np.bool_:
        # A byte of any other value would be neither true nor false to what computes with it.
        return np.not_equal(np.frombuffer(data, np.uint8), 0).reshape(shape)
    return np.frombuffer(data, kind.dtype).reshape(shape)


def read_contents(
    kind: TensorKind, shape: tuple[int, ...], contents: protocol.InferTensorContents
) -> NDArray[Any]:
    """Reads typed contents.

    Args:
        kind: The tensor.
        shape: As the request has it.
        contents: Its elements in row-major order, in the list of its datatype and no other.

    Returns:
        An array of `kind.dtype` and `shape`.

    Raises:
        InvalidArgumentError: The shape doesn't fit the model or the contents, another list is
            filled, or an element is outside the datatype.
    """
    count = kind.count(shape)
    datatype = kind.datatype
    if not datatype.contents:
        raise InvalidArgumentError(
            f'The input "{kind.name}" is {datatype.name}, which travels as raw contents only.',
            field="contents",
        )
    if any(descriptor.name != datatype.contents for descriptor, _ in contents.ListFields()):
        raise InvalidArgumentError(
            f'The contents of the input "{kind.name}", which is {datatype.name},'
            f" belong into {datatype.contents} alone.",
            field="contents",
        )
    elements = getattr(contents, datatype.contents)
    if len(elements) != count:
        raise InvalidArgumentError(
            f'The contents of the input "{kind.name}" have {len(elements)} elements;'
            f" its shape needs {count}.",
            field=f"contents.{datatype.contents}",
        )
    if kind.dtype.hasobject:
        return _byte_strings(shape, elements)
    return _numbers(kind, elements, count).reshape(shape)


def write_raw(kind: TensorKind, array: NDArray[Any]) -> bytes:
    """Writes a model's output as raw contents, in one copy.

    Raises:
        InferenceFailedError: The model gave another type than it promised.
    """
    if array.dtype != kind.dtype:
        raise InferenceFailedError("The model gave an output of another type than it promised.")
    if kind.dtype.hasobject:
        return b"".join(BYTES_LENGTH.pack(len(data)) + data for data in array.flat)
    return array.tobytes()


def _numbers(kind: TensorKind, elements: Sequence[Any], count: int) -> NDArray[Any]:
    """Turns a list of the message into an array, refusing what the datatype can't hold."""
    if kind.dtype.kind not in "iu" or kind.dtype.itemsize >= 4:
        return np.fromiter(elements, kind.dtype, count)
    values = np.fromiter(elements, np.int64, count)
    narrow = values.astype(kind.dtype)
    if not np.array_equal(values, narrow):
        raise InvalidArgumentError(
            f'The input "{kind.name}" has elements that {kind.datatype.name} cannot hold.',
            field=f"contents.{kind.datatype.contents}",
        )
    return narrow


def _split(kind: TensorKind, count: int, data: bytes) -> list[bytes]:
    """Takes the elements of a raw BYTES tensor apart."""
    elements: list[bytes] = []
    start = 0
    while len(elements) < count and start + BYTES_LENGTH.size <= len(data):
        (length,) = BYTES_LENGTH.unpack_from(data, start)
        start += BYTES_LENGTH.size
        elements.append(data[start : start + length])
        start += length
    if len(elements) != count or start != len(data):
        raise InvalidArgumentError(
            f'The raw contents of the input "{kind.name}" are not {count} elements,'
            f" each after its length in {BYTES_LENGTH.size} bytes."
        )
    return elements


def _byte_strings(shape: tuple[int, ...], elements: Sequence[bytes]) -> NDArray[np.object_]:
    strings = np.empty(len(elements), dtype=object)
    strings[:] = list(elements)
    return strings.reshape(shape)
