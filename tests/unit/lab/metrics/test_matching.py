"""Which detections are hits: what matching promises, and that pycocotools agrees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.metrics import match_detections

FACE = [0, 0, 10, 10]
NEAR = [0, 0, 10, 8]  # overlaps FACE by 0.8
FAR = [50, 50, 60, 60]


def test_a_detection_that_overlaps_enough_is_a_hit() -> None:
    matching = match_detections([FACE], [NEAR], [0.9], 0.8)
    assert matching.hits.tolist() == [True]
    assert matching.faces.tolist() == [0]
    assert matching.false_alarms.tolist() == [False]
    assert matching.missed.tolist() == [False]
    assert matching.expected == 1


def test_one_that_does_not_is_a_false_alarm_and_the_face_is_missed() -> None:
    matching = match_detections([FACE], [NEAR], [0.9], 0.81)
    assert matching.false_alarms.tolist() == [True]
    assert matching.missed.tolist() == [True]


def test_of_two_on_one_face_the_better_score_is_the_hit() -> None:
    matching = match_detections([FACE], [FACE, NEAR], [0.3, 0.9], 0.5)
    assert matching.hits.tolist() == [False, True]
    assert matching.false_alarms.tolist() == [True, False]


def test_of_two_with_one_score_the_first_is_the_hit() -> None:
    assert match_detections([FACE], [NEAR, FACE], [0.5, 0.5], 0.5).hits.tolist() == [True, False]


def test_a_detection_takes_the_closest_face() -> None:
    assert match_detections([NEAR, FACE], [FACE], [1], 0.5).faces.tolist() == [1]


def test_a_face_that_counts_goes_before_a_closer_one_that_is_ignored() -> None:
    matching = match_detections([FACE, NEAR], [FACE], [1], 0.5, ignored_truth=[True, False])
    assert matching.faces.tolist() == [1]
    assert matching.hits.tolist() == [True]


def test_what_takes_an_ignored_face_is_neither_hit_nor_false_alarm() -> None:
    matching = match_detections([FACE], [FACE], [1], 0.5, ignored_truth=[True])
    assert not matching.hits.any()
    assert not matching.false_alarms.any()
    assert not matching.missed.any()
    assert matching.expected == 0


def test_an_ignored_face_excuses_one_detection_and_a_region_any_number() -> None:
    inside = [[0, 0, 4, 4], [5, 5, 9, 9]]
    twice = match_detections([FACE], [FACE, FACE], [0.9, 0.8], 0.5, ignored_truth=[True])
    crowd = match_detections([FACE], inside, [0.9, 0.8], 0.5, regions=[True])
    assert twice.false_alarms.tolist() == [False, True]
    assert crowd.false_alarms.tolist() == [False, False]


def test_ignored_detections_are_no_false_alarms_but_may_be_hits() -> None:
    matching = match_detections(
        [FACE], [FACE, FAR], [0.9, 0.8], 0.5, ignored_boxes=np.array([True, True])
    )
    assert matching.hits.tolist() == [True, False]
    assert matching.false_alarms.tolist() == [False, False]


def test_nothing_matches_with_nothing() -> None:
    matching = match_detections([], [], [], 0.5)
    assert matching.expected == 0
    assert len(matching.scores) == len(matching.missed) == 0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (([FACE], [FACE], [1, 2], 0.5), "scores"),
        (([FACE], [FACE], [np.nan], 0.5), "scores"),
        (([FACE], [FACE], [1], 0), "iou"),
        (([[0, 0, 1]], [FACE], [1], 0.5), "truth"),
    ],
)
def test_what_cannot_be_matched_is_refused(arguments: tuple[object, ...], field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        match_detections(*arguments)
    assert caught.value.field == field


def test_masks_have_one_value_a_box() -> None:
    with pytest.raises(InvalidArgumentError):
        match_detections([FACE], [FACE], [1], 0.5, regions=[True, False])


@given(st.integers(0, 2**32 - 1))
def test_each_face_that_counts_is_hit_once_or_missed(seed: int) -> None:
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 30, (random.integers(0, 12), 2)).astype(np.float32)
    boxes = np.hstack([corners, corners + 10])
    ignored = random.random(len(boxes)) < 0.3
    found = boxes + random.normal(0, 2, boxes.shape).astype(np.float32)
    matching = match_detections(boxes, found, random.random(len(found)), 0.4, ignored_truth=ignored)
    assert matching.hits.sum() + matching.missed.sum() == matching.expected == (~ignored).sum()
    assert not (matching.hits & matching.false_alarms).any()
    taken = matching.faces[matching.faces >= 0]
    assert len(set(taken.tolist())) == len(taken)
