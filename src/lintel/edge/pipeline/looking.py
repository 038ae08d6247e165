"""Looking at frames: faces found, followed, counted, and their masks read."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from lintel.edge.cameras.frame import Frame
from lintel.edge.errors import LintelError
from lintel.edge.geometry import clip
from lintel.edge.images import Picture
from lintel.edge.pipeline.counting import Counter, Crossing
from lintel.edge.pipeline.results import MaskVerdict, Reason, Stage, TrackedFace
from lintel.edge.pipeline.rhythm import Rhythm
from lintel.edge.pipeline.votes import MaskVotes
from lintel.edge.tasks.faces import FaceDetector
from lintel.edge.tasks.masks import MaskClassifier, MaskState
from lintel.edge.tasks.tracking import Box, Track, Tracker, TrackingOptions, covers_between

logger = logging.getLogger("lintel.pipeline")

# Frames between two looks farther apart than this are covered whole, whatever was followed.
_LONGEST_GAP_NS = 500_000_000
# What is said of a mask but once of each track.
_TELLING = (MaskState.NOT_WORN, MaskState.WORN_INCORRECTLY)


@dataclass(slots=True)
class Shot:
    """A frame that was looked at, or lies between two that were, ready to be blurred.

    Attributes:
        frame: The frame.
        picture: Its pixels in full, where they were needed already.
        covers: What to cover, in pixels of the full picture.
        faces: What is told of.
        covered_whole: Why all of it is to be covered; None: the covers do.
        stages_ns: Where its time went so far.
    """

    frame: Frame
    picture: Picture | None = None
    covers: list[Box] = field(default_factory=list)
    faces: tuple[TrackedFace, ...] = ()
    covered_whole: Reason | None = None
    stages_ns: dict[Stage, int] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Adds the time of the enclosed work to a stage, also where it fails."""
        start = time.perf_counter_ns()
        try:
            yield
        finally:
            spent = time.perf_counter_ns() - start
            self.stages_ns[stage] = self.stages_ns.get(stage, 0) + spent

    def full(self) -> Picture:
        """Returns the pixels in full; they are the shot's own.

        Raises:
            LintelError: The frame cannot be unpacked.
        """
        if self.picture is None:
            self.picture = self.frame.pixels.to_picture()
        return self.picture


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a look.

    Attributes:
        shots: The frames, in order.
        crossings: Who went over a line.
        masks: Verdicts that were reached for the first time, by the number of the track.
    """

    shots: list[Shot]
    crossings: list[Crossing]
    masks: list[tuple[int, MaskVerdict]]


@dataclass(frozen=True, slots=True)
class Models:
    """What looks.

    Attributes:
        detector: Finds faces.
        told_score: Faces scored so are told of.
        cover_score: Faces scored so are covered.
        classifier: Reads masks; None where none are read.
        min_probability: States of masks that are less probable are not said.
    """

    detector: FaceDetector
    told_score: float
    cover_score: float
    classifier: MaskClassifier | None
    min_probability: float


class Looker:
    """Looks at the frames of one camera; for one thread at a time.

    Faces are looked for in the last of the frames that are given together; those before it lie
    between two looks and wait for it, so that nobody who is seen in either goes uncovered in
    between. Only who comes and goes again between two looks, in fewer than n frames, is not seen.

    Args:
        models: What looks.
        counter: Counts.
        rhythm: Told how long looks take.
        hold_s: Seconds that a face is covered after it was last found.
        mask_every_s: Seconds between two readings of a mask that is decided.

    Attributes:
        rhythm: As given.
    """

    def __init__(
        self, models: Models, counter: Counter, rhythm: Rhythm, hold_s: float, mask_every_s: float
    ) -> None:
        self._models = models
        self._counter = counter
        self.rhythm = rhythm
        # What does not score enough to be told of is covered, and held, all the same.
        start_score = min(models.cover_score, models.told_score)
        self._tracker = Tracker(TrackingOptions(models.told_score, start_score, hold_s))
        # Less is noise: the calibrated score of no face at all is not far below.
        self._least_score = start_score
        self._votes = MaskVotes(models.min_probability, mask_every_s)
        self._told: set[tuple[int, MaskState]] = set()
        self._before: list[Track] = []
        self._last: Frame | None = None
        # How long nobody looked, in all: the tracker's clock stands still meanwhile, so that who
        # was covered before is not taken for gone.
        self._blind_s = 0.0

    def look(self, frames: Sequence[Frame]) -> Seen:
        """Looks at frames.

        Args:
            frames: At least one, of one opening, in order; those given before came before them.

        Returns:
            A shot for each. Where looking failed, all are to be covered whole.
        """
        shots = [Shot(frame) for frame in frames]
        try:
            return self._look(shots)
        except Exception as error:
            # Whatever it was: nobody knows where the faces are.
            if not isinstance(error, LintelError):
                logger.exception("looking for faces failed unexpectedly")
            for shot in shots:
                shot.covered_whole, shot.faces = Reason.DETECTION_FAILED, ()
            return Seen(shots, [], [])

    def _look(self, shots: list[Shot]) -> Seen:
        newest = shots[-1]
        frame, last = newest.frame, self._last
        if last is not None and (
            frame.opening != last.opening or frame.timeline_ns < last.timeline_ns
        ):
            # Whatever was followed is not where it was.
            self._tracker.clear()
            self._before, last = [], None
        now_s = frame.timeline_ns / 1e9
        with newest.measure(Stage.DETECT):
            small = _small_picture(newest)
            found = self._models.detector.detect(small, self._least_score)
        # Only now: of looks that failed there is no end of being blind.
        is_blind = last is not None and _is_blind(last, frame)
        if last is not None and is_blind:
            self._blind_s += (frame.timeline_ns - last.timeline_ns - _LONGEST_GAP_NS) / 1e9
        with newest.measure(Stage.TRACK):
            tracks = self._tracker.update(found.boxes, found.scores, now_s - self._blind_s)
            size = frame.pixels.width, frame.pixels.height
            crossings = self._counter.count(tracks, size)
        if last is not None:
            spent_ns = newest.stages_ns[Stage.DETECT] + newest.stages_ns[Stage.TRACK]
            passed = max(frame.sequence - last.sequence, 1)
            interval_ns = (frame.timeline_ns - last.timeline_ns) / passed
            self.rhythm.looked(spent_ns / 1e9, interval_ns / 1e9)
        masks = self._read_masks(newest, tracks, now_s)
        self._fill(shots, tracks, last)
        if is_blind and self._before:
            # Whoever was there may be anywhere by now, and one look may miss them.
            newest.covered_whole, newest.faces = Reason.TOO_LONG_UNSEEN, ()
        self._before, self._last = tracks, frame
        return Seen(shots, crossings, masks)

    def _read_masks(
        self, shot: Shot, tracks: Sequence[Track], now_s: float
    ) -> list[tuple[int, MaskVerdict]]:
        """Reads as many masks as there is time for; returns verdicts reached for the first time."""
        self._votes.keep(track.id for track in tracks)
        self._told = {told for told in self._told if self._votes.verdict(told[0]) is not None}
        classifier = self._models.classifier
        if classifier is None:
            return []
        boxes = {track.id: track.box for track in tracks if track.is_told and track.unseen_s == 0}
        due = self._votes.due(boxes, now_s, self.rhythm.mask_readings())
        if not due:
            return []
        reached: list[tuple[int, MaskVerdict]] = []
        started = time.perf_counter()
        with shot.measure(Stage.MASKS):
            try:
                probabilities = classifier.classify(shot.full(), [boxes[track] for track in due])
            except LintelError as error:
                # Nothing private hangs on it: the verdicts so far hold.
                logger.warning("masks could not be read: %s", error.message)
                return []
        self.rhythm.read_mask((time.perf_counter() - started) / len(due))
        for track, row in zip(due, probabilities, strict=True):
            verdict = self._votes.add(track, row, now_s)
            if verdict.state in _TELLING and (track, verdict.state) not in self._told:
                self._told.add((track, verdict.state))
                reached.append((track, verdict))
        return reached

    def _fill(self, shots: list[Shot], tracks: list[Track], last: Frame | None) -> None:
        """Says of every frame what to cover and what to tell."""
        newest = shots[-1]
        end_ns = newest.frame.timeline_ns
        for shot in shots[:-1]:
            if last is None or end_ns - last.timeline_ns > _LONGEST_GAP_NS:
                shot.covered_whole = Reason.TOO_LONG_UNSEEN
                continue
            now_ns = shot.frame.timeline_ns
            since_s, until_s = (now_ns - last.timeline_ns) / 1e9, (end_ns - now_ns) / 1e9
            shot.covers = covers_between(self._before, tracks, since_s, until_s)
            share = since_s / (since_s + until_s) if since_s + until_s > 0 else 1.0
            shot.faces = self._told_of(_boxes_between(self._before, tracks, share), shot.frame)
        newest.covers = [track.cover for track in tracks]
        newest.faces = self._told_of(tracks, newest.frame)
        if self._tracker.is_crowded:
            for shot in shots:
                shot.covered_whole, shot.faces = Reason.TOO_MANY_FACES, ()

    def _told_of(self, tracks: Sequence[Track], frame: Frame) -> tuple[TrackedFace, ...]:
        told = [track for track in tracks if track.is_told]
        boxes = clip([track.box for track in told], frame.pixels.width, frame.pixels.height)
        return tuple(
            TrackedFace(
                track.id, _as_box(box), track.score, track.unseen_s, self._votes.verdict(track.id)
            )
            for track, box in zip(told, boxes.tolist(), strict=True)
        )


def _is_blind(last: Frame, frame: Frame) -> bool:
    """Tells whether frames between two looks went unseen for too long; slow cameras have none."""
    passed = frame.sequence - last.sequence
    return passed > 1 and frame.timeline_ns - last.timeline_ns > _LONGEST_GAP_NS


def _small_picture(shot: Shot) -> Picture:
    """Returns what faces are looked for in: the camera's small copy, where it makes one."""
    small, full = shot.frame.small, shot.frame.pixels
    if small is None:
        return shot.full()
    return replace(small.to_picture(), width=full.width, height=full.height)


def _boxes_between(before: Sequence[Track], after: Sequence[Track], share: float) -> list[Track]:
    """Returns the tracks of two looks as of a frame between, at a share of the way."""
    earlier = {track.id: track for track in before}
    between = []
    for track in after:
        start = earlier.get(track.id)
        if start is not None:
            box = (1 - share) * np.array(start.box) + share * np.array(track.box)
            between.append(track._replace(box=_as_box(box.tolist())))
    return between


def _as_box(corners: Sequence[float]) -> Box:
    x_min, y_min, x_max, y_max = corners
    return x_min, y_min, x_max, y_max
