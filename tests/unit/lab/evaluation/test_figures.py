"""Figures by source and by size, and of one detector against another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.evaluation import Protocol, compare_all, evaluate, measure, measure_all

Make = Callable[..., AnnotatedPicture]
MakeOracle = Callable[..., Any]
FACE = [90, 75, 230, 245]
# 11 pixels of 320 are 22 of 640.
SMALL = [10, 10, 21, 40]


@pytest.fixture
def good(make_oracle: MakeOracle) -> Any:
    return make_oracle(lambda _pixels: [FACE], name="good")


@pytest.fixture
def blind(make_oracle: MakeOracle) -> Any:
    return make_oracle(lambda _pixels: [], name="blind")


def test_a_detector_that_finds_all_and_one_that_finds_nothing(
    make_picture: Make, good: Any, blind: Any
) -> None:
    evaluation = evaluate([make_picture("a.jpg")], [good, blind])
    perfect, nothing = (measure(evaluation, run) for run in evaluation.runs)
    assert (perfect.pictures, perfect.faces) == (1, 1)
    assert perfect.average_precision == perfect.average_precision_strict == 1
    assert perfect.recall_at_90_precision == 1
    assert perfect.best is not None
    assert perfect.best.score == pytest.approx(0.9)
    assert perfect.default == pytest.approx((0.5, 1, 1, 1))
    assert perfect.leak_rate == 0
    assert (nothing.average_precision, nothing.leak_rate) == (0, 1)
    assert nothing.best is None


def test_what_a_detector_does_not_show_leaks(make_picture: Make, make_oracle: MakeOracle) -> None:
    unsure = make_oracle(lambda _pixels: [[*FACE, 0.3]])
    evaluation = evaluate([make_picture("a.jpg")], [unsure])
    figures = measure(evaluation, evaluation.runs[0])
    assert figures.average_precision == 1
    assert figures.leak_rate == 1
    assert figures.default.recall == 0
    assert math.isnan(figures.default.precision)


def test_small_and_ignored_faces_are_neither_hit_nor_miss(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    everything = make_oracle(lambda _pixels: [FACE, SMALL, [250, 10, 261, 40]])
    picture = make_picture("a.jpg", boxes=[FACE, SMALL])
    crowd = make_picture("b.jpg", boxes=[FACE], ignored=[True])
    evaluation = evaluate([picture, crowd], [everything])
    figures = measure(evaluation, evaluation.runs[0])
    assert figures.faces == 1
    assert figures.default.precision == figures.default.recall == 1
    strict = evaluate([picture], [everything], Protocol(smallest=20))
    figures = measure(strict, strict.runs[0])
    assert figures.faces == 2
    assert figures.default.precision == pytest.approx(2 / 3)


def test_the_overlap_of_a_hit_is_the_protocols(make_picture: Make, make_oracle: MakeOracle) -> None:
    x_min, y_min, x_max, y_max = FACE
    half = [x_min, y_min, x_max, y_min + 0.45 * (y_max - y_min)]
    evaluation = evaluate([make_picture("a.jpg")], [make_oracle(lambda _pixels: [half])])
    figures = measure(evaluation, evaluation.runs[0])
    assert (figures.average_precision, figures.average_precision_strict) == (1, 0)


def test_pictures_are_scaled_where_the_protocol_says_so(
    make_picture: Make, make_oracle: MakeOracle
) -> None:
    sizes = []

    def find(pixels: Any) -> list[list[float]]:
        sizes.append(pixels.shape[:2])
        return [[2 * v for v in FACE]]

    picture = make_picture("a.jpg")
    evaluation = evaluate([picture], [make_oracle(find)], Protocol(long_side=640))
    assert set(sizes) == {(640 * picture.height // picture.width, 640)}
    figures = measure(evaluation, evaluation.runs[0])
    assert figures.average_precision_strict == 1
    assert figures.leak_rate == 0


def test_scaling_leaves_out_no_face_that_is_just_large_enough(
    make_picture: Make, blind: Any
) -> None:
    # 12 of 320 pixels are 24 of 640; the scale of a picture is seldom a round number.
    boxes = [[x + 0.3, 20.1, x + 12.3, 60.1] for x in range(0, 300, 7)]
    picture = make_picture("a.jpg", boxes=boxes)
    plain = evaluate([picture], [blind])
    scaled = evaluate([picture], [blind], Protocol(long_side=333))
    assert plain.scenes[0].sizes.tolist() == scaled.scenes[0].sizes.tolist()
    assert measure(plain, plain.runs[0]).faces == measure(scaled, scaled.runs[0]).faces


def test_figures_by_source_and_by_size(make_picture: Make, good: Any) -> None:
    pictures = [
        make_picture("a.jpg", source="one"),
        make_picture("b.jpg", source="two", boxes=[FACE, [10, 10, 40, 50]]),
    ]
    detector = measure_all(evaluate(pictures, [good]))[0]
    assert list(detector.by_source) == ["one", "two", "all"]
    assert [figures.faces for figures in detector.by_source.values()] == [1, 2, 3]
    assert {size: figures.faces for size, figures in detector.by_size.items()} == {
        "24 to 48 px": 0,
        "48 to 96 px": 1,
        "96 px and more": 2,
    }
    assert detector.by_size["96 px and more"].default.precision == 1
    assert math.isnan(detector.by_size["24 to 48 px"].leak_rate)


def test_the_first_detector_is_compared_with_the_others(
    make_picture: Make, good: Any, blind: Any
) -> None:
    pictures = [make_picture(f"{n}.jpg", group=str(n // 2)) for n in range(6)]
    evaluation = evaluate(pictures, [good, blind])
    (comparison,) = compare_all(evaluation)
    assert (comparison.first, comparison.second) == ("good", "blind")
    assert comparison.result.difference == comparison.result.low == 1
    assert comparison.result.groups == 3
    assert compare_all(evaluate(pictures[:1], [good])) == ()
