"""Following faces from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.tracking import Box, Track, Tracker, TrackingOptions, covers_between
from lintel.edge.tasks.tracking.tracker import MOST_TRACKS

OPTIONS = TrackingOptions(told_score=0.3, start_score=0.05, hold_s=1.0)
STEP_S = 1 / 15
LEFT, RIGHT = (100.0, 100.0, 140.0, 150.0), (400.0, 100.0, 440.0, 150.0)


def moved(box: Box, x: float, y: float = 0.0) -> Box:
    return (box[0] + x, box[1] + y, box[2] + x, box[3] + y)


def holds(outer: Box, inner: Box, slack: float = 1e-3) -> bool:
    return (
        outer[0] <= inner[0] + slack
        and outer[1] <= inner[1] + slack
        and outer[2] >= inner[2] - slack
        and outer[3] >= inner[3] - slack
    )


def follow(
    tracker: Tracker, frames: Sequence[Sequence[tuple[Box, float]]], start_s: float = 0.0
) -> list[list[Track]]:
    """Gives a tracker frames of (box, score), 15 a second."""
    return [
        tracker.update(
            [box for box, _ in found], [score for _, score in found], start_s + i * STEP_S
        )
        for i, found in enumerate(frames)
    ]


class TestNumbers:
    def test_a_face_keeps_its_number_while_it_moves_and_others_come(self) -> None:
        frames = [[(moved(LEFT, 12 * i), 0.9), (moved(RIGHT, -3 * i), 0.8)] for i in range(10)]
        frames[0] = frames[0][:1]
        results = follow(Tracker(OPTIONS), frames)
        assert [track.id for track in results[0]] == [1]
        for tracks in results[1:]:
            assert [track.id for track in tracks] == [1, 2]
            assert tracks[0].box[0] < tracks[1].box[0]

    def test_the_order_of_detections_does_not_matter(self) -> None:
        one, other = Tracker(OPTIONS), Tracker(OPTIONS)
        for i in range(5):
            pair = [(moved(LEFT, 10 * i), 0.9), (moved(RIGHT, 10 * i), 0.9)]
            turned = pair if i == 0 else pair[::-1]
            straight, turned_round = (
                tracker.update([box for box, _ in found], [score for _, score in found], i * STEP_S)
                for tracker, found in ((one, pair), (other, turned))
            )
            assert straight == turned_round

    def test_a_face_that_is_missed_for_a_while_comes_back_as_itself(self) -> None:
        frames: list[list[tuple[Box, float]]] = [[(moved(LEFT, 8 * i), 0.9)] for i in range(20)]
        frames[8:14] = [[]] * 6
        results = follow(Tracker(OPTIONS), frames)
        assert {track.id for tracks in results for track in tracks} == {1}

    def test_who_stops_all_at_once_or_comes_in_bursts_is_still_the_same(self) -> None:
        tracker = Tracker(OPTIONS)
        for step in range(6):
            tracker.update([moved(LEFT, 15 * step)], [0.9], step * 0.002)
        assert [track.id for track in tracker.update([moved(LEFT, 80)], [0.9], 0.4)] == [1]

    def test_numbers_are_never_given_again(self) -> None:
        tracker = Tracker(OPTIONS)
        assert tracker.update([LEFT], [0.9], 0.0)[0].id == 1
        assert tracker.update([LEFT], [0.9], 60.0)[0].id == 2
        tracker.clear()
        assert tracker.update([LEFT], [0.9], 0.0)[0].id == 3

    def test_two_faces_that_pass_each_other_go_on_as_they_came(self) -> None:
        frames = [[(moved(LEFT, 15 * i), 0.9), (moved(RIGHT, -15 * i, 20), 0.9)] for i in range(22)]
        last = follow(Tracker(OPTIONS), frames)[-1]
        boxes = {track.id: track.box for track in last}
        assert boxes[1][0] == pytest.approx(LEFT[0] + 15 * 21, abs=8)
        assert boxes[2][0] == pytest.approx(RIGHT[0] - 15 * 21, abs=8)


class TestScores:
    def test_a_doubtful_detection_continues_a_face(self) -> None:
        frames = [[(LEFT, 0.9)], [(moved(LEFT, 2), 0.02)], [(moved(LEFT, 4), 0.02)]]
        for tracks in follow(Tracker(OPTIONS), frames):
            assert [(track.id, track.unseen_s, track.is_told) for track in tracks] == [(1, 0, True)]

    def test_too_doubtful_a_detection_begins_nothing(self) -> None:
        assert Tracker(OPTIONS).update([LEFT], [0.049], 0.0) == []

    def test_a_sure_detection_goes_first_to_the_track_that_it_fits(self) -> None:
        tracker = Tracker(OPTIONS)
        tracker.update([LEFT], [0.9], 0.0)
        tracks = tracker.update([LEFT, moved(LEFT, 10)], [0.1, 0.9], STEP_S)
        assert tracks[0].score == 0.9

    def test_what_is_only_covered_is_not_told_of_until_it_scores_enough(self) -> None:
        frames = [[(LEFT, 0.06)], [(LEFT, 0.2)], [(LEFT, 0.31)], [(LEFT, 0.06)]]
        told = [tracks[0].is_told for tracks in follow(Tracker(OPTIONS), frames)]
        assert told == [False, False, True, True]

    def test_a_second_box_on_a_head_is_covered_but_not_told_of(self) -> None:
        tracker = Tracker(OPTIONS)
        wide = (LEFT[0] - 30, LEFT[1] - 5, LEFT[2] + 30, LEFT[3] + 40)
        for step in range(4):
            tracks = tracker.update([LEFT, wide], [0.9, 0.5], step * STEP_S)
            assert [track.is_told for track in tracks] == [True, False]
            assert any(holds(track.cover, wide) for track in tracks)
        tracks = tracker.update([LEFT, moved(wide, 90)], [0.9, 0.5], 4 * STEP_S)
        assert all(track.is_told for track in tracks if track.unseen_s == 0)

    def test_a_doubtful_box_that_does_not_fit_leads_nobody_astray(self) -> None:
        tracker = Tracker(OPTIONS)
        tracker.update([LEFT], [0.9], 0.0)
        large = (LEFT[0] - 80, LEFT[1] - 90, LEFT[2] + 80, LEFT[3] + 90)
        first, second = tracker.update([large], [0.06], STEP_S)
        assert (first.id, first.unseen_s > 0, first.is_told) == (1, True, True)
        assert (second.id, second.unseen_s, second.is_told) == (2, 0, False)


class TestCovers:
    def test_what_was_found_is_within_its_cover(self) -> None:
        tracker = Tracker(OPTIONS)
        rng = np.random.default_rng(1)
        for i in range(40):
            boxes = np.cumsum(rng.uniform(0, 60, (6, 4)), axis=1).astype(np.float32)
            tracks = tracker.update(boxes, rng.uniform(0.05, 1, 6), i * STEP_S)
            for box in boxes.tolist():
                assert any(track.unseen_s == 0 and holds(track.cover, box) for track in tracks)

    @given(st.floats(-300, 300), st.floats(-150, 150), st.integers(1, 13), st.floats(20, 200))
    def test_a_missed_face_stays_covered_whether_it_goes_on_or_stops(
        self, speed_x: float, speed_y: float, missed: int, side: float
    ) -> None:
        def at(step: int) -> Box:
            x, y = 500 + speed_x * step * STEP_S, 500 + speed_y * step * STEP_S
            return (x, y, x + side, y + side)

        tracker = Tracker(OPTIONS)
        for step in range(8):
            tracker.update([at(step)], [0.9], step * STEP_S)
        for step in range(8, 8 + missed):
            tracks = tracker.update([], [], step * STEP_S)
        (track,) = [track for track in tracks if track.id == 1]
        assert holds(track.cover, at(7))
        # Who is missed is thought to slow down; a margin of the blur comes on top.
        assert _covered(track.cover, at(7 + min(missed, 4))) > 0.8

    def test_a_cover_grows_until_it_is_let_go(self) -> None:
        frames: list[list[tuple[Box, float]]] = [[(LEFT, 0.9)]] * 3 + [[]] * 18
        results = follow(Tracker(OPTIONS), frames)
        areas = [_area(tracks[0].cover) for tracks in results if tracks]
        assert areas[3:] == sorted(areas[3:])
        assert areas[-1] > 1.5 * areas[0]
        # Held for a second after the third frame.
        assert len(areas) == 3 + 15

    def test_what_was_never_sure_is_held_as_long(self) -> None:
        frames: list[list[tuple[Box, float]]] = [[(LEFT, 0.06)]] + [[]] * 16
        assert [len(tracks) for tracks in follow(Tracker(OPTIONS), frames)] == [1] * 16 + [0]

    def test_time_counts_and_not_frames(self) -> None:
        tracker = Tracker(OPTIONS)
        tracker.update([LEFT], [0.9], 100.0)
        assert tracker.update([], [], 100.999)[0].unseen_s == pytest.approx(0.999)
        assert tracker.update([], [], 101.001) == []


class TestBetweenTwoLooks:
    def test_a_face_of_both_is_covered_on_its_whole_way(self) -> None:
        tracker = Tracker(OPTIONS)
        before = tracker.update([LEFT], [0.9], 0.0)
        after = tracker.update([moved(LEFT, 30, 10)], [0.9], 0.2)
        (cover,) = covers_between(before, after, 0.1, 0.1)
        for share in np.linspace(0, 1, 11):
            assert holds(cover, moved(LEFT, 30 * share, 10 * share))

    def test_who_came_between_is_covered_before(self) -> None:
        tracker = Tracker(OPTIONS)
        before = tracker.update([], [], 0.0)
        after = tracker.update([LEFT], [0.9], 0.2)
        (near,) = covers_between(before, after, 0.15, 0.05)
        (far,) = covers_between(before, after, 0.05, 0.15)
        assert holds(far, near)
        assert holds(near, LEFT)

    def test_who_was_let_go_between_is_covered_still(self) -> None:
        tracker = Tracker(OPTIONS)
        before = tracker.update([LEFT], [0.9], 0.0)
        after = tracker.update([], [], 1.5)
        assert after == []
        (cover,) = covers_between(before, after, 0.1, 1.4)
        assert holds(cover, LEFT)


class TestBounds:
    def test_more_faces_than_can_be_followed_are_told_of_as_a_crowd(self) -> None:
        tracker = Tracker(OPTIONS)
        boxes = [(50.0 * i, 0.0, 50.0 * i + 30, 30.0) for i in range(MOST_TRACKS + 1)]
        assert len(tracker.update(boxes, [0.9] * len(boxes), 0.0)) == MOST_TRACKS
        assert tracker.is_crowded
        tracker.update(boxes[:3], [0.9] * 3, 0.9)
        assert tracker.is_crowded
        tracker.update(boxes[:3], [0.9] * 3, 1.1)
        assert not tracker.is_crowded

    @given(
        st.lists(
            st.lists(
                st.tuples(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 4), st.floats(0, 1)),
                max_size=4,
            ),
            max_size=8,
        )
    )
    def test_whatever_is_found_covers_are_numbers(
        self, frames: list[list[tuple[Box, float]]]
    ) -> None:
        for tracks in follow(Tracker(OPTIONS), frames):
            for track in tracks:
                assert all(map(math.isfinite, (*track.box, *track.cover)))
                assert track.box[0] <= track.box[2]
                assert track.box[1] <= track.box[3]

    def test_time_does_not_run_backwards(self) -> None:
        tracker = Tracker(OPTIONS)
        tracker.update([], [], 1.0)
        with pytest.raises(InvalidArgumentError) as caught:
            tracker.update([], [], 0.5)
        assert caught.value.field == "now_s"

    @pytest.mark.parametrize("scores", [[], [0.5, 0.5], [math.nan]])
    def test_every_box_has_a_score(self, scores: list[float]) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            Tracker(OPTIONS).update([LEFT], scores, 0.0)
        assert caught.value.field == "scores"

    @pytest.mark.parametrize(
        ("keys", "field"),
        [
            ({"told_score": 0.1, "start_score": 0.2}, "start_score"),
            ({"told_score": 1.1, "start_score": 0.2}, "start_score"),
            ({"told_score": 0.3, "start_score": 0.1, "hold_s": -0.1}, "hold_s"),
        ],
    )
    def test_options_are_held_to_their_ranges(self, keys: dict[str, float], field: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            TrackingOptions(**keys)
        assert caught.value.field == field


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _covered(cover: Box, box: Box) -> float:
    width = min(cover[2], box[2]) - max(cover[0], box[0])
    height = min(cover[3], box[3]) - max(cover[1], box[1])
    return max(width, 0) * max(height, 0) / _area(box)
