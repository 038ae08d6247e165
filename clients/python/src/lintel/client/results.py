"""What a device tells of a picture, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from lintel.v1 import face_pb2, statistics_pb2

ChannelName = Literal["grey", "red", "green", "blue"]
CHANNEL_NAMES: dict[int, ChannelName] = {
    statistics_pb2.CHANNEL_GREY: "grey",
    statistics_pb2.CHANNEL_RED: "red",
    statistics_pb2.CHANNEL_GREEN: "green",
    statistics_pb2.CHANNEL_BLUE: "blue",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the picture, after its EXIF orientation; x right, y down.

    Attributes:
        x_min: Left edge.
        y_min: Top edge.
        x_max: Right edge.
        y_max: Bottom edge.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y_max - self.y_min


class MaskState(StrEnum):
    """What is to be said of a face and its mask; the values are the labels of CSV files."""

    WORN = "with_mask"
    """Over mouth and nose."""
    NOT_WORN = "without_mask"
    """No mask."""
    WORN_INCORRECTLY = "incorrect_mask"
    """A mask that leaves the nose, the mouth or the chin bare."""
    UNSURE = "unsure"
    """No state is as probable as was asked for."""


MASK_STATES: dict[int, MaskState] = {
    face_pb2.MASK_STATE_WORN: MaskState.WORN,
    face_pb2.MASK_STATE_NOT_WORN: MaskState.NOT_WORN,
    face_pb2.MASK_STATE_WORN_INCORRECTLY: MaskState.WORN_INCORRECTLY,
    face_pb2.MASK_STATE_UNSURE: MaskState.UNSURE,
}


@dataclass(frozen=True, slots=True)
class MaskVerdict:
    """Whether a face wears a mask. The probabilities sum to 1 and are calibrated.

    Attributes:
        state: The likeliest state, or UNSURE.
        worn_probability: That a mask is worn over mouth and nose.
        not_worn_probability: That no mask is worn.
        worn_incorrectly_probability: That a mask is worn, but not properly.
    """

    state: MaskState
    worn_probability: float
    not_worn_probability: float
    worn_incorrectly_probability: float

    @property
    def probability(self) -> float:
        """The largest of the three: that of `state`, unless that is UNSURE."""
        return max(
            self.worn_probability, self.not_worn_probability, self.worn_incorrectly_probability
        )


@dataclass(frozen=True, slots=True)
class Face:
    """One face.

    Attributes:
        box: Where it is.
        score: How sure the detector is, 0 to 1; 1 where nobody looked for it.
        mask: Whether it wears a mask; None where nobody asked.
        track_id: The same face in other frames of a camera has the same; 0 where it is in none.
    """

    box: Box
    score: float
    mask: MaskVerdict | None = None
    track_id: int = 0


@dataclass(frozen=True, slots=True)
class FaceDetections:
    """The faces of one picture.

    Attributes:
        faces: Best first, or in the order of the boxes that were given; none is an ordinary
            outcome.
        width: Width of the picture in pixels, after orientation.
        height: Height of the picture in pixels, after orientation.
    """

    faces: tuple[Face, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """The distribution of one channel.

    Attributes:
        channel: What it measures.
        mean: Arithmetic mean.
        standard_deviation: Population standard deviation.
        minimum: Smallest value.
        maximum: Largest value.
        histogram: 256 counts, of values rounded down (16-bit ones divided by 256).
        clipped_low_share: Share of samples at 0; for grey, below 1.
        clipped_high_share: Share of samples at the largest value; for grey, within 1 of it.
    """

    channel: ChannelName
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    histogram: tuple[int, ...]
    clipped_low_share: float
    clipped_high_share: float


@dataclass(frozen=True, slots=True)
class ImageStatistics:
    """The measurements of one picture, in sample values of the file.

    Attributes:
        width: Width in pixels, after orientation.
        height: Height in pixels, after orientation.
        pixel_count: Width times height.
        bit_depth: Bits a sample, 8 or 16.
        grey: 0.2989 R + 0.5870 G + 0.1140 B, or the sample itself for grey pictures.
        channels: Red, green and blue; empty for grey pictures.
        sharpness: Variance of the Laplacian of grey; higher is sharper.
    """

    width: int
    height: int
    pixel_count: int
    bit_depth: int
    grey: ChannelStatistics
    channels: tuple[ChannelStatistics, ...]
    sharpness: float


def read_detections(message: face_pb2.FaceDetections) -> FaceDetections:
    """Reads the faces of a picture."""
    return FaceDetections(read_faces(message.faces), message.width, message.height)


def read_statistics(message: statistics_pb2.ImageStatistics) -> ImageStatistics:
    """Reads the measurements of a picture."""
    return ImageStatistics(
        width=message.width,
        height=message.height,
        pixel_count=message.pixel_count,
        bit_depth=message.bit_depth,
        grey=_read_channel(message.grey),
        channels=tuple(_read_channel(channel) for channel in message.channels),
        sharpness=message.sharpness,
    )


def read_faces(messages: Iterable[face_pb2.Face]) -> tuple[Face, ...]:
    """Reads faces, in their order."""
    return tuple(
        Face(
            Box(face.box.x_min, face.box.y_min, face.box.x_max, face.box.y_max),
            face.score,
            read_verdict(face.mask) if face.HasField("mask") else None,
            face.track_id,
        )
        for face in messages
    )


def read_verdict(message: face_pb2.MaskVerdict) -> MaskVerdict:
    """Reads what is said of a mask."""
    return MaskVerdict(
        # Of a state that a newer device may know, this client can say nothing for sure.
        MASK_STATES.get(message.state, MaskState.UNSURE),
        message.worn_probability,
        message.not_worn_probability,
        message.worn_incorrectly_probability,
    )


def _read_channel(message: statistics_pb2.ChannelStatistics) -> ChannelStatistics:
    return ChannelStatistics(
        channel=CHANNEL_NAMES[message.channel],
        mean=message.mean,
        standard_deviation=message.standard_deviation,
        minimum=message.minimum,
        maximum=message.maximum,
        histogram=tuple(message.histogram),
        clipped_low_share=message.clipped_low_share,
        clipped_high_share=message.clipped_high_share,
    )
