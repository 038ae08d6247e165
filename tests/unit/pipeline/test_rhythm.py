"""How often faces are looked for."""

from __future__ import annotations

from itertools import pairwise

from lintel.edge.pipeline.rhythm import Rhythm

INTERVAL_S = 1 / 30


def after(rhythm: Rhythm, look_s: float, looks: int = 200) -> int:
    for _ in range(looks):
        rhythm.looked(look_s, INTERVAL_S)
    return rhythm.every


def test_a_device_that_keeps_up_looks_at_every_frame() -> None:
    assert after(Rhythm(0, 0.1), 0.8 * INTERVAL_S) == 1


def test_a_slow_device_looks_at_as_many_as_it_can() -> None:
    assert after(Rhythm(0, 0.1), 1.5 * INTERVAL_S) == 2
    assert after(Rhythm(0, 0.1), 2.6 * INTERVAL_S) == 3


def test_frames_do_not_wait_for_longer_than_they_may() -> None:
    for hold_back_s, most in ((0.0, 1), (0.04, 2), (0.07, 3), (0.11, 4)):
        every = after(Rhythm(0, hold_back_s), 1.0)
        assert every == most
        assert (every - 1) * INTERVAL_S <= hold_back_s


def test_it_goes_back_where_there_is_time_again() -> None:
    rhythm = Rhythm(0, 0.1)
    after(rhythm, 2.6 * INTERVAL_S)
    assert after(rhythm, 0.3 * INTERVAL_S) == 1


def test_it_does_not_waver_about_a_bound() -> None:
    rhythm = Rhythm(0, 0.1)
    chosen = []
    for index in range(400):
        rhythm.looked((0.88 if index % 2 else 0.93) * INTERVAL_S, INTERVAL_S)
        chosen.append(rhythm.every)
    assert sum(one != other for one, other in pairwise(chosen)) <= 1


def test_a_single_slow_look_changes_nothing() -> None:
    rhythm = Rhythm(0, 0.1)
    after(rhythm, 0.3 * INTERVAL_S)
    assert after(rhythm, 1.5 * INTERVAL_S, looks=1) == 1


def test_a_fixed_rhythm_stays() -> None:
    assert after(Rhythm(4, 0.0), 0.001) == 4


def test_masks_get_the_time_that_is_left() -> None:
    rhythm = Rhythm(0, 0.1)
    assert rhythm.mask_readings() == 1
    after(rhythm, 0.4 * INTERVAL_S)
    rhythm.read_mask(0.1 * INTERVAL_S)
    assert rhythm.mask_readings() in (4, 5)
    after(rhythm, 5 * INTERVAL_S)
    assert rhythm.mask_readings() == 1
