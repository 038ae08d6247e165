"""Tensors of the Open Inference Protocol: what is read is what was written, and nothing else."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from numpy.typing import NDArray

from lintel.edge.backends import TensorSpec
from lintel.edge.errors import InferenceFailedError, InvalidArgumentError
from lintel.edge.service.tensors import DATATYPES, TensorKind, read_contents, read_raw, write_raw
from lintel.inference import open_inference_pb2 as protocol

DTYPES = {
    name: np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)
    for name in DATATYPES
}
NUMBERS = [name for name in DTYPES if name != "object"]
TYPED = [name for name in NUMBERS if DATATYPES[name].contents]
NATIVE = [name for name in NUMBERS if name != "bfloat16"]
SHAPES = numpy_strategies.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=5)


def kind_of(name: str, shape: tuple[int, ...], tensor: str = "x") -> TensorKind:
    return TensorKind.of(TensorSpec(tensor, DTYPES[name], shape))


def arrays_of(name: str) -> st.SearchStrategy[NDArray[Any]]:
    return numpy_strategies.arrays(DTYPES[name], SHAPES)


def free(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The same number of dimensions, of any size."""
    return (-1,) * len(shape)


def test_every_datatype_of_the_protocol_is_known() -> None:
    assert {datatype.name for datatype in DATATYPES.values()} == {
        *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
        *("FP16", "BF16", "FP32", "FP64", "BYTES"),
    }
    assert {datatype.config for datatype in DATATYPES.values()} == set(
        protocol.DataType.values()
    ) - {protocol.TYPE_INVALID}


@given(data=st.data(), name=st.sampled_from(NATIVE))
def test_raw_contents_come_back_bit_for_bit(data: st.DataObject, name: str) -> None:
    array = data.draw(arrays_of(name))

    read = read_raw(kind_of(name, free(array.shape)), array.shape, array.tobytes())

    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert write_raw(kind_of(name, free(array.shape)), read) == array.tobytes()


def test_bfloat16_travels_raw() -> None:
    array = np.array([[1.5, -2.0], [0.0, 3e38]], ml_dtypes.bfloat16)
    kind = kind_of("bfloat16", (2, 2))

    read = read_raw(kind, (2, 2), array.tobytes())

    assert kind.datatype.name == "BF16"
    assert np.array_equal(read, array)
    assert write_raw(kind, read) == array.tobytes()


@given(data=st.data(), name=st.sampled_from(TYPED))
def test_typed_contents_come_back_bit_for_bit(data: st.DataObject, name: str) -> None:
    array = data.draw(arrays_of(name))
    contents = protocol.InferTensorContents()
    getattr(contents, DATATYPES[name].contents).extend(array.ravel().tolist())

    read = read_contents(kind_of(name, free(array.shape)), array.shape, contents)

    assert read.dtype == array.dtype
    assert np.array_equal(read, array, equal_nan=array.dtype.kind == "f")


@given(elements=st.lists(st.binary(max_size=20), min_size=1, max_size=12))
def test_byte_strings_come_back_whichever_way_they_travel(elements: list[bytes]) -> None:
    shape = (1, len(elements))
    kind = kind_of("object", (1, -1))
    contents = protocol.InferTensorContents(bytes_contents=elements)

    typed = read_contents(kind, shape, contents)
    raw = read_raw(kind, shape, write_raw(kind, typed))

    assert typed.shape == raw.shape == shape
    assert list(typed.flat) == list(raw.flat) == elements


def test_raw_byte_strings_follow_their_length_in_four_little_endian_bytes() -> None:
    strings = np.array([b"ab", b""], dtype=object)

    assert write_raw(kind_of("object", (2,)), strings) == b"\x02\0\0\0ab\0\0\0\0"


@given(data=st.binary(max_size=64), count=st.integers(1, 6))
def test_raw_byte_strings_are_read_exactly_or_refused(data: bytes, count: int) -> None:
    kind = kind_of("object", (-1,))
    try:
        read = read_raw(kind, (count,), data)
    except InvalidArgumentError:
        return
    assert len(read) == count
    assert write_raw(kind, read) == data


def test_raw_contents_are_not_copied() -> None:
    data = np.arange(6, dtype=np.float32).tobytes()

    read = read_raw(kind_of("float32", (2, 3)), (2, 3), data)

    assert np.shares_memory(read, np.frombuffer(data, np.float32))
    assert not read.flags.writeable


def test_raw_truth_values_other_than_0_and_1_are_true() -> None:
    read = read_raw(kind_of("bool", (3,)), (3,), b"\x00\x01\xff")

    assert read.tobytes() == b"\x00\x01\x01"


@given(
    name=st.sampled_from(NUMBERS),
    sizes=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    data=st.binary(max_size=64),
)
def test_shapes_that_lie_are_refused(name: str, sizes: list[int], data: bytes) -> None:
    kind = kind_of(name, (-1,) * len(sizes))
    honest = min(sizes, default=1) > 0 and math.prod(sizes) * kind.dtype.itemsize == len(data)
    if honest:
        assert read_raw(kind, tuple(sizes), data).shape == tuple(sizes)
        return
    with pytest.raises(InvalidArgumentError, match='"x"'):
        read_raw(kind, tuple(sizes), data)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((1, 4), (1, 4, 1)),
        ((), (1,)),
        ((2, 4), (1, 4)),
        ((1, 3), (-1, 4)),
        ((0, 4), (-1, 4)),
        ((-1, 4), (-1, 4)),
        ((-1, -4), (-1, -1)),
        ((2**62, 4), (-1, 4)),
        ((2**32, 2**32), (-1, -1)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    with pytest.raises(InvalidArgumentError, match='"image"'):
        read_raw(kind_of("uint8", wanted, "image"), shape, b"")


def test_a_shape_that_does_not_fit_is_told_with_the_one_that_would() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read_raw(kind_of("uint8", (-1, 8, 8, 3), "image"), (1, 8, 9, 3), bytes(216))

    assert caught.value.field == "shape"
    assert "[1, 8, 9, 3]" in caught.value.message
    assert "[-1, 8, 8, 3]" in caught.value.message


def test_a_wrong_length_is_told_with_the_one_that_would_do() -> None:
    with pytest.raises(InvalidArgumentError, match=r'"image" have 5 bytes; .* need 16'):
        read_raw(kind_of("float32", (4,), "image"), (4,), bytes(5))


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_has_no_typed_contents(name: str) -> None:
    contents = protocol.InferTensorContents(fp32_contents=[1.0])

    with pytest.raises(InvalidArgumentError, match="raw contents only"):
        read_contents(kind_of(name, (1,)), (1,), contents)


@pytest.mark.parametrize(
    "contents",
    [
        protocol.InferTensorContents(fp64_contents=[1.0]),
        protocol.InferTensorContents(fp32_contents=[1.0], fp64_contents=[1.0]),
    ],
)
def test_contents_in_the_list_of_another_datatype_are_refused(
    contents: protocol.InferTensorContents,
) -> None:
    with pytest.raises(InvalidArgumentError, match="fp32_contents alone"):
        read_contents(kind_of("float32", (1,)), (1,), contents)


def test_contents_of_another_length_are_refused() -> None:
    contents = protocol.InferTensorContents(fp32_contents=[1.0, 2.0])

    with pytest.raises(InvalidArgumentError, match="have 2 elements; its shape needs 3"):
        read_contents(kind_of("float32", (3,)), (3,), contents)


@pytest.mark.parametrize(
    ("name", "value"), [("uint8", 256), ("int8", -129), ("uint16", 2**16), ("int16", 2**15)]
)
def test_contents_outside_the_datatype_are_refused(name: str, value: int) -> None:
    contents = protocol.InferTensorContents()
    getattr(contents, DATATYPES[name].contents).append(value)

    with pytest.raises(InvalidArgumentError, match=DATATYPES[name].name):
        read_contents(kind_of(name, (1,)), (1,), contents)


def test_an_output_of_another_type_than_promised_is_an_error() -> None:
    with pytest.raises(InferenceFailedError):
        write_raw(kind_of("float32", (1,)), np.zeros(1, np.float64))


def test_outputs_are_written_in_row_major_order() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T

    assert write_raw(kind_of("int32", (3, 2)), array) == np.ascontiguousarray(array).tobytes()
