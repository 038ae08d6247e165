"""What is asked of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.images import ImageFormat, PixelFormat
from lintel.edge.tasks.blur import BlurMethod, BlurShape

MAXIMUM_BOXES = 256


class Task(StrEnum):
    """What can be asked of a picture."""

    DETECT = "detect"
    MASKS = "masks"
    BLUR = "blur"
    STATISTICS = "statistics"


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A complete JPEG, PNG or WebP file.

    Attributes:
        data: The bytes of the file.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class RawImage:
    """Uncompressed pixels, as a camera or a decoder delivers them.

    Attributes:
        data: The rows, top to bottom, one plane after the other.
        pixel_format: Order and packing of the samples.
        width: In pixels.
        height: In pixels.
        stride_bytes: From the start of one row to the next; 0: tightly packed.
    """

    data: bytes
    pixel_format: PixelFormat
    width: int
    height: int
    stride_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """How to look for faces.

    Attributes:
        min_score: Faces scored below are left out, 0 to 1; None: the device's setting.
        model: Name of a face model; "": the device's setting.

    Raises:
        InvalidArgumentError: `min_score` is outside its range.
    """

    min_score: float | None = None
    model: str = ""

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise InvalidArgumentError("The least score must be 0 to 1.", field="min_score")


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """How to judge masks.

    Attributes:
        min_probability: States less probable are unsure, 0 to 1; None: the device's setting.
        model: Name of a mask model; "": the device's setting.

    Raises:
        InvalidArgumentError: `min_probability` is outside its range.
    """

    min_probability: float | None = None
    model: str = ""

    def __post_init__(self) -> None:
        if self.min_probability is not None and not 0 <= self.min_probability <= 1:
            raise InvalidArgumentError(
                "The least probability must be 0 to 1.", field="min_probability"
            )


class Box(NamedTuple):
    """Where a face is, in pixels of the picture after orientation."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


def check_box_count(count: int) -> None:
    """Refuses more boxes than a picture takes, before they cost anything.

    Raises:
        InvalidArgumentError: There are more than MAXIMUM_BOXES.
    """
    if count > MAXIMUM_BOXES:
        raise InvalidArgumentError(
            f"A picture takes at most {MAXIMUM_BOXES} boxes, not {count}.", field="boxes"
        )


@dataclass(frozen=True, slots=True)
class GivenFaces:
    """Where the faces of a picture are, as the caller knows.

    Attributes:
        boxes: At most MAXIMUM_BOXES; None: the whole picture is a crop of one face.

    Raises:
        InvalidArgumentError: There are more.
    """

    boxes: tuple[Box, ...] | None = None

    def __post_init__(self) -> None:
        check_box_count(len(self.boxes or ()))

    def within(self, width: int, height: int) -> tuple[Box, ...]:
        """Returns the boxes of a picture of this size, in pixels.

        Raises:
            InvalidArgumentError: One is not in the picture, or ends where it begins or before.
        """
        if self.boxes is None:
            return (Box(0, 0, width, height),)
        limits = Box(width, height, width, height)
        for index, box in enumerate(self.boxes):
            for name, value, limit in zip(Box._fields, box, limits, strict=True):
                if not 0 <= value <= limit:
                    raise InvalidArgumentError(
                        f"The edge of a box must be 0 to {limit} in this picture.",
                        field=f"boxes[{index}].{name}",
                    )
            for axis in ("x", "y"):
                if getattr(box, f"{axis}_max") <= getattr(box, f"{axis}_min"):
                    raise InvalidArgumentError(
                        f"The box's {axis}_max must be greater than its {axis}_min.",
                        field=f"boxes[{index}].{axis}_max",
                    )
        return self.boxes


@dataclass(frozen=True, slots=True)
class CoverOptions:
    """How to destroy faces; what is None is taken from the device's settings.

    Attributes:
        method: What takes the place of a face.
        shape: The outline of what is covered.
        margin: Reach beyond the box on every side, as a share of its size, 0 to 2.
        whole_frame: Cover the whole picture, without looking for faces.

    Raises:
        InvalidArgumentError: `margin` is outside its range.
    """

    method: BlurMethod | None = None
    shape: BlurShape | None = None
    margin: float | None = None
    whole_frame: bool = False

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 <= self.margin <= 2:
            raise InvalidArgumentError("The margin must be 0 to 2.", field="margin")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How to write a picture.

    Attributes:
        format: The format; None: as the picture came.
        quality: Of JPEG and WebP, 1 to 100.

    Raises:
        InvalidArgumentError: `quality` is outside its range.
    """

    format: ImageFormat | None = None
    quality: int = 85

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise InvalidArgumentError("The quality must be 1 to 100.", field="quality")


@dataclass(frozen=True, slots=True)
class Work:
    """All that is to be done to a picture.

    Attributes:
        tasks: What is asked for, at least one.
        detection: How to look for faces.
        masks: How to judge masks.
        given: Where the faces are whose masks are judged; None: they are looked for. Then nothing
            else may be asked for: what a caller knows is not what must be destroyed.
        cover: How to destroy faces.
        output: How to write the blurred picture.

    Raises:
        InvalidArgumentError: There are no tasks, or others than to judge masks of given faces.
    """

    tasks: frozenset[Task]
    detection: DetectionOptions = DetectionOptions()
    masks: MaskOptions = MaskOptions()
    given: GivenFaces | None = None
    cover: CoverOptions = CoverOptions()
    output: OutputOptions = OutputOptions()

    def __post_init__(self) -> None:
        if not self.tasks:
            raise InvalidArgumentError("At least one task must be asked for.", field="tasks")
        if self.given is not None and self.tasks != {Task.MASKS}:
            raise InvalidArgumentError(
                "Of given faces only the masks can be judged.", field="tasks"
            )

    @property
    def looks_for_faces(self) -> bool:
        """Whether anything that is asked for needs faces to be found."""
        if self.given is not None:
            return False
        return self.covers_faces or not self.tasks.isdisjoint({Task.DETECT, Task.MASKS})

    @property
    def covers_faces(self) -> bool:
        """Whether faces are to be found and destroyed."""
        return Task.BLUR in self.tasks and not self.cover.whole_frame
