"""One camera: its frames taken in, looked at, blurred and shown, each by a thread of its own."""

from __future__ import annotations

import logging
import math
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Protocol

from lintel.edge.cameras.frame import Frame
from lintel.edge.cameras.watching import CameraState, CameraStatus
from lintel.edge.pipeline.intake import Intake
from lintel.edge.pipeline.looking import Looker, Seen, Shot
from lintel.edge.pipeline.results import FrameResult, Reason, Stage
from lintel.edge.pipeline.showing import Shower
from lintel.edge.pipeline.viewers import Subscription, Viewers

logger = logging.getLogger("lintel.pipeline")

Slot = Callable[[], AbstractContextManager[None]]

# How often threads look up from waiting.
_PATIENCE_S = 0.1
_STOP_WITHIN_S = 2.0
# Frames that rates and latencies are taken over, and as many as the slowest of a hundred needs.
_MEASURED_FRAMES = 60
_COMPARED_FRAMES = 300


class Source(Protocol):
    """What frames come from; cameras.WatchedCamera is one."""

    def start(self) -> None:
        """Begins."""

    def stop(self) -> None:
        """Ends."""

    @property
    def is_over(self) -> bool:
        """Whether no more frames will come."""

    def take(self, timeout_s: float) -> Frame | None:
        """Returns the newest frame that was not taken; None where none comes in time."""

    def status(self) -> CameraStatus:
        """Tells how the camera is."""


class Listener(Protocol):
    """Who is told what happens at a camera; called by its threads, and not to take long."""

    def seen(self, camera: str, timestamp_us: int, seen: Seen) -> None:
        """Frames were looked at."""

    def lost(self, camera: str) -> None:
        """Frames no longer come."""

    def back(self, camera: str) -> None:
        """They come again."""


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """How a camera and the work on its frames are.

    Attributes:
        camera: How the camera is.
        dropped: Frames that gave way to newer ones, in the camera or after it.
        frame_rate_hz: Frames a second that were shown, over the last ones; 0 where none are.
        latency_s: Median seconds from capture to the blurred picture, over the last frames.
        latency_p99_s: What 99 of a hundred stayed within, over the last 300 frames.
        detect_every: Faces are looked for in every n-th frame.
        covered_whole: How many frames were covered whole, by reason.
        failed: Frames that could not even be covered, and were not shown.
        shown: Frames that were.
        stages_s: Seconds that went into them since the start, by stage.
    """

    camera: CameraStatus
    dropped: int
    frame_rate_hz: float
    latency_s: float
    latency_p99_s: float
    detect_every: int
    covered_whole: dict[Reason, int]
    failed: int
    shown: int
    stages_s: dict[Stage, float]


class CameraPipeline:
    """Works on the frames of a camera. Any thread may ask it.

    The newest frame wins: what there is no time for is dropped where it comes in. Looking and
    showing overlap, so that two cores have work; at most the frames of one look wait between
    them. While a look takes longer than `stall_s`, frames go past it and are covered whole.

    Args:
        source: Frames.
        looker: Looks at them.
        shower: Blurs them; has the name of the camera.
        listener: Told what happens.
        stall_s: Seconds that a look may take.
        keeps_all: Drop no frame: the camera waits instead.
        slot: Holds one of the device's places for work.
    """

    def __init__(
        self,
        source: Source,
        looker: Looker,
        shower: Shower,
        listener: Listener,
        *,
        stall_s: float,
        keeps_all: bool = False,
        slot: Slot = nullcontext,
    ) -> None:
        self.name = shower.camera
        self._source = source
        self._looker = looker
        self._shower = shower
        self._listener = listener
        self._stall_s = stall_s
        self._slot = slot
        self._keeps_all = keeps_all
        self._intake = Intake(keeps_all=keeps_all)
        self._seen: Queue[list[Shot]] = Queue(maxsize=1)
        self._viewers: Viewers[FrameResult] = Viewers()
        self._looking_since: float | None = None
        self._is_looking_over = False
        self._stopping = threading.Event()
        self._shown_sequence = -1
        self._times: deque[tuple[float, float]] = deque(maxlen=_COMPARED_FRAMES)
        self._covered_whole: Counter[Reason] = Counter()
        self._failed = self._shown = 0
        self._stages_ns = dict.fromkeys(Stage, 0)
        self._threads = [
            threading.Thread(target=work, name=f"{self.name}-{what}", daemon=True)
            for what, work in (
                ("intake", self._take_in),
                ("looking", self._look),
                ("showing", self._show),
            )
        ]

    @property
    def latest(self) -> FrameResult | None:
        """The newest frame, however old it is; None before the first."""
        return self._viewers.newest

    @property
    def is_over(self) -> bool:
        """Whether no more frames will come: it was stopped, or its recording has been shown."""
        return not self._threads[-1].is_alive() and self._threads[-1].ident is not None

    def start(self) -> None:
        """Begins."""
        self._source.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends; a look that hangs is left behind after some seconds."""
        self._stopping.set()
        self._source.stop()
        self._intake.close()
        deadline = time.monotonic() + _STOP_WITHIN_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(deadline - time.monotonic(), 0))
        self._viewers.close()

    def follow(
        self, *, with_pictures: bool, woken: Callable[[], object] | None = None
    ) -> Subscription[FrameResult]:
        """Begins to follow what comes of the frames.

        Args:
            with_pictures: Whether JPEG pictures will be asked for: they are then made before
                they are, at the pipeline's cost.
            woken: Called by the pipeline when there is something new, or it closed: for those who
                may not wait. It must return at once and never raise.

        Returns:
            Gives the newest frame that it has not given; closes when the camera ends.
        """
        return self._viewers.follow(with_pictures=with_pictures, woken=woken)

    def status(self) -> PipelineStatus:
        """Tells how the camera and the work are."""
        camera = self._source.status()
        times = list(self._times)
        newest = times[-_MEASURED_FRAMES:]
        latencies = [latency for _, latency in newest]
        return PipelineStatus(
            camera=camera,
            dropped=camera.dropped + self._intake.dropped,
            frame_rate_hz=_rate(newest) if camera.state is CameraState.STREAMING else 0.0,
            latency_s=statistics.median(latencies) if latencies else 0.0,
            latency_p99_s=_percentile_99([latency for _, latency in times]),
            detect_every=self._looker.rhythm.every,
            covered_whole=dict(self._covered_whole),
            failed=self._failed,
            shown=self._shown,
            stages_s={stage: spent / 1e9 for stage, spent in self._stages_ns.items()},
        )

    def _take_in(self) -> None:
        """Brings frames from the camera, and tells where it is lost."""
        was_lost = False
        while not self._stopping.is_set() and not self._source.is_over:
            frame = self._source.take(_PATIENCE_S)
            if frame is not None:
                self._intake.put(frame)
            is_lost = frame is None and self._source.status().state is CameraState.LOST
            if is_lost and not was_lost:
                self._listener.lost(self.name)
            if frame is not None and was_lost:
                self._listener.back(self.name)
            was_lost = is_lost or (was_lost and frame is None)
        self._intake.close()

    def _look(self) -> None:
        """Looks at frames, and hands them on."""
        while frames := self._intake.take(self._looker.rhythm.every):
            self._looking_since = time.monotonic()
            with self._slot():
                started_ns = time.monotonic_ns()
                seen = self._looker.look(frames)
            self._looking_since = None
            for shot in seen.shots:
                shot.stages_ns[Stage.WAIT] = started_ns - shot.frame.captured_ns
            self._listener.seen(self.name, frames[-1].captured_us, seen)
            if not self._hand_on(seen.shots):
                break
        self._is_looking_over = True

    def _hand_on(self, shots: list[Shot]) -> bool:
        """Waits until there is room for what was seen; returns whether there ever was."""
        while not self._stopping.is_set():
            try:
                self._seen.put(shots, timeout=_PATIENCE_S)
                return True
            except Full:
                continue
        return False

    def _show(self) -> None:
        """Blurs what was seen, and what goes past a look that takes too long."""
        while not self._stopping.is_set():
            try:
                shots = self._seen.get(timeout=min(_PATIENCE_S, self._stall_s / 2))
            except Empty:
                if self._is_looking_over and self._seen.empty():
                    break
                # A recording that is played as fast as it can be waits for the look instead.
                if not self._keeps_all:
                    self._show_past()
                continue
            for shot in shots:
                self._publish(shot)
        self._viewers.close()

    def _show_past(self) -> None:
        """Covers frames whole for as long as a look takes too long."""
        if self._is_stalled():
            logger.warning("looking at frames of %s takes too long: they are covered", self.name)
        while self._is_stalled() and not self._stopping.is_set():
            if not self._intake.wait(_PATIENCE_S):
                if not self._intake.is_open:
                    self._stopping.wait(_PATIENCE_S)
                continue
            # The look may have ended meanwhile: the frame is its then.
            frame = self._intake.take_newest() if self._is_stalled() else None
            if frame is not None:
                self._publish(Shot(frame, covered_whole=Reason.DETECTION_STALLED))

    def _is_stalled(self) -> bool:
        since = self._looking_since
        return since is not None and time.monotonic() - since >= self._stall_s

    def _publish(self, shot: Shot) -> None:
        """Blurs a frame and gives it to all who follow, unless a later one was given already."""
        if shot.frame.sequence <= self._shown_sequence:
            return
        with self._slot():
            result = self._shower.show(shot, encode=self._viewers.want_pictures)
        if result is None:
            self._failed += 1
            return
        self._shown_sequence = shot.frame.sequence
        if result.covered_whole is not None:
            self._covered_whole[result.covered_whole] += 1
        self._shown += 1
        for stage, spent_ns in result.times.stages_ns.items():
            self._stages_ns[stage] += spent_ns
        self._times.append((time.monotonic(), result.times.latency_ns / 1e9))
        self._viewers.tell(result)


def _rate(times: list[tuple[float, float]]) -> float:
    elapsed_s = times[-1][0] - times[0][0] if times else 0.0
    return (len(times) - 1) / elapsed_s if elapsed_s > 0 else 0.0


def _percentile_99(values: list[float]) -> float:
    """Returns the least of the values that at least 99 of a hundred of them do not exceed."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1] if values else 0.0
