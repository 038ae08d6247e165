"""Faces are found in pixels of the full picture, and a detector that fails never says "none"."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray

from lintel.edge.backends import SessionPool, Tensor, open_session
from lintel.edge.backends.cascade import CascadeSession
from lintel.edge.config import ModelSettings, Settings
from lintel.edge.errors import (
    InferenceFailedError,
    InvalidArgumentError,
    LintelError,
    OverloadedError,
)
from lintel.edge.geometry import intersection_over_union
from lintel.edge.images import ImageFormat, Picture, decode, encode
from lintel.edge.packages import (
    Calibration,
    CascadeOutput,
    Input,
    Package,
    builtin_packages,
    load_package,
)
from lintel.edge.runtime import Runtime
from lintel.edge.tasks.faces import Detections, FaceDetector, calibrate, prepare
from lintel.edge.workbench import EncodedImage, Workbench

DrawFace = Callable[..., NDArray[np.uint8]]


def picture_of(pixels: NDArray[Any], scale: int = 1) -> Picture:
    """Makes a picture whose full size is `scale` times that of its pixels."""
    height, width = pixels.shape[:2]
    return Picture(pixels, width * scale, height * scale, format=None, raw_format=None)


@pytest.fixture(scope="module")
def package() -> Package:
    return load_package(next(path for path in builtin_packages() if path.name == "face-haar"))


@pytest.fixture(scope="module")
def detector(package: Package) -> FaceDetector:
    variant = package.manifest.variants[0]
    return FaceDetector(
        package, SessionPool(lambda: open_session(package, variant, ModelSettings()), 2)
    )


class PreparedSession:
    """A cascade's session whose answer is known beforehand: arrays, or an error."""

    inputs = CascadeSession.inputs
    outputs = CascadeSession.outputs

    def __init__(self, boxes: Any, agreeing: Any, error: Exception | None = None) -> None:
        self.results = {"boxes": np.float32(boxes), "agreeing": np.float32(agreeing)}
        self.error = error

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.error is not None:
            raise self.error
        return dict(self.results)


def detect(package: Package, session: PreparedSession, *, min_score: float = 0.0) -> Detections:
    """Runs a detector on an answer known beforehand, for a picture of 640x480."""
    picture = picture_of(np.zeros((480, 640), np.uint8))
    return FaceDetector(package, SessionPool(lambda: session, 1)).detect(picture, min_score)


@pytest.mark.parametrize(("width", "height"), [(320, 320), (640, 480), (480, 640), (1280, 720)])
def test_a_drawn_face_is_found(
    detector: FaceDetector, draw_face: DrawFace, width: int, height: int
) -> None:
    boxes, scores = detector.detect(picture_of(draw_face(width, height)))
    assert (boxes.dtype, scores.dtype) == (np.dtype("float32"), np.dtype("float32"))
    x_min, y_min, x_max, y_max = boxes[0]
    size = min(width, height) / 2
    assert math.hypot((x_min + x_max - width) / 2, (y_min + y_max - height) / 2) < size / 4
    assert 0.5 * size < x_max - x_min < 2 * size
    assert 0.5 < scores[0] <= 1


def test_boxes_are_in_pixels_of_the_full_picture(
    detector: FaceDetector, draw_face: DrawFace
) -> None:
    pixels = draw_face(640, 480)
    small = detector.detect(picture_of(pixels))
    full = detector.detect(picture_of(pixels, scale=3))
    np.testing.assert_allclose(full.boxes, small.boxes * 3, rtol=1e-6)
    np.testing.assert_array_equal(full.scores, small.scores)


def test_grey_and_coloured_pictures_are_looked_at_alike(
    detector: FaceDetector, draw_face: DrawFace
) -> None:
    grey = np.ascontiguousarray(draw_face(640, 480)[:, :, 1])
    coloured = np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(
        detector.detect(picture_of(grey)).boxes, detector.detect(picture_of(coloured)).boxes
    )


def test_a_picture_without_faces_has_none(detector: FaceDetector) -> None:
    boxes, scores = detector.detect(picture_of(np.full((100, 200, 3), 90, np.uint8)))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3, 2, 3), (5000, 1, 3)])
def test_pictures_of_any_shape_are_looked_at(
    detector: FaceDetector, shape: tuple[int, ...]
) -> None:
    assert len(detector.detect(picture_of(np.zeros(shape, np.uint8))).boxes) == 0


def test_the_picture_is_left_as_it_was(detector: FaceDetector, draw_face: DrawFace) -> None:
    pixels = draw_face(640, 480)
    before = pixels.copy()
    detector.detect(picture_of(pixels))
    np.testing.assert_array_equal(pixels, before)


def test_the_detector_tells_how_large_a_picture_it_wants(detector: FaceDetector) -> None:
    assert detector.long_side == 640


def test_sixteen_bits_are_refused(detector: FaceDetector) -> None:
    with pytest.raises(InvalidArgumentError):
        detector.detect(picture_of(np.zeros((100, 100), np.uint16)))


def test_a_package_that_finds_no_faces_makes_no_detector(package: Package) -> None:
    manifest = structs.replace(package.manifest, output=None)
    with pytest.raises(InvalidArgumentError):
        FaceDetector(
            replace(package, manifest=manifest),
            SessionPool(lambda: PreparedSession([], []), 1),
        )


def test_faces_come_best_first_above_the_least_score(package: Package) -> None:
    boxes = [[0, 0, 50, 50], [100, 0, 150, 50], [200, 0, 250, 50]]
    found = detect(package, PreparedSession(boxes, [5, 40, 1]))
    assert found.boxes[:, 0].tolist() == [100, 0, 200]
    assert (np.diff(found.scores) < 0).all()
    chosen = detect(package, PreparedSession(boxes, [5, 40, 1]), min_score=float(found.scores[1]))
    assert chosen.boxes[:, 0].tolist() == [100, 0]


def test_the_packages_own_least_score_is_used_where_none_is_given(package: Package) -> None:
    assert isinstance(package.manifest.output, CascadeOutput)
    session = PreparedSession([[0, 0, 50, 50], [100, 0, 150, 50]], [1, 100])
    detector = FaceDetector(package, SessionPool(lambda: session, 1))
    scores = detector.detect(picture_of(np.zeros((480, 640), np.uint8))).scores
    assert len(scores) == 1
    assert scores[0] >= package.manifest.output.min_score


def test_of_boxes_on_one_face_the_best_is_kept(package: Package) -> None:
    found = detect(package, PreparedSession([[0, 0, 50, 50], [2, 2, 52, 52]], [5, 40]))
    assert found.boxes.tolist() == [[2, 2, 52, 52]]


def test_boxes_are_clipped_and_those_outside_left_out(package: Package) -> None:
    found = detect(package, PreparedSession([[-20, 400, 50, 500], [700, 0, 800, 50]], [5, 5]))
    assert found.boxes.tolist() == [[0, 400, 50, 480]]


def test_a_face_whose_corners_are_the_wrong_way_round_is_a_face(package: Package) -> None:
    found = detect(package, PreparedSession([[60, 20, 20, 70], [300, 200, 350, 150]], [9, 5]))
    assert found.boxes.tolist() == [[20, 20, 60, 70], [300, 150, 350, 200]]


@pytest.mark.parametrize(
    ("boxes", "agreeing"),
    [
        ([[math.nan, 0, 1, 1]], [5]),
        ([[0, 0, math.inf, 1]], [5]),
        ([[0, 0, 50, 50]], [math.nan]),
        ([[0, 0, 50, 50]], [5, 5]),
        ([[0, 0, 50]], [5]),
        ([0, 0, 50, 50], [5]),
    ],
    ids=["no number", "infinite", "no score", "too many scores", "three edges", "no list"],
)
def test_an_answer_that_makes_no_sense_is_a_failure_and_not_no_faces(
    package: Package, boxes: Any, agreeing: Any
) -> None:
    with pytest.raises(InferenceFailedError):
        detect(package, PreparedSession(boxes, agreeing))


@pytest.mark.parametrize(
    "error",
    [
        InferenceFailedError("It failed."),
        InvalidArgumentError("The feeds do not fit.", field="inputs.image"),
        RuntimeError("secret"),
        MemoryError(),
        KeyError("image"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failing_backend_is_a_failure_and_not_no_faces(
    package: Package, error: Exception
) -> None:
    with pytest.raises(InferenceFailedError) as caught:
        detect(package, PreparedSession([], [], error))
    assert "secret" not in caught.value.message


def test_a_busy_model_is_told_as_such(package: Package) -> None:
    pool = SessionPool(lambda: PreparedSession([], []), 1)
    picture = picture_of(np.zeros((48, 64), np.uint8))
    detector = FaceDetector(package, pool)
    with pool.lease(), pytest.raises(OverloadedError):
        detector.detect(picture, timeout_s=0)


def test_a_session_that_cannot_be_opened_is_told_as_such(package: Package) -> None:
    def fail() -> PreparedSession:
        raise LintelError("The file is gone.")

    with pytest.raises(LintelError, match="gone"):
        FaceDetector(package, SessionPool(fail, 1))


def input_of(**keys: Any) -> Input:
    return Input(**{"colour": "bgr", "resize": "stretch", "size": (4, 2), "dtype": "uint8", **keys})


COLOURS = np.zeros((2, 4, 3), np.uint8) + np.array([10, 20, 30], np.uint8)


def test_pixels_of_the_right_size_are_passed_as_they_are() -> None:
    prepared = prepare(picture_of(COLOURS), input_of())
    np.testing.assert_array_equal(prepared.tensor, COLOURS[None])
    assert prepared.scale == (1.0, 1.0)


@pytest.mark.parametrize(
    ("colour", "expected"), [("bgr", [10, 20, 30]), ("rgb", [30, 20, 10]), ("grey", [22])]
)
def test_channels_come_in_the_models_order(colour: str, expected: list[int]) -> None:
    prepared = prepare(picture_of(COLOURS), input_of(colour=colour))
    assert prepared.tensor.shape == (1, 2, 4, len(expected))
    assert prepared.tensor[0, 0, 0].tolist() == expected


@pytest.mark.parametrize("colour", ["bgr", "rgb", "grey"])
def test_grey_fills_all_channels(colour: str) -> None:
    tensor = prepare(picture_of(np.full((2, 4), 9, np.uint8)), input_of(colour=colour)).tensor
    assert (tensor == 9).all()


def test_the_layout_is_the_models() -> None:
    tensor = prepare(picture_of(COLOURS), input_of(layout="NCHW")).tensor
    assert tensor.shape == (1, 3, 2, 4)
    assert tensor[0, :, 0, 0].tolist() == [10, 20, 30]
    assert tensor.flags.c_contiguous


def test_mean_is_taken_off_and_the_rest_scaled() -> None:
    expected = input_of(dtype="float32", mean=(10.0, 10.0, 10.0), scale=(0.5,))
    tensor = prepare(picture_of(COLOURS), expected).tensor
    assert tensor.dtype == np.float32
    assert tensor[0, 0, 0].tolist() == [0, 5, 10]


def test_integers_are_rounded_and_kept_in_range() -> None:
    expected = input_of(dtype="int8", mean=(0.0,), scale=(5.0, 5.0, 0.25))
    assert prepare(picture_of(COLOURS), expected).tensor[0, 0, 0].tolist() == [50, 100, 8]
    expected = input_of(dtype="int8", mean=(255.0,), scale=(1.0,))
    assert prepare(picture_of(COLOURS), expected).tensor[0, 0, 0].tolist() == [-128, -128, -128]


def test_a_letterbox_keeps_the_shape_and_fills_right_and_below() -> None:
    expected = input_of(resize="letterbox", size=(8, 8))
    prepared = prepare(picture_of(COLOURS), expected)
    assert prepared.scale == (2.0, 2.0)
    assert (prepared.tensor[0, :4] == [10, 20, 30]).all()
    assert (prepared.tensor[0, 4:] == 114).all()


def test_stretching_scales_the_axes_apart() -> None:
    prepared = prepare(picture_of(COLOURS, scale=2), input_of(size=(16, 2)))
    assert prepared.tensor.shape == (1, 2, 16, 3)
    assert prepared.scale == (2, 0.5)


@given(width=st.integers(1, 300), height=st.integers(1, 300), scale=st.integers(1, 3))
def test_the_long_side_comes_out_exact_and_cuts_off_less_than_a_pixel(
    width: int, height: int, scale: int
) -> None:
    expected = input_of(resize="long-side", size=None, long_side=100, colour="grey")
    picture = picture_of(np.zeros((height, width), np.uint8), scale)
    prepared = prepare(picture, expected)
    _, tensor_height, tensor_width, _ = prepared.tensor.shape
    assert prepared.size == prepared.extent == (tensor_width, tensor_height)
    assert max(prepared.size) == 100
    assert -1e-9 < prepared.scale[0] * picture.width - tensor_width < 1 + 1e-9
    assert -1e-9 < prepared.scale[1] * picture.height - tensor_height < 1 + 1e-9


@given(
    size=st.tuples(st.integers(60, 500), st.integers(60, 500)),
    place=st.tuples(st.floats(0, 0.6), st.floats(0, 0.6)),
    share=st.floats(0.1, 0.4),
    resize=st.sampled_from(["letterbox", "stretch", "long-side"]),
    copies=st.integers(1, 3),
)
def test_what_is_in_the_picture_is_where_the_scale_says(
    size: tuple[int, int],
    place: tuple[float, float],
    share: float,
    resize: str,
    copies: int,
) -> None:
    width, height = size
    left, top = (int(begin * side) for begin, side in zip(place, size, strict=True))
    right, bottom = (
        begin + max(4, int(share * side)) for begin, side in zip((left, top), size, strict=True)
    )
    pixels = np.zeros((height, width), np.uint8)
    pixels[top:bottom, left:right] = 200
    lengths = {"long_side": 64, "size": None} if resize == "long-side" else {"size": (64, 48)}
    prepared = prepare(
        picture_of(pixels, copies), input_of(resize=resize, colour="grey", **lengths)
    )
    seen = prepared.tensor[0, : prepared.extent[1], : prepared.extent[0], 0].astype(float)
    mass = [seen.sum(axis=axis) for axis in (0, 1)]
    middles = [(line * (np.arange(len(line)) + 0.5)).sum() / line.sum() for line in mass]
    expected = np.array([left + right, top + bottom]) / 2 * copies * prepared.scale
    # Less than half a pixel: what the steps of the pixels leave open.
    assert np.abs(np.array(middles) - expected).max() < 0.5


def test_sides_are_filled_up_to_multiples() -> None:
    expected = input_of(resize="long-side", size=None, long_side=100, multiple_of=32)
    prepared = prepare(picture_of(np.full((30, 60, 3), 9, np.uint8)), expected)
    assert prepared.tensor.shape == (1, 64, 128, 3)
    assert (prepared.extent, prepared.size) == ((100, 50), (128, 64))
    assert (prepared.tensor[0, :50, :100] == 9).all()
    assert (prepared.tensor[0, 50:] == 114).all()
    assert (prepared.tensor[0, :, 100:] == 114).all()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("colour", ["bgr", "rgb", "grey"])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        ((0.0,), (1.0,)),
        ((127.5,), (0.0078125,)),
        ((10.0, 20.0, 30.0), (0.5, 0.25, 2.0)),
        ((7.0, 7.0, 7.0), (0.5,)),
    ],
)
def test_every_form_is_the_formula_of_the_manifest(
    layout: str, colour: str, dtype: str, mean: tuple[float, ...], scale: tuple[float, ...]
) -> None:
    if colour == "grey":
        mean, scale = mean[:1], scale[:1]
    expected = input_of(
        layout=layout, colour=colour, dtype=dtype, mean=mean, scale=scale,
        resize="letterbox", size=(9, 8),
    )  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (4, 9, 3)).astype(np.uint8)
    plain = input_of(colour=colour, resize="letterbox", size=(9, 8))
    bare = prepare(picture_of(pixels), plain).tensor.astype(np.float32)
    wanted = (bare - np.float32(mean)) * np.float32(scale)
    if dtype != "float32":
        limits = np.iinfo(dtype)
        wanted = np.clip(np.rint(wanted), limits.min, limits.max)
    tensor = prepare(picture_of(pixels), expected).tensor
    assert tensor.dtype == dtype
    assert tensor.flags.c_contiguous
    np.testing.assert_array_equal(
        tensor, wanted if layout == "NHWC" else wanted.transpose(0, 3, 1, 2)
    )


@given(score=st.floats(-1e6, 1e6, width=32), slope=st.floats(-1e6, 1e6))
def test_a_calibrated_score_is_a_probability(score: float, slope: float) -> None:
    probability = calibrate(np.array([score], np.float32), Calibration(slope=slope, intercept=0.5))
    assert probability.dtype == np.float32
    assert 0 <= probability[0] <= 1
    if abs(score * slope + 0.5) < 20:
        expected = 1 / (1 + math.exp(-(float(np.float32(score)) * slope + 0.5)))
        assert probability[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["face", "face-320", "face-haar"])
def test_what_scores_nothing_is_not_covered_by_default(name: str) -> None:
    # A calibration gives even a score of 0 some probability: it must lie below the threshold.
    package = load_package(next(path for path in builtin_packages() if path.name == name))
    variant = package.manifest.variants[0]
    pool = SessionPool(lambda: open_session(package, variant, ModelSettings()), 1)
    wall = np.full((480, 640, 3), 120, np.uint8)
    found = FaceDetector(package, pool).detect(picture_of(wall), Settings().blur.min_score)
    assert len(found.boxes) == 0


@pytest.mark.data
def test_most_large_bare_faces_of_real_pictures_are_found(
    detector: FaceDetector, data_folder: Path
) -> None:
    faces = found = 0
    for image, boxes in large_bare_faces(data_folder / "faces").items():
        picture = decode((data_folder / "faces" / image).read_bytes(), depth8=True)
        overlaps = intersection_over_union(boxes, detector.detect(picture).boxes)
        faces += len(boxes)
        found += int((overlaps >= 0.4).any(axis=1).sum())
    assert faces >= 20
    assert found / faces >= 0.5


@pytest.mark.data
def test_faces_that_are_small_in_a_large_photo_are_found(data_folder: Path) -> None:
    # A photo of 12 megapixels, put together of pictures as they are.
    canvas = np.full((3000, 4000, 3), 128, np.uint8)
    faces: list[list[float]] = []
    places = [(x, y) for y in range(0, 2400, 600) for x in range(0, 3200, 800)]
    pictures = large_bare_faces(data_folder / "faces")
    for (x, y), (image, boxes) in zip(places, pictures.items(), strict=False):
        pixels = decode((data_folder / "faces" / image).read_bytes(), depth8=True).pixels
        part = pixels[:600, :800]
        canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
        whole = [box for box in boxes if box[2] <= part.shape[1] and box[3] <= part.shape[0]]
        faces += [[box[0] + x, box[1] + y, box[2] + x, box[3] + y] for box in whole]
    settings = Settings()
    workbench = Workbench(Runtime(settings, 1), settings)
    photo = EncodedImage(encode(canvas, ImageFormat.JPEG))
    found = workbench.detect(photo).detections
    assert found is not None
    overlaps = intersection_over_union(faces, found.boxes)
    assert len(faces) >= 10
    assert (overlaps >= 0.4).any(axis=1).mean() >= 0.8


def large_bare_faces(folder: Path) -> dict[str, list[list[float]]]:
    """Returns faces of the val split that wear no mask and are 80 pixels or more wide."""
    faces: dict[str, list[list[float]]] = {}
    with (folder / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] != "val" or row["label"] != "without_mask" or row["duplicate_of"]:
                continue
            box = [float(row[key]) for key in ("x_min", "y_min", "x_max", "y_max")]
            is_large = box[2] - box[0] >= 80 and row["source"] == "jk4nr"
            if is_large and row["whole_frame"] == "0":
                faces.setdefault(row["image"], []).append(box)
    return faces
