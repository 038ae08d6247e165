"""What leaks after blur: read off pictures that the device's own code has blurred."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape, blur_regions
from lintel.lab.metrics import (
    Frame,
    ImplausibleBoxesError,
    clip_leak,
    covered_mask,
    covered_shares,
    leak_rate,
)

BARE = BlurOptions(shape=BlurShape.BOX, margin=0)
FACE = [20, 20, 40, 40]


def test_a_face_that_was_found_is_covered_wholly() -> None:
    assert covered_shares([FACE], [FACE], 100, 80).tolist() == [1]


def test_a_face_that_was_missed_is_not_covered() -> None:
    assert covered_shares([FACE], [], 100, 80).tolist() == [0]


def test_a_face_is_covered_as_far_as_the_blur_reaches() -> None:
    assert covered_shares([FACE], [[20, 20, 40, 35]], 100, 80, BARE) == pytest.approx([0.75])


def test_several_covers_add_up_but_do_not_count_twice() -> None:
    halves = [[20, 20, 40, 30], [20, 28, 40, 40]]
    assert covered_shares([FACE], halves, 100, 80, BARE) == pytest.approx([1])


def test_the_margin_covers_more() -> None:
    small = [[23, 23, 37, 37]]
    bare = covered_shares([FACE], small, 100, 80, BARE)
    wide = covered_shares([FACE], small, 100, 80, BlurOptions(shape=BlurShape.BOX, margin=0.25))
    assert bare == pytest.approx([0.49])
    assert wide == pytest.approx([1])


def test_pixels_that_a_face_holds_in_part_count_in_part() -> None:
    # The blur rounds outwards to the pixels 10 to 12, of which the face holds two and a half.
    shares = covered_shares([[10.5, 10, 15.5, 20]], [[10.2, 10, 12.9, 20]], 100, 80, BARE)
    assert shares == pytest.approx([2.5 / 5])


def test_only_what_lies_in_the_picture_needs_a_cover() -> None:
    # A hundredth of the side is let through as hasty drawing.
    assert covered_shares([[-1, 20, 40, 40]], [[0, 20, 40, 40]], 100, 80, BARE).tolist() == [1]


@pytest.mark.parametrize("method", list(BlurMethod))
@pytest.mark.parametrize("shape", list(BlurShape))
def test_the_mask_is_where_every_method_changes_a_picture(
    method: BlurMethod, shape: BlurShape
) -> None:
    boxes = [[5.3, 7.8, 40, 51], [60, 40, 90, 75], [70, 30, 130, 60]]
    noise = np.random.default_rng(3).integers(0, 256, (80, 100, 3), np.uint8)
    blurred = noise.copy()
    blur_regions(blurred, boxes, BlurOptions(method, shape, 0.1))
    changed = (blurred != noise).any(axis=2)
    mask = covered_mask(boxes, 100, 80, BlurOptions(BlurMethod.GAUSSIAN, shape, 0.1))
    assert not changed[~mask].any()
    assert changed[mask].mean() > 0.99


@given(st.integers(0, 2**32 - 1))
def test_more_covers_never_leak_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 80, (8, 2)).astype(np.float32)
    boxes = np.hstack([corners, corners + random.uniform(2, 20, (8, 2)).astype(np.float32)])
    faces, covers = boxes[:4], boxes[4:]
    few = covered_shares(faces, covers[:2], 100, 100)
    many = covered_shares(faces, covers, 100, 100)
    assert ((many >= few - 1e-9) & (few >= 0) & (many <= 1 + 1e-9)).all()


def test_the_leak_rate_is_the_share_of_faces_covered_by_less_than_nine_tenths() -> None:
    assert leak_rate([np.array([1.0, 0.9]), np.array([]), np.array([0.89, 0.0])]) == 0.5
    assert math.isnan(leak_rate([np.array([])]))


def test_a_clip_leaks_by_frame() -> None:
    covered = Frame(100, 80, [FACE], [FACE])
    missed = Frame(100, 80, [FACE, [60, 20, 80, 40]], [FACE])
    leak = clip_leak([covered, missed, missed, covered, Frame(100, 80, [], []), missed])
    assert leak.frames == 6
    assert leak.frames_with_faces == 5
    assert leak.leaking_frames == (1, 2, 5)
    assert leak.longest_run == 2
    assert (leak.leaked, leak.faces) == (3, 8)
    assert leak.rate == pytest.approx(3 / 8)
    assert leak.frame_rate == pytest.approx(3 / 5)


def test_small_faces_of_a_clip_do_not_count() -> None:
    # 3 pixels of 100 are 19 of 640.
    frame = Frame(100, 80, [FACE, [60, 20, 63, 23]], [FACE])
    assert clip_leak([frame], smallest=24).faces == 1
    assert clip_leak([frame]).leaked == 1
    with pytest.raises(InvalidArgumentError):
        clip_leak([frame], smallest=-1)


def test_a_clip_without_faces_has_no_rate() -> None:
    leak = clip_leak([Frame(100, 80, [], [FACE])])
    assert math.isnan(leak.rate)
    assert math.isnan(leak.frame_rate)
    assert leak.longest_run == 0


def test_faces_in_fractions_are_refused() -> None:
    with pytest.raises(ImplausibleBoxesError, match="fractions"):
        covered_shares([[0.2, 0.2, 0.4, 0.5]], [FACE], 100, 80)
