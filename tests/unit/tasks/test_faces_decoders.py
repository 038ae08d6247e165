"""Each family's outputs become the boxes that were put into them, or a failure: never "none"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lintel.edge.backends import SessionPool, Tensor, TensorSpec
from lintel.edge.backends.onnx import OnnxSession
from lintel.edge.errors import InferenceFailedError, PackageInvalidError
from lintel.edge.images import Picture
from lintel.edge.packages import Package, parse_manifest
from lintel.edge.tasks.faces import Detections, FaceDetector

Floats = NDArray[np.floating[Any]]
Results = dict[str, Floats]

WIDTH, HEIGHT = 256, 192
SLOT = 64


@dataclass(frozen=True)
class Truth:
    """Faces that do not overlap, and a source of chance for what else there is to choose.

    Attributes:
        boxes: float64 (N, 4) in pixels of the input.
        scores: float64 (N,).
        chance: Draws grids, anchors and landmarks.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    chance: np.random.Generator

    @property
    def centres(self) -> NDArray[np.float64]:
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2

    @property
    def sizes(self) -> NDArray[np.float64]:
        return self.boxes[:, 2:] - self.boxes[:, :2]


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    """Draws at most one face for each place of 64x64."""
    places = [(x, y) for x in range(0, WIDTH, SLOT) for y in range(0, HEIGHT, SLOT)]
    chosen = draw(st.lists(st.sampled_from(places), unique=True, max_size=len(places)))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    starts = np.array(chosen, float).reshape(-1, 2) + chance.uniform(1, 20, (len(chosen), 2))
    sizes = chance.uniform(8, 42, (len(chosen), 2))
    scores = chance.permutation(np.linspace(0.6, 0.99, len(chosen)))
    return Truth(np.hstack([starts, starts + sizes]), scores, chance)


def logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(bounded / (1 - bounded))


def to_levels(values: list[Floats], names: str) -> Results:
    """Names arrays, one a grid: "a8 a16" for each its own, "a" for all of them end to end."""
    if " " not in names:
        values = [np.concatenate(values)]
    return {name: value[None] for name, value in zip(names.split(), values, strict=True)}


def encode_yunet(
    truth: Truth, scores: str, boxes: str, objectness: str, activation: str
) -> Results:
    strides = (8, 16, 32)
    found = [np.zeros(((HEIGHT // s) * (WIDTH // s), 1)) for s in strides]
    likely = [truth.chance.uniform(0, 1, one.shape) for one in found]
    offsets = [truth.chance.normal(0, 1, (len(one), 4)) for one in found]
    for centre, size, score in zip(truth.centres, truth.sizes, truth.scores, strict=True):
        level = truth.chance.integers(3)
        stride = strides[level]
        # Any cell can stand for any box: mostly it is the one that the centre lies in.
        column, row = (centre // stride).astype(int)
        index = row * (WIDTH // stride) + column
        # Their product has the root `score`.
        found[level][index] = score**2 / math.sqrt(score) if objectness else score
        likely[level][index] = math.sqrt(score)
        offsets[level][index] = [*(centre / stride - (column, row)), *np.log(size / stride)]
    if activation == "sigmoid":
        found, likely = [logit(one) for one in found], [logit(one) for one in likely]
    results = to_levels(found, scores) | to_levels(offsets, boxes)
    return results | (to_levels(likely, objectness) if objectness else {})


def encode_scrfd(truth: Truth) -> Results:
    strides = (8, 16, 32)
    found = [np.zeros(((HEIGHT // s) * (WIDTH // s) * 2, 1)) for s in strides]
    distances = [truth.chance.normal(0, 1, (len(one), 4)) for one in found]
    for box, score in zip(truth.boxes, truth.scores, strict=True):
        level = truth.chance.integers(3)
        stride = strides[level]
        column, row = ((box[:2] + box[2:]) / 2 // stride).astype(int)
        index = (row * (WIDTH // stride) + column) * 2 + truth.chance.integers(2)
        found[level][index] = score
        sides = box / stride - [column, row, column, row]
        distances[level][index] = sides * [-1, -1, 1, 1]
    return to_levels(found, "s8 s16 s32") | to_levels(distances, "d8 d16 d32")


def scatter(truth: Truth, columns: int, count: int = 300) -> tuple[Floats, NDArray[np.intp]]:
    """Returns a table of noise with no score in it yet, and a row of it for each face."""
    table = truth.chance.uniform(0, 1, (count, columns))
    return table, truth.chance.choice(count, len(truth.boxes), replace=False)


def encode_yolov5(truth: Truth) -> Results:
    table, rows = scatter(truth, 16)
    table[:, 4] = 0
    table[rows, :4] = np.hstack([truth.centres, truth.sizes])
    table[rows, 4] = np.sqrt(truth.scores)
    table[rows, 15] = np.sqrt(truth.scores)
    return {"output": table[None]}


def encode_yolov8(
    truth: Truth, classes: int, index: int, landmarks: int, fractions: bool
) -> Results:
    table, rows = scatter(truth, 4 + classes + landmarks)
    table[:, 4 + index] = 0
    table[rows, :4] = np.hstack([truth.centres, truth.sizes])
    if fractions:
        table[rows, :4] /= [WIDTH, HEIGHT, WIDTH, HEIGHT]
    table[rows, 4 + index] = truth.scores
    return {"output0": table.T[None]}


def encode_ultraface(truth: Truth) -> Results:
    table, rows = scatter(truth, 4)
    scores = np.zeros((len(table), 2))
    scores[rows, 1] = truth.scores
    scores[:, 0] = 1 - scores[:, 1]
    table[rows] = truth.boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    return {"scores": scores[None], "boxes": table[None]}


def encode_centerface(truth: Truth, layout: str) -> Results:
    shape = (HEIGHT // 4, WIDTH // 4)
    heatmap = np.zeros((1, *shape))
    scale, offset = truth.chance.normal(0, 1, (2, 2, *shape))
    for centre, size, score in zip(truth.centres, truth.sizes, truth.scores, strict=True):
        column, row = (centre // 4).astype(int)
        heatmap[0, row, column] = score
        scale[:, row, column] = np.log(size / 4)[::-1]
        offset[:, row, column] = (centre / 4 - (column, row) - 0.5)[::-1]
    maps = {"heatmap": heatmap, "scale": scale, "offset": offset}
    axes = (0, 1, 2) if layout == "NCHW" else (1, 2, 0)
    return {name: values.transpose(axes)[None] for name, values in maps.items()}


def encode_blazeface(truth: Truth, strides: tuple[int, ...], anchors: tuple[int, ...]) -> Results:
    cells = [(HEIGHT // s) * (WIDTH // s) for s in strides]
    counts = [number * each for number, each in zip(cells, anchors, strict=True)]
    scores = np.full((sum(counts), 1), -90.0)
    boxes = truth.chance.normal(0, 30, (sum(counts), 16))
    for centre, size, score in zip(truth.centres, truth.sizes, truth.scores, strict=True):
        level = truth.chance.integers(len(strides))
        stride = strides[level]
        column, row = (centre // stride).astype(int)
        index = sum(counts[:level]) + (row * (WIDTH // stride) + column) * anchors[level]
        index += truth.chance.integers(anchors[level])
        scores[index] = logit(score)
        boxes[index, :4] = [*(centre - (np.array([column, row]) + 0.5) * stride), *size]
    return {"classificators": scores[None], "regressors": boxes[None]}


@dataclass(frozen=True)
class Family:
    """A way to write faces into outputs.

    Attributes:
        output: Of the manifest.
        encode: Writes faces.
        layout: Of the input.
    """

    output: str
    encode: Callable[[Truth], Results]
    layout: str = "NHWC"


APART = 'scores = ["c8", "c16", "c32"]\nboxes = ["b8", "b16", "b32"]\n'
FAMILIES = {
    "yunet": Family(
        f'decoder = "yunet"\n{APART}objectness = ["o8", "o16", "o32"]',
        lambda truth: encode_yunet(truth, "c8 c16 c32", "b8 b16 b32", "o8 o16 o32", "none"),
    ),
    "yunet of logits": Family(
        f'decoder = "yunet"\n{APART}objectness = ["o8", "o16", "o32"]\nactivation = "sigmoid"',
        lambda truth: encode_yunet(truth, "c8 c16 c32", "b8 b16 b32", "o8 o16 o32", "sigmoid"),
    ),
    "yunet end to end": Family(
        'decoder = "yunet"\nscores = ["scores"]\nboxes = ["boxes"]',
        lambda truth: encode_yunet(truth, "scores", "boxes", "", "none"),
    ),
    "yunet end to end of logits": Family(
        'decoder = "yunet"\nscores = ["scores"]\nboxes = ["boxes"]\nactivation = "sigmoid"',
        lambda truth: encode_yunet(truth, "scores", "boxes", "", "sigmoid"),
    ),
    "scrfd": Family(
        'decoder = "scrfd"\nscores = ["s8", "s16", "s32"]\nboxes = ["d8", "d16", "d32"]',
        encode_scrfd,
    ),
    "yolov5-face": Family('decoder = "yolov5-face"\npredictions = "output"', encode_yolov5),
    "yolov8": Family(
        'decoder = "yolov8"\npredictions = "output0"',
        lambda truth: encode_yolov8(truth, 1, 0, 0, fractions=False),
    ),
    "yolov8 with landmarks": Family(
        'decoder = "yolov8"\npredictions = "output0"\nlandmarks = 5',
        lambda truth: encode_yolov8(truth, 1, 0, 15, fractions=False),
    ),
    "yolov8 with flat landmarks": Family(
        'decoder = "yolov8"\npredictions = "output0"\nlandmarks = 5',
        lambda truth: encode_yolov8(truth, 1, 0, 10, fractions=False),
    ),
    "yolov8 of many classes": Family(
        'decoder = "yolov8"\npredictions = "output0"\nboxes_in = "fractions"\n'
        'labels = ["person", "hand", "head"]\nlabel = "head"',
        lambda truth: encode_yolov8(truth, 3, 2, 0, fractions=True),
    ),
    "ultraface": Family('decoder = "ultraface"', encode_ultraface),
    "centerface": Family(
        'decoder = "centerface"\nheatmap = "heatmap"\nscale = "scale"\noffset = "offset"',
        lambda truth: encode_centerface(truth, "NCHW"),
        layout="NCHW",
    ),
    "centerface, channels last": Family(
        'decoder = "centerface"\nheatmap = "heatmap"\nscale = "scale"\noffset = "offset"',
        lambda truth: encode_centerface(truth, "NHWC"),
    ),
    "blazeface": Family(
        'decoder = "blazeface"', lambda truth: encode_blazeface(truth, (8, 16), (2, 6))
    ),
    "blazeface, full range": Family(
        'decoder = "blazeface"\nstrides = [4]\nanchors_per_cell = [1]',
        lambda truth: encode_blazeface(truth, (4,), (1,)),
    ),
}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
NO_FACES = Truth(np.zeros((0, 4)), np.zeros(0), np.random.default_rng(0))
ONE_FACE = Truth(np.array([[64.0, 70, 99, 111]]), np.array([0.9]), np.random.default_rng(0))


class Answer:
    """A session whose answer is known beforehand, and told of before as a real one's."""

    def __init__(self, results: Mapping[str, Tensor], layout: str) -> None:
        shape = (1, HEIGHT, WIDTH, 3) if layout == "NHWC" else (1, 3, HEIGHT, WIDTH)
        self.inputs: tuple[TensorSpec, ...] = (TensorSpec("picture", np.dtype(np.float32), shape),)
        self.results = {
            name: values.astype(np.float32) if values.dtype == np.float64 else values
            for name, values in results.items()
        }
        self.outputs = tuple(
            TensorSpec(name, values.dtype, values.shape) for name, values in self.results.items()
        )

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        (feed,) = feeds.values()
        assert feed.shape == self.inputs[0].shape
        return dict(self.results)


def package_of(output: str, layout: str = "NHWC", more: str = "") -> Package:
    text = (
        'name = "test"\nversion = "1.0.0"\ntask = "detect-faces"\nlicence = "CC0-1.0"\n'
        f'[input]\nsize = [{WIDTH}, {HEIGHT}]\ncolour = "bgr"\nresize = "letterbox"\n'
        f'layout = "{layout}"\n[output]\n{output}\n{more}\n'
        f'[[variant]]\nname = "a"\nbackend = "onnx"\nfile = "a.onnx"\nsha256 = "{"0" * 64}"\n'
    )
    return Package(Path(), parse_manifest(text.encode()))


def open_detector(family: Family, session: Answer, more: str = "") -> FaceDetector:
    package = package_of(family.output, family.layout, more)
    return FaceDetector(package, SessionPool(lambda: session, 1))


def detect(family: Family, results: Mapping[str, Tensor], more: str = "") -> Detections:
    """Runs a detector on an answer known beforehand, for a picture of the input's size."""
    return open_detector(family, Answer(results, family.layout), more).detect(blank())


def blank(width: int = WIDTH, height: int = HEIGHT) -> Picture:
    return Picture(np.zeros((height, width, 3), np.uint8), width, height, None, None)


@every_family
@settings(max_examples=40)
@given(truth=truths())
def test_faces_come_back(family: Family, truth: Truth) -> None:
    found = detect(family, family.encode(truth))
    order = np.argsort(-truth.scores)
    assert found.boxes.shape == truth.boxes.shape
    np.testing.assert_allclose(found.boxes, truth.boxes[order], atol=0.01)
    np.testing.assert_allclose(found.scores, truth.scores[order], atol=1e-4)
    assert (found.boxes.dtype, found.scores.dtype) == (np.dtype("float32"), np.dtype("float32"))


@every_family
@pytest.mark.parametrize("least", [0.0, 0.2, 0.7, 0.89, 0.91, 1.0])
def test_the_least_score_parts_faces_from_the_rest(family: Family, least: float) -> None:
    session = Answer(family.encode(ONE_FACE), family.layout)
    found = open_detector(family, session).detect(blank(), least)
    assert (found.scores >= least).all()
    if least > 0:
        assert len(found.scores) == int(least < 0.9)


@every_family
def test_a_calibration_turns_scores_into_others(family: Family) -> None:
    calibration = "calibration = { slope = 2.0, intercept = -1.5 }"
    results = family.encode(ONE_FACE)
    probability = 1 / (1 + math.exp(-(2 * 0.9 - 1.5)))
    for least, count in ((probability - 0.001, 1), (probability + 0.001, 0)):
        found = detect(family, results, f"{calibration}\nmin_score = {least}")
        assert len(found.scores) == count
        assert found.scores == pytest.approx([probability] * count, abs=1e-4)


@every_family
def test_a_falling_calibration_is_one_too(family: Family) -> None:
    calibration = "calibration = { slope = -2.0, intercept = 1.5 }\nmin_score = 0.5"
    boxes = detect(family, family.encode(ONE_FACE), calibration).boxes
    # What scores less than 0.75 comes, and the face does not.
    assert not (np.abs(boxes - ONE_FACE.boxes) < 0.01).all(axis=1).any()


@every_family
def test_half_precision_is_read_too(family: Family) -> None:
    results = {name: values.astype(np.float16) for name, values in family.encode(ONE_FACE).items()}
    np.testing.assert_allclose(detect(family, results).boxes, ONE_FACE.boxes, atol=0.5)


@every_family
def test_an_output_that_the_model_lacks_is_named_when_it_is_opened(family: Family) -> None:
    session = Answer(family.encode(ONE_FACE), family.layout)
    for missing in session.outputs:
        lacking = Answer(session.results, family.layout)
        lacking.outputs = tuple(spec for spec in session.outputs if spec is not missing)
        with pytest.raises(PackageInvalidError, match=missing.name) as caught:
            open_detector(family, lacking)
        assert caught.value.field.startswith("output.")


@every_family
@pytest.mark.parametrize("spoil", ["another length", "transposed", "another rank", "integers"])
def test_an_output_of_another_form_is_named_when_it_is_opened(family: Family, spoil: str) -> None:
    results = family.encode(ONE_FACE)
    for name in results:
        session = Answer(results | {name: spoiled(results[name], spoil)}, family.layout)
        if spoil == "transposed" and session.results[name].shape[1:] == results[name].shape[1:]:
            continue
        with pytest.raises(PackageInvalidError, match=name) as caught:
            open_detector(family, session)
        assert caught.value.field.startswith("output.")


@every_family
@pytest.mark.parametrize("spoil", ["another length", "transposed", "another rank", "integers"])
def test_an_answer_of_another_form_is_a_failure(family: Family, spoil: str) -> None:
    results = family.encode(ONE_FACE)
    for name in results:
        session = Answer(results | {name: spoiled(results[name], spoil)}, family.layout)
        # As a model tells that leaves every length open.
        session.outputs = tuple(
            TensorSpec(spec.name, np.dtype(np.float32), ()) for spec in session.outputs
        )
        with pytest.raises(InferenceFailedError):
            open_detector(family, session).detect(blank())


def spoiled(values: Floats, how: str) -> Tensor:
    """Returns an output as another model would give it."""
    if how == "integers":
        return values.astype(np.int8)
    if how == "another rank":
        return values[..., None, None]
    if how == "transposed":
        return np.ascontiguousarray(values.swapaxes(-1, -2))[..., None]
    # One more in the axis that the family fixes.
    axis = int(np.argmin([length if length > 1 else 9999 for length in values.shape]))
    return np.concatenate([values, values.take([0], axis=axis)], axis=axis)


@every_family
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_a_failure(family: Family, value: float) -> None:
    results = family.encode(ONE_FACE)
    places = {"c8": 0, "scores": 0, "s8": 0, "heatmap": 0, "classificators": 0, "o8": 0}
    for name in results.keys() & places.keys():
        spoiled_scores = results[name].copy()
        spoiled_scores[..., -1] = value
        with pytest.raises(InferenceFailedError):
            detect(family, results | {name: spoiled_scores})


@every_family
def test_a_face_with_a_box_that_is_none_is_a_failure(family: Family) -> None:
    results = family.encode(ONE_FACE)
    boxes = {"b8", "b16", "b32", "boxes", "d8", "d16", "d32", "scale", "regressors"}
    names = results.keys() & boxes or results.keys()
    spoiled_boxes = {name: results[name].copy() for name in names}
    for values in spoiled_boxes.values():
        if values.ndim == 4:
            values[...] = math.nan
        elif "output0" in results:
            values[:, :4] = math.nan
        else:
            values[..., :4] = math.nan
    with pytest.raises(InferenceFailedError):
        detect(family, results | spoiled_boxes)


@pytest.mark.parametrize(
    ("name", "sizes"), [("yunet end to end", "boxes"), ("centerface", "scale")]
)
def test_a_box_beyond_all_numbers_is_the_whole_picture(name: str, sizes: str) -> None:
    results = FAMILIES[name].encode(ONE_FACE)
    wild = results[sizes].copy()
    wild[..., -2:] = 1000.0
    if name == "centerface":
        wild[...] = 1000.0
    found = detect(FAMILIES[name], results | {sizes: wild})
    np.testing.assert_allclose(found.boxes, [[0, 0, WIDTH, HEIGHT]])


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("yunet", ["c8", "c16", "c32"]),
        ("yunet end to end", ["scores"]),
        ("scrfd", ["s8"]),
        ("ultraface", ["scores"]),
        ("centerface", ["heatmap"]),
    ],
)
def test_logits_taken_for_probabilities_are_a_failure_and_not_no_faces(
    name: str, scores: list[str]
) -> None:
    results = FAMILIES[name].encode(NO_FACES)
    with pytest.raises(InferenceFailedError, match="probabilities"):
        detect(FAMILIES[name], results | {key: results[key] - 4.5 for key in scores})


def test_faces_wholly_in_the_filling_vanish_and_others_are_cut() -> None:
    # Of a picture of 100x150 the letterbox of 256x192 shows 128x192.
    truth = Truth(
        np.array(
            [[10.0, 10, 50, 50], [100, 100, 140, 140], [130, 20, 170, 60], [128, 70, 150, 90]]
        ),
        np.array([0.9, 0.8, 0.7, 0.65]),
        np.random.default_rng(0),
    )
    family = FAMILIES["yunet end to end"]
    session = Answer(family.encode(truth), family.layout)
    found = open_detector(family, session).detect(blank(100, 150))
    expected = np.array([[10, 10, 50, 50], [100, 100, 128, 140]]) / 1.28
    np.testing.assert_allclose(found.boxes, expected, atol=0.01)


def test_the_size_is_that_of_the_variant() -> None:
    text = (
        'name = "test"\nversion = "1.0.0"\ntask = "detect-faces"\nlicence = "CC0-1.0"\n'
        '[input]\nsize = [640, 640]\ncolour = "bgr"\nresize = "letterbox"\n'
        '[output]\ndecoder = "yunet"\nscores = ["scores"]\nboxes = ["boxes"]\n'
        f'[[variant]]\nname = "a"\nbackend = "onnx"\nfile = "a"\nsha256 = "{"0" * 64}"\n'
        f'[[variant]]\nname = "b"\nbackend = "onnx"\nfile = "b"\nsha256 = "{"0" * 64}"\n'
        f"input_size = [{WIDTH}, {HEIGHT}]\n"
    )
    package = Package(Path(), parse_manifest(text.encode()))
    family = FAMILIES["yunet end to end"]
    session = Answer(family.encode(ONE_FACE), family.layout)
    large, small = package.manifest.variants
    detector = FaceDetector(package, SessionPool(lambda: session, 1), small)
    assert detector.long_side == WIDTH
    np.testing.assert_allclose(detector.detect(blank()).boxes, ONE_FACE.boxes, atol=0.01)
    for variant in (large, None):
        with pytest.raises(PackageInvalidError, match="640") as caught:
            FaceDetector(package, SessionPool(lambda: session, 1), variant)
        assert caught.value.field == "input"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (TensorSpec("x", np.dtype(np.uint8), (1, HEIGHT, WIDTH, 3)), "input.dtype"),
        (TensorSpec("x", np.dtype(np.float32), (1, 3, HEIGHT, WIDTH)), "input"),
        (TensorSpec("x", np.dtype(np.float32), (1, WIDTH, HEIGHT, 3)), "input"),
        (TensorSpec("x", np.dtype(np.float32), (1, HEIGHT, WIDTH, 1)), "input"),
        (TensorSpec("x", np.dtype(np.float32), (10, HEIGHT, WIDTH, 3)), "input"),
    ],
)
def test_an_input_that_the_manifest_does_not_say_is_named(spec: TensorSpec, field: str) -> None:
    family = FAMILIES["yunet"]
    session = Answer(family.encode(NO_FACES), family.layout)
    session.inputs = (spec,)
    with pytest.raises(PackageInvalidError) as caught:
        open_detector(family, session)
    assert caught.value.field == field


def test_a_model_with_two_inputs_is_refused() -> None:
    family = FAMILIES["yunet"]
    session = Answer(family.encode(NO_FACES), family.layout)
    session.inputs = (*session.inputs, *session.inputs)
    with pytest.raises(PackageInvalidError, match="one input"):
        open_detector(family, session)


def test_lengths_that_the_model_leaves_open_fit() -> None:
    family = FAMILIES["yunet"]
    session = Answer(family.encode(ONE_FACE), family.layout)
    session.inputs = (TensorSpec("x", np.dtype(np.float32), (-1, -1, -1, 3)),)
    session.outputs = tuple(
        TensorSpec(spec.name, spec.dtype, (-1, -1, spec.shape[2])) for spec in session.outputs
    )
    assert open_detector(family, session).long_side == WIDTH


def yunet_like(seed: int) -> bytes:
    """Writes an ONNX network with the inputs and outputs of YuNet, its weights drawn at random."""
    chance = np.random.default_rng(seed)
    nodes, outputs, weights = [], [], []

    def constant(name: str, values: NDArray[np.generic]) -> str:
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        weights.append(helper.make_tensor(name, kind, values.shape, values.ravel().tolist()))
        return name

    for kind, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for stride in (8, 16, 32):
            name = f"{kind}_{stride}"
            spread = 0.004 if kind == "bbox" else 0.02
            drawn = chance.normal(0, spread, (channels, 3, stride, stride)) / stride
            # Without regard to brightness, so that every network finds some.
            drawn -= drawn.mean(axis=(1, 2, 3), keepdims=True)
            weight = constant(f"{name}_w", drawn.astype(np.float32))
            nodes += [
                helper.make_node("Conv", ["input", weight], [f"{name}_a"], strides=[stride] * 2),
                helper.make_node("Transpose", [f"{name}_a"], [f"{name}_b"], perm=[0, 2, 3, 1]),
                helper.make_node(
                    "Reshape", [f"{name}_b", constant(f"{name}_s", np.array([1, -1, channels]))],
                    [f"{name}_c" if kind in {"cls", "obj"} else name],
                ),
            ]  # fmt: skip
            if kind in {"cls", "obj"}:
                nodes.append(helper.make_node("Sigmoid", [f"{name}_c"], [name]))
            count = (HEIGHT // stride) * (WIDTH // stride)
            outputs.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, channels])
            )
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])
    graph = helper.make_graph(nodes, "yunet", [taken], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("seed", range(5))
def test_yunet_is_read_as_opencv_reads_it(seed: int) -> None:
    model = yunet_like(seed)
    chance = np.random.default_rng(seed)
    coarse = chance.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3)).astype(np.uint8)
    pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    reference = cv2.FaceDetectorYN.create(
        "onnx", np.frombuffer(model, np.uint8), np.empty(0, np.uint8), (WIDTH, HEIGHT), 0.7, 2.0
    )
    _, rows = reference.detect(pixels)
    apart = {
        kind: [f"{kind}_{stride}" for stride in (8, 16, 32)] for kind in ("cls", "obj", "bbox")
    }
    package = package_of(
        f'decoder = "yunet"\nscores = {apart["cls"]}\nobjectness = {apart["obj"]}\n'
        f"boxes = {apart['bbox']}\nmin_score = 0.7\niou = 1.0",
        "NCHW",
    )
    pool = SessionPool(lambda: OnnxSession(model, 1, ["CPUExecutionProvider"]), 1)
    found = FaceDetector(package, pool).detect(Picture(pixels, WIDTH, HEIGHT, None, None))
    corners = np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4]])
    # OpenCV leaves boxes as they are where they reach or lie beyond the picture.
    clipped = np.clip(corners, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    inside = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    assert inside.sum() > 20
    np.testing.assert_allclose(found.scores, rows[inside, 14], atol=1e-4)
    np.testing.assert_allclose(in_order(found.boxes), in_order(clipped[inside]), atol=0.05)


def in_order(boxes: Floats) -> Floats:
    """Sorts boxes: of scores that are nearly the same, either may come first."""
    return boxes[np.lexsort(np.round(boxes, 1).T)]
