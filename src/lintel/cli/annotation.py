"""Pictures with boxes and mask labels drawn on them, their faces destroyed before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lintel.cli.engines import MASK_LABELS, UNSURE, JudgedFace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lintel.cli.engines import Engine
    from lintel.edge.config import Blur

    Pixels = NDArray[np.uint8]

# Blue, green, red; told apart by the colour-blind too (Okabe and Ito, Color Universal Design).
_COLOURS = dict(
    zip(
        (*MASK_LABELS, UNSURE),
        ((115, 158, 0), (0, 94, 213), (66, 228, 240), (153, 153, 153)),
        strict=True,
    )
)
# What is written costs some sharpness: less than elsewhere, for the sake of the letters.
_QUALITY = 92
# Height of capital letters, as a share of the picture's shorter side, and its bounds in pixels.
_LETTER_SHARE, _LEAST_LETTER, _LARGEST_LETTER = 0.018, 7, 40
# How many labels high a label may be away from its box.
_FARTHEST = 4


class _Label(NamedTuple):
    """A text in its place: x, y of its top left corner, width and height in pixels."""

    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: _Label) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def annotate(
    engine: Engine,
    data: bytes,
    faces: Sequence[JudgedFace],
    *,
    whole_picture: bool = False,
    show_faces: bool = False,
) -> bytes:
    """Draws verdicts onto a picture whose faces are destroyed.

    Those are the judged ones, and all others that the settings of this process would have
    destroyed.

    Args:
        engine: Finds faces.
        data: The picture file.
        faces: The verdicts.
        whole_picture: The picture is a crop of one face: all of it is covered.
        show_faces: Leave the faces as they are.

    Returns:
        The picture file in its own format, upright and without metadata.

    Raises:
        LintelError: The picture cannot be served, ...
        PictureRefusedError: ... or not by the server.
    """
    from lintel.edge.images import ImageLimits, decode, encode  # noqa: PLC0415 - not for --help

    images = engine.settings.images
    picture = decode(data, ImageLimits(images.max_bytes, images.max_pixels), depth8=True)
    pixels = _in_colour(picture.pixels.view("uint8"))
    if picture.format is None:
        raise ValueError("annotate takes picture files")
    if not show_faces:
        # Doubtful ones too, as `lintel blur` has it; and those that were given, found or not.
        blur = engine.settings.blur
        others = [] if whole_picture else engine.detect(data, blur.min_score)
        boxes = [*(face.box for face in faces), *(face.box for face in others)]
        _cover(pixels, boxes, blur, whole_picture=whole_picture)
    _draw(pixels, faces)
    return encode(pixels, picture.format, _QUALITY)


def _cover(
    pixels: Pixels, boxes: Sequence[Sequence[float]], blur: Blur, *, whole_picture: bool
) -> None:
    from lintel.edge.tasks.blur import (  # noqa: PLC0415
        BlurMethod,
        BlurOptions,
        BlurShape,
        blur_regions,
        blur_whole,
    )

    method = BlurMethod(blur.method)
    if whole_picture:
        blur_whole(pixels, method)
    else:
        blur_regions(pixels, boxes, BlurOptions(method, BlurShape(blur.shape), blur.margin))


def _in_colour(pixels: Pixels) -> Pixels:
    """Returns pixels that colours can be drawn on, (H, W, 3)."""
    import cv2  # noqa: PLC0415

    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR).view("uint8") if pixels.ndim == 2 else pixels


def _draw(pixels: Pixels, faces: Sequence[JudgedFace]) -> None:
    """Draws all boxes, and the labels over them, each where it hides no earlier one if it can."""
    import cv2  # noqa: PLC0415

    height, width = pixels.shape[:2]
    line = max(1, round(min(height, width) / 300))
    for face in faces:
        left, top, right, bottom = (round(side) for side in face.box)
        # The last pixel is within the box.
        corner = (min(right, width) - 1, min(bottom, height) - 1)
        cv2.rectangle(pixels, (left, top), corner, _COLOURS[face.label], line, cv2.LINE_AA)
    labels: list[_Label] = []
    for face in faces:
        text = f"{face.label} {face.probability:.0%}"
        font = _Font.fitting(text, width, height)
        label = _place(face, font.size(text), (width, height), labels)
        labels.append(label)
        font.write(pixels, text, label, _COLOURS[face.label])


def _place(
    face: JudgedFace, size: tuple[int, int], picture: tuple[int, int], taken: Sequence[_Label]
) -> _Label:
    """Puts a label above or below its box, as near as it hides no other."""
    left = max(0, min(round(face.x_min), picture[0] - size[0]))
    places = [
        _Label(left, max(0, min(round(top), picture[1] - size[1])), *size)
        for steps in range(_FARTHEST)
        for top in (face.y_min - (steps + 1) * size[1], face.y_max + steps * size[1])
    ]
    free = (place for place in places if not any(map(place.overlaps, taken)))
    return next(free, places[0])


class _Font(NamedTuple):
    """Letters of one size.

    Attributes:
        scale: Of OpenCV's font.
        thickness: Of its strokes, in pixels.
    """

    scale: float
    thickness: int

    @classmethod
    def fitting(cls, text: str, width: int, height: int) -> _Font:
        """Returns letters in proportion to a picture, in which the text has room."""
        import cv2  # noqa: PLC0415

        letter = round(min(width, height) * _LETTER_SHARE)
        letter = max(_LEAST_LETTER, min(letter, _LARGEST_LETTER))
        thickness = max(1, round(letter / 8))
        scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, letter, thickness)
        font = cls(scale, thickness)
        room = width / font.size(text)[0]
        return font if room >= 1 else font._replace(scale=font.scale * room)

    def size(self, text: str) -> tuple[int, int]:
        """Returns the width and height of a text with its margin, in pixels."""
        (width, height), margin = self._measure(text)
        return width + 2 * margin, height + 2 * margin

    def write(self, pixels: Pixels, text: str, label: _Label, colour: tuple[int, int, int]) -> None:
        """Writes a text in its place, in black on the colour."""
        import cv2  # noqa: PLC0415

        corner = (label.x + label.width - 1, label.y + label.height - 1)
        cv2.rectangle(pixels, (label.x, label.y), corner, colour, cv2.FILLED)
        (_, height), margin = self._measure(text)
        start = (label.x + margin, label.y + margin + height)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(pixels, text, start, font, self.scale, (0, 0, 0), self.thickness, cv2.LINE_AA)

    def _measure(self, text: str) -> tuple[tuple[int, int], int]:
        """Returns the text's width and height, and its margin."""
        import cv2  # noqa: PLC0415

        (width, height), _ = cv2.getTextSize(
            text, cv2.FONT_HERSHEY_SIMPLEX, self.scale, self.thickness
        )
        return (width, height), max(2, height // 3)
