"""Exact statistics against the plain float64 NumPy way: ratio of times, one thread.

One real picture of LINTEL_DATA/faces scaled to each frame size; both ways are timed in turn, and
the ratio of each pair taken. "grey" is mean, deviation, minimum and maximum of grey alone; "all"
is everything `compute_statistics` gives. The results of both ways are compared as well.
Run: python -m tests.bench.bench_statistics [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.tasks.statistics import _GreyTally, _strips, _weigh, compute_statistics

TARGET = 0.25
FRAMES = ((640, 480), (1280, 720), (1920, 1080))
DATA = Path(__file__).resolve().parents[2] / "../shared/data"

Pixels = NDArray[np.unsignedinteger[Any]]


def main() -> None:
    """Prints one line a frame size and set of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    _print_line("frame", "figures", "plain ms", "Lintel ms", "ratio", "target 0.25")
    for width, height in FRAMES:
        frame = _picture(width, height)
        sets: list[tuple[str, Callable[[Pixels], list[float]], Callable[[Pixels], list[float]]]] = [
            ("grey", plain_grey, fast_grey),
            ("all", plain_all, fast_all),
        ]
        for name, plain, fast in sets:
            difference = np.abs(np.subtract(plain(frame), fast(frame))).max()
            if difference > 1e-6:
                raise SystemExit(f"The two ways differ by {difference}.")
            slow_ms, fast_ms, ratio = _paired(plain, fast, frame, rounds)
            verdict = "within" if ratio <= TARGET else "OVER"
            _print_line(
                f"{width}x{height}",
                name,
                f"{slow_ms:.2f}",
                f"{fast_ms:.2f}",
                f"{ratio:.3f}",
                verdict,
            )


def _print_line(*cells: str) -> None:
    print("".join(f"{cell:<12}" for cell in cells).rstrip())


def plain_grey(pixels: Pixels) -> list[float]:
    """Mean, deviation, minimum and maximum of grey as one would write them down."""
    grey = _plain(pixels)
    return [grey.mean(), grey.std(), grey.min(), grey.max()]


def fast_grey(pixels: Pixels) -> list[float]:
    """The same by the parts that `compute_statistics` is made of."""
    height, width = pixels.shape[:2]
    means, _ = cv2.meanStdDev(pixels)
    totals = [round(float(mean) * height * width) for mean in means[:, 0]]
    total = 1140 * totals[0] + 5870 * totals[1] + 2989 * totals[2]
    offset = round(total / (height * width))
    tally = _GreyTally(offset, 255)
    for outer, inner in _strips(height, width):
        tally.add_moments(_weigh(pixels[outer][inner], offset))
    grey = tally.describe(height * width, total)
    return [grey.mean, grey.standard_deviation, grey.minimum, grey.maximum]


def plain_all(pixels: Pixels) -> list[float]:
    """Every figure as one would write it down, flattened."""
    grey = _plain(pixels)
    padded = np.pad(grey, 1, mode="reflect")
    edges = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * grey
    figures = [edges.var()]
    for channel in (grey, *(pixels[..., index].astype(np.float64) for index in (2, 1, 0))):
        figures += [channel.mean(), channel.std(), channel.min(), channel.max()]
        # A hair up, so that whole values stay whole in binary fractions.
        figures += np.bincount((channel.ravel() + 1e-9).astype(np.intp), minlength=256).tolist()
        top = 254.9745 if channel is grey else 255.0
        slack = 1 if channel is grey else 0
        figures.append((channel < 1).mean())
        figures.append((channel > top - 1 + 1e-9).mean() if slack else (channel == top).mean())
    return figures


def fast_all(pixels: Pixels) -> list[float]:
    """The same from `compute_statistics`."""
    measured = compute_statistics(pixels)
    figures: list[float] = [measured.sharpness]
    for channel in (measured.grey, *measured.channels):
        figures += [channel.mean, channel.standard_deviation, channel.minimum, channel.maximum]
        figures += channel.histogram.tolist()
        figures += [channel.clipped_low_share, channel.clipped_high_share]
    return figures


def _plain(pixels: Pixels) -> NDArray[np.float64]:
    blue, green, red = (pixels[..., index].astype(np.float64) for index in range(3))
    return np.asarray(0.2989 * red + 0.5870 * green + 0.1140 * blue)


def _picture(width: int, height: int) -> Pixels:
    root = Path(os.environ.get("LINTEL_DATA", DATA)) / "faces" / "images"
    picture = cv2.imread(str(root / "masks853_0.jpg"))
    if picture is None:
        raise SystemExit("LINTEL_DATA names no folder with faces/images.")
    scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(scaled, dtype=np.uint8)


def _paired(
    plain: Callable[[Pixels], object],
    fast: Callable[[Pixels], object],
    frame: Pixels,
    rounds: int,
) -> tuple[float, float, float]:
    """Median milliseconds of each way, and the median ratio of their pairs."""
    pairs = []
    for _ in range(rounds):
        start = time.perf_counter()
        plain(frame)
        middle = time.perf_counter()
        fast(frame)
        pairs.append((1000 * (middle - start), 1000 * (time.perf_counter() - middle)))
    slow, quick = zip(*pairs, strict=True)
    ratio = statistics.median(two / one for one, two in pairs)
    return statistics.median(slow), statistics.median(quick), ratio


if __name__ == "__main__":
    main()
