"""One camera: its frames taken in, looked at, blurred and shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from queue import SimpleQueue

import numpy as np
import pytest
import simplejpeg
from tests.pipeline_parts import (
    Diary,
    Pixels,
    ScriptedCamera,
    ScriptedDetector,
    models,
    noise,
    wait_until,
)

from lintel.edge.cameras import CameraState, WatchedCamera, open_camera
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.images import ImageFormat, decode
from lintel.edge.pipeline.camera import CameraPipeline
from lintel.edge.pipeline.counting import Counter
from lintel.edge.pipeline.looking import Looker
from lintel.edge.pipeline.results import FrameResult, Stage
from lintel.edge.pipeline.rhythm import Rhythm
from lintel.edge.pipeline.showing import Shower
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape

FACE = (40.0, 30.0, 80.0, 80.0)
COVER = BlurOptions(BlurMethod.FILL, BlurShape.BOX, 0.0)
Pictures = SimpleQueue[Pixels | None]
Start = Callable[..., CameraPipeline]


@pytest.fixture
def pictures() -> Pictures:
    return SimpleQueue()


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def start(pictures: Pictures, diary: Diary) -> Iterator[Start]:
    """Starts a pipeline behind a camera that gives `pictures`; start(detector, every=1, ...)."""
    started: list[CameraPipeline] = []

    def begin(detector: object, every: int = 1, **keys: object) -> CameraPipeline:
        settings = CameraSettings(name="door", reopen_longest_s=0.3)
        source = WatchedCamera(settings, lambda _: ScriptedCamera(pictures))
        looker = Looker(models(detector), Counter([]), Rhythm(every, 1.0), 1.5, 0.25)
        shower = Shower("door", COVER, 80)
        pipeline = CameraPipeline(source, looker, shower, diary, stall_s=60.0, **keys)
        pipeline.start()
        started.append(pipeline)
        return pipeline

    yield begin
    for pipeline in started:
        pipeline.stop()


def one_by_one(pipeline: CameraPipeline, pictures: Pictures, count: int) -> list[FrameResult]:
    """Gives frames, each when the one before was shown; returns what came of them."""
    results = []
    with pipeline.follow(with_pictures=False) as following:
        for number in range(count):
            pictures.put(noise(number))
            result = following.get(30)
            assert result is not None
            results.append(result)
    return results


def captured(pipeline: CameraPipeline, count: int) -> bool:
    return pipeline.status().camera.captured == count


def test_frames_come_out_in_order_with_their_faces_destroyed(
    start: Start, pictures: Pictures
) -> None:
    results = one_by_one(start(ScriptedDetector([FACE])), pictures, 5)
    assert all(one.sequence_number < other.sequence_number for one, other in pairwise(results))
    for number, result in enumerate(results):
        assert (result.width, result.height, result.covered_whole) == (160, 120, None)
        shown = decode(result.picture.encode(ImageFormat.PNG, 80)).pixels
        changed = (shown != noise(number)).any(axis=2)
        assert changed[30:80, 40:80].mean() > 0.99
        changed[30:80, 40:80] = False
        assert not changed.any()


def test_the_jpeg_is_made_once_for_all(start: Start, pictures: Pictures) -> None:
    (result,) = one_by_one(start(ScriptedDetector()), pictures, 1)
    assert Stage.ENCODE not in result.times.stages_ns
    assert result.picture.jpeg() is result.picture.jpeg()
    assert simplejpeg.decode_jpeg_header(result.picture.jpeg())[:2] == (120, 160)


def test_followers_of_pictures_find_them_made(start: Start, pictures: Pictures) -> None:
    pipeline = start(ScriptedDetector())
    with pipeline.follow(with_pictures=True) as following:
        pictures.put(noise(0))
        result = following.get(30)
    assert result is not None
    stages = result.times.stages_ns
    assert {Stage.DETECT, Stage.TRACK, Stage.BLUR, Stage.ENCODE} <= set(stages)
    assert 0 < sum(stages.values()) <= result.times.latency_ns


def test_the_newest_wins_where_looks_are_slow(start: Start, pictures: Pictures) -> None:
    detector = ScriptedDetector()
    pipeline = start(detector)
    with pipeline.follow(with_pictures=False) as following:
        detector.may_answer.clear()
        pictures.put(noise(0))
        assert detector.asked.wait(30)
        for number in range(1, 11):
            pictures.put(noise(number))
        wait_until(lambda: pipeline.status().camera.captured == 11, "the frames to come in")
        wait_until(lambda: pipeline.status().dropped == 9, "frames to give way")
        detector.may_answer.set()
        shown = []
        while len(shown) < 2:
            result = following.get(30)
            assert result is not None
            shown.append(result.sequence_number)
            if shown[-1] == 10:
                break
    assert shown[-1] == 10
    assert np.array_equal(detector.looked_at[-1].pixels.shape, (120, 160, 3))


def test_a_follower_that_sleeps_holds_nobody_up(start: Start, pictures: Pictures) -> None:
    pipeline = start(ScriptedDetector())
    with pipeline.follow(with_pictures=False) as sleeping:
        last = one_by_one(pipeline, pictures, 6)[-1]
        newest = sleeping.get(30)
        assert newest is last
        assert sleeping.dropped == 5
    assert pipeline.latest is last


def test_with_every_third_frame_looked_at_all_are_shown(start: Start, pictures: Pictures) -> None:
    detector = ScriptedDetector([FACE])
    pipeline = start(detector, every=3, keeps_all=True)
    for number in range(9):
        pictures.put(noise(number))
        wait_until(partial(captured, pipeline, number + 1), "a frame to come in")
    wait_until(lambda: pipeline.latest and pipeline.latest.sequence_number == 8, "the last frame")
    assert len(detector.looked_at) == 3


def test_work_is_done_in_the_places_of_the_device(start: Start, pictures: Pictures) -> None:
    held: list[str] = []

    @contextmanager
    def slot() -> Iterator[None]:
        held.append(threading.current_thread().name)
        yield

    one_by_one(start(ScriptedDetector(), slot=slot), pictures, 1)
    assert sorted(held) == ["door-looking", "door-showing"]


def test_a_camera_that_is_lost_and_comes_back_is_told_of(
    start: Start, pictures: Pictures, diary: Diary
) -> None:
    pipeline = start(ScriptedDetector())
    (before,) = one_by_one(pipeline, pictures, 1)
    pictures.put(None)
    wait_until(lambda: diary.lines == ["door lost"], "the loss to be told of")
    # The last good state is still to be seen.
    assert pipeline.latest is before
    (after,) = one_by_one(pipeline, pictures, 1)
    wait_until(lambda: diary.lines == ["door lost", "door back"], "the return to be told of")
    assert after.sequence_number > before.sequence_number
    assert pipeline.status().camera.reopenings >= 1


def test_the_status_tells_how_it_goes(start: Start, pictures: Pictures) -> None:
    pipeline = start(ScriptedDetector())
    assert pipeline.status().camera.state is CameraState.OPENING
    one_by_one(pipeline, pictures, 10)
    status = pipeline.status()
    assert status.camera.state is CameraState.STREAMING
    assert status.frame_rate_hz > 0
    assert 0 < status.latency_s < 30
    assert (status.detect_every, status.covered_whole, status.failed) == (1, {}, 0)


def test_the_status_sums_up_where_the_time_went(start: Start, pictures: Pictures) -> None:
    pipeline = start(ScriptedDetector([FACE]))
    taken = one_by_one(pipeline, pictures, 5)
    status = pipeline.status()
    assert status.shown == 5
    assert set(status.stages_s) == set(Stage)
    blurring_ns = sum(result.times.stages_ns[Stage.BLUR] for result in taken)
    assert status.stages_s[Stage.BLUR] == pytest.approx(blurring_ns / 1e9)
    # Of five frames none may be left out of 99 in a hundred.
    slowest_ns = max(result.times.latency_ns for result in taken)
    assert status.latency_p99_s == pytest.approx(slowest_ns / 1e9)


def test_who_may_not_wait_is_woken_instead(start: Start, pictures: Pictures) -> None:
    pipeline = start(ScriptedDetector())
    woken: SimpleQueue[None] = SimpleQueue()
    following = pipeline.follow(with_pictures=False, woken=lambda: woken.put(None))
    pictures.put(noise(0))
    woken.get(timeout=30)
    assert following.get(0) is not None
    pipeline.stop()
    woken.get(timeout=30)
    assert not following.is_open


def test_stopping_lets_all_followers_go(start: Start) -> None:
    pipeline = start(ScriptedDetector())
    following = pipeline.follow(with_pictures=False)
    pipeline.stop()
    assert following.get(30) is None
    assert not following.is_open
    assert pipeline.is_over
    assert not pipeline.follow(with_pictures=False).is_open
    assert not [one for one in threading.enumerate() if one.name.startswith("door-")]


def test_a_recording_is_shown_to_its_end(diary: Diary) -> None:
    settings = CameraSettings(name="door", source="synthetic", replay="fastest", width=320)
    looker = Looker(models(ScriptedDetector()), Counter([]), Rhythm(1, 0.1), 1.5, 0.25)
    pipeline = CameraPipeline(
        WatchedCamera(settings, open_camera),
        looker,
        Shower("door", COVER, 80),
        diary,
        stall_s=60.0,
        keeps_all=True,
    )
    pipeline.start()
    wait_until(lambda: pipeline.latest and pipeline.latest.sequence_number > 30, "frames")
    pipeline.stop()
    assert pipeline.status().dropped == 0
