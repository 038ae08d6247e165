"""The door: all cameras of the device, what happens at them, and how many are inside."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lintel.edge.cameras import WatchedCamera, check_source, open_camera
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import LintelError, ModelNotFoundError, SettingsInvalidError
from lintel.edge.pipeline.camera import CameraPipeline, Slot, Source
from lintel.edge.pipeline.clerk import Clerk, series_name
from lintel.edge.pipeline.counting import Counter, Direction, Line, Place, Zone
from lintel.edge.pipeline.event_file import EventKind
from lintel.edge.pipeline.events import EventLog
from lintel.edge.pipeline.looking import Looker, Models, Seen
from lintel.edge.pipeline.rhythm import Rhythm
from lintel.edge.pipeline.showing import Shower
from lintel.edge.pipeline.tally import Counts, DayCounts, Tally
from lintel.edge.series import LocalSteps, Recorder, Resolution, default_path, device_zone
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape
from lintel.edge.tasks.masks import MaskState

if TYPE_CHECKING:
    from lintel.edge.config import Settings
    from lintel.edge.runtime import Runtime

logger = logging.getLogger("lintel.pipeline")

EVENTS_FILE = "events.jsonl"
# Even where nothing in flight gets any time: a look that is under way is to be counted.
LEAST_DRAIN_S = 2.0
_LONGEST_SERIES_NAME = 64
_KINDS = {Direction.IN: EventKind.PERSON_ENTERED, Direction.OUT: EventKind.PERSON_LEFT}
_MASK_KINDS = {
    MaskState.NOT_WORN: EventKind.MASK_MISSING,
    MaskState.WORN_INCORRECTLY: EventKind.MASK_INCORRECT,
}


class DoorPipeline:
    """Runs the cameras of the settings.

    Args:
        settings: All of the device's settings.
        runtime: Its models.
        recorder: The way into the store of series; None where the device keeps none. It is
            started and stopped by others.
        slot: Holds one of the device's places for work while a frame is looked at or blurred.
        open_source: Makes the source of a camera; not started yet.

    Attributes:
        cameras: The cameras' pipelines by name, in the order of the settings.
        events: What happened.

    Raises:
        SettingsInvalidError: A line or zone is none, or a name is used twice or too long; or
            another device writes its events to the same file.
        ModelNotFoundError: There is no face model; a mask model that is missing is done without.
    """

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        recorder: Recorder | None,
        *,
        slot: Slot = nullcontext,
        open_source: Callable[[CameraSettings], Source] | None = None,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._steps = LocalSteps(device_zone(settings.series.time_zone))
        self._tally = Tally(self._steps, self._counted_earlier)
        places = [_places(camera, index) for index, camera in enumerate(settings.cameras)]
        models = _models(settings, runtime) if settings.cameras else None
        self.events = EventLog(
            _events_path(settings),
            settings.pipeline.max_events,
            read_only=not settings.cameras,
        )
        self._clerk = Clerk(self.events, recorder)
        open_source = open_source or _watched
        pipelines: dict[str, CameraPipeline] = {}
        for camera, here in zip(settings.cameras, places, strict=True):
            assert models is not None  # noqa: S101 - there is a camera
            source = open_source(camera)
            pipelines[camera.name] = self._pipeline(camera, source, models, here, slot)
        self.cameras: Mapping[str, CameraPipeline] = MappingProxyType(pipelines)

    def start(self) -> None:
        """Begins; what was counted earlier today is read from the store of series first."""
        self._tally.turn_to(time.time_ns() // 1000)
        self._clerk.start()
        for pipeline in self.cameras.values():
            pipeline.start()

    def stop(self) -> None:
        """Ends all cameras, and writes down what is not written yet.

        Cameras that take longer than `server.drain_s` are left behind.
        """
        self._stop_cameras(max(self._settings.server.drain_s, LEAST_DRAIN_S))
        self._clerk.stop()
        self.events.close()

    def _stop_cameras(self, timeout_s: float) -> None:
        """Stops all cameras at a time: dead ones must not add up."""
        deadline = time.monotonic() + timeout_s
        stopping = {
            name: threading.Thread(target=pipeline.stop, name=f"{name}-stop", daemon=True)
            for name, pipeline in self.cameras.items()
        }
        for thread in stopping.values():
            thread.start()
        for name, thread in stopping.items():
            thread.join(max(deadline - time.monotonic(), 0))
            if thread.is_alive():
                logger.warning("camera %s did not end in time: it is left behind", name)

    def today(self, camera: str) -> DayCounts:
        """Returns what a camera has counted since local midnight, and who is inside."""
        return self._tally.today(camera, time.time_ns() // 1000)

    def seen(self, camera: str, timestamp_us: int, seen: Seen) -> None:
        """Writes down what came of a look; see camera.Listener."""
        for crossing in seen.crossings:
            self._tally.add(camera, crossing.direction, timestamp_us)
            self._clerk.count(series_name(camera, crossing.place, crossing.direction), timestamp_us)
            self.events.append(
                _KINDS[crossing.direction],
                camera,
                timestamp_us,
                track_id=crossing.track_id,
                place=crossing.place,
            )
        for track_id, verdict in seen.masks:
            kind = _MASK_KINDS[verdict.state]
            self.events.append(kind, camera, timestamp_us, track_id=track_id, mask=verdict)

    def lost(self, camera: str) -> None:
        """Writes down that a camera is lost; see camera.Listener."""
        self.events.append(EventKind.CAMERA_LOST, camera, time.time_ns() // 1000)

    def back(self, camera: str) -> None:
        """Writes down that a camera is back; see camera.Listener."""
        self.events.append(EventKind.CAMERA_BACK, camera, time.time_ns() // 1000)

    def _pipeline(
        self,
        camera: CameraSettings,
        source: Source,
        models: Models,
        places: Sequence[Place],
        slot: Slot,
    ) -> CameraPipeline:
        settings, blur = self._settings.pipeline, self._settings.blur
        rhythm = Rhythm(settings.detect_every, settings.hold_back_ms / 1e3)
        looker = Looker(
            models, Counter(places), rhythm, settings.hold_s, settings.mask_every_ms / 1e3
        )
        cover = BlurOptions(BlurMethod(blur.method), BlurShape(blur.shape), blur.margin)
        return CameraPipeline(
            source,
            looker,
            Shower(camera.name, cover, settings.jpeg_quality),
            self,
            stall_s=settings.stall_ms / 1e3,
            keeps_all=camera.replay == "fastest",
            slot=slot,
        )

    def _counted_earlier(self, day: int) -> Counts:
        """Returns what was counted on a day before a restart, or before the clock was set."""
        counts: dict[tuple[str, Direction], int] = defaultdict(int)
        if self._recorder is None:
            return counts
        store = self._recorder.store
        bounds = self._steps.start_of_day_us(day), self._steps.start_of_day_us(day + 1)
        try:
            known = store.names()
            for camera in self._settings.cameras:
                for place, direction in product(_place_names(camera), Direction):
                    name = series_name(camera.name, place, direction)
                    if name in known:
                        values = store.read(name, Resolution.DAY, *bounds).values
                        counts[camera.name, direction] += round(float(values.sum()))
        except LintelError as error:
            logger.warning("what was counted earlier today is not known: %s", error)
        return counts


def check_cameras(settings: Settings) -> None:
    """Checks the settings of cameras as far as that goes without opening them.

    Raises:
        SettingsInvalidError: A line or zone is none, or a name is used twice or too long; a source
            is no address, or its file of credentials cannot be read.
    """
    for index, camera in enumerate(settings.cameras):
        _places(camera, index)
        with _named(f"cameras[{index}]"):
            check_source(camera)


@contextmanager
def _named(field: str) -> Iterator[None]:
    """Has errors name, in their sentence too, the setting that they are about."""
    try:
        yield
    except LintelError as error:
        path = error.at(field).field
        raise SettingsInvalidError(f"{path}: {error.message}", field=path) from error


def _watched(camera: CameraSettings) -> Source:
    return WatchedCamera(camera, open_camera)


def _models(settings: Settings, runtime: Runtime) -> Models:
    detector = runtime.face_detector(settings.pipeline.model)
    told = settings.faces.min_score
    try:
        classifier = runtime.mask_classifier() if settings.masks.model else None
    except ModelNotFoundError as error:
        logger.warning("cameras read no masks: %s", error)
        classifier = None
    min_probability = settings.masks.min_probability
    if min_probability is None:
        min_probability = 0.0 if classifier is None else classifier.min_probability
    return Models(
        detector=detector,
        told_score=detector.min_score if told is None else told,
        cover_score=settings.blur.min_score,
        classifier=classifier,
        min_probability=min_probability,
    )


def _events_path(settings: Settings) -> Path | None:
    given = settings.pipeline.events_path
    if given is None:
        return default_path().with_name(EVENTS_FILE)
    return Path(given) if given else None


def _place_names(camera: CameraSettings) -> list[str]:
    return [line.name for line in camera.lines] + [zone.name for zone in camera.zones]


def _places(camera: CameraSettings, index: int) -> list[Place]:
    """Makes the lines and zones of a camera."""
    makers: list[tuple[str, Callable[[], Place]]] = [
        (f"lines[{number}]", partial(Line, line)) for number, line in enumerate(camera.lines)
    ]
    makers += [
        (f"zones[{number}]", partial(Zone, zone)) for number, zone in enumerate(camera.zones)
    ]
    places: list[Place] = []
    for field, make in makers:
        with _named(f"cameras[{index}].{field}"):
            place = make()
            _check_name(place.name, [other.name for other in places], camera.name)
        places.append(place)
    return places


def _check_name(name: str, taken: Sequence[str], camera: str) -> None:
    if name in taken:
        raise SettingsInvalidError("Two lines or zones of a camera have one name.", field="name")
    longest = max(len(series_name(camera, name, direction)) for direction in Direction)
    if longest > _LONGEST_SERIES_NAME:
        raise SettingsInvalidError(
            "The names of a camera and of its line or zone are too long to name a series of counts:"
            f" {longest - _LONGEST_SERIES_NAME} characters fewer are needed.",
            field="name",
        )
