"""What the page tells of the device, as documents for browsers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from lintel.edge.cameras import CameraState
from lintel.edge.forecasts import Forecasts
from lintel.edge.page.signs import Sign, SignBoard
from lintel.edge.pipeline import CameraPipeline, DoorPipeline, Event, PipelineStatus
from lintel.edge.runtime import Runtime
from lintel.edge.series import Recorder

# How often anything is looked at, and how often numbers that always change are told.
LOOK_EVERY_S = 0.1
TELL_EVERY_S = 1.0
# A picture that is older is not taken for what is there now.
OLDEST_PICTURE_S = 5.0


@dataclass(frozen=True, slots=True)
class Sources:
    """What the page shows.

    Attributes:
        door: The cameras; None where there are none.
        runtime: The models.
        recorder: The way into the store of series; None where none are kept.
        forecasts: Forecasts them.
    """

    door: DoorPipeline | None
    runtime: Runtime
    recorder: Recorder | None
    forecasts: Forecasts


class CameraReport(msgspec.Struct):
    """How a camera is; see PipelineStatus and CameraStatus for what is not said here.

    Attributes:
        fault: Why it was lost, while it is; else None.
        picture_age_s: Age of the newest picture; None: there is none.
        stages_ms: Mean milliseconds of each stage, over all frames shown.
        covered_now: Why the newest frame is covered whole; None: it is not.
        counts: Whether people are counted, by lines or zones.
    """

    name: str
    sign: Sign
    state: CameraState
    fault: str | None
    state_age_s: float
    picture_age_s: float | None
    width: int
    height: int
    frame_rate_hz: float
    latency_ms: float
    latency_p99_ms: float
    stages_ms: dict[str, float]
    detect_every: int
    captured: int
    dropped: int
    damaged: int
    failed: int
    reopenings: int
    covered_whole: dict[str, int]
    covered_now: str | None
    counts: bool
    entered: int
    left: int
    inside: int


class ModelReport(msgspec.Struct):
    """How a model is; one with a problem is not used."""

    name: str
    version: str = ""
    backend: str = ""
    inferences: int = 0
    failures: int = 0
    problem: str = ""


class DeviceReport(msgspec.Struct):
    """How the device is."""

    version: str
    time_us: int
    started_us: int
    finds_faces: bool
    reads_masks: bool
    cameras: list[CameraReport]
    models: list[ModelReport]


class Happening(msgspec.Struct):
    """An event; `missed` are those before it that are no longer kept."""

    number: int
    time_us: int
    kind: str
    camera: str
    place: str
    missed: int


class Report(NamedTuple):
    """A report as it is sent.

    Attributes:
        number: Grows from report to report.
        document: JSON.
    """

    number: int
    document: bytes


class Reporter:
    """Reports how the device is, made once for all who ask; for the page's own thread.

    Args:
        sources: What is reported.
        version: Of Lintel.
        neutral_after_s: See SignBoard.
        counting: Names of the cameras that count people.
    """

    def __init__(
        self, sources: Sources, version: str, neutral_after_s: float, counting: frozenset[str]
    ) -> None:
        self._sources = sources
        self._version = version
        self._counting = counting
        self._started_us = time.time_ns() // 1000
        cameras = sources.door.cameras if sources.door is not None else {}
        self._boards = {
            name: SignBoard(neutral_after_s, reads_masks=sources.runtime.judges_masks)
            for name in cameras
        }
        self._report = Report(0, b"")
        self._urgent: object = None
        self._looked_s = self._told_s = float("-inf")

    def report(self) -> Report:
        """Returns the newest report.

        There is a new one every second, and at once where something changed that cannot wait, such
        as a sign.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            cameras = self._cameras(now_s)
            urgent = [(one.sign, one.state, one.inside, one.covered_now) for one in cameras]
            if urgent != self._urgent or now_s - self._told_s >= TELL_EVERY_S:
                self._urgent, self._told_s = urgent, now_s
                document = msgspec.json.encode(self._describe(cameras))
                self._report = Report(self._report.number + 1, document)
        return self._report

    def _describe(self, cameras: list[CameraReport]) -> DeviceReport:
        runtime = self._sources.runtime
        return DeviceReport(
            version=self._version,
            time_us=time.time_ns() // 1000,
            started_us=self._started_us,
            finds_faces=runtime.finds_faces,
            reads_masks=runtime.judges_masks,
            cameras=cameras,
            models=_models(runtime),
        )

    def _cameras(self, now_s: float) -> list[CameraReport]:
        door = self._sources.door
        if door is None:
            return []
        return [self._camera(door, camera, now_s) for camera in door.cameras.values()]

    def _camera(self, door: DoorPipeline, camera: CameraPipeline, now_s: float) -> CameraReport:
        status, latest, today = camera.status(), camera.latest, door.today(camera.name)
        source = status.camera
        age_s = None if latest is None else max(now_s - latest.captured_ns / 1e9, 0.0)
        is_lost = source.state in (CameraState.LOST, CameraState.ENDED)
        is_lost |= age_s is not None and age_s > OLDEST_PICTURE_S
        return CameraReport(
            name=camera.name,
            sign=self._boards[camera.name].update(latest, now_s, is_lost=is_lost),
            state=source.state,
            fault=source.fault if source.state is CameraState.LOST else None,
            state_age_s=round(source.state_age_s, 1),
            picture_age_s=None if age_s is None else round(age_s, 2),
            width=source.width,
            height=source.height,
            frame_rate_hz=round(status.frame_rate_hz, 1),
            latency_ms=round(status.latency_s * 1e3, 1),
            latency_p99_ms=round(status.latency_p99_s * 1e3, 1),
            stages_ms=_stages(status),
            detect_every=status.detect_every,
            captured=source.captured,
            dropped=status.dropped,
            damaged=source.damaged,
            failed=status.failed,
            reopenings=source.reopenings,
            covered_whole={str(reason): count for reason, count in status.covered_whole.items()},
            covered_now=latest.covered_whole if latest is not None else None,
            counts=camera.name in self._counting,
            entered=today.entered,
            left=today.left,
            inside=today.inside,
        )


def describe_event(event: Event, missed: int) -> bytes:
    """Writes an event as JSON."""
    happening = Happening(
        number=event.sequence_number,
        time_us=event.timestamp_us,
        kind=event.kind,
        camera=event.camera,
        place=event.place,
        missed=missed,
    )
    return msgspec.json.encode(happening)


def _stages(status: PipelineStatus) -> dict[str, float]:
    frames = max(status.shown, 1)
    return {str(stage): round(1e3 * spent / frames, 2) for stage, spent in status.stages_s.items()}


def _models(runtime: Runtime) -> list[ModelReport]:
    used = [
        ModelReport(
            name,
            model.package.manifest.version,
            f"{model.backend} ({model.variant.name})",
            model.counters.success_count,
            model.counters.failure_count,
        )
        for name, model in runtime.models.items()
    ]
    return used + [
        ModelReport(name, problem=error.message) for name, error in runtime.broken.items()
    ]
