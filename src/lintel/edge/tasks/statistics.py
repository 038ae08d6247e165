"""Measuring pictures exactly: mean, deviation, extremes, histogram, clipping, sharpness.

Channels are measured by counting: from the histogram of all sample values every figure follows in
whole numbers, so that nothing cancels. The grey of a colour picture is kept in ten-thousandths,
where its weights are whole numbers (2989, 5870, 1140) and every 8-bit grey value is below 2 ** 24,
so that float32 holds it exactly; 16-bit pictures go through float64. It is worked out in strips
small enough to stay in the processor's cache, and less its mean, so that the squares of a nearly
even picture do not cancel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintel.edge.errors import InvalidArgumentError

Pixels = NDArray[np.unsignedinteger[Any]]
Grey = NDArray[np.floating[Any]]

BINS = 256

# Of blue, green and red in grey, in ten-thousandths: 0.2989 R + 0.5870 G + 0.1140 B.
_WEIGHTS = (1140, 5870, 2989)
_SCALE = 10_000
_STRIP_PIXELS = 1 << 16
# OpenCV counts into float32, which is exact up to here.
_COUNTABLE_PIXELS = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class ChannelStatistics:
    """The distribution of one channel.

    Attributes:
        mean: Arithmetic mean.
        standard_deviation: Population standard deviation.
        minimum: Smallest value.
        maximum: Largest value.
        histogram: 256 counts, uint64: of the value rounded down for 8-bit pictures, of a 256th
            of it rounded down for 16-bit ones.
        clipped_low_share: Share of samples at 0; for grey, below 1.
        clipped_high_share: Share of samples at the largest possible value; for grey, less than 1
            below the grey of white.
    """

    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    histogram: NDArray[np.uint64]
    clipped_low_share: float
    clipped_high_share: float


@dataclass(frozen=True, slots=True, eq=False)
class ImageStatistics:
    """The measurements of one picture, in sample values: 0..255, or 0..65535 for 16 bits.

    Attributes:
        width: In pixels.
        height: In pixels.
        pixel_count: Width times height.
        bit_depth: Bits a sample, 8 or 16.
        grey: Of 0.2989 R + 0.5870 G + 0.1140 B, not rounded; of the sample for grey pictures.
        channels: Red, green, blue; empty for grey pictures.
        sharpness: Variance of the Laplacian of grey (kernel 0 1 0, 1 -4 1, 0 1 0; borders
            mirrored about the edge pixel); higher is sharper (Pech-Pacheco et al., 2000).
    """

    width: int
    height: int
    pixel_count: int
    bit_depth: int
    grey: ChannelStatistics
    channels: tuple[ChannelStatistics, ...]
    sharpness: float


def compute_statistics(pixels: Pixels) -> ImageStatistics:
    """Measures a picture.

    Args:
        pixels: Shape (H, W) or (H, W, 3) with channels blue, green, red; uint8 or uint16, in any
            memory order, at least one pixel. A side of one pixel has no neighbours across:
            along it the Laplacian's second difference is 0.

    Returns:
        The measurements; counts, shares and extremes are exact, the rest to about 1e-12 of the
        figure (deviation and sharpness: and 1e-9 of a level).

    Raises:
        InvalidArgumentError: The picture is of another kind.
    """
    _check(pixels)
    contiguous = np.ascontiguousarray(pixels)
    counts = [_count(contiguous, channel) for channel in range(contiguous[0, 0].size)]
    described = [_describe(channel) for channel in counts]
    height, width = pixels.shape[:2]
    if len(counts) == 1:
        grey, sharpness = described[0], _measure_sharpness(contiguous)
    else:
        grey, sharpness = _measure_grey(contiguous, [_total(channel) for channel in counts])
    return ImageStatistics(
        width=width,
        height=height,
        pixel_count=width * height,
        bit_depth=8 * pixels.itemsize,
        grey=grey,
        channels=tuple(reversed(described)) if len(counts) > 1 else (),
        sharpness=sharpness,
    )


def _check(pixels: Pixels) -> None:
    colour_or_grey = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype not in (np.uint8, np.uint16) or not colour_or_grey or pixels.size == 0:
        raise InvalidArgumentError(
            "The picture must be uint8 or uint16 of shape (H, W) or (H, W, 3).", field="pixels"
        )


def _count(pixels: Pixels, channel: int) -> NDArray[np.int64]:
    """Counts each value of one channel of a C-contiguous picture: shape (256,) or (65536,)."""
    import cv2  # noqa: PLC0415 - a device that serves no pictures stays small

    levels = 1 << (8 * pixels.itemsize)
    samples = pixels.reshape(pixels.shape[0] * pixels.shape[1], 1, -1)
    counts = np.zeros(levels, np.int64)
    for start in range(0, len(samples), _COUNTABLE_PIXELS):
        part = samples[start : start + _COUNTABLE_PIXELS]
        counts += cv2.calcHist([part], [channel], None, [levels], [0, levels])[:, 0].astype(int)
    return counts


def _total(counts: NDArray[np.int64]) -> int:
    """The sum of all samples."""
    return int(counts @ np.arange(len(counts)))


def _describe(counts: NDArray[np.int64]) -> ChannelStatistics:
    """Works a channel's figures out of the counts of its values, in whole numbers."""
    number, total = int(counts.sum()), _total(counts)
    squares = int(counts @ np.square(np.arange(len(counts))))
    present = np.flatnonzero(counts)
    return ChannelStatistics(
        mean=total / number,
        standard_deviation=math.sqrt(number * squares - total * total) / number,
        minimum=float(present[0]),
        maximum=float(present[-1]),
        histogram=counts.reshape(BINS, -1).sum(axis=1).astype(np.uint64),
        clipped_low_share=int(counts[0]) / number,
        clipped_high_share=int(counts[-1]) / number,
    )


class _GreyTally:
    """Gathers the figures of grey, strip by strip, in ten-thousandths less an offset.

    Args:
        offset: What the strips have been made smaller by.
        largest_sample: 255 or 65535.
    """

    def __init__(self, offset: int, largest_sample: int) -> None:
        self._offset = offset
        self.squares = 0.0
        self.minimum = math.inf
        self.maximum = -math.inf
        self.low = self.high = 0
        self.counts = np.zeros(BINS, np.int64)
        self._bin_width = _SCALE * (largest_sample + 1) // BINS
        self._low_end = _SCALE - offset
        self._high_start = sum(_WEIGHTS) * largest_sample - _SCALE - offset

    def add_moments(self, grey: Grey) -> None:
        """Takes in a strip's squares and extremes."""
        import cv2  # noqa: PLC0415 - as above

        self.squares += cv2.norm(grey, cv2.NORM_L2SQR)
        minimum, maximum, _, _ = cv2.minMaxLoc(grey)
        self.minimum, self.maximum = min(self.minimum, minimum), max(self.maximum, maximum)

    def add_counts(self, grey: Grey) -> None:
        """Takes in a strip's histogram and clipped samples."""
        self.low += int(np.count_nonzero(grey < self._low_end))
        self.high += int(np.count_nonzero(grey > self._high_start))
        # Half a ten-thousandth up, no value lies near a bin's edge: rounding cannot move it.
        bins = ((grey + (self._offset + 0.5)) * (1 / self._bin_width)).astype(np.uint8)
        self.counts += _count(bins, 0)

    def describe(self, number: int, total: int) -> ChannelStatistics:
        """Closes the tally: `number` pixels whose grey, without the offset, adds up to `total`."""
        mean_less_offset = (total - number * self._offset) / number
        variance = max(self.squares / number - mean_less_offset**2, 0.0)
        return ChannelStatistics(
            mean=total / (number * _SCALE),
            standard_deviation=math.sqrt(variance) / _SCALE,
            minimum=(self.minimum + self._offset) / _SCALE,
            maximum=(self.maximum + self._offset) / _SCALE,
            histogram=self.counts.astype(np.uint64),
            clipped_low_share=self.low / number,
            clipped_high_share=self.high / number,
        )


class _SharpnessTally:
    """Gathers the variance of the Laplacian, strip by strip."""

    def __init__(self) -> None:
        self.total = 0.0
        self.squares = 0.0

    def add(self, grey: Grey, inner: slice) -> None:
        """Takes in a strip with its neighbouring rows, of which `inner` are its own."""
        import cv2  # noqa: PLC0415 - as above

        depth = cv2.CV_64F if grey.dtype == np.float64 else cv2.CV_32F
        edges = cv2.Laplacian(grey, depth, ksize=1, borderType=cv2.BORDER_REFLECT_101)[inner]
        self.total += cv2.sumElems(edges)[0]
        self.squares += cv2.norm(edges, cv2.NORM_L2SQR)

    def variance(self, number: int) -> float:
        """Closes the tally over `number` pixels."""
        return max(self.squares / number - (self.total / number) ** 2, 0.0)


def _measure_grey(pixels: Pixels, totals: list[int]) -> tuple[ChannelStatistics, float]:
    """Measures the grey of a colour picture.

    Args:
        pixels: Shape (H, W, 3), C-contiguous.
        totals: Sums of blue, green and red.

    Returns:
        The distribution of grey, and the sharpness.
    """
    height, width = pixels.shape[:2]
    number = height * width
    total = sum(weight * channel for weight, channel in zip(_WEIGHTS, totals, strict=True))
    offset = round(total / number)
    tally = _GreyTally(offset, np.iinfo(pixels.dtype).max)
    sharpness = _SharpnessTally()
    for outer, inner in _strips(height, width):
        grey = _weigh(pixels[outer], offset)
        tally.add_moments(grey[inner])
        tally.add_counts(grey[inner])
        sharpness.add(grey, inner)
    return tally.describe(number, total), sharpness.variance(number) / _SCALE**2


def _weigh(pixels: Pixels, offset: int) -> Grey:
    """Grey in ten-thousandths less `offset`, as whole numbers: float32 where they fit, or 64."""
    import cv2  # noqa: PLC0415 - as above

    matrix = np.array([[*_WEIGHTS, -offset]], np.float64)
    exact = np.float32 if pixels.itemsize == 1 else np.float64
    samples: Grey = pixels.astype(exact)
    return np.asarray(cv2.transform(samples, matrix), exact)


def _measure_sharpness(pixels: Pixels) -> float:
    """Variance of the Laplacian of a grey picture, shape (H, W), C-contiguous."""
    height, width = pixels.shape[:2]
    tally = _SharpnessTally()
    for outer, inner in _strips(height, width):
        tally.add(pixels[outer].astype(np.float32), inner)
    return tally.variance(height * width)


def _strips(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Cuts a picture into strips of rows.

    Yields:
        The strip's rows with one neighbouring row on either side, where there is one; and which
        of these are the strip's own.
    """
    rows = max(_STRIP_PIXELS // width, 1)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first = max(top - 1, 0)
        yield slice(first, min(bottom + 1, height)), slice(top - first, bottom - first)
