"""Mask verdicts over a track."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.pipeline.votes import MaskVotes
from lintel.edge.tasks.masks import MaskState

STEP_S = 0.1
WORN, BARE = np.array([0.9, 0.05, 0.05]), np.array([0.05, 0.9, 0.05])
SHRUG = np.array([0.36, 0.34, 0.30])


def read(votes: MaskVotes, readings: list[NDArray[np.float64]], start: int = 0) -> list[MaskState]:
    """Gives readings of one track, ten a second."""
    return [votes.add(1, row, (start + index) * STEP_S).state for index, row in enumerate(readings)]


@pytest.fixture
def votes() -> MaskVotes:
    return MaskVotes(min_probability=0.5, every_s=0.25)


def test_nothing_is_said_until_there_is_evidence(votes: MaskVotes) -> None:
    assert read(votes, [BARE] * 4) == [MaskState.UNSURE] * 2 + [MaskState.NOT_WORN] * 2


def test_single_readings_do_not_make_it_flicker(votes: MaskVotes) -> None:
    read(votes, [WORN] * 10)
    mixed = [BARE if index % 4 == 0 else WORN for index in range(40)]
    assert set(read(votes, mixed, 10)) == {MaskState.WORN}


def test_who_takes_the_mask_off_is_told_so_within_three_seconds(votes: MaskVotes) -> None:
    read(votes, [WORN] * 30)
    states = read(votes, [BARE] * 30, 30)
    assert states[0] is MaskState.WORN
    assert states[-1] is MaskState.NOT_WORN
    changes = sum(one is not other for one, other in pairwise(states))
    assert changes <= 2


def test_what_is_no_longer_probable_is_taken_back(votes: MaskVotes) -> None:
    read(votes, [WORN] * 10)
    assert read(votes, [SHRUG] * 60, 10)[-1] is MaskState.UNSURE


def test_even_readings_settle_on_one_state_and_keep_it(votes: MaskVotes) -> None:
    rng = np.random.default_rng(3)
    noisy = [np.array([0.55, 0.4, 0.05]) + rng.normal(0, 0.1, 3) * [1, -1, 0] for _ in range(200)]
    states = read(votes, noisy)[20:]
    changes = sum(one is not other for one, other in pairwise(states))
    assert changes <= 4


def test_probabilities_are_means_that_sum_to_1(votes: MaskVotes) -> None:
    for index, row in enumerate([WORN, BARE, SHRUG]):
        verdict = votes.add(1, row, index * STEP_S)
    assert sum(verdict.probabilities) == pytest.approx(1)
    assert votes.verdict(1) == verdict


def test_a_track_that_nobody_looked_at_has_no_verdict(votes: MaskVotes) -> None:
    assert votes.verdict(7) is None


class TestWhoIsRead:
    def test_new_faces_come_first_and_then_those_read_longest_ago(self, votes: MaskVotes) -> None:
        votes.add(1, SHRUG, 0.2)
        votes.add(2, SHRUG, 0.1)
        assert votes.due([1, 2, 3], 0.3, 2) == [3, 2]

    def test_decided_faces_are_read_seldom(self, votes: MaskVotes) -> None:
        read(votes, [WORN] * 5)
        assert votes.due([1], 0.5, 9) == []
        assert votes.due([1], 0.7, 9) == [1]

    def test_undecided_faces_are_read_as_often_as_there_is_time(self, votes: MaskVotes) -> None:
        votes.add(1, SHRUG, 0.0)
        assert votes.due([1], 0.01, 9) == [1]
        assert votes.due([1], 0.01, 0) == []

    def test_tracks_that_are_gone_are_forgotten(self, votes: MaskVotes) -> None:
        read(votes, [WORN] * 5)
        votes.keep([2])
        assert votes.verdict(1) is None
