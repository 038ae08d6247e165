"""What is known of an encoded picture before a pixel of it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ImageFormat(StrEnum):
    """The formats of encoded pictures that are served."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may cost, checked before anything is decoded.

    Attributes:
        max_bytes: Most bytes of an encoded picture.
        max_pixels: Most pixels, width times height, encoded or raw.
    """

    max_bytes: int = 16 << 20
    max_pixels: int = 40_000_000


DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header of an encoded picture says.

    Attributes:
        format: The file format.
        width: Pixels in a row as stored, before orientation.
        height: Rows as stored, before orientation.
        orientation: EXIF orientation, 1 to 8; 1 (upright) where there is none or a wrong one.
        bit_depth: Bits a sample once decoded: 8, or 16 for 16-bit PNG.
        channels: Samples a pixel as stored, without alpha: 1 grey, 3 colour, 4 CMYK. The
            colours of a palette count as 3.
        animated: Whether it is a series of pictures; `read_header` refuses those.
        has_alpha: Whether pixels may be transparent.
    """

    format: ImageFormat
    width: int
    height: int
    orientation: int
    bit_depth: int
    channels: int
    animated: bool
    has_alpha: bool
