"""Both clients against a real device."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.client import (
    AsyncClient,
    Client,
    FaceDetections,
    Frame,
    InvalidArgumentError,
    LintelError,
    NotFoundError,
)
from lintel.edge.service import DeviceServer
from lintel.v1 import face_pb2_grpc


@pytest.fixture
def address(device: DeviceServer) -> str:
    return device.addresses[0]


def test_faces_are_found(ask: Any, address: str, face_jpeg: bytes) -> None:
    found = ask(address, "detect_faces", face_jpeg, min_score=0.0)
    assert (found.width, found.height) == (320, 320)
    box = found.faces[0].box
    assert 0 <= box.x_min < 160 < box.x_max <= 320
    assert 0 <= box.y_min < 160 < box.y_max <= 320
    assert 0 <= found.faces[0].score <= 1


def test_a_unix_socket_serves_as_well(ask: Any, device: DeviceServer, face_jpeg: bytes) -> None:
    assert ask(device.addresses[1], "detect_faces", face_jpeg).faces


def test_faces_are_destroyed_as_asked(ask: Any, address: str, face_jpeg: bytes) -> None:
    blurred = ask(
        address,
        "blur_faces",
        face_jpeg,
        method="fill",
        shape="box",
        margin=0.5,
        output_format="png",
        quality=70,
    )
    assert blurred.data.startswith(b"\x89PNG")
    assert blurred.frame is None
    assert (blurred.width, blurred.height, len(blurred.faces)) == (320, 320, 1)


def test_a_whole_frame_is_covered_without_looking(
    ask: Any, address: str, plain_jpeg: bytes
) -> None:
    blurred = ask(address, "blur_faces", plain_jpeg, whole_frame=True, method="pixelate")
    assert blurred.faces == ()
    assert (blurred.width, blurred.height) == (64, 48)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3)])
def test_an_array_without_a_face_comes_back_as_it_went(
    ask: Any, address: str, shape: tuple[int, ...]
) -> None:
    sent = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)[::2, ::-1]
    # However sure: noise has what may be a face.
    back = ask(address, "blur_faces", sent, min_score=1.0)
    assert np.array_equal(back.to_array(), sent)


def test_a_frame_with_padded_rows_comes_back_without_the_padding(ask: Any, address: str) -> None:
    padded = np.arange(48 * 80).reshape(48, 80).astype(np.uint8)
    frame = Frame(padded, 64, 48, "gray8", stride_bytes=80)
    back = ask(address, "blur_faces", frame, min_score=1.0)
    assert np.array_equal(back.to_array(), padded[:, :64])
    assert back.frame.pixel_format == "gray8"


def test_pictures_are_measured(ask: Any, address: str) -> None:
    pixels: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)
    measured = ask(address, "image_statistics", pixels)
    grey = pixels.astype(float) @ (0.1140, 0.5870, 0.2989)
    assert (measured.width, measured.height, measured.pixel_count) == (40, 30, 1200)
    assert measured.bit_depth == 8
    assert measured.grey.channel == "grey"
    assert measured.grey.mean == pytest.approx(grey.mean())
    assert measured.grey.standard_deviation == pytest.approx(grey.std())
    assert [channel.channel for channel in measured.channels] == ["red", "green", "blue"]
    assert [channel.mean for channel in measured.channels] == pytest.approx(
        pixels[:, :, ::-1].mean((0, 1))
    )
    assert len(measured.grey.histogram) == 256
    assert sum(measured.grey.histogram) == 1200
    assert measured.sharpness > 0


def test_a_picture_that_is_none_raises(ask: Any, address: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        ask(address, "detect_faces", b"no picture")
    assert caught.value.reason.startswith("IMAGE_")
    assert caught.value.field.startswith("images[0]")
    assert caught.value.message == str(caught.value)


def test_two_hundred_pictures_in_one_go_with_bad_ones_in_their_places(
    ask: Any, address: str, face_jpeg: bytes, plain_jpeg: bytes, tmp_path: Path
) -> None:
    pictures: list[Any] = [*[plain_jpeg] * 9, face_jpeg] * 20
    pictures[30] = b"no picture"
    pictures[150] = tmp_path / "none.jpg"
    results = ask(address, "detect_faces_each", iter(pictures))
    assert len(results) == 200
    assert isinstance(results[30], InvalidArgumentError)
    assert results[30].field.startswith("images[30]")
    assert isinstance(results[150], NotFoundError)
    assert results[150].reason == "FILE_UNREADABLE"
    assert isinstance(results[150].__cause__, FileNotFoundError)
    for index in set(range(200)) - {30, 150}:
        assert isinstance(results[index], FaceDetections)
        assert bool(results[index].faces) == (index % 10 == 9)


def test_many_are_blurred_and_measured_alike(
    ask: Any, address: str, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    pictures = [face_jpeg, b"", plain_jpeg]
    blurred = ask(address, "blur_faces_each", pictures, method="fill")
    assert [len(result.faces) for result in blurred[::2]] == [1, 0]
    measured = ask(address, "image_statistics_each", pictures)
    assert [result.width for result in measured[::2]] == [320, 64]
    assert all(isinstance(results[1], LintelError) for results in (blurred, measured))


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_device_that_takes_fewer_pictures_in_a_call_gets_them_all(
    ask: Any,
    start_device: Callable[..., DeviceServer],
    face_jpeg: bytes,
    plain_jpeg: bytes,
    limit: int,
) -> None:
    device = start_device({"images": {"max_per_call": limit}})
    pictures = [*[plain_jpeg] * 9, face_jpeg, b"no picture", "missing.jpg"] * 4
    results = ask(device.addresses[0], "detect_faces_each", pictures)
    assert len(results) == len(pictures)
    for index, result in enumerate(results):
        kind = index % 12
        if kind >= 10:
            assert isinstance(result, InvalidArgumentError if kind == 10 else NotFoundError)
            assert kind == 11 or result.field.startswith(f"images[{index}]")
        else:
            assert bool(result.faces) == (kind == 9)


def test_no_pictures_have_no_results(ask: Any, address: str) -> None:
    assert ask(address, "detect_faces_each", []) == []


def test_files_that_cannot_be_read_need_no_call(ask: Any, tmp_path: Path) -> None:
    results = ask("127.0.0.1:1", "detect_faces_each", [tmp_path / "none.jpg"] * 3)
    assert [result.reason for result in results] == ["FILE_UNREADABLE"] * 3


@pytest.mark.parametrize("pictures", ["photo.jpg", b"jpeg", Path("photo.jpg"), 7])
def test_one_picture_where_many_are_asked_for_is_refused(
    ask: Any, address: str, pictures: Any
) -> None:
    with pytest.raises(TypeError, match="pictures must be an iterable"):
        ask(address, "detect_faces_each", pictures)


def test_a_wrong_kind_among_many_is_named_by_its_place(
    ask: Any, address: str, plain_jpeg: bytes
) -> None:
    with pytest.raises(TypeError, match=r"pictures\[1\]"):
        ask(address, "detect_faces_each", [plain_jpeg, 7])


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"method": "smear"}),
        (ValueError, {"shape": "star"}),
        (ValueError, {"output_format": "gif"}),
        (TypeError, {"metod": "fill"}),
    ],
)
def test_options_are_checked_before_anything_is_sent(
    ask: Any, error: type[Exception], options: dict[str, Any]
) -> None:
    with pytest.raises(error, match=next(iter(options))):
        ask("127.0.0.1:1", "blur_faces", b"jpeg", **options)
    with pytest.raises(error, match=next(iter(options))):
        ask("127.0.0.1:1", "process_video", [], tasks=["blur_faces"], **options)


def test_options_out_of_range_are_the_devices_to_refuse(
    ask: Any, address: str, plain_jpeg: bytes
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        ask(address, "blur_faces_each", [plain_jpeg], margin=3.0)
    assert caught.value.field == "blur.margin"


def test_an_unknown_model_is_not_found(ask: Any, address: str, plain_jpeg: bytes) -> None:
    with pytest.raises(NotFoundError) as caught:
        ask(address, "detect_faces", plain_jpeg, model="no-such-model")
    assert caught.value.reason == "MODEL_NOT_FOUND"


def test_health_is_told(ask: Any, address: str) -> None:
    assert ask(address, "is_serving") is True
    assert ask(address, "is_serving", "lintel.v1.FaceService") is True
    assert ask(address, "wait_until_serving", 10.0) is None
    with pytest.raises(NotFoundError):
        ask(address, "is_serving", "lintel.v1.NoService")


def test_one_client_serves_many_threads(address: str, face_jpeg: bytes, plain_jpeg: bytes) -> None:
    with Client(address) as client, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(client.detect_faces, [face_jpeg, plain_jpeg] * 8))
    assert [bool(result.faces) for result in found] == [True, False] * 8


def test_leaving_the_results_early_leaves_nothing_behind(address: str, plain_jpeg: bytes) -> None:
    with Client(address) as client:
        results = client.detect_faces_each([plain_jpeg] * 1000)
        assert isinstance(next(results), FaceDetections)
        del results
        assert client.is_serving()


def test_asyncio_keeps_its_loop_free(address: str, face_jpeg: bytes) -> None:
    async def work() -> list[FaceDetections]:
        async with AsyncClient(address) as client:
            return await asyncio.gather(*(client.detect_faces(face_jpeg) for _ in range(8)))

    assert all(found.faces for found in asyncio.run(work()))


def test_a_cancelled_task_cancels_its_call(start_server: Any) -> None:
    arrived, gone = threading.Event(), threading.Event()

    class Faces(face_pb2_grpc.FaceServiceServicer):
        def DetectFaces(self, request: Any, context: Any) -> Any:  # noqa: N802
            if not context.add_callback(gone.set):
                gone.set()
            arrived.set()
            gone.wait(30)

        BlurFaces = DetectFaces

    async def work(address: str) -> None:
        async with AsyncClient(address) as client:
            task = asyncio.create_task(client.detect_faces(b"jpeg"))
            assert await asyncio.to_thread(arrived.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(gone.wait, 10)

    asyncio.run(
        work(
            start_server(
                lambda server: face_pb2_grpc.add_FaceServiceServicer_to_server(Faces(), server)
            )
        )
    )


def test_the_ten_lines_of_the_readme_work(
    address: str,
    face_jpeg: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = Path(__file__).parents[3] / "clients" / "python" / "README.md"
    lines = readme.read_text().partition("```python\n")[2].partition("```")[0]
    (tmp_path / "photo.jpg").write_bytes(face_jpeg)
    monkeypatch.chdir(tmp_path)
    exec(lines.replace("127.0.0.1:50051", address), {})  # noqa: S102 - our own words
    assert "Box(" in capsys.readouterr().out
    assert (tmp_path / "blurred.jpg").read_bytes().startswith(b"\xff\xd8")
