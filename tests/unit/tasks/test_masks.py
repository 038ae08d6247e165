"""Telling of faces whether they wear a mask."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from tests.mask_packages import colour_network, expected, plain, write_mask_package

from lintel.edge.backends import SessionPool, open_session
from lintel.edge.config import ModelSettings
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    ModelUnavailableError,
    PackageInvalidError,
)
from lintel.edge.images import Picture
from lintel.edge.packages import MASK_LABELS, builtin_packages, load_package
from lintel.edge.tasks.masks import MaskClassifier, MaskState, mask_states

MakeClassifier = Callable[..., MaskClassifier]
GREENISH, REDDISH, BLUEISH = (40, 200, 90), (30, 60, 220), (230, 110, 100)


def open_classifier(folder: Path) -> MaskClassifier:
    package = load_package(folder)
    opened = partial(open_session, package, package.manifest.variants[0], ModelSettings())
    return MaskClassifier(package, SessionPool(opened, 2))


@pytest.fixture
def make(tmp_path: Path) -> MakeClassifier:
    """Makes a classifier that goes by colour; see write_mask_package."""
    return lambda *args, **keys: open_classifier(write_mask_package(tmp_path, *args, **keys))


@pytest.fixture(scope="module")
def logits_model(tmp_path_factory: pytest.TempPathFactory) -> MaskClassifier:
    return open_classifier(write_mask_package(tmp_path_factory.mktemp("logits")))


@pytest.fixture(scope="module")
def probabilities_model(tmp_path_factory: pytest.TempPathFactory) -> MaskClassifier:
    network = colour_network(gives_logits=False)
    folder = write_mask_package(tmp_path_factory.mktemp("probabilities"), network=network)
    return open_classifier(folder)


def picture_of(pixels: NDArray[Any]) -> Picture:
    return Picture(pixels, pixels.shape[1], pixels.shape[0], None, None)


def three_faces() -> tuple[Picture, list[tuple[float, ...]]]:
    pixels = np.hstack([plain(colour) for colour in (GREENISH, REDDISH, BLUEISH)])
    return picture_of(pixels), [(80.0, 10.0, 110.0, 40.0), (10, 10, 40, 40), (140, 10, 170, 40)]


@pytest.mark.parametrize("backend", ["litert", "onnx"])
@pytest.mark.parametrize("takes_bytes", [True, False])
@pytest.mark.parametrize("gives_logits", [True, False])
def test_every_face_is_judged_by_itself_in_the_order_of_the_boxes(
    make: MakeClassifier, backend: str, takes_bytes: bool, gives_logits: bool
) -> None:
    network = colour_network(takes_bytes=takes_bytes, gives_logits=gives_logits)
    keys = "" if takes_bytes else "mean = [127.5]\nscale = [0.00784313725]"
    classifier = make(network=network, backend=backend, input_keys=keys)
    probabilities = classifier.classify(*three_faces())
    assert probabilities.dtype == np.float64
    for row, colour in zip(probabilities, (REDDISH, GREENISH, BLUEISH), strict=True):
        assert row == pytest.approx(expected(colour), abs=1e-5)
    assert probabilities.argmax(axis=1).tolist() == [1, 0, 2]


@pytest.mark.parametrize("labels", list(permutations(MASK_LABELS)))
def test_columns_have_their_order_whatever_the_models_is(
    make: MakeClassifier, labels: tuple[str, ...]
) -> None:
    probabilities = make(labels=labels).classify(*three_faces())
    assert probabilities[1] == pytest.approx(expected(GREENISH), abs=1e-5)


@pytest.mark.parametrize("gives_logits", [True, False])
@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_calibrates(
    make: MakeClassifier, gives_logits: bool, temperature: float
) -> None:
    network = colour_network(gives_logits=gives_logits)
    classifier = make(network=network, output_keys=f"temperature = {temperature}")
    probabilities = classifier.classify(*three_faces())
    assert probabilities[0] == pytest.approx(expected(REDDISH, temperature), abs=1e-4)


def test_the_margin_is_the_models_unless_asked_otherwise(make: MakeClassifier) -> None:
    pixels = plain(GREENISH, 60, 60)
    pixels[20:40, 20:40] = REDDISH
    face = [(20, 20, 40, 40)]
    classifier = make(output_keys="margin = 0.5")
    mixed = np.array(REDDISH) / 4 + np.array(GREENISH) * 3 / 4
    wide = classifier.classify(picture_of(pixels), face)
    assert wide[0] == pytest.approx(expected(tuple(mixed)), abs=0.02)
    tight = classifier.classify(picture_of(pixels), face, margin=0)
    assert tight[0] == pytest.approx(expected(REDDISH), abs=1e-5)


def test_boxes_are_of_the_full_picture_where_pixels_are_a_smaller_copy(
    make: MakeClassifier,
) -> None:
    picture, boxes = three_faces()
    copy = Picture(picture.pixels, picture.width * 4, picture.height * 2, None, None)
    stretched = np.array(boxes) * (4, 2, 4, 2)
    probabilities = make().classify(copy, stretched)
    assert probabilities.argmax(axis=1).tolist() == [1, 0, 2]


def test_a_grey_picture_is_judged_too(make: MakeClassifier) -> None:
    probabilities = make().classify(picture_of(np.full((40, 40), 90, np.uint8)), [(5, 5, 30, 30)])
    assert probabilities[0] == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_a_model_may_see_grey_channels_first(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    # Its logits are the pixels at the left of the first row.
    place = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 1, 4, 4])
    result = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["flat"]),
        helper.make_node("Slice", ["flat", "from", "to", "axis"], ["logits"]),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("from", 0), ("to", 3), ("axis", 1))
    ]
    graph = helper.make_graph(nodes, "corner", [place], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder = write_mask_package(tmp_path, backend="onnx", model=model.SerializeToString())
    manifest = folder / "model.toml"
    text = manifest.read_text().replace("[16, 16]", "[4, 4]")
    manifest.write_text(text.replace('"bgr"', '"grey"\nlayout = "NCHW"'))
    pixels = np.zeros((4, 4), np.uint8)
    pixels[0, :3] = (3, 5, 4)
    probabilities = open_classifier(folder).classify(picture_of(pixels), [(0, 0, 4, 4)], margin=0)
    assert probabilities[0] == pytest.approx(np.exp([3, 5, 4]) / np.exp([3, 5, 4]).sum())


def test_no_faces_have_no_verdicts(make: MakeClassifier) -> None:
    assert make().classify(picture_of(plain(REDDISH)), []).shape == (0, 3)


def test_many_threads_may_ask_at_once(make: MakeClassifier) -> None:
    classifier = make()
    picture, boxes = three_faces()
    alone = classifier.classify(picture, boxes)
    with ThreadPoolExecutor(4) as threads:
        for told in threads.map(lambda _: classifier.classify(picture, boxes), range(40)):
            assert np.array_equal(told, alone)


class TestReading:
    @given(
        arrays(np.float32, 3, elements=st.floats(width=32, allow_nan=False, allow_infinity=False))
    )
    def test_any_logits_become_probabilities(
        self, logits_model: MaskClassifier, logits: NDArray[np.float32]
    ) -> None:
        probabilities = logits_model.read({"logits": logits[None]})
        assert probabilities.min() >= 0
        assert probabilities.sum() == pytest.approx(1)
        assert probabilities[logits.argmax()] == probabilities.max()

    @given(arrays(np.float32, 3, elements=st.floats(0, 1, width=32)).filter(np.any))
    def test_probabilities_stay_what_they_are_without_a_temperature(
        self, probabilities_model: MaskClassifier, drawn: NDArray[np.float32]
    ) -> None:
        given_ = drawn / drawn.sum()
        told = probabilities_model.read({"probabilities": given_[None]})
        assert told == pytest.approx(given_, abs=1e-6)

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_what_is_no_number_is_no_verdict(
        self, logits_model: MaskClassifier, probabilities_model: MaskClassifier, wrong: float
    ) -> None:
        values = np.array([[0.5, wrong, 0.5]], np.float32)
        with pytest.raises(InferenceFailedError):
            logits_model.read({"logits": values})
        with pytest.raises(InferenceFailedError):
            probabilities_model.read({"probabilities": values})

    @pytest.mark.parametrize("values", [(2.0, -1.0, 0.0), (0.9, 0.9, 0.9), (0, 0, 0)])
    def test_logits_are_not_taken_for_probabilities(
        self, probabilities_model: MaskClassifier, values: tuple[float, ...]
    ) -> None:
        with pytest.raises(InferenceFailedError):
            probabilities_model.read({"probabilities": np.array([values], np.float32)})

    @pytest.mark.parametrize(
        "results",
        [
            {},
            {"logits": np.zeros((2, 3), np.float32)},
            {"logits": np.zeros((1, 4), np.float32)},
            {"logits": np.zeros((1, 3), np.int8)},
        ],
    )
    def test_what_the_manifest_does_not_say_is_no_verdict(
        self, logits_model: MaskClassifier, results: dict[str, Any]
    ) -> None:
        with pytest.raises(InferenceFailedError):
            logits_model.read(results)


class TestStates:
    def test_the_likeliest_is_said(self) -> None:
        rows = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.1, 0.3, 0.6]])
        told = [MaskState.WORN, MaskState.NOT_WORN, MaskState.WORN_INCORRECTLY]
        assert mask_states(rows, 0.5) == told
        assert mask_states(rows, 0.6) == told
        assert mask_states(rows, 0.61) == [MaskState.UNSURE] * 3

    def test_the_bounds_of_the_bound(self) -> None:
        sure = np.array([[0.0, 1.0, 0.0], [0.34, 0.33, 0.33]])
        assert mask_states(sure, 0.0) == [MaskState.NOT_WORN, MaskState.WORN]
        assert mask_states(sure, 1.0) == [MaskState.NOT_WORN, MaskState.UNSURE]


class TestFitting:
    @pytest.mark.parametrize(
        ("old", "new", "field"),
        [
            ("size = [16, 16]", "size = [20, 20]", "input"),
            ('dtype = "uint8"', 'dtype = "float32"', "input.dtype"),
            ('colour = "bgr"', 'colour = "grey"', "input"),
            ('probabilities = "logits"', 'probabilities = "scores"', "output.probabilities"),
        ],
    )
    def test_a_manifest_that_does_not_fit_is_refused_by_its_key(
        self, tmp_path: Path, old: str, new: str, field: str
    ) -> None:
        manifest = write_mask_package(tmp_path) / "model.toml"
        assert old in manifest.read_text()
        manifest.write_text(manifest.read_text().replace(old, new))
        with pytest.raises(PackageInvalidError) as caught:
            open_classifier(manifest.parent)
        assert caught.value.field == field

    def test_a_model_of_other_classes_is_refused(self, tmp_path: Path) -> None:
        two = ("with_mask", "without_mask")
        manifest = write_mask_package(tmp_path, network=colour_network(two)) / "model.toml"
        with pytest.raises(PackageInvalidError) as caught:
            open_classifier(manifest.parent)
        assert caught.value.field == "output.probabilities"

    def test_a_face_model_judges_no_masks(self) -> None:
        face = next(folder for folder in builtin_packages() if folder.name == "face")
        with pytest.raises(InvalidArgumentError):
            open_classifier(face)


def test_16_bit_pictures_are_refused(make: MakeClassifier) -> None:
    with pytest.raises(InvalidArgumentError):
        make().classify(picture_of(np.zeros((9, 9, 3), np.uint16)), [(1, 1, 5, 5)])


def test_a_closed_pool_judges_nothing(tmp_path: Path) -> None:
    package = load_package(write_mask_package(tmp_path))
    opened = partial(open_session, package, package.manifest.variants[0], ModelSettings())
    pool = SessionPool(opened, 1)
    classifier = MaskClassifier(package, pool)
    pool.close()
    with pytest.raises(ModelUnavailableError):
        classifier.classify(picture_of(plain(REDDISH)), [(1, 1, 5, 5)])
