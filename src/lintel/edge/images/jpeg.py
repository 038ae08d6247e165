"""The header of a JPEG file (ITU-T T.81), and how costly its scans may be."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

import simplejpeg

from lintel.edge.errors import ImageUndecodableError, ImageUnsupportedError
from lintel.edge.images.exif import UPRIGHT, read_orientation
from lintel.edge.images.formats import ImageFormat, ImageHeader

SIGNATURE = b"\xff\xd8\xff"
# Phones write about 20, large colour profiles and depth maps some hundreds.
MAX_SEGMENTS = 2048
# Encoders write about 10. Every scan of a progressive picture visits all of its blocks,
# whether or not it has bytes for them: at 40 megapixels a scan of 50 bytes costs some
# 25 ms, and thousands fit in a file that no limit on bytes or pixels would stop.
MAX_SCANS = 64

_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_APPLICATION_1 = 0xE1
_PROGRESSIVE = {0xC2, 0xCA}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
# In the compressed samples of a scan 0xFF is followed by 0, or is a restart marker.
_MARKER_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


class _Frame(NamedTuple):
    precision: int
    height: int
    width: int
    components: int
    progressive: bool


def read_jpeg_header(data: bytes) -> ImageHeader:
    """Reads the header of a JPEG file; of a multi-picture file (MPO) that of the first picture.

    Args:
        data: The file, beginning with `SIGNATURE`.

    Returns:
        The header.

    Raises:
        ImageUndecodableError: There is no complete header.
        ImageUnsupportedError: The samples are not of 8 bits, or there are more segments or
            scans than are served.
    """
    orientation: int | None = None
    frame: _Frame | None = None
    scans = 0
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            frame = _read_frame(data, marker, start, end)
        elif marker == _APPLICATION_1 and orientation is None:
            if data.startswith(b"Exif\0\0", start, end):
                orientation = read_orientation(data[start:end])
        elif marker == _START_OF_SCAN:
            scans += 1
            if scans > MAX_SCANS:
                raise ImageUnsupportedError(
                    f"JPEG pictures of more than {MAX_SCANS} scans are not served.",
                    field="encoded",
                )
            if frame is not None and _holds_everything(data[start:end], frame):
                break
    if frame is None or not scans:
        raise ImageUndecodableError("The JPEG picture has no frame.", field="encoded")
    return _to_header(data, frame, orientation or UPRIGHT)


def _holds_everything(scan: bytes, frame: _Frame) -> bool:
    """Tells whether a scan is the only one, as in nearly all pictures: none may follow it."""
    return not frame.progressive and scan[:1] == bytes([frame.components])


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Walks the segments, as libjpeg does: marker, start and end of what the segment holds."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.match(data, position)
        if found is None:
            raise ImageUndecodableError("The JPEG picture is damaged.", field="encoded")
        marker, position = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise ImageUndecodableError("The JPEG picture is damaged.", field="encoded")
        yield marker, position + 2, position + length
        position += length
        if marker == _START_OF_SCAN:
            found = _MARKER_AFTER_SCAN.search(data, position)
            if found is None:
                return
            position = found.start()
    raise ImageUnsupportedError(
        f"JPEG pictures of more than {MAX_SEGMENTS} segments are not served.", field="encoded"
    )


def _read_frame(data: bytes, marker: int, start: int, end: int) -> _Frame:
    if end - start < 6:
        raise ImageUndecodableError("The JPEG picture is damaged.", field="encoded")
    precision, height, width, components = struct.unpack_from(">BHHB", data, start)
    return _Frame(precision, height, width, components, marker in _PROGRESSIVE)


def _to_header(data: bytes, frame: _Frame, orientation: int) -> ImageHeader:
    if frame.precision != 8:
        raise ImageUnsupportedError("JPEG pictures are served at 8 bits only.", field="encoded")
    try:
        # What counts is the size that the decoder will see, so it has a say.
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise ImageUndecodableError("The JPEG header is damaged.", field="encoded") from error
    if (height, width) != (frame.height, frame.width):
        raise ImageUndecodableError("The JPEG header contradicts itself.", field="encoded")
    return ImageHeader(
        format=ImageFormat.JPEG,
        width=frame.width,
        height=frame.height,
        orientation=orientation,
        bit_depth=8,
        channels=frame.components,
        animated=False,
        has_alpha=False,
    )
