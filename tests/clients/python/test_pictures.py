"""What a user has becomes the message that the device expects."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from lintel.client import Frame, InvalidArgumentError
from lintel.client.batches import BYTES_PER_CALL, PICTURES_PER_CALL, batches
from lintel.client.pictures import MAX_PICTURE_BYTES, load
from lintel.v1 import image_pb2

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: st.sampled_from([size, (*size, 3)])
)
steps = st.sampled_from([1, 2, 3, -1, -2])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_a_file_are_sent_as_they_are(kind: type) -> None:
    assert load(kind(b"\xff\xd8 jpeg")) == image_pb2.Image(encoded=b"\xff\xd8 jpeg")


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8 jpeg")
    assert load(kind(path)).encoded == b"\xff\xd8 jpeg"


def test_a_missing_file_is_pythons_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.jpg")


@given(shapes.flatmap(lambda shape: arrays.arrays(np.uint8, shape)), steps, steps, st.booleans())
def test_an_array_is_sent_in_the_order_of_its_pixels_whatever_its_strides(
    whole: NDArray[np.uint8], row_step: int, column_step: int, transposed: bool
) -> None:
    array = whole[::row_step, ::column_step]
    if transposed:
        array = array.swapaxes(0, 1)
    raw = load(array).raw
    is_grey = array.ndim == 2
    assert (raw.height, raw.width) == array.shape[:2]
    assert raw.pixel_format == (
        image_pb2.PIXEL_FORMAT_GRAY8 if is_grey else image_pb2.PIXEL_FORMAT_BGR8
    )
    assert raw.stride_bytes == 0
    assert raw.data == bytes(value for value in array.ravel(order="C").tolist())


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros(16, np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_that_is_no_picture_is_refused_by_name(array: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"picture must be a uint8 array of shape .* not "):
        load(array)


@pytest.mark.parametrize("thing", [None, 7, ["photo.jpg"], io.BytesIO(b"jpeg")])
def test_what_is_no_picture_at_all_is_refused_by_name(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"picture must be a path, .* not "):
        load(thing)


@given(st.sampled_from(["bgr8", "rgb8", "gray8", "nv12", "i420"]), st.integers(0, 64))
def test_a_frame_is_sent_with_its_layout(pixel_format: Any, stride_bytes: int) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(6, 4)
    raw = load(Frame(array, 4, 4, pixel_format, stride_bytes)).raw
    assert image_pb2.PixelFormat.Name(raw.pixel_format) == f"PIXEL_FORMAT_{pixel_format.upper()}"
    assert (raw.width, raw.height, raw.stride_bytes) == (4, 4, stride_bytes)
    assert raw.data == array.tobytes()


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("pixel_format", (b"", 4, 4, "bgra8")),
        ("width and height", (b"", 0, 4, "bgr8")),
        ("width and height", (b"", 4, -1, "bgr8")),
        ("stride_bytes", (b"", 4, 4, "bgr8", -1)),
    ],
)
def test_a_frame_that_cannot_be_names_the_argument(argument: str, values: Any) -> None:
    with pytest.raises(ValueError, match=argument):
        Frame(*values)


def test_what_no_message_can_carry_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "endless"
    with path.open("wb") as file:
        file.truncate(MAX_PICTURE_BYTES * 100)
    with pytest.raises(InvalidArgumentError) as caught:
        load(path)
    assert caught.value.reason == "IMAGE_TOO_LARGE"


@given(st.lists(st.integers(0, BYTES_PER_CALL // 3), max_size=60))
def test_batches_keep_the_order_and_their_bounds(sizes: list[int]) -> None:
    found = list(batches(bytes(size) for size in sizes))
    images = [image for batch in found for image in batch.images]
    assert [len(image.encoded) for image in images] == sizes
    assert [batch.first for batch in found] == [
        sum(len(earlier.outcomes) for earlier in found[:index]) for index in range(len(found))
    ]
    assert all(1 <= len(batch.outcomes) <= PICTURES_PER_CALL for batch in found)
    assert all(batch.size <= BYTES_PER_CALL for batch in found)


def test_a_picture_over_the_bound_of_a_call_goes_alone() -> None:
    large = bytes(BYTES_PER_CALL + 1)
    assert [len(batch.outcomes) for batch in batches([b"1", b"2", large, b"3"])] == [2, 1, 1]


def test_batches_are_loaded_only_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"jpeg")
    taken: list[int] = []

    def paths() -> Any:
        for number in range(1000):
            taken.append(number)
            yield path

    next(batches(paths()))
    assert len(taken) == PICTURES_PER_CALL + 1


def test_paths_and_bytes_need_no_numpy(device: Any, tmp_path: Path, face_jpeg: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(face_jpeg)
    script = f"""
import sys
sys.modules["numpy"] = None
from pathlib import Path
from lintel.client import Client, Frame
with Client({device.addresses[0]!r}) as client:
    assert client.detect_faces({str(path)!r}).faces
    assert client.blur_faces(Path({str(path)!r}).read_bytes()).data
    assert client.blur_faces(Frame(bytes(48), 4, 4, "bgr8")).data == bytes(48)
    assert client.image_statistics(bytearray(Path({str(path)!r}).read_bytes())).width == 320
    results = client.process_video([{str(path)!r}], tasks=["image_statistics"])
    assert [result.statistics.width for result in results] == [320]
    try:
        client.detect_faces([1])
    except TypeError as error:
        assert "picture must be" in str(error)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
