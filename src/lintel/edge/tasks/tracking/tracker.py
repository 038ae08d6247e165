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

# Boxes are made larger by this share of their sides before they are compared, first little, then
# more: Yang et al., Hard to Track Objects with Irregular Motions and Similar Appearances? Make It
# Easier by Buffering the Matching Space, 2023. Tracks are looked for where they are thought to be,
# and at last where they were seen: who walks may stop.
_PASSES = ((0.15, False), (0.5, False), (0.5, True))
_LEAST_OVERLAP = 0.15
# What an unseen face's cover grows on every side, in shares of its sides a second.
_GROWTH_A_SECOND = 0.4
# Beyond, a frame shows noise and not faces.
MOST_TRACKS = 256


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    """How faces are followed.

    Attributes:
        told_score: A track that was ever scored so is told of and held long; 0 to 1.
        start_score: A detection scored so begins a track, and is covered; 0 to 1.
        hold_s: Seconds that the cover of a face is held after it was last found.
        doubtful_hold_s: The same of what never scored as much as `told_score`.
    """

    told_score: float
    start_score: float
    hold_s: float = 1.5
    doubtful_hold_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.start_score <= self.told_score <= 1:
            raise InvalidArgumentError(
                "Scores must be from 0 to 1, and a track told of begins no lower than others.",
                field="start_score",
            )
        if not 0 <= self.doubtful_hold_s <= self.hold_s:
            raise InvalidArgumentError(
                "Doubtful faces must not be held longer than others.", field="doubtful_hold_s"
            )


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
        is_told: It was once scored as what is to be told of, not only covered.
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
        self._followed = [one for one in self._followed if now_s - one.seen_s <= self._hold(one)]
        left = self._continue(found, ranks)
        for index in left:
            if ranks[index] >= self._options.start_score:
                self._begin(found[index], float(ranks[index]))
        self._keep_in_bounds()
        return [followed.as_of(now_s) for followed in self._followed]

    def _continue(self, found: Corners, scores: NDArray[np.float64]) -> list[int]:
        """Gives detections to the tracks that they belong to; returns those of no track."""
        sure = scores >= self._options.told_score
        tracks = list(self._followed)
        left: list[int] = []
        for part in (np.flatnonzero(sure).tolist(), np.flatnonzero(~sure).tolist()):
            waiting: list[int] = part
            for buffer, as_seen in _PASSES:
                places = [track.seen_box if as_seen else track.motion.box for track in tracks]
                pairs = _pairs(places, found[waiting], buffer)
                for track_index, place in pairs:
                    index = waiting[place]
                    tracks[track_index].find(found[index], float(scores[index]), self._now_s)
                    tracks[track_index].is_told |= bool(sure[index])
                matched = {place for _, place in pairs}
                waiting = [index for place, index in enumerate(waiting) if place not in matched]
                taken = {track_index for track_index, _ in pairs}
                tracks = [track for place, track in enumerate(tracks) if place not in taken]
            left += waiting
        return left

    def _begin(self, box: Corners, score: float) -> None:
        is_told = score >= self._options.told_score
        self._followed.append(
            _Followed(self._next_id, Motion(box), box, score, self._now_s, is_told)
        )
        self._next_id += 1

    def _hold(self, followed: _Followed) -> float:
        return self._options.hold_s if followed.is_told else self._options.doubtful_hold_s

    def _keep_in_bounds(self) -> None:
        if len(self._followed) > MOST_TRACKS:
            self._followed.sort(key=lambda one: (one.seen_s, one.score), reverse=True)
            del self._followed[MOST_TRACKS:]
            self._crowded_until_s = self._now_s + self._options.hold_s


@dataclass(slots=True)
class _Followed:
    """What a tracker knows of a face."""

    id: int
    motion: Motion
    seen_box: Corners
    score: float
    seen_s: float
    is_told: bool

    def find(self, box: Corners, score: float, now_s: float) -> None:
        self.motion.correct(box)
        self.seen_box, self.score, self.seen_s = box, score, now_s

    def as_of(self, now_s: float) -> Track:
        thought = self.motion.box
        unseen_s = now_s - self.seen_s
        box = thought if unseen_s > 0 else self.seen_box
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


def _pairs(tracks: list[Corners], found: Corners, buffer: float) -> list[tuple[int, int]]:
    """Returns which tracks, by index, belong to which detections, by index."""
    if not tracks or not len(found):
        return []
    pairs = match(expand(np.array(tracks), buffer), expand(found, buffer), _LEAST_OVERLAP)
    return [(int(track), int(place)) for track, place in pairs]


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
