"""Mask verdicts of real devices: through both clients, in streams, and by FaceMaskClassifier."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import settings_for_tests
from tests.mask_packages import expected, plain, write_mask_package

from lintel.client import (
    Box,
    Client,
    Face,
    FaceDetections,
    FaceMaskClassifier,
    InvalidArgumentError,
    LintelError,
    MaskState,
    MaskVerdict,
    NotFoundError,
    UnavailableError,
)
from lintel.edge.images import ImageFormat, encode
from lintel.edge.service import DeviceServer

Ask = Callable[..., Any]
OpenClassifier = Callable[..., FaceMaskClassifier]
BLUE, GREEN, RED, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)
STATES = {
    GREEN: MaskState.WORN,
    RED: MaskState.NOT_WORN,
    BLUE: MaskState.WORN_INCORRECTLY,
    GREY: MaskState.UNSURE,
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with two mask models that go by colour; "other" asks for more."""
    folder = tmp_path_factory.mktemp("packages")
    write_mask_package(folder)
    write_mask_package(folder, "other", output_keys="min_probability = 0.999999999")
    return folder


@pytest.fixture(scope="module")
def address(packages: Path) -> Iterator[str]:
    settings = settings_for_tests({"models": {"directory": str(packages)}})
    with DeviceServer(settings) as device:
        yield device.addresses[0]


def probabilities(verdict: MaskVerdict) -> tuple[float, float, float]:
    return (
        verdict.worn_probability,
        verdict.not_worn_probability,
        verdict.worn_incorrectly_probability,
    )


@pytest.mark.parametrize("colour", STATES)
def test_a_crop_is_judged_whole(ask: Ask, address: str, colour: tuple[int, int, int]) -> None:
    found = ask(address, "classify_masks", plain(colour), whole_image=True)
    [face] = found.faces
    assert face == Face(Box(0, 0, 64, 48), 1.0, face.mask)
    assert face.mask.state is STATES[colour]
    assert probabilities(face.mask) == pytest.approx(expected(colour), abs=1e-4)
    assert face.mask.probability == max(probabilities(face.mask))


def test_found_faces_are_judged_best_first(ask: Ask, address: str, face_jpeg: bytes) -> None:
    found = ask(address, "classify_masks", face_jpeg)
    seen = ask(address, "detect_faces", face_jpeg)
    assert [(face.box, face.score) for face in found.faces] == [
        (face.box, face.score) for face in seen.faces
    ]
    # The drawn skin is more red than anything else.
    assert found.faces[0].mask.state is MaskState.NOT_WORN
    assert seen.faces[0].mask is None


def test_given_faces_are_judged_in_their_order(ask: Ask, address: str) -> None:
    picture = np.hstack([plain(GREEN), plain(RED)])
    boxes = [Box(80, 8, 112, 40), Box(16, 8, 48, 40)]
    found = ask(address, "classify_masks", picture, boxes=boxes)
    assert [face.box for face in found.faces] == boxes
    assert [face.mask.state for face in found.faces] == [MaskState.NOT_WORN, MaskState.WORN]


def test_many_pictures_fail_each_alone(ask: Ask, address: str, tmp_path: Path) -> None:
    pictures: list[Any] = [plain(GREEN) for _ in range(20)]
    pictures[5], pictures[9] = b"no picture", tmp_path / "missing.jpg"
    boxes = [[(0, 0, 60, 40)] for _ in pictures]
    boxes[17] = [(0, 0, 60, 40), (0, 0, 65, 40)]
    results = ask(address, "classify_masks_each", pictures, boxes=boxes)
    bad = {5: InvalidArgumentError, 9: NotFoundError, 17: InvalidArgumentError}
    for index, result in enumerate(results):
        assert isinstance(result, bad.get(index, FaceDetections))
    assert results[5].field.startswith("images[5]")
    assert results[17].field == "boxes[17].boxes[1].x_max"


def test_a_device_that_takes_fewer_pictures_gets_each_with_its_boxes(
    ask: Ask, start_device: Callable[..., DeviceServer], packages: Path
) -> None:
    tree = {"models": {"directory": str(packages)}, "images": {"max_per_call": 3}}
    device = start_device(tree)
    boxes = [[(0, 0, 10 + number, 40)] for number in range(20)]
    results = ask(device.addresses[0], "classify_masks_each", [plain(GREEN)] * 20, boxes=boxes)
    assert [result.faces[0].box.x_max for result in results] == [10 + n for n in range(20)]


def test_options_are_the_devices_to_judge(ask: Ask, address: str) -> None:
    dim = plain((0, 100, 0))
    sure = ask(address, "classify_masks", dim, whole_image=True, min_probability=0.9)
    assert sure.faces[0].mask.state is MaskState.WORN
    unsure = ask(address, "classify_masks", dim, whole_image=True, model="other")
    assert unsure.faces[0].mask.state is MaskState.UNSURE
    with pytest.raises(InvalidArgumentError) as caught:
        ask(address, "classify_masks", dim, min_probability=1.5)
    assert caught.value.field == "masks.min_probability"
    with pytest.raises(NotFoundError) as missing:
        ask(address, "classify_masks", dim, model="face")
    assert (missing.value.reason, missing.value.field) == ("MODEL_NOT_FOUND", "masks.model")


def test_the_faces_of_a_stream_are_judged(
    ask: Ask, address: str, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    results = ask(
        address,
        "process_video",
        [face_jpeg, plain_jpeg],
        tasks=["classify_masks"],
        min_probability=0.0,
        mask_model="other",
    )
    face, plain_frame = (result.detections.faces for result in results)
    assert [found.mask.state for found in face] == [MaskState.NOT_WORN]
    assert plain_frame == ()
    assert results[0].timings.mask_us > 0


@pytest.fixture(params=["server", "client", "in process"])
def open_classifier(
    request: pytest.FixtureRequest, address: str, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenClassifier]:
    """Opens classifiers of one kind; called with FaceMaskClassifier's own arguments."""
    monkeypatch.setenv("LINTEL_MODELS__DIRECTORY", str(packages))
    opened: list[FaceMaskClassifier] = []
    with Client(address) as client:
        server = {"server": address, "client": client, "in process": None}[request.param]

        def open_one(*values: Any, **named: Any) -> FaceMaskClassifier:
            opened.append(FaceMaskClassifier(*values, server=server, **named))
            return opened[-1]

        yield open_one
        for classifier in opened:
            classifier.close()
        assert client.is_serving()


@pytest.mark.parametrize("form", ["path", "text", "bytes", "array"])
def test_one_crop_has_one_verdict(
    open_classifier: OpenClassifier, tmp_path: Path, form: str
) -> None:
    data = encode(plain(GREEN), ImageFormat.PNG)
    file = tmp_path / "crop.png"
    file.write_bytes(data)
    crop: Any = {"path": file, "text": str(file), "bytes": data, "array": plain(GREEN)}[form]
    verdict = open_classifier("mask").predict(crop)
    assert verdict.state is MaskState.WORN
    assert probabilities(verdict) == pytest.approx(expected(GREEN), abs=1e-4)


def crops() -> list[NDArray[np.uint8]]:
    return [plain(colour) for colour in STATES]


@pytest.mark.parametrize(
    "many",
    [crops(), tuple(crops()), np.stack(crops()), []],
    ids=["list", "tuple", "array", "nothing"],
)
def test_many_crops_have_a_verdict_each(open_classifier: OpenClassifier, many: Any) -> None:
    verdicts = open_classifier().predict(many)
    assert [verdict.state for verdict in verdicts] == list(STATES.values())[: len(many)]


def test_an_iterator_of_crops_will_do(open_classifier: OpenClassifier) -> None:
    verdicts: Any = open_classifier().predict(iter(crops()))
    assert [verdict.state for verdict in verdicts] == list(STATES.values())


def test_scenes_have_their_faces(
    open_classifier: OpenClassifier, face_jpeg: bytes, plain_jpeg: bytes
) -> None:
    classifier = open_classifier()
    found = classifier.predict(face_jpeg, find_faces=True)
    assert [face.mask and face.mask.state for face in found.faces] == [MaskState.NOT_WORN]
    assert (found.width, found.height) == (320, 320)
    assert classifier.predict([plain_jpeg, face_jpeg], find_faces=True) == [
        FaceDetections((), 64, 48),
        found,
    ]


def test_bad_crops_have_errors_in_their_places(
    open_classifier: OpenClassifier, tmp_path: Path
) -> None:
    pictures = [plain(GREEN), tmp_path / "missing.png", b"no picture", b""]
    results: Any = open_classifier().predict(pictures)
    good, missing, none, empty = results
    assert good.state is MaskState.WORN
    assert (missing.reason, none.reason) == ("FILE_UNREADABLE", "IMAGE_UNDECODABLE")
    assert none.field.startswith("images[2]")
    assert isinstance(empty, InvalidArgumentError)


def test_one_bad_crop_raises(open_classifier: OpenClassifier, tmp_path: Path) -> None:
    classifier = open_classifier()
    no_picture: Any = 7
    with pytest.raises(InvalidArgumentError) as caught:
        classifier.predict(b"no picture")
    assert caught.value.reason == "IMAGE_UNDECODABLE"
    with pytest.raises(FileNotFoundError):
        classifier.predict(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="picture must be a uint8 array"):
        classifier.predict(np.zeros((8, 8), np.float32))
    with pytest.raises(TypeError, match=r"pictures\[1\] must be a path"):
        classifier.predict([plain(GREEN), no_picture])
    with pytest.raises(TypeError, match="pictures must be an iterable of pictures, not int"):
        classifier.predict(no_picture)


def test_what_is_less_probable_than_asked_for_is_unsure(open_classifier: OpenClassifier) -> None:
    dim = plain((0, 100, 0))
    assert open_classifier(min_probability=0.9).predict(dim).state is MaskState.WORN
    assert open_classifier("other").predict(dim).state is MaskState.UNSURE
    assert open_classifier("other", min_probability=0.9).predict(dim).state is MaskState.WORN


@pytest.mark.parametrize("many", [False, True])
def test_what_no_picture_could_be_judged_with_is_raised(
    open_classifier: OpenClassifier, many: bool
) -> None:
    pictures: Any = crops() if many else plain(GREEN)
    with pytest.raises(NotFoundError) as caught:
        open_classifier("none-such").predict(pictures)
    assert (caught.value.reason, caught.value.field) == ("MODEL_NOT_FOUND", "masks.model")
    with pytest.raises(InvalidArgumentError, match="must be 0 to 1"):
        open_classifier(min_probability=1.5).predict(pictures)


def test_many_threads_may_ask(open_classifier: OpenClassifier) -> None:
    classifier = open_classifier()
    start = threading.Barrier(4)

    def judge(colour: tuple[int, int, int]) -> list[MaskState]:
        start.wait()
        return [classifier.predict(plain(colour)).state for _ in range(10)]

    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(judge, STATES))
    assert told == [[state] * 10 for state in STATES.values()]


def test_a_client_from_outside_stays_open(address: str) -> None:
    with Client(address) as client:
        with FaceMaskClassifier(server=client) as classifier:
            classifier.predict(plain(GREEN))
        assert client.is_serving()


def test_a_connection_of_its_own_is_closed(address: str) -> None:
    with FaceMaskClassifier(server=address) as classifier:
        classifier.predict(plain(GREEN))
    with pytest.raises((LintelError, ValueError)):
        classifier.predict(plain(GREEN))


def test_wrong_addresses_and_absent_devices_are_told() -> None:
    with pytest.raises(ValueError, match="address must be"):
        FaceMaskClassifier(server="nowhere")
    with Client("127.0.0.1:1", timeout_s=5) as client, pytest.raises(UnavailableError):
        FaceMaskClassifier(server=client).predict(plain(GREEN))


def test_settings_that_are_wrong_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINTEL_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(LintelError, match="cannot be read: No such file"):
        FaceMaskClassifier()


def test_the_settings_of_the_file_hold(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text(f'[models]\ndirectory = "{packages}"\n[masks]\nmodel = "other"\n')
    monkeypatch.setenv("LINTEL_CONFIG", str(file))
    with FaceMaskClassifier() as classifier:
        assert classifier.predict(plain((0, 100, 0))).state is MaskState.UNSURE


def test_the_lines_of_the_readme_work(
    address: str,
    face_jpeg: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = (Path(__file__).parents[3] / "clients" / "python" / "README.md").read_text()
    masks = readme.partition("## Masks")[2].partition("## ")[0]
    for name in ("door.jpg", "crop.jpg", "a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(face_jpeg)
    monkeypatch.chdir(tmp_path)
    with Client(address) as device:
        for block in masks.split("```python\n")[1:]:
            lines = block.partition("```")[0].replace("127.0.0.1:50051", address)
            exec(lines, {"device": device})  # noqa: S102 - our own words
    out = capsys.readouterr().out
    assert out.startswith("Box(")
    assert "\nwithout_mask\n" in out


def test_without_the_device_the_client_works_and_tells_what_is_missing(address: str) -> None:
    script = f"""
import sys
sys.modules["lintel.edge"] = None
from lintel.client import FaceMaskClassifier, Frame
crop = Frame(bytes([0, 255, 0]) * 256, 16, 16, "bgr8")
print(FaceMaskClassifier(server={address!r}).predict(crop).state)
try:
    FaceMaskClassifier("mask")
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "with_mask",
        "Work in this process needs the device's distribution, lintel, which is not installed:"
        ' install it, or name a device, such as server="127.0.0.1:50051".',
    ], done.stderr
