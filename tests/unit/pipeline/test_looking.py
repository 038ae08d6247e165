"""Looking at frames: faces found, followed, counted, and their masks read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.pipeline_parts import (
    STEP_NS,
    ScriptedClassifier,
    ScriptedDetector,
    make_frame,
    models,
    noise,
)

from lintel.edge.cameras import RawPixels
from lintel.edge.errors import InferenceFailedError
from lintel.edge.pipeline.counting import Counter
from lintel.edge.pipeline.looking import Looker
from lintel.edge.pipeline.results import Reason, Stage
from lintel.edge.pipeline.rhythm import Rhythm
from lintel.edge.tasks.masks import MaskState
from lintel.edge.tasks.tracking.tracker import MOST_TRACKS

FACE = (40.0, 30.0, 80.0, 80.0)


def make_looker(detector: object, classifier: object | None = None) -> Looker:
    return Looker(models(detector, classifier), Counter([]), Rhythm(1, 0.1), 1.5, 0.25)


def covers(looker: Looker, *sequences: int, opening: int = 0) -> list[int | Reason]:
    """Looks at frames together; returns how many covers each has, or why it is covered whole."""
    seen = looker.look([make_frame(number, opening=opening) for number in sequences])
    return [shot.covered_whole or len(shot.covers) for shot in seen.shots]


class TestCovers:
    def test_what_is_found_is_covered_and_told_of(self) -> None:
        (shot,) = make_looker(ScriptedDetector([FACE])).look([make_frame(0)]).shots
        assert [tuple(cover) for cover in shot.covers] == [FACE]
        (face,) = shot.faces
        assert (face.track_id, face.box, face.unseen_s, face.mask) == (1, FACE, 0, None)

    def test_doubtful_faces_are_covered_but_not_told_of(self) -> None:
        (shot,) = make_looker(ScriptedDetector([FACE], score=0.1)).look([make_frame(0)]).shots
        assert len(shot.covers) == 1
        assert shot.faces == ()

    def test_a_face_that_is_missed_stays_covered(self) -> None:
        detector = ScriptedDetector([FACE])
        looker = make_looker(detector)
        looker.look([make_frame(0)])
        detector.found = []
        assert [covers(looker, number) for number in range(1, 23)] == [[1]] * 22
        assert covers(looker, 23) == [0]

    def test_boxes_that_are_told_lie_within_the_picture(self) -> None:
        looker = make_looker(ScriptedDetector([(-20.0, 100.0, 30.0, 140.0)]))
        (shot,) = looker.look([make_frame(0)]).shots
        assert shot.faces[0].box == (0.0, 100.0, 30.0, 120.0)

    def test_a_camera_that_was_opened_anew_is_followed_anew(self) -> None:
        detector = ScriptedDetector([FACE])
        looker = make_looker(detector)
        looker.look([make_frame(0)])
        detector.found = []
        assert covers(looker, 1, opening=1) == [0]

    def test_a_recording_that_jumps_back_is_followed_anew(self) -> None:
        looker = make_looker(ScriptedDetector([FACE]))
        looker.look([make_frame(9)])
        (shot,) = looker.look([replace(make_frame(10), timeline_ns=0)]).shots
        assert (shot.covered_whole, shot.faces[0].track_id) == (None, 2)

    def test_the_small_copy_of_a_camera_is_what_is_looked_at(self) -> None:
        detector = ScriptedDetector([FACE])
        small = RawPixels.of_pixels(noise(0, 80, 60))
        make_looker(detector).look([replace(make_frame(0), small=small)])
        (picture,) = detector.looked_at
        assert picture.pixels.shape == (60, 80, 3)
        assert (picture.width, picture.height) == (160, 120)


class TestFailingClosed:
    @pytest.mark.parametrize("error", [InferenceFailedError("It failed."), RuntimeError("bug")])
    def test_where_looking_fails_all_frames_are_covered_whole(self, error: Exception) -> None:
        detector = ScriptedDetector([FACE])
        looker = make_looker(detector)
        looker.look([make_frame(0)])
        detector.error = error
        assert covers(looker, 1, 2) == [Reason.DETECTION_FAILED] * 2
        detector.error, detector.found = None, []
        # What was followed before is still covered.
        assert covers(looker, 3) == [1]

    def test_who_was_there_before_nobody_looked_for_long_is_not_taken_for_gone(self) -> None:
        detector = ScriptedDetector([FACE])
        looker = make_looker(detector)
        looker.look([make_frame(0)])
        detector.error = InferenceFailedError("It failed.")
        assert covers(looker, 8) == covers(looker, 16) == [Reason.DETECTION_FAILED]
        # 1.6 seconds after the face was found, more than it is held: but nobody looked meanwhile.
        detector.error, detector.found = None, []
        assert covers(looker, 24) == [Reason.TOO_LONG_UNSEEN]
        assert covers(looker, 25) == [1]

    def test_where_nobody_was_there_a_look_after_a_gap_is_believed(self) -> None:
        looker = make_looker(ScriptedDetector([]))
        looker.look([make_frame(0)])
        assert covers(looker, 24) == [0]

    def test_frames_of_a_slow_camera_are_no_gap(self) -> None:
        looker = make_looker(ScriptedDetector([FACE]))
        for number in range(3):
            frame = replace(make_frame(number), timeline_ns=number * 1_000_000_000)
            (shot,) = looker.look([frame]).shots
            assert shot.covered_whole is None
            assert len(shot.covers) == 1

    def test_a_crowd_that_cannot_be_followed_is_covered_whole(self) -> None:
        boxes = [(9.0 * i, 0.0, 9.0 * i + 5, 5.0) for i in range(MOST_TRACKS + 1)]
        assert covers(make_looker(ScriptedDetector(boxes)), 0) == [Reason.TOO_MANY_FACES]

    def test_masks_that_cannot_be_read_cost_no_frame(self) -> None:
        classifier = ScriptedClassifier()
        classifier.error = InferenceFailedError("It failed.")
        (shot,) = make_looker(ScriptedDetector([FACE]), classifier).look([make_frame(0)]).shots
        assert shot.covered_whole is None
        assert shot.faces[0].mask is None


class TestBetweenLooks:
    def test_frames_between_are_covered_on_the_whole_way(self) -> None:
        detector = ScriptedDetector([FACE])
        looker = make_looker(detector)
        looker.look([make_frame(0)])
        detector.found = [((52.0, 30.0, 92.0, 80.0), 0.9)]
        between, last = looker.look([make_frame(1), make_frame(2)]).shots
        (cover,) = between.covers
        assert cover[0] <= 40
        assert cover[2] >= 92
        assert 40 < between.faces[0].box[0] < last.faces[0].box[0]
        assert Stage.DETECT not in between.stages_ns

    def test_who_is_found_at_the_later_look_is_covered_before_it(self) -> None:
        detector = ScriptedDetector()
        looker = make_looker(detector)
        looker.look([make_frame(0)])
        detector.found = [(FACE, 0.9)]
        assert covers(looker, 1, 2, 3) == [1, 1, 1]

    def test_before_the_first_look_all_is_covered(self) -> None:
        assert covers(make_looker(ScriptedDetector()), 0, 1) == [Reason.TOO_LONG_UNSEEN, 0]

    def test_after_too_long_a_gap_all_is_covered(self) -> None:
        looker = make_looker(ScriptedDetector())
        looker.look([make_frame(0)])
        gap = 500_000_000 // STEP_NS + 1
        assert covers(looker, gap, gap + 1) == [Reason.TOO_LONG_UNSEEN, 0]
        assert covers(looker, gap + 2, gap + 3) == [0, 0]


class TestMasks:
    def test_a_verdict_is_reached_and_told_once(self) -> None:
        looker = make_looker(ScriptedDetector([FACE]), ScriptedClassifier())
        told = [looker.look([make_frame(number)]) for number in range(20)]
        reached = [(number, masks) for number, seen in enumerate(told) for masks in seen.masks]
        ((number, (track, verdict)),) = reached
        assert (number, track, verdict.state) == (2, 1, MaskState.NOT_WORN)
        states = [mask.state for seen in told if (mask := seen.shots[0].faces[0].mask) is not None]
        assert states == [MaskState.UNSURE] * 2 + [MaskState.NOT_WORN] * 18

    def test_a_mask_that_is_worn_is_no_event(self) -> None:
        classifier = ScriptedClassifier((0.9, 0.05, 0.05))
        looker = make_looker(ScriptedDetector([FACE]), classifier)
        assert not any(looker.look([make_frame(number)]).masks for number in range(10))

    def test_a_decided_face_is_read_four_times_a_second(self) -> None:
        classifier = ScriptedClassifier()
        looker = make_looker(ScriptedDetector([FACE]), classifier)
        for number in range(45):
            looker.look([make_frame(number)])
        assert 10 <= classifier.judged <= 16

    def test_faces_that_are_not_in_the_frame_are_not_read(self) -> None:
        detector, classifier = ScriptedDetector([FACE]), ScriptedClassifier()
        looker = make_looker(detector, classifier)
        looker.look([make_frame(0)])
        detector.found = []
        looker.look([make_frame(1)])
        assert classifier.judged == 1


def test_pixels_are_untouched_by_looking() -> None:
    pixels = noise(5)
    looker = make_looker(ScriptedDetector([FACE]), ScriptedClassifier())
    (shot,) = looker.look([make_frame(0, pixels.copy())]).shots
    assert np.array_equal(shot.full().pixels, pixels)
