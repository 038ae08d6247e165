"""The door: all cameras, what happens at them, and how many are inside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.mask_packages import write_mask_package
from tests.pipeline_parts import Pixels, ScriptedCamera, ScriptedDetector, noise, wait_until

from lintel.edge.cameras import WatchedCamera
from lintel.edge.config import Settings, parse
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import ModelNotFoundError, SettingsInvalidError
from lintel.edge.pipeline import Direction, DoorPipeline, EventKind, series_name
from lintel.edge.pipeline.tally import Tally
from lintel.edge.runtime import Runtime
from lintel.edge.series import Count, LocalSteps, Recorder, Resolution, open_recorder
from lintel.edge.tasks.masks import MaskState

SILL = {"name": "sill", "start": [0.5, 0.0], "end": [0.5, 1.0], "inside": [0.9, 0.5]}
FACES = ((20.0, 30.0, 50.0, 70.0), (110.0, 30.0, 140.0, 70.0))


class OneDetector:
    """Models of a device that finds what a test says, and reads no masks."""

    def __init__(self, detector: object) -> None:
        self.detector = detector

    def face_detector(self, name: str = "") -> object:
        return self.detector

    def mask_classifier(self, name: str = "") -> object:
        raise ModelNotFoundError("There is none.", field="model")


class Cameras:
    """The cameras of a device, each giving what a test puts into its queue."""

    def __init__(self) -> None:
        self.pictures: dict[str, SimpleQueue[Pixels | None]] = {}

    def open(self, settings: CameraSettings) -> WatchedCamera:
        pictures = self.pictures.setdefault(settings.name, SimpleQueue())
        return WatchedCamera(settings, lambda _: ScriptedCamera(pictures))


class SlowToEnd(Cameras):
    """Cameras that take some seconds to end, unless they may before."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.may_end = threading.Event()
        self._seconds = seconds

    def open(self, settings: CameraSettings) -> WatchedCamera:
        camera = super().open(settings)
        stop = camera.stop

        def stop_slowly(timeout_s: float = 5.0) -> None:
            self.may_end.wait(self._seconds)
            stop(timeout_s)

        camera.stop = stop_slowly  # type: ignore[method-assign]
        return camera


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings of cameras by name, each with the line SILL."""

    def make(*cameras: str, **tree: Any) -> Settings:
        tables = [{"name": name, "lines": [SILL], "reopen_longest_s": 0.3} for name in cameras]
        pipeline = {"events_path": str(tmp_path / "events.jsonl"), "stall_ms": 60_000}
        return parse(
            {
                "cameras": tables,
                "series": {"path": str(tmp_path / "series.db")},
                **tree,
                "pipeline": {**pipeline, **tree.get("pipeline", {})},
            }
        )

    return make


@pytest.fixture
def recorder(settings: Callable[..., Settings]) -> Iterator[Recorder]:
    recorder = open_recorder(settings().series)
    assert recorder is not None
    yield recorder
    recorder.store.close()


def lead_over_the_sill(
    door: DoorPipeline, cameras: Cameras, detector: ScriptedDetector, camera: str = "door"
) -> None:
    """Leads a face from the left to the right of the middle, to be counted as coming in."""
    pipeline = door.cameras[camera]
    with pipeline.follow(with_pictures=False) as following:
        for step in range(9):
            left, right = (np.array(face) for face in FACES)
            box = left + (right - left) * step / 8
            detector.found = [(tuple(box.tolist()), 0.9)]
            cameras.pictures[camera].put(noise(step))
            assert following.get(30) is not None


class TestWhatHappens:
    def test_who_comes_in_is_counted_told_of_and_kept(
        self, settings: Callable[..., Settings], recorder: Recorder
    ) -> None:
        cameras, detector = Cameras(), ScriptedDetector()
        door = DoorPipeline(
            settings("door"), OneDetector(detector), recorder, open_source=cameras.open
        )
        door.start()
        lead_over_the_sill(door, cameras, detector)
        assert (door.today("door").entered, door.today("door").inside) == (1, 1)
        told = door.events.next(0, timeout_s=30)
        door.stop()
        assert told is not None
        event = told.event
        assert (event.kind, event.camera, event.place) == (
            EventKind.PERSON_ENTERED,
            "door",
            "sill",
        )
        assert event.track_id == 1
        assert abs(event.timestamp_us / 1e6 - time.time()) < 60
        recorder.stop()
        stretch = recorder.store.read("door.sill.entered", Resolution.DAY)
        assert stretch.values.tolist() == [1.0]

    def test_what_was_counted_today_is_known_after_a_restart(
        self, settings: Callable[..., Settings], recorder: Recorder
    ) -> None:
        tree = settings("door")
        for entered in (1, 2):
            cameras, detector = Cameras(), ScriptedDetector()
            door = DoorPipeline(tree, OneDetector(detector), recorder, open_source=cameras.open)
            door.start()
            lead_over_the_sill(door, cameras, detector)
            assert door.today("door").entered == entered
            door.stop()
            recorder.stop()

    def test_a_camera_that_is_lost_is_an_event_and_others_go_on(
        self, settings: Callable[..., Settings]
    ) -> None:
        cameras, detector = Cameras(), ScriptedDetector()
        door = DoorPipeline(
            settings("door", "yard"), OneDetector(detector), None, open_source=cameras.open
        )
        door.start()
        cameras.pictures["yard"].put(None)
        told = door.events.next(0, timeout_s=30)
        assert told is not None
        assert (told.event.kind, told.event.camera) == (EventKind.CAMERA_LOST, "yard")
        lead_over_the_sill(door, cameras, detector)
        assert door.today("door").entered == 1
        assert door.today("yard").entered == 0
        door.stop()

    def test_a_slow_camera_delays_no_other(self, settings: Callable[..., Settings]) -> None:
        cameras, quick, slow = Cameras(), ScriptedDetector(), ScriptedDetector()

        class Runtime:
            detectors = iter([quick])

            def face_detector(self, name: str = "") -> object:
                return self

            def mask_classifier(self, name: str = "") -> object:
                raise ModelNotFoundError("There is none.")

            min_score = 0.3

            def detect(self, picture: Any, *arguments: Any) -> object:
                slow_camera = picture.width == 320
                return (slow if slow_camera else quick).detect(picture, *arguments)

        door = DoorPipeline(settings("door", "yard"), Runtime(), None, open_source=cameras.open)
        door.start()
        slow.may_answer.clear()
        cameras.pictures["yard"].put(noise(0, 320, 240))
        assert slow.asked.wait(30)
        lead_over_the_sill(door, cameras, quick)
        assert door.cameras["yard"].latest is None
        slow.may_answer.set()
        wait_until(lambda: door.cameras["yard"].latest, "the slow camera's frame")
        door.stop()

    def test_cameras_that_are_slow_to_end_do_not_add_up(
        self, settings: Callable[..., Settings]
    ) -> None:
        cameras = SlowToEnd(0.5)
        door = DoorPipeline(
            settings("a", "b", "c", "d"),
            OneDetector(ScriptedDetector()),
            None,
            open_source=cameras.open,
        )
        door.start()
        began_s = time.monotonic()
        door.stop()
        assert 0.5 <= time.monotonic() - began_s < 1.5

    def test_cameras_that_never_end_are_left_behind(
        self,
        settings: Callable[..., Settings],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr("lintel.edge.pipeline.door.LEAST_DRAIN_S", 0.2)
        cameras = SlowToEnd(30.0)
        door = DoorPipeline(
            settings("door", server={"drain_s": 0.1}),
            OneDetector(ScriptedDetector()),
            None,
            open_source=cameras.open,
        )
        door.start()
        began_s = time.monotonic()
        door.stop()
        assert time.monotonic() - began_s < 5
        cameras.may_end.set()
        assert "camera door did not end in time: it is left behind" in caplog.messages

    def test_without_cameras_there_is_nothing_to_do(
        self, settings: Callable[..., Settings]
    ) -> None:
        door = DoorPipeline(settings(), OneDetector(None), None)
        door.start()
        assert not door.cameras
        door.stop()


def test_a_real_face_is_found_followed_judged_and_destroyed(
    settings: Callable[..., Settings],
    tmp_path: Path,
    draw_face: Callable[..., NDArray[np.uint8]],
) -> None:
    write_mask_package(tmp_path / "models")
    tree = settings("door", models={"directory": str(tmp_path / "models")})
    runtime = Runtime(tree, 2)
    cameras = Cameras()
    door = DoorPipeline(tree, runtime, None, open_source=cameras.open)
    door.start()
    drawn = draw_face(320, 320)
    with door.cameras["door"].follow(with_pictures=False) as following:
        for step in range(8):
            shifted = np.roll(drawn, 6 * step, axis=1)
            cameras.pictures["door"].put(shifted)
            result = following.get(60)
            assert result is not None
            (face,) = result.faces
            assert face.track_id == 1
    assert face.mask is not None
    # The drawn face is mostly red, which the mask model of this test takes for bare.
    assert face.mask.state is MaskState.NOT_WORN
    assert [event.kind for event in door.events.newest(9)] == [EventKind.MASK_MISSING]
    door.stop()
    runtime.close()


class TestSettings:
    @pytest.mark.parametrize(
        ("camera", "field"),
        [
            ({"lines": [{**SILL, "end": [0.5, 0.0]}]}, "cameras[0].lines[0].end"),
            ({"lines": [SILL, SILL]}, "cameras[0].lines[1].name"),
            (
                {"zones": [{"name": "flat", "corners": [[0, 0], [1, 1], [0.5, 0.5]]}]},
                "cameras[0].zones[0].corners",
            ),
            ({"name": "x" * 64, "lines": [SILL]}, "cameras[0].lines[0].name"),
        ],
    )
    def test_places_that_cannot_count_are_refused_by_name(
        self, camera: dict[str, Any], field: str
    ) -> None:
        tree = parse({"cameras": [{"name": "door", **camera}], "pipeline": {"events_path": ""}})
        with pytest.raises(SettingsInvalidError) as caught:
            DoorPipeline(tree, OneDetector(ScriptedDetector()), None)
        assert caught.value.field == field

    def test_a_face_model_is_needed(self) -> None:
        tree = parse({"cameras": [{"name": "door"}], "pipeline": {"model": "none-such"}})
        with pytest.raises(ModelNotFoundError):
            DoorPipeline(tree, Runtime(tree, 1), None)

    def test_names_of_series_are_made_of_names(self) -> None:
        assert series_name("door", "sill", Direction.OUT) == "door.sill.left"


class TestTheDay:
    def test_a_clock_that_jumps_away_and_back_empties_nothing(self) -> None:
        steps = LocalSteps(ZoneInfo("UTC"))
        tally = Tally(steps)
        noon_us = steps.start_of_day_us(20_800) + 12 * 3600 * 1_000_000
        tally.add("door", Direction.IN, noon_us, 7)
        in_two_days_us = noon_us + 2 * 24 * 3600 * 1_000_000
        assert tally.today("door", in_two_days_us).inside == 0
        assert tally.today("door", noon_us).inside == 7

    def test_a_day_begins_with_what_was_counted_on_it_earlier(self) -> None:
        steps = LocalSteps(ZoneInfo("UTC"))
        asked = []

        def earlier(day: int) -> dict[tuple[str, Direction], int]:
            asked.append(day)
            return {("door", Direction.IN): day - 20_800}

        tally = Tally(steps, earlier)
        tally.turn_to(steps.start_of_day_us(20_801))
        tally.add("door", Direction.IN, steps.start_of_day_us(20_801), 2)
        assert tally.today("door", steps.start_of_day_us(20_801)).entered == 3
        assert tally.today("door", steps.start_of_day_us(20_805)).entered == 5
        assert asked == [20_801, 20_805]

    def test_what_was_counted_today_is_known_once_the_clock_is_set(
        self,
        settings: Callable[..., Settings],
        recorder: Recorder,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        recorder.record([Count("door.sill.entered", 0, 5.0)])
        now_ns = time.time_ns()
        # The clock that a device without a battery starts with.
        monkeypatch.setattr(time, "time_ns", lambda: now_ns - 3 * 24 * 3600 * 10**9)
        cameras = Cameras()
        door = DoorPipeline(
            settings("door"), OneDetector(ScriptedDetector()), recorder, open_source=cameras.open
        )
        door.start()
        assert door.today("door").inside == 0
        monkeypatch.setattr(time, "time_ns", lambda: now_ns)
        assert door.today("door").inside == 5
        door.stop()

    def test_who_is_inside_is_counted_anew_after_local_midnight(self) -> None:
        steps = LocalSteps(ZoneInfo("Asia/Kolkata"))
        tally = Tally(steps)
        midnight_us = steps.start_of_day_us(20_800)
        before, after = midnight_us - 1, midnight_us
        tally.add("door", Direction.IN, before, 3)
        assert tally.today("door", before).inside == 3
        assert tally.today("door", after).inside == 0
        tally.add("door", Direction.OUT, after)
        assert tally.today("door", after) == (0, 1)
        # Who stayed overnight and leaves makes nobody less than nobody.
        assert tally.today("door", after).inside == 0
