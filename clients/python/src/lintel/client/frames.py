"""What a device answers to the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass

from lintel.client.errors import LintelError, of_picture
from lintel.client.outputs import OutputPicture, read_output
from lintel.client.results import (
    FaceDetections,
    ImageStatistics,
    read_detections,
    read_statistics,
)
from lintel.v1 import video_pb2


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the device's time went on a frame, in microseconds.

    Attributes:
        queue_us: From the frame's arrival to the start of work on it.
        decode_us: Header checks and decoding.
        detect_us: Finding faces.
        blur_us: Destroying them.
        encode_us: Writing the result.
        statistics_us: Measuring.
        mask_us: Judging masks.
        total_us: From arrival to reply.
    """

    queue_us: int
    decode_us: int
    detect_us: int
    blur_us: int
    encode_us: int
    statistics_us: int
    mask_us: int
    total_us: int


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What became of one frame of a video. What was not asked for is None.

    Attributes:
        sequence_number: The frame's place in what was sent, from 0.
        timestamp_us: When it was captured, as sent.
        detections: Its faces.
        blurred: The frame with its faces destroyed.
        statistics: Its measurements.
        error: Why the frame could not be served; all results are then None.
        dropped_frames: Frames given up for newer ones since the result before.
        timings: Where the device's time went.
    """

    sequence_number: int
    timestamp_us: int
    detections: FaceDetections | None
    blurred: OutputPicture | None
    statistics: ImageStatistics | None
    error: LintelError | None
    dropped_frames: int
    timings: Timings


def read_frame(message: video_pb2.ProcessVideoResponse) -> FrameResult:
    """Reads one reply of a stream."""
    result = message.result
    timings = message.timings
    return FrameResult(
        sequence_number=message.sequence_number,
        timestamp_us=message.timestamp_us,
        detections=read_detections(result.detections) if result.HasField("detections") else None,
        blurred=read_output(result.blurred) if result.HasField("blurred") else None,
        statistics=read_statistics(result.statistics) if result.HasField("statistics") else None,
        error=of_picture(message.error) if message.HasField("error") else None,
        dropped_frames=message.dropped_frames,
        timings=Timings(**{name: getattr(timings, name) for name in Timings.__slots__}),
    )
