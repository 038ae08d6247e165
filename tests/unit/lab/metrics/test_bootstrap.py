"""Whether a difference is real: intervals, p-values and effects of the paired bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lintel.edge.errors import InvalidArgumentError
from lintel.lab.metrics import Interval, Tally, compare_average_precision, interval


def simulate(recall: float, seed: int, pictures: int = 150) -> Tally:
    """A detector that finds each of two faces a picture with a chance, and errs with its rest."""
    random = np.random.default_rng(seed)
    hits = random.random(2 * pictures) < recall
    scores = random.random(2 * pictures) + hits
    order = np.argsort(-scores)
    places = np.repeat(np.arange(pictures), 2)
    expected = np.full(pictures, 2, np.intp)
    return Tally(scores[order], hits[order], places[order], expected)


def test_a_clearly_better_detector() -> None:
    result = compare_average_precision(simulate(0.9, 1), simulate(0.6, 2), replicates=400)
    assert result.difference == pytest.approx(0.3, abs=0.07)
    assert 0.15 < result.low < result.difference < result.high < 0.45
    assert result.p_value < 0.01
    assert result.effect > 0.3
    assert (result.groups, result.replicates) == (150, 400)


def test_two_alike() -> None:
    result = compare_average_precision(simulate(0.8, 1), simulate(0.8, 2), replicates=400)
    assert result.low < 0 < result.high
    assert result.p_value > 0.05
    assert abs(result.effect) < 0.2


def test_the_other_way_round_only_the_sign_changes() -> None:
    first, second = simulate(0.9, 1), simulate(0.6, 2)
    there = compare_average_precision(first, second, replicates=200)
    back = compare_average_precision(second, first, replicates=200)
    assert there.difference == -back.difference
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_value == back.p_value


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = simulate(0.9, 1), simulate(0.8, 2)
    one, same = (compare_average_precision(first, second, replicates=50) for _ in range(2))
    assert one == same
    assert one != compare_average_precision(first, second, replicates=50, seed=1)


def test_a_detector_against_itself() -> None:
    detector = simulate(0.8, 1)
    result = compare_average_precision(detector, detector, replicates=50)
    assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1)
    assert math.isnan(result.effect)


def test_pictures_of_a_group_say_little_more_than_one() -> None:
    first, second = simulate(0.8, 1), simulate(0.7, 2)
    apart = compare_average_precision(first, second, replicates=400)
    # Ten copies of each picture are no new evidence, and known to be none when grouped.
    copies = [copy(first, 10), copy(second, 10)]
    groups = [picture for picture in range(150) for _ in range(10)]
    grouped = compare_average_precision(copies[0], copies[1], groups, replicates=400)
    naive = compare_average_precision(copies[0], copies[1], replicates=400)
    assert grouped.high - grouped.low == pytest.approx(apart.high - apart.low, rel=0.15)
    assert naive.high - naive.low < 0.5 * (apart.high - apart.low)


def copy(counted: Tally, times: int) -> Tally:
    pictures = (counted.pictures[:, None] * times + np.arange(times)).reshape(-1)
    return Tally(
        np.repeat(counted.scores, times),
        np.repeat(counted.hits, times),
        pictures,
        np.repeat(counted.expected, times),
    )


def test_without_faces_nothing_is_known() -> None:
    nothing = Tally(np.empty(0), np.empty(0, bool), np.empty(0, np.intp), np.zeros(3, np.intp))
    assert math.isnan(compare_average_precision(nothing, nothing).difference)
    none_at_all = Tally(np.empty(0), np.empty(0, bool), np.empty(0, np.intp), np.zeros(0, np.intp))
    assert math.isnan(compare_average_precision(none_at_all, none_at_all).p_value)


def test_detectors_are_compared_on_the_same_pictures() -> None:
    with pytest.raises(InvalidArgumentError):
        compare_average_precision(simulate(0.8, 1), simulate(0.8, 1, pictures=20))
    with pytest.raises(InvalidArgumentError):
        compare_average_precision(simulate(0.8, 1), simulate(0.8, 1), ["one group"])


def test_an_interval_holds_the_figure_and_narrows_with_the_examples() -> None:
    wide, narrow = (interval_of_share(0.9, count) for count in (100, 10_000))
    assert wide.low < 0.9 < wide.high
    assert narrow.low < 0.9 < narrow.high
    # That of a share: 1.96 standard errors on either side.
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * 0.3 / 100, rel=0.1)
    assert wide.high - wide.low == pytest.approx(10 * (narrow.high - narrow.low), rel=0.3)


def interval_of_share(share: float, count: int) -> Interval:
    right = np.random.default_rng(5).random(count) < share
    return interval(lambda weights: float(weights @ right / weights.sum()), range(count))


def test_a_figure_that_is_never_a_number_has_no_interval() -> None:
    assert all(map(math.isnan, interval(lambda _weights: math.nan, [1, 2], replicates=10)))
