"""A page whose cameras, faces and masks are what a test says; all else is real."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.pipeline_parts import ScriptedClassifier, ScriptedDetector

from lintel.edge.cameras import CameraFailedError, Fault, Frame, RawPixels, WatchedCamera
from lintel.edge.config import Settings, parse
from lintel.edge.config.cameras import Camera as CameraSettings
from lintel.edge.errors import LintelError, ModelNotFoundError
from lintel.edge.forecasts import Forecasts
from lintel.edge.page import Page, Sources
from lintel.edge.pipeline import DoorPipeline
from lintel.edge.series import Count, open_recorder
from lintel.edge.service.access import Guard

Pixels = NDArray[np.uint8]
SILL = {"name": "sill", "start": [0, 0.8], "end": [1, 0.8], "inside": [0.5, 0.95]}
# In the order of MASK_LABELS.
WORN, NOT_WORN, INCORRECT = (0.96, 0.02, 0.02), (0.02, 0.96, 0.02), (0.02, 0.02, 0.96)
UNSURE = (0.34, 0.33, 0.33)
WIDTH, HEIGHT = 640, 360
FACE = (270.0, 90.0, 370.0, 220.0)


class SteadyCamera:
    """An open camera that gives a picture 15 times a second, and fails while it is told to."""

    description = "steady"
    is_recording = False

    def __init__(self, picture: Pixels, is_cut: threading.Event) -> None:
        self._picture = picture
        self._is_cut = is_cut
        self._over = threading.Event()
        self._index = 0

    def read(self) -> Frame:
        self._over.wait(1 / 15)
        if self._is_cut.is_set():
            raise CameraFailedError(Fault.CUT)
        pixels = self._picture.copy()
        # Something moves, so that a picture that stands still can be told from a live one.
        self._index += 1
        left = self._index * 4 % WIDTH
        pixels[-12:, left : left + 12] = 255
        return Frame.captured(RawPixels.of_pixels(pixels))

    def interrupt(self) -> None:
        self._over.set()

    def close(self) -> None:
        self._over.set()


class ScriptedModels:
    """The models of a device whose detector and classifier say what a test wants."""

    def __init__(self, *, reads_masks: bool) -> None:
        self.detector = ScriptedDetector()
        self.classifier = ScriptedClassifier(WORN)
        self.finds_faces, self.judges_masks = True, reads_masks
        self.models: dict[str, Any] = {}
        self.broken: dict[str, LintelError] = {}

    def face_detector(self, name: str = "") -> object:
        return self.detector

    def mask_classifier(self, name: str = "") -> object:
        if not self.judges_masks:
            raise ModelNotFoundError("There is none.", field="model")
        return self.classifier


class PageStage:
    """A page behind which somebody pulls the strings. Use it as a context manager.

    Args:
        folder: For the files of the device.
        cameras: Tables of their settings.
        hours: Counts of the hours before this one, the newest last.
        reads_masks: Whether masks are read.
        tree: Further tables of the settings.
    """

    def __init__(
        self,
        folder: Path,
        cameras: Sequence[dict[str, Any]] = ({"name": "door", "lines": [SILL]},),
        *,
        hours: Sequence[int] = (),
        picture: Pixels | None = None,
        reads_masks: bool = True,
        **tree: Any,
    ) -> None:
        self.models = ScriptedModels(reads_masks=reads_masks)
        self.picture = draw_room() if picture is None else picture
        self.is_cut = {camera["name"]: threading.Event() for camera in cameras}
        self._tree = {
            "cameras": [{"reopen_longest_s": 0.3, **camera} for camera in cameras],
            "series": {"path": f"{folder}/series.db", "time_zone": noon_zone()},
            "pipeline": {"events_path": f"{folder}/events.jsonl", "stall_ms": 60_000},
            "forecast": {"networks": []},
            **tree,
            "page": {"address": "127.0.0.1:0", **tree.get("page", {})},
        }
        self._hours = hours
        self._closing: list[Callable[[], object]] = []
        self.url = ""

    def show(self, *boxes: tuple[float, ...], mask: tuple[float, float, float] = WORN) -> None:
        """Has faces be found there, and their masks be read so."""
        self.models.classifier.probabilities = mask
        self.models.detector.found = [(box, 0.9) for box in boxes]

    def start(self) -> Settings:
        """Starts the device; on the port that it had before, where it had one."""
        settings = parse(self._tree)
        recorder = open_recorder(settings.series)
        assert recorder is not None
        if self._hours:
            recorder.record(self._history())
            self._hours = ()
        runtime: Any = self.models
        door = DoorPipeline(settings, runtime, recorder, open_source=self._open)
        self.door = door
        forecasts = Forecasts(settings, runtime, recorder)
        guard = Guard(settings.server.tokens)
        page = Page(
            settings,
            Sources(door, runtime, recorder, forecasts),
            lambda token: guard.check("watch", (("authorization", f"Bearer {token}"),)),
        )
        recorder.start()
        door.start()
        page.start()
        self.url = page.url
        self._tree["page"]["address"] = page.url.split("/")[2]
        self._closing = [page.stop, door.stop, recorder.stop, forecasts.close]
        return settings

    def stop(self) -> None:
        """Stops the device."""
        for close in self._closing:
            close()
        self._closing = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _open(self, settings: CameraSettings) -> WatchedCamera:
        is_cut = self.is_cut[settings.name]
        return WatchedCamera(settings, lambda _: SteadyCamera(self.picture, is_cut))

    def _history(self) -> list[Count]:
        hour = int(time.time()) // 3600
        places = [f"{camera['name']}.sill" for camera in self._tree["cameras"]]
        starts = range(hour - len(self._hours), hour)
        return [
            Count(f"{place}.{direction}", start * 3_600_000_000, float(round(share * count)))
            for place in places
            for direction, share in (("entered", 1.0), ("left", 0.7))
            for start, count in zip(starts, self._hours, strict=True)
        ]


def daily_hours(days: int) -> list[int]:
    """Returns counts of so many days by the hour up to noon, busy by day and none at night."""
    return [
        max(0, round(14 * np.sin((hour % 24 - 7) / 13 * np.pi) + hour * 7 % 5 - 2))
        for hour in range(12 - 24 * days, 12)
    ]


def noon_zone() -> str:
    """Returns a time zone in which it is between twelve and one."""
    # Their signs are the other way round: Etc/GMT-2 is two hours ahead.
    ahead = 12 - int(time.time()) // 3600 % 24
    return f"Etc/GMT{-ahead:+d}"


def draw_room() -> Pixels:
    """Draws a wall, a door and somebody in front of it."""
    picture = np.full((HEIGHT, WIDTH, 3), (196, 205, 210), np.uint8)
    picture[300:] = (120, 130, 140)
    cv2.rectangle(picture, (200, 30), (440, 300), (110, 84, 60), -1)
    cv2.rectangle(picture, (214, 44), (426, 300), (150, 118, 88), -1)
    cv2.circle(picture, (410, 190), 7, (60, 190, 220), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (320, 380), (130, 170), 0, 180, 360, (140, 90, 40), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (320, 155), (50, 64), 0, 0, 360, (150, 180, 215), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (320, 112), (52, 34), 0, 180, 360, (40, 50, 70), -1, cv2.LINE_AA)
    return picture
