"""What works on pictures: in this process, or a server. Both give the same results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from lintel.edge.config import Settings

MASK_LABELS = ("with_mask", "without_mask", "incorrect_mask")
UNSURE = "unsure"

MethodName = Literal["fill", "pixelate", "gaussian"]
ShapeName = Literal["box", "ellipse"]
FormatName = Literal["jpeg", "png", "webp"]


class FaceBox(NamedTuple):
    """Where a face is, in pixels of the upright picture."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Face(NamedTuple):
    """A face found: its box in pixels of the picture, and how sure the detector is, 0 to 1."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float
    score: float

    @property
    def box(self) -> FaceBox:
        """Where it is."""
        return FaceBox._make(self[:4])


class JudgedFace(NamedTuple):
    """A face, and whether it wears a mask; the fields are the columns of the CSV.

    Attributes:
        x_min: Left edge of its box, in pixels of the picture.
        y_min: Top edge.
        x_max: Right edge.
        y_max: Bottom edge.
        score: How sure the detector is, 0 to 1; 1 where nobody looked for it.
        label: One of MASK_LABELS, the likeliest, or UNSURE.
        p_with_mask: Probability that a mask is worn over mouth and nose.
        p_without_mask: Probability that none is worn.
        p_incorrect_mask: Probability that one is worn, but not properly.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float
    score: float
    label: str
    p_with_mask: float
    p_without_mask: float
    p_incorrect_mask: float

    @property
    def box(self) -> FaceBox:
        """Where it is."""
        return FaceBox._make(self[:4])

    @property
    def probability(self) -> float:
        """The largest of the three."""
        return max(self.p_with_mask, self.p_without_mask, self.p_incorrect_mask)


class Blurred(NamedTuple):
    """A picture that is safe to show.

    Attributes:
        data: The bytes of its file.
        faces: How many were destroyed; 0 where the whole picture was covered.
    """

    data: bytes
    faces: int


@dataclass(frozen=True, slots=True)
class BlurChoices:
    """How to blur, and to write the result; None: as the device is set.

    Attributes:
        min_score: Faces scored below are left as they are, 0 to 1.
        method: What takes the place of a face.
        shape: The outline of what is covered.
        margin: Reach beyond the box on every side, as a share of its size, 0 to 2.
        whole_frame: Cover the whole picture, without looking for faces.
        output_format: The format; None: as the picture came.
        quality: Of JPEG and WebP, 1 to 100.
    """

    min_score: float | None = None
    method: MethodName | None = None
    shape: ShapeName | None = None
    margin: float | None = None
    whole_frame: bool = False
    output_format: FormatName | None = None
    quality: int = 85


@dataclass(frozen=True, slots=True)
class MaskChoices:
    """How to judge masks; None: as the device is set.

    Attributes:
        boxes: Where the faces are; None: they are looked for.
        whole_picture: The picture is a crop of one face.
        min_score: Faces that are found and scored below are left out, 0 to 1.
        min_probability: Labels less probable become UNSURE, 0 to 1.
        model: Name of a mask model.
    """

    boxes: tuple[FaceBox, ...] | None = None
    whole_picture: bool = False
    min_score: float | None = None
    min_probability: float | None = None
    model: str | None = None


class Channel(Protocol):
    """The distribution of one channel; `lintel.edge.tasks.statistics` says what it means."""

    @property
    def mean(self) -> float: ...  # noqa: D102
    @property
    def standard_deviation(self) -> float: ...  # noqa: D102
    @property
    def minimum(self) -> float: ...  # noqa: D102
    @property
    def maximum(self) -> float: ...  # noqa: D102
    @property
    def histogram(self) -> Iterable[int]: ...  # noqa: D102
    @property
    def clipped_low_share(self) -> float: ...  # noqa: D102
    @property
    def clipped_high_share(self) -> float: ...  # noqa: D102


class Measurements(Protocol):
    """The measurements of a picture; `lintel.edge.tasks.statistics` says what they mean."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def pixel_count(self) -> int: ...  # noqa: D102
    @property
    def bit_depth(self) -> int: ...  # noqa: D102
    @property
    def grey(self) -> Channel: ...  # noqa: D102
    @property
    def channels(self) -> Sequence[Channel]: ...  # noqa: D102
    @property
    def sharpness(self) -> float: ...  # noqa: D102


class EngineFailedError(Exception):
    """No picture can be served; the message is a sentence for people."""


class PictureRefusedError(Exception):
    """The server could not serve a picture; the message is its sentence."""


class Engine(AbstractContextManager["Engine"], Protocol):
    """Works on pictures; its methods may be called from many threads.

    They raise LintelError or PictureRefusedError where a picture cannot be served, and
    EngineFailedError where none can.

    Attributes:
        workers: Pictures that it works on at a time.
        settings: Of this process. They hold for what is done around it: reading pictures, and
            covering faces in annotated ones. A server has settings of its own.
    """

    workers: int
    settings: Settings

    def detect(self, data: bytes, min_score: float | None) -> list[Face]:
        """Finds the faces of a picture file, best first."""

    def blur(self, data: bytes, choices: BlurChoices) -> Blurred:
        """Destroys the faces of a picture file."""

    def judge_masks(self, data: bytes, choices: MaskChoices) -> list[JudgedFace]:
        """Judges the masks of the faces of a picture file.

        Returns:
            The faces: best first, or in the order of the boxes.
        """

    def statistics(self, data: bytes) -> Measurements:
        """Measures a picture file."""
