"""What came of a frame: faces that are followed, and a picture that is safe to show."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintel.edge.images import ImageFormat, encode
from lintel.edge.tasks.masks import MaskState

Pixels = NDArray[np.uint8]


class MaskVerdict(NamedTuple):
    """Whether a face wears a mask, voted over its track.

    Attributes:
        state: What is to be said; it does not flicker as single frames do.
        probabilities: Means over the track, in the order of MASK_LABELS; they sum to 1.
    """

    state: MaskState
    probabilities: tuple[float, float, float]


class TrackedFace(NamedTuple):
    """A face in a frame.

    Attributes:
        track_id: The same face in other frames of the camera has the same.
        box: x_min, y_min, x_max, y_max in pixels of the full picture, within it.
        score: Of the detection that it was last found by, 0 to 1.
        unseen_s: Seconds since it was last found; 0: in this frame.
        mask: Whether it wears a mask; None where nobody looked yet, or no masks are read.
    """

    track_id: int
    box: tuple[float, float, float, float]
    score: float
    unseen_s: float
    mask: MaskVerdict | None


class Stage(StrEnum):
    """What the time of a frame goes into; WAIT is from its capture until it is looked at."""

    WAIT = "wait"
    DETECT = "detect"
    TRACK = "track"
    MASKS = "masks"
    BLUR = "blur"
    ENCODE = "encode"


class Reason(StrEnum):
    """Why a frame was covered whole."""

    DETECTION_FAILED = "DETECTION_FAILED"
    DETECTION_STALLED = "DETECTION_STALLED"
    TOO_MANY_FACES = "TOO_MANY_FACES"
    TOO_LONG_UNSEEN = "TOO_LONG_UNSEEN"
    BLUR_FAILED = "BLUR_FAILED"


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Where the time of a frame went.

    Attributes:
        stages_ns: By stage, nanoseconds of the monotonic clock; stages that did not run are
            missing. Frames between two that were looked at have no DETECT, TRACK and MASKS.
        latency_ns: From capture to the blurred picture, encoded where somebody follows pictures.
    """

    stages_ns: dict[Stage, int]
    latency_ns: int


class BlurredPicture:
    """A picture whose faces are destroyed. Any thread may use it.

    Args:
        pixels: (H, W) or (H, W, 3) blue, green, red; given away.
        quality: Of `jpeg`.
    """

    def __init__(self, pixels: Pixels, quality: int) -> None:
        self._pixels = pixels
        self._quality = quality
        self._jpeg: bytes | None = None
        self._lock = threading.Lock()

    def jpeg(self) -> bytes:
        """Returns the picture as JPEG; encoded once, by whoever asks first, for all."""
        with self._lock:
            if self._jpeg is None:
                self._jpeg = encode(self._pixels, ImageFormat.JPEG, self._quality)
            return self._jpeg

    def encode(self, format: ImageFormat, quality: int) -> bytes:  # noqa: A002
        """Encodes it otherwise; see images.encode, whose errors it raises."""
        return encode(self._pixels, format, quality)


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What came of a frame.

    Attributes:
        camera: Name of the camera.
        sequence_number: Grows from frame to frame; those between were dropped.
        captured_us: When it was captured, in microseconds since 1970 UTC.
        captured_ns: The same by the monotonic clock, in nanoseconds.
        width: Pixels in a row.
        height: Rows.
        faces: The faces that are told of, in the order of their tracks; with `covered_whole`
            none.
        picture: The frame, blurred.
        covered_whole: Why the whole frame was covered; None where it was not.
        times: Where the time went.
    """

    camera: str
    sequence_number: int
    captured_us: int
    captured_ns: int
    width: int
    height: int
    faces: tuple[TrackedFace, ...]
    picture: BlurredPicture
    covered_whole: Reason | None
    times: FrameTimes
