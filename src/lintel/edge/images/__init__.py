"""Pictures in and out: header-first decoding under limits, orientation, raw frames, encoding."""

from lintel.edge.images.decoding import decode
from lintel.edge.images.encoding import encode
from lintel.edge.images.formats import ImageFormat, ImageHeader, ImageLimits
from lintel.edge.images.frames import from_raw, to_raw
from lintel.edge.images.header import read_header
from lintel.edge.images.picture import Picture, PixelFormat

__all__ = [
    "ImageFormat",
    "ImageHeader",
    "ImageLimits",
    "Picture",
    "PixelFormat",
    "decode",
    "encode",
    "from_raw",
    "read_header",
    "to_raw",
]
