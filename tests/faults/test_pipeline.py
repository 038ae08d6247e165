"""What must never be seen: a camera's pipeline whose parts fail, hang or lie."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import numpy as np
import pytest
from tests.pipeline_parts import (
    Diary,
    Pixels,
    ScriptedCamera,
    ScriptedDetector,
    models,
    noise,
    wait_until,
)

from lintel.edge.cameras import WatchedCamera
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import InferenceFailedError
from lintel.edge.images import ImageFormat, decode
from lintel.edge.pipeline import showing
from lintel.edge.pipeline.camera import CameraPipeline
from lintel.edge.pipeline.counting import Counter
from lintel.edge.pipeline.looking import Looker
from lintel.edge.pipeline.results import FrameResult, Reason
from lintel.edge.pipeline.rhythm import Rhythm
from lintel.edge.pipeline.showing import Shower
from lintel.edge.pipeline.viewers import Subscription
from lintel.edge.tasks.blur import MAX_CELLS, BlurMethod, BlurOptions, BlurShape

FACE = (40.0, 30.0, 80.0, 80.0)
COVER = BlurOptions(BlurMethod.PIXELATE, BlurShape.BOX, 0.0)
STALL_S = 0.2


class Door:
    """A pipeline behind a camera that gives what it is given."""

    def __init__(self) -> None:
        self.pictures: SimpleQueue[Pixels | None] = SimpleQueue()
        self.detector = ScriptedDetector([FACE])
        source = WatchedCamera(CameraSettings(name="door"), lambda _: ScriptedCamera(self.pictures))
        looker = Looker(models(self.detector), Counter([]), Rhythm(1, 0.1), 1.5, 0.25)
        self.pipeline = CameraPipeline(
            source, looker, Shower("door", COVER, 80), Diary(), stall_s=STALL_S
        )
        self.following: Subscription[FrameResult] = self.pipeline.follow(with_pictures=False)

    def show(self, pixels: Pixels) -> FrameResult:
        self.pictures.put(pixels)
        result = self.following.get(30)
        assert result is not None
        return result


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    door.pipeline.start()
    yield door
    door.detector.may_answer.set()
    door.pipeline.stop()


def distinct_colours(result: FrameResult) -> int:
    """How many colours are left in what is shown."""
    pixels = decode(result.picture.encode(ImageFormat.PNG, 80)).pixels
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def assert_covered_whole(result: FrameResult, reason: Reason) -> None:
    assert result.covered_whole is reason
    assert result.faces == ()
    assert distinct_colours(result) <= MAX_CELLS**2


@pytest.mark.parametrize(
    "error", [InferenceFailedError("It failed."), RuntimeError("unforeseen"), MemoryError()]
)
def test_a_detector_that_fails_shows_nothing_of_the_frame(door: Door, error: Exception) -> None:
    assert door.show(noise(0)).covered_whole is None
    door.detector.error = error
    assert_covered_whole(door.show(noise(1)), Reason.DETECTION_FAILED)
    door.detector.error = None
    assert door.show(noise(2)).covered_whole is None
    assert door.pipeline.status().covered_whole == {Reason.DETECTION_FAILED: 1}


def test_a_detector_that_hangs_shows_nothing_of_frames_that_go_past_it(door: Door) -> None:
    first = door.show(noise(0))
    door.detector.may_answer.clear()
    door.detector.asked.clear()
    door.pictures.put(noise(1))
    assert door.detector.asked.wait(30)
    last = first.sequence_number
    for number in range(2, 5):
        result = door.show(noise(number))
        assert_covered_whole(result, Reason.DETECTION_STALLED)
        assert result.sequence_number > last
        last = result.sequence_number
    door.detector.may_answer.set()
    while result.covered_whole is not None:
        # What the look was about is older than what was shown: it is not shown any more.
        result = door.show(noise(9))
        assert result.sequence_number > last
        last = result.sequence_number


def test_a_hanging_detector_does_not_keep_the_device_from_stopping(door: Door) -> None:
    door.detector.may_answer.clear()
    door.pictures.put(noise(0))
    assert door.detector.asked.wait(30)
    door.pipeline.stop()
    assert not door.following.is_open


def test_a_blur_that_fails_covers_all(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(showing, "blur_regions", fail)
    assert_covered_whole(door.show(noise(0)), Reason.BLUR_FAILED)


def test_a_frame_that_cannot_even_be_covered_is_not_shown(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patched:
        patched.setattr(showing, "blur_regions", fail)
        patched.setattr(showing, "blur_whole", fail)
        door.pictures.put(noise(0))
        wait_until(lambda: door.pipeline.status().failed == 1, "the frame to be given up")
    assert door.pipeline.latest is None
    assert door.show(noise(1)).covered_whole is None


def test_boxes_that_are_no_boxes_cover_all(door: Door) -> None:
    door.detector.found = [((float("nan"), 0.0, 10.0, 10.0), 0.9)]
    assert_covered_whole(door.show(noise(0)), Reason.DETECTION_FAILED)


def test_boxes_beyond_the_picture_hurt_nobody(door: Door) -> None:
    door.detector.found = [((-1e6, -1e6, 1e6, 1e6), 0.9), ((500.0, 500.0, 600.0, 600.0), 0.9)]
    result = door.show(noise(0))
    assert result.covered_whole is None
    assert distinct_colours(result) <= MAX_CELLS**2


def test_grey_cameras_are_blurred_too(door: Door) -> None:
    grey = np.ascontiguousarray(noise(0)[:, :, 0])
    result = door.show(grey.copy())
    shown = decode(result.picture.encode(ImageFormat.PNG, 80)).pixels
    assert (shown[30:80, 40:80] != grey[30:80, 40:80]).mean() > 0.9
    assert result.picture.jpeg().startswith(b"\xff\xd8")
