"""The sign of the kiosk: the worst that is sure, steady, and neutral where nobody is there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.page.signs import Sign, SignBoard
from lintel.edge.pipeline import BlurredPicture, FrameResult, FrameTimes, MaskVerdict, TrackedFace
from lintel.edge.tasks.masks import MaskState

EVENLY = (1 / 3, 1 / 3, 1 / 3)
FRAME_S = 1 / 15
NOT_WORN, WORN = MaskState.NOT_WORN, MaskState.WORN
INCORRECT, UNSURE = MaskState.WORN_INCORRECTLY, MaskState.UNSURE


def frame(states: Iterable[MaskState | None], unseen_s: float = 0.0) -> FrameResult:
    """Returns a frame with a face for each state; None: nobody has read its mask."""
    faces = tuple(
        TrackedFace(
            number,
            (0.0, 0.0, 9.0, 9.0),
            0.9,
            unseen_s,
            None if state is None else MaskVerdict(state, EVENLY),
        )
        for number, state in enumerate(states)
    )
    picture = BlurredPicture(np.zeros((4, 4, 3), np.uint8), 80)
    now_ns = time.monotonic_ns()
    return FrameResult("door", 1, 1, now_ns, 4, 4, faces, picture, None, FrameTimes({}, 1))


class Door:
    """A sign board that is shown frames, 15 a second."""

    def __init__(self, *, reads_masks: bool = True) -> None:
        self.board = SignBoard(3.0, reads_masks=reads_masks)
        self.now_s = 100.0
        self.sign = self.board.update(None, self.now_s, is_lost=False)

    def see(
        self, *states: MaskState | None, for_s: float, unseen_s: float = 0.0, is_lost: bool = False
    ) -> Sign:
        end_s = self.now_s + for_s
        while self.now_s < end_s:
            self.now_s += FRAME_S
            result = frame(states, unseen_s)
            self.sign = self.board.update(result, self.now_s, is_lost=is_lost)
        return self.sign


@pytest.mark.parametrize(
    ("states", "sign"),
    [
        ([], Sign.WELCOME),
        ([None], Sign.MOMENT),
        ([UNSURE], Sign.MOMENT),
        ([WORN], Sign.WORN),
        ([WORN, UNSURE, None], Sign.WORN),
        ([WORN, INCORRECT], Sign.INCORRECT),
        ([INCORRECT, WORN, NOT_WORN], Sign.NOT_WORN),
    ],
)
def test_of_several_people_the_worst_that_is_sure_is_spoken_to(
    states: list[MaskState | None], sign: Sign
) -> None:
    assert Door().see(*states, for_s=1.0) is sign


def test_at_first_it_says_at_once_what_is_so() -> None:
    board = SignBoard(3.0, reads_masks=True)
    assert board.update(None, 5.0, is_lost=True) is Sign.BLIND
    assert SignBoard(3.0, reads_masks=True).update(frame([WORN]), 5.0, is_lost=False) is Sign.WORN


def test_a_moment_of_something_else_changes_nothing() -> None:
    door = Door()
    assert door.see(WORN, for_s=1.0) is Sign.WORN
    assert door.see(NOT_WORN, for_s=0.2) is Sign.WORN
    assert door.see(WORN, for_s=1.0) is Sign.WORN


def test_doubt_takes_longer_to_show_than_certainty() -> None:
    door = Door()
    assert door.see(WORN, for_s=1.0) is Sign.WORN
    assert door.see(UNSURE, for_s=0.7) is Sign.WORN
    assert door.see(UNSURE, for_s=0.7) is Sign.MOMENT
    assert door.see(NOT_WORN, for_s=0.4) is Sign.NOT_WORN


def test_it_stays_for_a_while_and_then_is_neutral_again() -> None:
    door = Door()
    door.see(NOT_WORN, for_s=1.0)
    assert door.see(for_s=2.5) is Sign.NOT_WORN
    assert door.see(for_s=1.0) is Sign.WELCOME


def test_a_face_that_is_only_held_covered_has_gone() -> None:
    door = Door()
    door.see(NOT_WORN, for_s=1.0)
    door.see(NOT_WORN, unseen_s=0.6, for_s=3.5)
    assert door.sign is Sign.WELCOME


def test_without_a_picture_it_says_so_and_not_what_was_before() -> None:
    door = Door()
    door.see(WORN, for_s=1.0)
    assert door.see(WORN, is_lost=True, for_s=0.5) is Sign.BLIND
    assert door.see(for_s=0.5) is Sign.WELCOME


def test_where_no_masks_are_read_it_is_neutral() -> None:
    assert Door(reads_masks=False).see(NOT_WORN, for_s=2.0) is Sign.WELCOME


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([None, *MaskState]), max_size=3),
            st.floats(0.05, 2.0),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_it_never_flickers(happenings: list[tuple[list[MaskState | None], float, bool]]) -> None:
    door = Door()
    changes = [door.now_s]
    for states, for_s, is_lost in happenings:
        end_s = door.now_s + for_s
        while door.now_s < end_s:
            before = door.sign
            if door.see(*states, for_s=FRAME_S / 2, is_lost=is_lost) is not before:
                changes.append(door.now_s)
    assert all(later - earlier > 0.29 for earlier, later in pairwise(changes))
