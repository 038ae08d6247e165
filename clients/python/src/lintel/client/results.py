"""What a device answers, as plain values."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lintel.client.errors import LintelError, of_picture
from lintel.client.pictures import PIXEL_FORMATS, Frame
from lintel.v1 import face_pb2, image_pb2, statistics_pb2, video_pb2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ChannelName = Literal["grey", "red", "green", "blue"]
CHANNEL_NAMES: dict[int, ChannelName] = {
    statistics_pb2.CHANNEL_GREY: "grey",
    statistics_pb2.CHANNEL_RED: "red",
    statistics_pb2.CHANNEL_GREEN: "green",
    statistics_pb2.CHANNEL_BLUE: "blue",
}
PIXEL_FORMAT_NAMES = {number: name for name, number in PIXEL_FORMATS.items()}
# File systems without hard links, such as FAT on a memory card, answer with these.
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


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


@dataclass(frozen=True, slots=True)
class Face:
    """One face.

    Attributes:
        box: Where it is.
        score: How sure the detector is, 0 to 1.
    """

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class FaceDetections:
    """The faces of one picture.

    Attributes:
        faces: Best first; none is an ordinary outcome.
        width: Width of the picture in pixels, after orientation.
        height: Height of the picture in pixels, after orientation.
    """

    faces: tuple[Face, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class OutputPicture:
    """A picture as the device wrote it: upright, without metadata.

    Attributes:
        data: The bytes of an image file, or of raw pixels where a raw frame came back.
        frame: The layout of raw pixels; None for an image file.
    """

    data: bytes
    frame: Frame | None

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the image file: all of it or nothing, whatever happens meanwhile.

        Args:
            path: Where to.
            overwrite: Whether a file already there may be replaced.

        Raises:
            FileExistsError: Something is there already, and `overwrite` is False.
            ValueError: These are raw pixels, which have no file format.
            OSError: The file can't be written.
        """
        if self.frame is not None:
            raise ValueError("raw pixels have no file format; ask for an output_format to save")
        _write_file(Path(path), self.data, overwrite)

    def to_array(self) -> NDArray[np.uint8]:
        """Returns raw pixels as an array. Needs NumPy.

        Returns:
            Read-only uint8 of shape (H, W, 3) for "bgr8" and "rgb8", (H, W) for "gray8", and
            (H * 3 / 2, W), the planes below each other as OpenCV has them, for "nv12" and "i420".

        Raises:
            ValueError: This is an image file, to be decoded, or the rows are not tightly packed.
        """
        if self.frame is None:
            raise ValueError("an image file has no array; decode its data, or send arrays")
        import numpy as np  # noqa: PLC0415 - all else must work without it

        shape = {
            "bgr8": (self.frame.height, self.frame.width, 3),
            "rgb8": (self.frame.height, self.frame.width, 3),
            "gray8": (self.frame.height, self.frame.width),
            "nv12": (self.frame.height * 3 // 2, self.frame.width),
            "i420": (self.frame.height * 3 // 2, self.frame.width),
        }[self.frame.pixel_format]
        return np.frombuffer(self.data, np.uint8).reshape(shape)


@dataclass(frozen=True, slots=True)
class BlurredPicture(OutputPicture):
    """A picture with its faces destroyed.

    Attributes:
        faces: Those that were destroyed, best first; none where the whole picture was covered.
        width: Width in pixels.
        height: Height in pixels.
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
        total_us: From arrival to reply.
    """

    queue_us: int
    decode_us: int
    detect_us: int
    blur_us: int
    encode_us: int
    statistics_us: int
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


def read_detections(message: face_pb2.FaceDetections) -> FaceDetections:
    """Reads the faces of a picture."""
    return FaceDetections(_read_faces(message.faces), message.width, message.height)


def read_blurred(message: face_pb2.BlurredImage) -> BlurredPicture:
    """Reads a blurred picture."""
    output = _read_output(message.image)
    faces = _read_faces(message.faces)
    return BlurredPicture(output.data, output.frame, faces, message.width, message.height)


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


def read_frame(message: video_pb2.ProcessVideoResponse) -> FrameResult:
    """Reads one reply of a stream."""
    result = message.result
    timings = message.timings
    return FrameResult(
        sequence_number=message.sequence_number,
        timestamp_us=message.timestamp_us,
        detections=read_detections(result.detections) if result.HasField("detections") else None,
        blurred=_read_output(result.blurred) if result.HasField("blurred") else None,
        statistics=read_statistics(result.statistics) if result.HasField("statistics") else None,
        error=of_picture(message.error) if message.HasField("error") else None,
        dropped_frames=message.dropped_frames,
        timings=Timings(**{name: getattr(timings, name) for name in Timings.__slots__}),
    )


def _read_faces(messages: Iterable[face_pb2.Face]) -> tuple[Face, ...]:
    return tuple(
        Face(
            Box(face.box.x_min, face.box.y_min, face.box.x_max, face.box.y_max),
            face.score,
        )
        for face in messages
    )


def _read_output(message: image_pb2.Image) -> OutputPicture:
    if message.WhichOneof("content") != "raw":
        return OutputPicture(message.encoded, None)
    raw = message.raw
    pixel_format = PIXEL_FORMAT_NAMES[raw.pixel_format]
    frame = Frame(raw.data, raw.width, raw.height, pixel_format, raw.stride_bytes)
    return OutputPicture(raw.data, frame)


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


def _write_file(path: Path, data: bytes, overwrite: bool) -> None:
    """Writes beside the target, forces it to disk, then gives it its name in one step."""
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    unfinished = path.with_name(f".unfinished-{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            unfinished.replace(path)
        else:
            _name_if_free(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _name_if_free(unfinished: Path, path: Path) -> None:
    """Names a file without replacing another, even one that appears at this moment."""
    try:
        # Unlike a rename, a link never replaces.
        path.hardlink_to(unfinished)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # Holds the name with an empty file first: only for a moment, and nobody else's.
        path.open("xb").close()
        unfinished.replace(path)
