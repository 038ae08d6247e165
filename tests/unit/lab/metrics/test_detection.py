"""Precision, recall, F1 and average precision, by definition and as pycocotools has them."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.lab.metrics import (
    Matching,
    Tally,
    average_precision,
    best_f1,
    match_detections,
    operating_point,
    precision_recall_curve,
    recall_at_precision,
    tally,
)


def count(scores: list[float], hits: list[bool], faces: int) -> Tally:
    """Counts one picture's detections, none of them ignored."""
    mask = np.array(hits, np.bool_)
    nothing = np.zeros(0, np.intp)
    return tally([Matching(np.array(scores, np.float64), nothing, mask, ~mask, mask, faces)])


# Best first: hit, false alarm, hit, and one of three faces is never found.
KNOWN = count([0.9, 0.8, 0.7], [True, False, True], 3)


def test_the_curve_of_known_detections() -> None:
    curve = precision_recall_curve(KNOWN)
    assert curve.scores.tolist() == [0.9, 0.8, 0.7]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])


def test_average_precision_of_known_detections() -> None:
    # The precision of the third is also that of the second, which has less recall.
    assert average_precision(KNOWN, "area") == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(KNOWN, "voc11") == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)
    assert average_precision(KNOWN, "coco101") == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)


def test_a_detector_that_makes_no_mistake_has_a_precision_of_1() -> None:
    perfect = count([0.9, 0.8], [True, True], 2)
    for method in ("area", "coco101", "voc11"):
        assert average_precision(perfect, method) == 1


def test_a_detector_that_finds_nothing_has_one_of_0() -> None:
    nothing = count([], [], 2)
    assert average_precision(nothing) == 0
    assert best_f1(precision_recall_curve(nothing)) is None
    assert recall_at_precision(precision_recall_curve(nothing), 0.9) == 0
    assert operating_point(precision_recall_curve(nothing), 0.5).recall == 0


def test_without_faces_there_is_no_figure() -> None:
    no_faces = count([0.9], [False], 0)
    assert math.isnan(average_precision(no_faces))
    assert math.isnan(precision_recall_curve(no_faces).recall[0])


def test_recall_is_read_off_where_the_precision_holds() -> None:
    curve = precision_recall_curve(KNOWN)
    assert recall_at_precision(curve, 0.6) == pytest.approx(2 / 3)
    assert recall_at_precision(curve, 0.7) == pytest.approx(1 / 3)


def test_the_best_f1_and_its_threshold() -> None:
    point = best_f1(precision_recall_curve(KNOWN))
    assert point == pytest.approx((0.7, 2 / 3, 2 / 3, 2 / 3))


def test_a_threshold_between_two_scores_takes_those_above() -> None:
    point = operating_point(precision_recall_curve(KNOWN), 0.75)
    assert point == pytest.approx((0.75, 1 / 2, 1 / 3, 0.4))


def test_detections_of_one_score_cannot_be_told_apart_by_a_threshold() -> None:
    curve = precision_recall_curve(count([0.5, 0.5, 0.5], [True, False, False], 1))
    assert curve.scores.tolist() == [0.5]
    assert curve.precision.tolist() == pytest.approx([1 / 3])


def test_ignored_detections_are_in_no_figure() -> None:
    matching = match_detections([[0, 0, 9, 9]], [[0, 0, 9, 9]], [1], 0.5, ignored_truth=[True])
    assert len(tally([matching]).scores) == 0


def test_a_weight_counts_a_picture_as_often() -> None:
    random = np.random.default_rng(5)
    scenes = [Scene(random) for _ in range(6)]
    weights = np.array([0, 1, 2, 3, 0, 1])
    repeated = [scene for scene, weight in zip(scenes, weights, strict=True) for _ in range(weight)]
    assert average_precision(
        tally([scene.match(0.5) for scene in scenes]), weights=weights.astype(np.float64)
    ) == pytest.approx(average_precision(tally([scene.match(0.5) for scene in repeated])))


class Scene:
    """Random faces and detections, some near a face, some of one score, some faces in crowds."""

    def __init__(self, random: np.random.Generator, *, on_grid: bool = False) -> None:
        faces = int(random.integers(0, 7))
        corners = random.uniform(0, 60, (faces, 2))
        self.truth = np.hstack([corners, corners + random.uniform(2, 40, (faces, 2))])
        near = self.truth[random.integers(0, faces, 2 * faces)] if faces else self.truth
        near = near + random.normal(0, 4, near.shape)
        corners = random.uniform(0, 60, (int(random.integers(0, 5)), 2))
        wild = np.hstack([corners, corners + random.uniform(2, 40, corners.shape)])
        self.boxes = np.vstack([near, wild])
        self.boxes[:, 2:] = np.maximum(self.boxes[:, 2:], self.boxes[:, :2] + 1)
        if on_grid:
            self.truth, self.boxes = np.ceil(self.truth / 8) * 8, np.ceil(self.boxes / 8) * 8
            self.truth[:, 2:] = np.maximum(self.truth[:, 2:], self.truth[:, :2] + 8)
            self.boxes[:, 2:] = np.maximum(self.boxes[:, 2:], self.boxes[:, :2] + 8)
        self.truth = self.truth.astype(np.float32).astype(np.float64)
        self.boxes = self.boxes.astype(np.float32).astype(np.float64)
        self.scores = np.round(random.random(len(self.boxes)), 1 if on_grid else 6)
        self.crowds = random.random(faces) < 0.2

    def match(self, least_overlap: float, least_area: float = 0) -> Matching:
        return match_detections(
            self.truth,
            self.boxes,
            self.scores,
            least_overlap,
            ignored_truth=area(self.truth) < least_area,
            regions=self.crowds,
            ignored_boxes=area(self.boxes) < least_area,
        )


def area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_pycocotools_agrees(seed: int, on_grid: bool) -> None:
    random = np.random.default_rng(seed)
    scenes = [Scene(random, on_grid=on_grid) for _ in range(random.integers(1, 6))]
    overlaps, least_area = [0.4, 0.5, 0.75], 150.5
    reference = coco_precision(scenes, overlaps, least_area)
    for row, overlap in enumerate(overlaps):
        for column, smallest in enumerate([0.0, least_area]):
            counted = tally([scene.match(overlap, smallest) for scene in scenes])
            ours = average_precision(counted, "coco101")
            theirs = reference[row, :, column]
            if counted.faces == 0:
                assert math.isnan(ours)
                assert (theirs == -1).all()
            else:
                assert ours == pytest.approx(theirs.mean(), abs=1e-9)


def coco_precision(
    scenes: list[Scene], overlaps: list[float], least_area: float
) -> NDArray[np.float64]:
    """Shape (overlaps, 101 recalls, all sizes and large ones): what COCOeval makes of scenes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations, results = [], []
    for image, scene in enumerate(scenes, start=1):
        for box, crowd in zip(scene.truth, scene.crowds, strict=True):
            annotations.append(coco_row(image, box) | {"iscrowd": int(crowd)})
            annotations[-1]["id"] = len(annotations)
        for box, score in zip(scene.boxes, scene.scores, strict=True):
            results.append(coco_row(image, box) | {"score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": image} for image in range(1, len(scenes) + 1)],
            "categories": [{"id": 1, "name": "face"}],
            "annotations": annotations,
        }
        truth.createIndex()
        found = COCO()
        found.dataset = truth.dataset | {
            "annotations": [row | {"id": n} for n, row in enumerate(results, start=1)]
        }
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.iouThrs = np.array(overlaps)
        evaluation.params.maxDets = [1000]
        evaluation.params.areaRng = [[0, 1e10], [least_area, 1e10]]
        evaluation.params.areaRngLbl = ["all", "large"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision: NDArray[np.float64] = evaluation.eval["precision"][:, :, 0, :, 0]
    return precision


def coco_row(image: int, box: NDArray[np.float64]) -> dict[str, object]:
    x_min, y_min, x_max, y_max = box.tolist()
    sides = [x_max - x_min, y_max - y_min]
    return {
        "image_id": image,
        "category_id": 1,
        "bbox": [x_min, y_min, *sides],
        "area": sides[0] * sides[1],
    }
