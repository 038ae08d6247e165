"""Figures of classifiers, held to what can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lintel.lab.metrics import (
    class_precision_recall_curve,
    leave_out_class,
    measure_classes,
    roc_curve,
    weighted_accuracy,
    weighted_macro_f1,
)


def sure_of(told: list[int], classes: int = 3, probability: float = 0.8) -> NDArray[np.float64]:
    rows = np.full((len(told), classes), (1 - probability) / (classes - 1))
    rows[np.arange(len(told)), told] = probability
    return rows


@st.composite
def answers(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 60))
    truth = random.integers(0, draw(st.integers(1, 3)), count)
    return truth, random.dirichlet((0.5, 0.5, 0.5), count)


def test_what_is_told_right_and_wrong_is_counted() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1, 2])
    figures = measure_classes(truth, sure_of([0, 0, 0, 1, 1, 1, 0]))
    assert figures.count == 7
    assert figures.accuracy == pytest.approx(5 / 7)
    assert figures.confusion == ((3, 1, 0), (0, 2, 0), (1, 0, 0))
    worn, bare, wrong = figures.by_class
    assert (worn.count, worn.told) == (4, 4)
    assert (worn.precision, worn.recall, worn.f1) == pytest.approx((3 / 4, 3 / 4, 3 / 4))
    assert (bare.precision, bare.recall, bare.f1) == pytest.approx((2 / 3, 1, 4 / 5))
    assert (wrong.precision, wrong.recall, wrong.f1) == (0, 0, 0)
    assert figures.macro_f1 == pytest.approx((3 / 4 + 4 / 5 + 0) / 3)
    assert figures.macro_recall == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert figures.log_loss == pytest.approx(-(5 * math.log(0.8) + 2 * math.log(0.1)) / 7)
    assert figures.calibration_error == pytest.approx(0.8 - 5 / 7)


def test_a_class_that_does_not_occur_is_in_no_mean() -> None:
    figures = measure_classes(np.array([0, 1, 1]), sure_of([0, 1, 2]))
    assert figures.macro_f1 == pytest.approx((1 + 2 / 3) / 2)
    absent = figures.by_class[2]
    assert (absent.count, absent.told) == (0, 1)
    assert math.isnan(absent.f1)
    assert math.isnan(absent.roc_auc)


def test_nothing_is_told_of_nothing() -> None:
    figures = measure_classes(np.empty(0, np.int64), np.empty((0, 3)))
    assert figures.count == 0
    assert math.isnan(figures.accuracy)
    assert len(figures.by_class) == 3


def test_ranking_has_areas_and_curves() -> None:
    belongs = np.array([True, True, False, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    # Of six pairs one is the wrong way round.
    probabilities = np.stack([1 - scores, scores], axis=1)
    figures = measure_classes(belongs.astype(int), probabilities)
    assert figures.by_class[1].roc_auc == pytest.approx(5 / 6)
    curve = roc_curve(belongs, scores)
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1, 1)
    precision, recall = class_precision_recall_curve(belongs, scores)
    assert (3 / 4, 1.0) in zip(precision.tolist(), recall.tolist(), strict=True)


def test_without_a_class_only_the_others_are_told() -> None:
    truth = np.array([0, 1, 2, 1])
    probabilities = np.array([[0.2, 0.1, 0.7], [0.3, 0.1, 0.6], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    rest, given_probabilities = leave_out_class(truth, probabilities, 2)
    assert rest.tolist() == [0, 1, 1]
    assert given_probabilities == pytest.approx(
        np.array([[2 / 3, 1 / 3], [3 / 4, 1 / 4], [0.5, 0.5]])
    )
    others, _ = leave_out_class(truth, probabilities, 0)
    assert others.tolist() == [0, 1, 0]


@given(answers())
def test_what_a_bootstrap_weighs_is_the_same_figure(
    answer: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    truth, probabilities = answer
    figures, told = measure_classes(truth, probabilities), probabilities.argmax(axis=1)
    once = np.ones(len(truth))
    assert weighted_accuracy(truth == told, once) == pytest.approx(figures.accuracy)
    assert weighted_macro_f1(truth, told, 3, once) == pytest.approx(figures.macro_f1)
    # Counting each twice changes nothing; counting none leaves nothing.
    assert weighted_macro_f1(truth, told, 3, 2 * once) == pytest.approx(figures.macro_f1)
    assert math.isnan(weighted_macro_f1(truth, told, 3, 0 * once))
    assert math.isnan(weighted_accuracy(truth == told, 0 * once))
