"""What tests of the pipeline are put together from: a camera that is told what to give."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from lintel.edge.cameras import CameraFailedError, Fault, Frame, RawPixels
from lintel.edge.images import Picture
from lintel.edge.pipeline.events import EventLog
from lintel.edge.pipeline.looking import Models, Seen
from lintel.edge.tasks.faces import Detections

STEP_NS = 66_666_667
PATIENCE_S = 30.0
Pixels = NDArray[np.uint8]


def cut_power(log: EventLog) -> None:
    """Ends a log of events as a power cut does: it writes no more, and holds nothing."""
    assert log._file is not None
    assert log._file._lock is not None
    os.close(log._file._lock)


def make_frame(sequence: int, pixels: Pixels | None = None, opening: int = 0) -> Frame:
    """Returns a frame of 15 a second, captured now."""
    shown = noise(sequence) if pixels is None else pixels
    return Frame(
        RawPixels.of_pixels(shown),
        None,
        captured_ns=time.monotonic_ns(),
        captured_us=time.time_ns() // 1000,
        timeline_ns=sequence * STEP_NS,
        sequence=sequence,
        opening=opening,
    )


def noise(seed: int, width: int = 160, height: int = 120) -> Pixels:
    """Returns a picture in which every pixel that is destroyed shows."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Asks again and again until `condition` holds; fails where it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.005)


class ScriptedCamera:
    """An open camera that gives the pictures of a queue; None in it makes it fail."""

    description = "scripted"
    is_recording = False

    def __init__(self, pictures: SimpleQueue[Pixels | None]) -> None:
        self._pictures = pictures
        self._over = threading.Event()
        self._index = 0

    def read(self) -> Frame:
        while not self._over.is_set():
            try:
                pixels = self._pictures.get(timeout=0.02)
            except Empty:
                continue
            if pixels is None:
                break
            self._index += 1
            return Frame.captured(RawPixels.of_pixels(pixels))
        raise CameraFailedError(Fault.CUT)

    def interrupt(self) -> None:
        self._over.set()

    def close(self) -> None:
        self._over.set()


class ScriptedDetector:
    """Finds what it is told to find, and fails or hangs where it is told to."""

    min_score = 0.3
    long_side = 320

    def __init__(self, boxes: Iterable[tuple[float, ...]] = (), score: float = 0.9) -> None:
        self.found = [(box, score) for box in boxes]
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = threading.Event()
        self.looked_at: list[Picture] = []

    def detect(
        self, picture: Picture, min_score: float | None = None, timeout_s: float | None = None
    ) -> Detections:
        self.asked.set()
        self.looked_at = [*self.looked_at[-20:], picture]
        assert self.may_answer.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        kept = [(box, score) for box, score in self.found if score >= (min_score or 0)]
        boxes = np.array([box for box, _ in kept], np.float32).reshape(-1, 4)
        return Detections(boxes, np.array([score for _, score in kept], np.float32))


class ScriptedClassifier:
    """Judges every face as it is told to."""

    min_probability = 0.5

    def __init__(self, probabilities: tuple[float, float, float] = (0.05, 0.9, 0.05)) -> None:
        self.probabilities = probabilities
        self.error: Exception | None = None
        self.judged = 0

    def classify(self, picture: Picture, boxes: object) -> NDArray[np.float64]:
        if self.error is not None:
            raise self.error
        count = len(np.asarray(boxes))
        self.judged += count
        return np.array([self.probabilities] * count)


class Diary:
    """Remembers what a pipeline told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.all_seen: list[Seen] = []

    def seen(self, camera: str, timestamp_us: int, seen: Seen) -> None:
        self.all_seen.append(seen)

    def lost(self, camera: str) -> None:
        self.lines.append(f"{camera} lost")

    def back(self, camera: str) -> None:
        self.lines.append(f"{camera} back")


def models(detector: object, classifier: object | None = None) -> Models:
    """Puts models together with the default scores."""
    return Models(detector, 0.3, 0.05, classifier, 0.5)
