"""From the faces of single frames to faces that are followed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.geometry import as_boxes, expand, match
from lintel.edge.tasks.tracking.motion import Corners, Motion

Box: TypeAlias = tuple[float, float, float, float]


class _Pass(NamedTuple):
    """A way of giving detections to tracks.

    Attributes:
        sure: Whether it is for sure detections, or for doubtful ones.
        buffer: What boxes are made larger by first, as a share of their sides: Yang et al., Hard
            to Track Objects with Irregular Motions and Similar Appearances? Make It Easier by
            Buffering the Matching Space, 2023.
        least: How far boxes have to overlap then, 0 to 1.
        as_seen: Whether tracks are looked for where they were seen last, rather than where they
            are thought to be: who walks may stop.
    """

    sure: bool
    buffer: float
    least: float
    as_seen: bool = False


# A doubtful box may be anything near a face: it has to fit.
_PASSES = (
    _Pass(sure=True, buffer=0.15, least=0.15),
    _Pass(sure=True, buffer=0.5, least=0.15),
    _Pass(sure=True, buffer=0.5, least=0.15, as_seen=True),
    _Pass(sure=False, buffer=0.15, least=0.4),
)
# Of two boxes on one head, one has this share of the smaller in common with the other.
_SHADOW = 0.6
# What an unseen face's cover grows on every side, in shares of its sides a second.
_GROWTH_A_SECOND = 0.4
# Beyond, a frame shows noise and not faces.
MOST_TRACKS = 256


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    """How faces are followed.

    Attributes:
        told_score: A track that was ever scored so is told of; 0 to 1.
        start_score: A detection scored so begins a track, and is covered; 0 to 1.
        hold_s: Seconds that the cover of a face is held after it was last found.
    """

    told_score: float
    start_score: float
    hold_s: float = 1.5

    def __post_init__(self) -> None:
        if not 0 <= self.start_score <= self.told_score <= 1:
            raise InvalidArgumentError(
                "Scores must be from 0 to 1, and a track told of begins no lower than others.",
                field="start_score",
            )
        if not 0 <= self.hold_s < np.inf:
            raise InvalidArgumentError("Faces are held for 0 seconds or more.", field="hold_s")


class Track(NamedTuple):
    """A face that is followed, as of one frame.

    Attributes:
        id: Its number, from 1; never given twice by one tracker.
        box: Where the face was found in this frame, or is thought to be: x_min, y_min, x_max,
            y_max in pixels. May reach beyond the picture.
        cover: What to cover, likewise; holds the box and, in a frame where the face was found,
            what was found.
        score: Of the detection that it was last found by, 0 to 1.
        unseen_s: Seconds since then; 0: it was found in this frame.
        is_told: It was once scored as what is to be told of, not only covered, and was no second
            box on the head of another that is.
    """

    id: int
    box: Box
    cover: Box
    score: float
    unseen_s: float
    is_told: bool


class Tracker:
    """Follows the faces of one camera; for one thread at a time.

    Detections are given in two parts as in ByteTrack (Zhang et al., ByteTrack: Multi-Object
    Tracking by Associating Every Detection Box, 2022): sure ones find their tracks first, and
    doubtful ones continue the tracks that are left. Unlike there doubtful ones begin tracks too,
    as long as they score enough to be covered: a wall that is covered is better than a face that
    is not.

    Args:
        options: How.
    """

    def __init__(self, options: TrackingOptions) -> None:
        self._options = options
        self._followed: list[_Followed] = []
        self._next_id = 1
        self._now_s = -np.inf
        self._crowded_until_s = -np.inf

    @property
    def is_crowded(self) -> bool:
        """Whether there were more faces than can be followed: covers may be missing."""
        return self._now_s <= self._crowded_until_s

    def clear(self) -> None:
        """Lets all faces go; numbers are not given again."""
        self._followed = []
        self._now_s = self._crowded_until_s = -np.inf

    def update(self, boxes: ArrayLike, scores: ArrayLike, now_s: float) -> list[Track]:
        """Takes in the detections of a frame.

        Args:
            boxes: (N, 4), x_min, y_min, x_max, y_max in pixels.
            scores: (N,), 0 to 1. Those below `start_score` only continue tracks.
            now_s: When the frame was captured, in seconds of any clock; not before the last one.

        Returns:
            All faces that are followed, those not found in this frame too.

        Raises:
            InvalidArgumentError: The boxes are no boxes, the scores not one a box, or time went
                backwards.
        """
        found = _in_order(as_boxes(boxes).astype(np.float64))
        ranks = np.asarray(scores, np.float64)
        if ranks.shape != (len(found),) or np.isnan(ranks).any():
            raise InvalidArgumentError("Scores must be one number a box.", field="scores")
        if not now_s >= self._now_s:
            raise InvalidArgumentError("Frames must come in the order of time.", field="now_s")
        for followed in self._followed:
            followed.motion.move(now_s - self._now_s, seen=followed.seen_s == self._now_s)
        self._now_s = now_s
        self._followed = [
            one for one in self._followed if now_s - one.seen_s <= self._options.hold_s
        ]
        left = self._continue(found, ranks)
        for index in left:
            if ranks[index] >= self._options.start_score:
                self._begin(found[index], float(ranks[index]))
        self._tell()
        self._keep_in_bounds()
        return [followed.as_of(now_s) for followed in self._followed]

    def _continue(self, found: Corners, scores: NDArray[np.float64]) -> list[int]:
        """Gives detections to the tracks that they belong to; returns those of no track."""
        sure = scores >= self._options.told_score
        tracks = list(self._followed)
        left = list(range(len(found)))
        for each in _PASSES:
            places = [one.seen_box if each.as_seen else one.motion.box for one in tracks]
            waiting = [index for index in left if sure[index] == each.sure]
            pairs = _pairs(places, found[waiting], each)
            for track, place in pairs:
                tracks[track].find(found[waiting[place]], scores[waiting[place]], self._now_s)
            given = {waiting[place] for _, place in pairs}
            left = [index for index in left if index not in given]
            taken = {track for track, _ in pairs}
            tracks = [one for at, one in enumerate(tracks) if at not in taken]
        # The same head may be found as a smaller or a larger box all at once.
        for index in [index for index in left if sure[index]]:
            on_it = [one for one in tracks if _is_shadow(found[index], [one.motion.box])]
            if on_it:
                on_it[0].find(found[index], scores[index], self._now_s)
                tracks.remove(on_it[0])
                left.remove(index)
        return left

    def _begin(self, box: Corners, score: float) -> None:
        self._followed.append(_Followed(self._next_id, Motion(box), box, score, self._now_s))
        self._next_id += 1

    def _tell(self) -> None:
        """Begins to tell of what scored enough now, but of no head twice."""
        told = [one.place(self._now_s) for one in self._followed if one.is_told]
        for one in sorted(self._followed, key=lambda one: -one.score):
            is_sure = one.seen_s == self._now_s and one.score >= self._options.told_score
            if is_sure and not one.is_told and not _is_shadow(one.seen_box, told):
                one.is_told = True
                told.append(one.seen_box)

    def _keep_in_bounds(self) -> None:
        if len(self._followed) > MOST_TRACKS:
            self._followed.sort(key=lambda one: (one.seen_s, one.score), reverse=True)
            del self._followed[MOST_TRACKS:]
            self._crowded_until_s = self._now_s + self._options.hold_s


@dataclass(slots=True, eq=False)
class _Followed:
    """What a tracker knows of a face."""

    id: int
    motion: Motion
    seen_box: Corners
    score: float
    seen_s: float
    is_told: bool = False

    def find(self, box: Corners, score: float, now_s: float) -> None:
        self.motion.correct(box)
        self.seen_box, self.score, self.seen_s = box, float(score), now_s

    def place(self, now_s: float) -> Corners:
        """Where it was found in the frame of now, or is thought to be."""
        return self.seen_box if self.seen_s == now_s else self.motion.box

    def as_of(self, now_s: float) -> Track:
        thought = self.motion.box
        unseen_s = now_s - self.seen_s
        box = self.place(now_s)
        # Whoever is not seen may have stopped, or gone on as before.
        cover = _grow(_hull([thought, self.seen_box]), thought, unseen_s)
        return Track(self.id, _as_box(box), _as_box(cover), self.score, unseen_s, self.is_told)


def covers_between(
    before: Sequence[Track], after: Sequence[Track], seconds_before: float, seconds_after: float
) -> list[Box]:
    """Returns what to cover in a frame between two that were looked at.

    A face of both is covered wherever it may have been on its way; one of the first alone as it
    was; one of the second alone as if it had been there already.

    Args:
        before: The tracks of the frame before.
        after: The tracks of the frame after, of the same tracker.
        seconds_before: From the frame before to this one.
        seconds_after: From this one to the frame after.
    """
    earlier = {track.id: track for track in before}
    covers = []
    for track in after:
        cover = np.array(track.cover)
        if track.id in earlier:
            covers.append(_as_box(_hull([cover, np.array(earlier.pop(track.id).cover)])))
        else:
            covers.append(_as_box(_grow(cover, np.array(track.box), seconds_after)))
    for track in earlier.values():
        cover = np.array(track.cover)
        covers.append(_as_box(_grow(cover, np.array(track.box), seconds_before)))
    return covers


def _pairs(tracks: list[Corners], found: Corners, way: _Pass) -> list[tuple[int, int]]:
    """Returns which tracks, by index, belong to which detections, by index."""
    if not tracks or not len(found):
        return []
    larger = expand(np.array(tracks), way.buffer), expand(found, way.buffer)
    return [(int(track), int(place)) for track, place in match(*larger, way.least)]


def _is_shadow(box: Corners, others: list[Corners]) -> bool:
    """Tells whether a box lies mostly on another, or another on it."""
    for other in others:
        sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
        smaller = min(np.prod(box[2:] - box[:2]), np.prod(other[2:] - other[:2]))
        if (sides > 0).all() and np.prod(sides) >= _SHADOW * smaller:
            return True
    return False


def _in_order(boxes: Corners) -> Corners:
    """Puts corners in the wrong order in order, as blur does."""
    one, other = boxes[:, :2], boxes[:, 2:]
    return np.hstack([np.minimum(one, other), np.maximum(one, other)])


def _hull(boxes: Iterable[Corners]) -> Corners:
    corners = np.array(list(boxes))
    return np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])


def _grow(cover: Corners, box: Corners, seconds: float) -> Corners:
    """Makes a cover larger by what its face may have moved in a time."""
    reach = _GROWTH_A_SECOND * seconds * (box[2:] - box[:2])
    return np.concatenate([cover[:2] - reach, cover[2:] + reach])


def _as_box(corners: Corners) -> Box:
    x_min, y_min, x_max, y_max = corners.tolist()
    return x_min, y_min, x_max, y_max
