"""Tests of hypotheses, held to tables whose results are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.metrics import class_balance, mcnemar


def test_mcnemar_counts_what_only_one_tells_right() -> None:
    first = np.array([True] * 8 + [False] * 2 + [True, False])
    second = np.array([False] * 8 + [True] * 2 + [True, False])
    result = mcnemar(first, second)
    assert (result.only_first, result.only_second) == (8, 2)
    # Of ten fair coins eight or more, or two or fewer, fall the same way: 2 * 56 / 1024.
    assert result.p_value == pytest.approx(112 / 1024)
    assert mcnemar(second, first).p_value == result.p_value


def test_two_that_never_differ_are_alike() -> None:
    same = np.array([True, False])
    assert mcnemar(same, same) == (0, 0, 1.0)
    with pytest.raises(InvalidArgumentError):
        mcnemar(same, same[:1])


def test_equal_shares_are_balanced_and_unequal_ones_are_not() -> None:
    alike = class_balance([[80, 20], [40, 10]])
    assert alike.degrees == 1
    assert alike.statistic == pytest.approx(0)
    assert alike.p_value == pytest.approx(1)
    # By hand: expected 30 and 20 in each row, each off by 10.
    apart = class_balance([[40, 10], [20, 30]])
    assert apart.statistic == pytest.approx(2 * (100 / 30 + 100 / 20))
    assert apart.p_value < 0.001
    assert apart.effect == pytest.approx((apart.statistic / 100) ** 0.5)
    assert apart.least_expected == 20


def test_empty_sets_and_classes_are_passed_over() -> None:
    with_empty = class_balance([[40, 0, 10], [0, 0, 0], [20, 0, 30]])
    assert with_empty == class_balance([[40, 10], [20, 30]])
    assert math.isnan(class_balance([[5, 5]]).p_value)
    assert math.isnan(class_balance(np.zeros((2, 3), int)).p_value)
