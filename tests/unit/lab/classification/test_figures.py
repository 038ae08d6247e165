"""Figures of classifiers: of two classes and three, by source and size, and compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lintel.edge.packages import MASK_LABELS
from lintel.lab.classification import (
    THREE,
    TWO,
    Classification,
    ClassifierRun,
    answers_of,
    classify_faces,
    compare_classifiers,
    measure_balance,
    measure_classifiers,
    sureties,
)
from lintel.lab.training.faces import Face

MakeOracle = Callable[..., Any]
WORN, BARE, WRONG = (40, 200, 90), (30, 60, 220), (230, 110, 100)


@pytest.fixture
def result(faces: tuple[Face, ...], make_oracle: MakeOracle) -> Classification:
    """One that is always right, and one that takes bare faces for wrongly worn masks."""
    return classify_faces(faces, [make_oracle("good"), make_oracle("poor", [BARE])])


def test_two_classes_leave_wrongly_worn_masks_out_and_three_do_not(result: Classification) -> None:
    good, poor = measure_classifiers(result, 24)
    counts = np.bincount(result.truth).tolist()
    assert good.three["all"].figures.count == sum(counts)
    assert good.two["all"].figures.count == counts[0] + counts[1]
    for figures in (good.two["all"], good.three["all"]):
        assert figures.figures.accuracy == figures.figures.macro_f1 == 1
        assert (figures.accuracy.low, figures.accuracy.high) == (1, 1)
    three = poor.three["all"]
    assert three.figures.accuracy == pytest.approx(1 - counts[1] / sum(counts))
    assert three.accuracy.low < three.figures.accuracy < three.accuracy.high
    assert three.figures.by_class[1].recall == 0
    # Rolled by one place, the probability of red goes to wrongly worn, and green's is its own:
    # of the two that remain the wrong one is likelier.
    assert (
        poor.two["all"].figures.confusion[1][0] + poor.two["all"].figures.confusion[1][1]
        == (counts[1])
    )


def test_figures_are_told_by_source_and_by_size(result: Classification) -> None:
    good, _ = measure_classifiers(result, 24)
    assert list(good.three) == ["two", "one", "all"]
    assert (
        good.three["one"].figures.count + good.three["two"].figures.count
        == good.three["all"].figures.count
    )
    # 48 of 192 pixels are 160 of 640.
    assert good.by_size["96 px and more"].count == len(result.faces)
    assert good.by_size["24 to 48 px"].count == 0
    assert math.isnan(good.by_size["24 to 48 px"].accuracy)


def test_the_first_is_compared_with_the_others(result: Classification) -> None:
    comparisons = compare_classifiers(result)
    assert [(each.question, each.source) for each in comparisons] == [
        (question, source) for question in (TWO, THREE) for source in ("two", "one", "all")
    ]
    three = comparisons[-1]
    bare = int((result.truth == 1).sum())
    assert (three.first, three.second) == ("good", "poor")
    assert three.accuracy.difference == pytest.approx(bare / len(result.faces))
    assert 0 < three.accuracy.low < three.accuracy.difference < three.accuracy.high
    assert (three.errors.only_first, three.errors.only_second) == (bare, 0)
    assert three.errors.p_value == pytest.approx(2 * 0.5**bare)


def test_faces_of_a_picture_are_drawn_together(faces: tuple[Face, ...]) -> None:
    """An interval must not shrink because a picture has many faces that are told alike."""
    many = tuple(face for face in faces[::2] for _ in range(10))
    told = np.tile([0.8, 0.1, 0.1], (len(many), 1))
    once = Classification(faces[::2], (ClassifierRun("a", "", told[: len(faces) // 2], 0.0),))
    often = Classification(many, (ClassifierRun("a", "", told, 0.0),))
    one, ten = (measure_classifiers(each, 24)[0].three["all"].accuracy for each in (once, often))
    assert one.high - one.low == pytest.approx(ten.high - ten.low)


def test_shares_of_classes_are_compared_between_splits(faces: tuple[Face, ...]) -> None:
    balances = measure_balance(faces)
    assert [balance.source for balance in balances] == ["two", "one", "all"]
    everything = balances[-1]
    assert list(everything.counts) == ["train", "val", "test"]
    assert sum(map(sum, everything.counts.values())) == len(faces)
    assert everything.counts["train"] == tuple(
        sum(face.label == label and face.split == "train" for face in faces)
        for label in MASK_LABELS
    )
    assert 0 < everything.result.p_value <= 1


def test_a_least_probability_costs_faces_and_saves_errors(result: Classification) -> None:
    truth = np.array([0, 0, 1, 1])
    told = np.array([[0.95, 0.05, 0], [0.6, 0.4, 0], [0.55, 0.45, 0], [0.1, 0.9, 0]])
    answers = answers_of(
        Classification(result.faces[:4], (ClassifierRun("a", "", told, 0.0),)),
        ClassifierRun("a", "", told, 0.0),
    )
    answers = type(answers)(answers.labels, truth, told, answers.groups)
    by_least = {one.least: one for one in sureties(answers)}
    assert (by_least[0.34].unsure, by_least[0.34].accuracy) == (0, 0.75)
    assert (by_least[0.6].unsure, by_least[0.6].accuracy) == (0.25, 1)
    assert (by_least[0.34].errors_kept, by_least[0.6].errors_kept) == (1, 0)
    assert math.isnan(by_least[0.99].accuracy)
