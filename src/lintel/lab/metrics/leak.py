"""What a viewer still sees of faces after blur: the figure that matters for privacy.

A face leaks where less than 90 % of its box is covered. What is covered is not computed from the
detected boxes but read off a picture that the device's own code has blurred, so that the outline,
the margin and the rounding are those that run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.geometry import as_boxes, clip
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, blur_regions
from lintel.lab.metrics.plausibility import check_truth
from lintel.lab.metrics.sizes import box_sizes

LEAST_COVER = 0.9
"""A face of which a smaller share is covered leaks."""
DEFAULT_BLUR = BlurOptions()


class Frame(NamedTuple):
    """A frame of a clip, with its faces and what a detector made of it.

    Attributes:
        width: Pixels.
        height: Pixels.
        faces: Shape (N, 4), pixels: what should be covered.
        covers: Shape (D, 4), pixels: what is covered: detections, or tracks held through
            missed ones.
    """

    width: int
    height: int
    faces: ArrayLike
    covers: ArrayLike


@dataclass(frozen=True, slots=True)
class ClipLeak:
    """What leaks from a clip.

    Attributes:
        frames: Its frames.
        frames_with_faces: Those with a face that counts.
        leaking_frames: Those with a face that leaks, in order.
        faces: Faces that count, over all frames.
        leaked: Those that leak.
        longest_run: Most frames in a row that leak.
    """

    frames: int
    frames_with_faces: int
    leaking_frames: tuple[int, ...]
    faces: int
    leaked: int
    longest_run: int

    @property
    def rate(self) -> float:
        """Share of the faces that leak; NaN without faces."""
        return self.leaked / self.faces if self.faces else float("nan")

    @property
    def frame_rate(self) -> float:
        """Share of the frames with faces that leak one; NaN without such frames."""
        frames = self.frames_with_faces
        return len(self.leaking_frames) / frames if frames else float("nan")


def covered_mask(
    covers: ArrayLike, width: int, height: int, options: BlurOptions = DEFAULT_BLUR
) -> NDArray[np.bool_]:
    """Tells which pixels of a picture the device's blur destroys.

    Args:
        covers: Shape (D, 4), what is blurred, pixels.
        width: Of the picture.
        height: Of the picture.
        options: Shape and margin; which pixels are covered does not depend on the method.

    Returns:
        Shape (height, width).
    """
    canvas = np.zeros((height, width), dtype=np.uint8)
    # What `fill` leaves is one value above 0, so that it shows where it has been.
    blur_regions(canvas, covers, replace(options, method=BlurMethod.FILL))
    return np.asarray(canvas != 0)


def covered_shares(
    faces: ArrayLike,
    covers: ArrayLike,
    width: int,
    height: int,
    options: BlurOptions = DEFAULT_BLUR,
) -> NDArray[np.float64]:
    """Measures how much of each face is covered.

    Args:
        faces: Shape (N, 4), pixels, within the picture.
        covers: Shape (D, 4), what is blurred, pixels.
        width: Of the picture.
        height: Of the picture.
        options: How it is blurred.

    Returns:
        Shape (N,), shares of the boxes' areas, 0 to 1. Pixels that a box holds in part count in
        part.

    Raises:
        InvalidArgumentError: Boxes are no finite (N, 4) numbers, or the size is none.
        ImplausibleBoxesError: The faces cannot be in pixels of this picture.
    """
    corners = clip(check_truth(faces, width, height), width, height)
    if not len(corners):
        return np.empty(0)
    mask = covered_mask(covers, width, height, options)
    shares = np.empty(len(corners))
    for index, (x_min, y_min, x_max, y_max) in enumerate(corners.tolist()):
        columns, in_columns = _pixels_within(x_min, x_max)
        rows, in_rows = _pixels_within(y_min, y_max)
        covered = in_rows @ mask[rows, columns] @ in_columns
        shares[index] = covered / (in_rows.sum() * in_columns.sum())
    return shares


def leak_rate(shares: Iterable[NDArray[np.float64]]) -> float:
    """The share of faces that leak, over pictures.

    Args:
        shares: For each picture, the covered shares of its faces that count.

    Returns:
        0 to 1, lower is better; NaN without faces.
    """
    all_shares = np.concatenate([np.empty(0), *shares])
    return float((all_shares < LEAST_COVER).mean()) if len(all_shares) else float("nan")


def clip_leak(
    frames: Sequence[Frame], options: BlurOptions = DEFAULT_BLUR, smallest: float = 0
) -> ClipLeak:
    """Measures what leaks from a clip, frame by frame.

    Args:
        frames: The frames in order.
        options: How they are blurred.
        smallest: Faces of less than this, pixels of the short side with the frame's long side
            at 640, do not count.

    Raises:
        InvalidArgumentError: Boxes are no finite (N, 4) numbers, or a size is none.
        ImplausibleBoxesError: The faces of a frame cannot be in its pixels.
    """
    if smallest < 0:
        raise InvalidArgumentError("The smallest size must be 0 or more.", field="smallest")
    faces, leaked = [], []
    for frame in frames:
        boxes = as_boxes(frame.faces)
        shares = covered_shares(boxes, frame.covers, frame.width, frame.height, options)
        shares = shares[box_sizes(boxes, frame.width, frame.height) >= smallest]
        faces.append(len(shares))
        leaked.append(int((shares < LEAST_COVER).sum()))
    leaking = tuple(index for index, count in enumerate(leaked) if count)
    return ClipLeak(
        frames=len(frames),
        frames_with_faces=sum(count > 0 for count in faces),
        leaking_frames=leaking,
        faces=sum(faces),
        leaked=sum(leaked),
        longest_run=_longest_run(leaking),
    )


def _pixels_within(low: float, high: float) -> tuple[slice, NDArray[np.float64]]:
    """Returns the pixels that an interval touches, and how much of each lies in it."""
    first, last = int(np.floor(low)), int(np.ceil(high))
    starts = np.arange(first, last, dtype=np.float64)
    return slice(first, last), np.minimum(starts + 1, high) - np.maximum(starts, low)


def _longest_run(numbers: Iterable[int]) -> int:
    longest = run = 0
    previous = -2
    for number in numbers:
        run = run + 1 if number == previous + 1 else 1
        longest, previous = max(longest, run), number
    return longest
