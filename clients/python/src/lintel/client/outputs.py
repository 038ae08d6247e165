"""Pictures that a device sends back, and how they are saved."""

from __future__ import annotations

import errno
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lintel.client.pictures import PIXEL_FORMATS, Frame
from lintel.client.results import Face, read_faces
from lintel.v1 import face_pb2, image_pb2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PIXEL_FORMAT_NAMES = {number: name for name, number in PIXEL_FORMATS.items()}
# File systems without hard links, such as FAT on a memory card, answer with these.
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


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


def read_blurred(message: face_pb2.BlurredImage) -> BlurredPicture:
    """Reads a blurred picture."""
    output = read_output(message.image)
    faces = read_faces(message.faces)
    return BlurredPicture(output.data, output.frame, faces, message.width, message.height)


def read_output(message: image_pb2.Image) -> OutputPicture:
    """Reads a picture that the device wrote."""
    if message.WhichOneof("content") != "raw":
        return OutputPicture(message.encoded, None)
    raw = message.raw
    pixel_format = PIXEL_FORMAT_NAMES[raw.pixel_format]
    frame = Frame(raw.data, raw.width, raw.height, pixel_format, raw.stride_bytes)
    return OutputPicture(raw.data, frame)


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
