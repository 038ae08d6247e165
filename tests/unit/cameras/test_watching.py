"""The watch over a camera: the newest frame, losses noticed and mended, and the account of it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.camera_servers import camera_settings, number_of, write_clip

from lintel.edge.cameras import CameraState, Fault, Frame, RawPixels, WatchedCamera, open_camera
from lintel.edge.cameras.backoff import FIRST_S, Backoff
from lintel.edge.cameras.faults import CameraFailedError, DamagedFrameError
from lintel.edge.cameras.watching import MOST_HANGING
from lintel.edge.config.cameras import Camera as CameraSettings

PATIENCE_S = 30.0


class ScriptedCamera:
    """A camera whose every reading is told beforehand: a frame's width, or what is raised.

    A callable is called in the reading; None hangs until the camera is released.
    """

    description = "scripted"
    is_recording = False
    made: ClassVar[list[ScriptedCamera]] = []

    def __init__(self, *script: int | Exception | Callable[[], None] | None) -> None:
        self._script = iter(script)
        self.released = threading.Event()
        self.hangs = threading.Event()
        self.closed = threading.Event()
        self.made.append(self)

    def read(self) -> Frame:
        step = next(self._script, None)
        if callable(step):
            step()
            return self.read()
        if isinstance(step, Exception):
            raise step
        if step is None:
            self.hangs.set()
            self.released.wait()
            raise CameraFailedError(Fault.CUT)
        return Frame.captured(RawPixels.of_pixels(np.zeros((8, step, 3), np.uint8)))

    def interrupt(self) -> None:
        """Hangs on, as a driver does."""

    def close(self) -> None:
        self.closed.set()


@pytest.fixture(autouse=True)
def _release() -> Iterator[None]:
    """Lets no thread hang for longer than its test."""
    yield
    for camera in ScriptedCamera.made:
        camera.released.set()
    ScriptedCamera.made.clear()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def watched(
    *cameras: ScriptedCamera | Exception,
    clock: Callable[[], float] = time.monotonic,
    settings: CameraSettings | None = None,
) -> WatchedCamera:
    queue = iter(cameras)

    def open_next(_settings: CameraSettings) -> ScriptedCamera:
        camera = next(queue, CameraFailedError(Fault.NO_CAMERA))
        if isinstance(camera, Exception):
            raise camera
        return camera

    return WatchedCamera(settings or camera_settings("scripted"), open_next, clock)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.005)


def wait_for(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S)


def take(camera: WatchedCamera) -> Frame:
    frame = camera.take(PATIENCE_S)
    assert frame is not None
    return frame


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    source = ScriptedCamera(16, 16, 16)
    with watched(source) as camera:
        assert source.hangs.wait(PATIENCE_S)
        frame = take(camera)
        status = camera.status()
    assert frame.sequence == 2
    assert (status.captured, status.dropped) == (3, 2)


def test_a_recording_that_is_played_as_fast_as_possible_loses_nothing(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 20)
    settings = camera_settings(clip, replay="fastest", loop=False)
    seen = []
    with WatchedCamera(settings, open_camera) as camera:
        for frame in camera.frames():
            if frame.sequence == 10:
                # Slower than the bound on a stall, which is about the camera and not its taker.
                threading.Event().wait(1.2 * settings.stall_timeout_s)
            seen.append(number_of(frame.pixels.to_picture().pixels))
        status = camera.status()
        assert camera.is_over
        assert camera.take(0.0) is None
    assert seen == list(range(20))
    assert (status.state, status.dropped, status.fault) == (CameraState.ENDED, 0, None)


def test_frames_are_turned_as_the_settings_say() -> None:
    with watched(ScriptedCamera(16), settings=camera_settings("x", rotation=90)) as camera:
        pixels = take(camera).pixels
    assert (pixels.width, pixels.height) == (8, 16)


def test_a_camera_that_fails_is_closed_and_opened_anew() -> None:
    taken = threading.Event()
    first = ScriptedCamera(16, lambda: wait_for(taken), CameraFailedError(Fault.CUT))
    with watched(first, ScriptedCamera(16)) as camera:
        before = take(camera)
        taken.set()
        after = take(camera)
        status = camera.status()
    assert first.closed.is_set()
    assert (before.opening, after.opening) == (0, 1)
    assert (before.sequence, after.sequence) == (0, 1)
    assert (status.state, status.reopenings, status.fault) == (CameraState.STREAMING, 1, Fault.CUT)


@pytest.mark.parametrize(
    ("failure", "fault"),
    [
        (CameraFailedError(Fault.GONE), Fault.GONE),
        (RuntimeError("rtsp://user:secret@camera"), Fault.FAILED),
        (OSError(19, "No such device"), Fault.FAILED),
    ],
)
def test_whatever_a_camera_raises_is_told_by_a_constant(
    failure: Exception, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with watched(ScriptedCamera(16, failure)) as camera:
        wait_until(lambda: camera.status().fault is fault)
        assert camera.status().width == 16
    assert "secret" not in caplog.text


def test_a_camera_that_changes_its_size_is_opened_anew() -> None:
    with watched(ScriptedCamera(16, 32), ScriptedCamera(32)) as camera:
        wait_until(lambda: camera.status().reopenings == 1)
        status = camera.status()
    assert (status.width, status.fault) == (32, Fault.SIZE_CHANGED)


def test_single_damaged_frames_are_left_out_and_many_are_a_fault() -> None:
    damaged = [DamagedFrameError()] * 40
    with watched(ScriptedCamera(16, damaged[0], 16, *damaged), ScriptedCamera(16)) as camera:
        wait_until(lambda: camera.status().reopenings == 1)
        status = camera.status()
    assert status.fault is Fault.DAMAGED
    assert status.captured == 3
    assert status.damaged == 31


@pytest.mark.parametrize(
    ("script", "bound", "fault"),
    [
        ((), "open_timeout_s", Fault.OPENING_TOO_LONG),
        ((16,), "stall_timeout_s", Fault.STALLED),
    ],
)
def test_a_reading_that_hangs_is_let_go_at_its_bound_and_not_before(
    script: tuple[int, ...], bound: str, fault: Fault
) -> None:
    clock = Clock()
    settings = camera_settings("x")
    source = ScriptedCamera(*script)
    with watched(source, ScriptedCamera(16), clock=clock, settings=settings) as camera:
        assert source.hangs.wait(PATIENCE_S)
        clock.now_s += getattr(settings, bound) - 0.1
        threading.Event().wait(0.3)
        assert camera.status().fault is None
        clock.now_s += 0.2
        wait_until(lambda: camera.status().fault is fault)
        wait_until(lambda: camera.status().state is CameraState.STREAMING)
        assert camera.status().hanging == 1
        assert not source.closed.is_set()
        source.released.set()
        assert source.closed.wait(PATIENCE_S)


def test_the_age_of_the_last_good_frame_is_told_while_the_camera_is_lost() -> None:
    clock = Clock()
    with watched(ScriptedCamera(16, CameraFailedError(Fault.CUT)), clock=clock) as camera:
        wait_until(lambda: camera.status().state is CameraState.LOST)
        clock.now_s += 42
        status = camera.status()
    assert status.frame_age_s == status.state_age_s == 42
    assert (status.width, status.height, status.frame_rate_hz) == (16, 8, 0)


def test_no_more_than_a_few_readings_hang_at_a_time() -> None:
    sources = [ScriptedCamera() for _ in range(MOST_HANGING + 2)]
    settings = camera_settings("x", open_timeout_s=0.05)
    with watched(*sources, settings=settings) as camera:
        wait_until(lambda: camera.status().fault is Fault.HANGING)
        assert camera.status().hanging == MOST_HANGING
        assert not sources[MOST_HANGING].hangs.is_set()
        sources[0].released.set()
        assert sources[MOST_HANGING].hangs.wait(PATIENCE_S)
        for source in sources:
            source.released.set()


def test_a_camera_that_stays_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[None] = []

    def refuse(_settings: CameraSettings) -> ScriptedCamera:
        tries.append(None)
        raise CameraFailedError(Fault.NOT_REACHABLE)

    settings = camera_settings("x", reopen_longest_s=0.01)
    with WatchedCamera(settings, refuse) as camera:
        wait_until(lambda: len(tries) > 3)
        assert camera.status().state is CameraState.LOST
    assert caplog.text.count("NOT_REACHABLE") == 1


def test_stopping_ends_every_thread_and_taking_returns() -> None:
    before = set(threading.enumerate())
    camera = watched(ScriptedCamera(*[16] * 5))
    camera.start()
    take(camera)
    camera.stop(timeout_s=0.01)
    assert camera.take(PATIENCE_S) is None
    assert list(camera.frames()) == []
    assert camera.is_over
    wait_until(lambda: all("reading" in t.name for t in set(threading.enumerate()) - before))


@given(longest_s=st.floats(0.01, 1000), seed=st.integers(0, 1000))
def test_waits_double_up_to_the_longest_with_jitter(longest_s: float, seed: int) -> None:
    backoff = Backoff(longest_s, random.Random(seed))
    expected = min(FIRST_S, longest_s)
    for _ in range(20):
        wait_s = backoff.next_s()
        assert expected / 2 <= wait_s <= expected
        expected = min(2 * expected, longest_s)
    backoff.reset()
    assert backoff.next_s() <= FIRST_S
