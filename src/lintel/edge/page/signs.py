"""The sign of the kiosk: one word for who stands at the door."""

from __future__ import annotations

from enum import StrEnum

from lintel.edge.pipeline import FrameResult
from lintel.edge.tasks.masks import MaskState

# A face that was not found for longer is held for its cover's sake alone.
_SEEN_WITHIN_S = 0.5
# What is said changes when something else has held for so long, so that a sign never flickers...
_SETTLES_AFTER_S = 0.3
# ...and takes longer to be taken back than to be said.
_DOUBTED_AFTER_S = 1.0


class Sign(StrEnum):
    """What the sign says."""

    WELCOME = "welcome"
    MOMENT = "moment"
    WORN = "worn"
    INCORRECT = "incorrect"
    NOT_WORN = "not-worn"
    BLIND = "blind"


# The worst first: of several people, that one is spoken to.
_DECIDED = {
    MaskState.NOT_WORN: Sign.NOT_WORN,
    MaskState.WORN_INCORRECTLY: Sign.INCORRECT,
    MaskState.WORN: Sign.WORN,
}


class SignBoard:
    """Decides what to show for one camera; for one thread.

    Args:
        neutral_after_s: Seconds that a sign stays after the last face was seen.
        reads_masks: Whether anybody reads masks; the sign is always neutral otherwise.
    """

    def __init__(self, neutral_after_s: float, *, reads_masks: bool) -> None:
        self._neutral_after_s = neutral_after_s
        self._reads_masks = reads_masks
        self._shown: Sign | None = None
        self._wanted = Sign.WELCOME
        self._wanted_since_s = 0.0
        self._face_seen_s = float("-inf")

    def update(self, result: FrameResult | None, now_s: float, *, is_lost: bool) -> Sign:
        """Takes in the newest frame.

        Args:
            result: The frame; None where there is none yet.
            now_s: Seconds of a clock that never jumps.
            is_lost: Whether the frame is old because the camera gives none.

        Returns:
            What to show now.
        """
        wanted = self._judge(result, now_s, is_lost=is_lost)
        if wanted is not self._wanted:
            self._wanted, self._wanted_since_s = wanted, now_s
        if self._shown is None or now_s - self._wanted_since_s >= self._patience_s():
            self._shown = wanted
        return self._shown

    def _judge(self, result: FrameResult | None, now_s: float, *, is_lost: bool) -> Sign:
        if is_lost:
            return Sign.BLIND
        if not self._reads_masks:
            return Sign.WELCOME
        seen = [face for face in result.faces if face.unseen_s <= _SEEN_WITHIN_S] if result else []
        if not seen:
            was_there = now_s - self._face_seen_s < self._neutral_after_s
            return self._wanted if was_there and self._wanted is not Sign.BLIND else Sign.WELCOME
        self._face_seen_s = now_s
        states = {face.mask.state for face in seen if face.mask is not None}
        return next((sign for state, sign in _DECIDED.items() if state in states), Sign.MOMENT)

    def _patience_s(self) -> float:
        is_doubt = self._wanted is Sign.MOMENT and self._shown in _DECIDED.values()
        return _DOUBTED_AFTER_S if is_doubt else _SETTLES_AFTER_S
