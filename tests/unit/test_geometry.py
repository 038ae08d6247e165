"""Boxes: what overlap, suppression, matching, clipping and expanding promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from lintel.edge import geometry
from lintel.edge.errors import InvalidArgumentError

FINITE = st.floats(-1e4, 1e4, width=32)
WIDE = st.floats(allow_nan=False, allow_infinity=False, width=32)


def boxes(coordinates: st.SearchStrategy[float] = FINITE, most: int = 8) -> Any:
    return arrays(np.float32, st.tuples(st.integers(0, most), st.just(4)), elements=coordinates)


def upright(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hstack(
        [np.minimum(values[:, :2], values[:, 2:]), np.maximum(values[:, :2], values[:, 2:])]
    )


def test_area_of_known_boxes() -> None:
    known = [[0, 0, 2, 3], [1, 1, 1, 5], [5, 5, 4, 9], [9, 9, 8, 8]]
    assert geometry.area(known).tolist() == [6, 0, 0, 0]
    assert geometry.area(known).dtype == np.float32


def test_no_boxes_are_fine_everywhere() -> None:
    some = np.float32([[0, 0, 1, 1]])
    assert geometry.area([]).shape == (0,)
    assert geometry.intersection_over_union([], some).shape == (0, 1)
    assert geometry.non_maximum_suppression([], [], 0.5).shape == (0,)
    assert geometry.match([], some, 0.5).shape == (0, 2)
    assert geometry.clip([], 10, 10).shape == (0, 4)
    assert geometry.expand([], 0.5).shape == (0, 4)


def test_overlap_of_known_boxes() -> None:
    overlap = geometry.intersection_over_union(
        [[0, 0, 2, 2]], [[1, 0, 3, 2], [2, 0, 4, 2], [0, 0, 2, 2]]
    )
    assert overlap == pytest.approx(np.array([[1 / 3, 0, 1]]))
    assert overlap.dtype == np.float32


@settings(deadline=None)
@given(boxes(WIDE), boxes(WIDE))
def test_overlap_is_symmetric_and_from_0_to_1(
    left: NDArray[np.float32], right: NDArray[np.float32]
) -> None:
    overlap = geometry.intersection_over_union(left, right)
    assert overlap.shape == (len(left), len(right))
    assert ((overlap >= 0) & (overlap <= 1)).all()
    assert np.array_equal(overlap, geometry.intersection_over_union(right, left).T)


@settings(deadline=None)
@given(boxes(WIDE))
def test_overlap_with_itself_is_1_where_there_is_area(values: NDArray[np.float32]) -> None:
    overlap = np.diag(geometry.intersection_over_union(values, values))
    assert (overlap[geometry.area(values) > 0] == 1).all()
    assert ((overlap == 0) | (overlap == 1)).all()


def test_suppression_keeps_the_best_of_each_heap_best_first() -> None:
    heap = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 1, 10, 11]]
    assert geometry.non_maximum_suppression(heap, [0.5, 0.9, 0.7, 0.6], 0.5).tolist() == [1, 2]


def test_suppression_of_equal_scores_keeps_the_first() -> None:
    assert geometry.non_maximum_suppression([[0, 0, 9, 9]] * 3, [1, 1, 1], 0.5).tolist() == [0]


def test_suppression_only_above_the_threshold() -> None:
    halves = [[0, 0, 2, 1], [1, 0, 2, 1]]
    assert geometry.non_maximum_suppression(halves, [2, 1], 0.5).tolist() == [0, 1]
    assert geometry.non_maximum_suppression(halves, [2, 1], 0.49).tolist() == [0]


@settings(deadline=None)
@given(boxes(), st.floats(0, 1), st.randoms(use_true_random=False))
def test_suppression_is_idempotent_and_knows_no_order(
    values: NDArray[np.float32], threshold: float, random: Any
) -> None:
    scores = np.array(random.sample(range(100), len(values)), np.float32)
    kept = geometry.non_maximum_suppression(values, scores, threshold)
    assert (np.diff(scores[kept]) < 0).all()
    again = geometry.non_maximum_suppression(values[kept], scores[kept], threshold)
    assert again.tolist() == list(range(len(kept)))
    order = np.array(random.sample(range(len(values)), len(values)), np.intp)
    shuffled = geometry.non_maximum_suppression(values[order], scores[order], threshold)
    assert order[shuffled].tolist() == kept.tolist()


def test_matching_takes_the_closest_pair_first() -> None:
    left = [[0, 0, 10, 10], [2, 0, 12, 10]]
    right = [[3, 0, 13, 10], [40, 0, 50, 10]]
    assert geometry.match(left, right, 0.3).tolist() == [[1, 0]]


@settings(deadline=None)
@given(boxes(), boxes(), st.floats(0, 1))
def test_matching_uses_each_box_once_and_leaves_no_pair_unmade(
    left: NDArray[np.float32], right: NDArray[np.float32], threshold: float
) -> None:
    pairs = geometry.match(left, right, threshold)
    assert len(set(pairs[:, 0].tolist())) == len(set(pairs[:, 1].tolist())) == len(pairs)
    overlap = geometry.intersection_over_union(left, right).astype(np.float64)
    assert (overlap[pairs[:, 0], pairs[:, 1]] >= threshold - 1e-6).all()
    overlap[pairs[:, 0]] = 0
    overlap[:, pairs[:, 1]] = 0
    assert (overlap <= threshold + 1e-6).all()


@settings(deadline=None)
@given(boxes(st.floats(allow_nan=False, width=32)), st.integers(0, 5000), st.integers(0, 5000))
def test_clipped_boxes_are_inside_and_stay_in_order(
    values: NDArray[np.float32], width: int, height: int
) -> None:
    clipped = geometry.clip(values, width, height)
    assert clipped.dtype == np.float32
    assert (clipped >= 0).all()
    assert (clipped <= [width, height, width, height]).all()
    assert np.array_equal(geometry.clip(clipped, width, height), clipped)
    in_order = upright(values)
    assert np.array_equal(geometry.clip(in_order, width, height), upright(clipped))


@settings(deadline=None)
@given(boxes(), st.floats(0, 2), st.floats(0, 2))
def test_a_larger_margin_holds_a_smaller(
    values: NDArray[np.float32], one: float, other: float
) -> None:
    small, large = (geometry.expand(values, margin) for margin in sorted((one, other)))
    for inner, outer in ((values, small), (small, large)):
        assert (outer[:, :2] <= inner[:, :2]).all()
        assert (outer[:, 2:] >= inner[:, 2:]).all()


def test_margin_is_a_share_of_each_side() -> None:
    assert geometry.expand([[10, 10, 20, 30]], 0.5).tolist() == [[5, 0, 25, 40]]


def test_an_inverted_box_is_empty_and_stays_so() -> None:
    inverted = [[20, 0, 10, 5]]
    assert geometry.expand(inverted, 1).tolist() == [[20, -5, 10, 10]]
    assert geometry.area(geometry.expand(inverted, 1)).tolist() == [0]
    assert geometry.intersection_over_union(inverted, inverted).tolist() == [[0]]
    assert geometry.intersection_over_union(inverted, [[0, 0, 50, 50]]).tolist() == [[0]]


@pytest.mark.parametrize(
    "wrong",
    [
        [[0, 0, 1]],
        [0, 0, 1, 1],
        [[[0, 0, 1, 1]]],
        [["a", "b", "c", "d"]],
        [[0, 0, 1, 1], [2, 3]],
        [[0, 0, np.nan, 1]],
        np.zeros((0, 5)),
    ],
)
def test_what_is_no_box_is_refused_by_name(wrong: Any) -> None:
    refusals: list[Callable[[Any], object]] = [
        geometry.area,
        lambda values: geometry.clip(values, 9, 9),
        lambda values: geometry.expand(values, 0),
        lambda values: geometry.match(values, [], 0.5),
        lambda values: geometry.intersection_over_union(values, []),
        lambda values: geometry.non_maximum_suppression(values, [1], 0.5),
    ]
    for refuse in refusals:
        with pytest.raises(InvalidArgumentError) as caught:
            refuse(wrong)
        assert caught.value.field == "boxes"


def test_infinities_are_refused_but_by_clip() -> None:
    endless = [[-np.inf, 0, np.inf, 1e38]]
    with pytest.raises(InvalidArgumentError):
        geometry.area(endless)
    assert geometry.clip(endless, 8, 6).tolist() == [[0, 0, 8, 6]]


@pytest.mark.parametrize("scores", [[1.0], [1.0, np.nan], [[1.0], [2.0]]])
def test_scores_are_one_number_a_box(scores: Any) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        geometry.non_maximum_suppression([[0, 0, 1, 1]] * 2, scores, 0.5)
    assert caught.value.field == "scores"


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_shares_and_sides_are_checked(value: float) -> None:
    one = [[0, 0, 1, 1]]
    refusals: dict[str, Callable[[], object]] = {
        "margin": lambda: geometry.expand(one, value),
        "width": lambda: geometry.clip(one, value, 1),
        "height": lambda: geometry.clip(one, 1, value),
        "threshold": lambda: geometry.match(one, one, value),
    }
    for field, refuse in refusals.items():
        with pytest.raises(InvalidArgumentError) as caught:
            refuse()
        assert caught.value.field == field
