"""Mask verdicts over a track: a sign at a door must not flicker."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lintel.edge.pipeline.results import MaskVerdict
from lintel.edge.tasks.masks import MaskState, mask_states

# What was read loses weight by e in this time: somebody may put a mask on.
_MEMORY_S = 1.5
# Readings until anything is said.
_ENOUGH = 3
# How much surer than `min_probability` another state has to be to take the place of one that was
# told, and how much less sure that one may become before it is taken back.
_HYSTERESIS = 0.1


@dataclass(slots=True)
class _Vote:
    """What was read of one track."""

    sums: NDArray[np.float64]
    weight: float
    readings: int
    read_s: float
    state: MaskState


class MaskVotes:
    """Averages what is read of masks over each track.

    Args:
        min_probability: What is less probable is not said.
        every_s: Seconds between two readings of a track that is decided; one that is not is read
            as often as there is time.
    """

    def __init__(self, min_probability: float, every_s: float) -> None:
        self._min_probability = min_probability
        self._every_s = every_s
        self._votes: dict[int, _Vote] = {}

    def due(self, tracks: Iterable[int], now_s: float, most: int) -> list[int]:
        """Chooses whose masks to read next.

        Args:
            tracks: Numbers of the tracks whose faces can be seen.
            now_s: The time of the frame, in seconds.
            most: How many there is time for.

        Returns:
            At most so many of them: those never read, then those read longest ago.
        """
        waiting = [track for track in tracks if self._is_due(track, now_s)]
        waiting.sort(key=lambda track: vote.read_s if (vote := self._votes.get(track)) else -1e18)
        return waiting[:most]

    def add(self, track: int, probabilities: NDArray[np.float64], now_s: float) -> MaskVerdict:
        """Takes in what was read of a face.

        Args:
            track: Number of its track.
            probabilities: (3,), in the order of MASK_LABELS.
            now_s: The time of the frame, in seconds.

        Returns:
            The verdict that now holds.
        """
        vote = self._votes.setdefault(track, _Vote(np.zeros(3), 0.0, 0, now_s, MaskState.UNSURE))
        kept = math.exp(-max(now_s - vote.read_s, 0) / _MEMORY_S)
        vote.sums = vote.sums * kept + probabilities
        vote.weight = vote.weight * kept + 1
        vote.readings += 1
        vote.read_s = now_s
        vote.state = self._decide(vote)
        return _verdict(vote)

    def verdict(self, track: int) -> MaskVerdict | None:
        """Returns the verdict on a track that holds; None where nothing was read of it."""
        vote = self._votes.get(track)
        return None if vote is None else _verdict(vote)

    def keep(self, tracks: Iterable[int]) -> None:
        """Forgets all other tracks."""
        known = set(tracks)
        self._votes = {track: vote for track, vote in self._votes.items() if track in known}

    def _is_due(self, track: int, now_s: float) -> bool:
        vote = self._votes.get(track)
        if vote is None or vote.state is MaskState.UNSURE:
            return True
        return now_s - vote.read_s >= self._every_s

    def _decide(self, vote: _Vote) -> MaskState:
        if vote.readings < _ENOUGH:
            return MaskState.UNSURE
        means = (vote.sums / vote.weight)[None]
        if vote.state is MaskState.UNSURE:
            return mask_states(means, self._min_probability)[0]
        [likeliest] = mask_states(means, 0.0)
        highest = float(means.max())
        if likeliest is vote.state:
            lowest = self._min_probability - _HYSTERESIS
            return vote.state if highest >= lowest else MaskState.UNSURE
        if highest >= self._min_probability + _HYSTERESIS:
            return likeliest
        return vote.state if highest >= self._min_probability else MaskState.UNSURE


def _verdict(vote: _Vote) -> MaskVerdict:
    worn, not_worn, incorrect = (vote.sums / vote.weight).tolist()
    return MaskVerdict(vote.state, (worn, not_worn, incorrect))
