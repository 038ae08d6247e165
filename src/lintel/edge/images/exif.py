"""The one thing that is read from a picture's metadata: which way up it is."""

from __future__ import annotations

import struct

UPRIGHT = 1

_ORIENTATION_TAG = 0x0112
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# Writers are meant to use a 16-bit number, and some use another width.
_NUMBER_FORMATS = {1: "B", 3: "H", 4: "I"}


def read_orientation(exif: bytes) -> int:
    """Finds the orientation in EXIF metadata.

    Only the first directory is walked, at most 65,535 entries of 12 bytes, and no value but
    this one is read: time is bounded whatever the metadata says, and nothing is copied.

    Args:
        exif: A TIFF structure, with or without the "Exif" prefix of JPEG.

    Returns:
        1 to 8 as in EXIF 2.3, tag 0x0112; 1 where the metadata has none, is damaged, or
        says anything else.
    """
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    order = _BYTE_ORDERS.get(exif[start : start + 4])
    if order is None:
        return UPRIGHT
    try:
        value = _find(exif, start, order)
    except struct.error:
        return UPRIGHT
    return value if 1 <= value <= 8 else UPRIGHT


def _find(exif: bytes, start: int, order: str) -> int:
    (offset,) = struct.unpack_from(f"{order}I", exif, start + 4)
    directory = start + offset
    (count,) = struct.unpack_from(f"{order}H", exif, directory)
    head = struct.Struct(f"{order}HH")
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = head.unpack_from(exif, entry)
        if tag == _ORIENTATION_TAG and kind in _NUMBER_FORMATS:
            (value,) = struct.unpack_from(order + _NUMBER_FORMATS[kind], exif, entry + 8)
            return int(value)
    return UPRIGHT
