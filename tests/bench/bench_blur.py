"""The share of blur in JPEG-in to JPEG-out, by size, number and treatment of the faces.

Decoding, blurring and encoding of real pictures on one thread, without any detection: the
hardest accounting, since detection would only make blur's share smaller. Each run times the
three steps one after the other; printed is the median share of blur in their sum, over all
pictures and rounds. Run: python -m tests.bench.bench_blur [--rounds N] [--pictures N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape, blur_regions, blur_whole

TARGET = 0.10
FRAMES = ((1280, 720), (1920, 1080))
DATA = Path(__file__).resolve().parents[2] / "../shared/data"


def main() -> None:
    """Prints one table a frame size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=8)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for width, height in FRAMES:
        encoded = list(_pictures(width, height, options.pictures))
        _print_table(encoded, width, height, options.rounds)


def _pictures(width: int, height: int, count: int) -> Iterator[bytes]:
    """JPEGs of real pictures, scaled until they fill the frame and cut to it."""
    root = Path(os.environ.get("LINTEL_DATA", DATA)) / "faces" / "images"
    paths = sorted(root.glob("masks853_*.jpg"))
    for path in paths[:: max(len(paths) // count, 1)][:count]:
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit("A picture of the data folder cannot be read.")
        scale = max(width / picture.shape[1], height / picture.shape[0])
        scaled = cv2.resize(picture, None, fx=scale * 1.001, fy=scale * 1.001)
        frame = np.ascontiguousarray(scaled[:height, :width], dtype=np.uint8)
        yield _encode(frame)


def _encode(frame: NDArray[np.uint8]) -> bytes:
    return bytes(simplejpeg.encode_jpeg(frame, 85, "BGR", "420"))


def _faces(count: int, size: int, width: int, height: int) -> NDArray[np.float32]:
    """Boxes of `size` pixels height and 0.8 of that width, evenly across the frame."""
    x = (np.arange(count) + 0.5) * width / count
    y = np.full(count, height / 2)
    return np.stack([x - 0.4 * size, y - 0.5 * size, x + 0.4 * size, y + 0.5 * size], 1).astype(
        np.float32
    )


def _share(
    encoded: list[bytes], boxes: NDArray[np.float32] | None, blur: BlurOptions, rounds: int
) -> tuple[float, float]:
    """Median share of blur, and median milliseconds of it; no boxes: the whole frame."""
    shares, times = [], []
    for data in encoded * rounds:
        start = time.perf_counter()
        frame = simplejpeg.decode_jpeg(data, "BGR")
        decoded = time.perf_counter()
        if boxes is None:
            blur_whole(frame, blur.method)
        else:
            blur_regions(frame, boxes, blur)
        blurred = time.perf_counter()
        _encode(frame)
        end = time.perf_counter()
        shares.append((blurred - decoded) / (end - start))
        times.append(1000 * (blurred - decoded))
    return statistics.median(shares), statistics.median(times)


def _print_table(encoded: list[bytes], width: int, height: int, rounds: int) -> None:
    sizes = [24, 120, 360, height]
    print(f"{width}x{height}: share of blur in JPEG to JPEG, % (blur in ms); target 10 %")
    heads = "".join(f"{f'{size} px':>15}" for size in sizes)
    print(f"{'faces':>6} {'method':<9}{'shape':<8}{heads}")
    worst = 0.0
    for count, method, shape in product((1, 5), BlurMethod, BlurShape):
        blur = BlurOptions(method, shape)
        line = f"{count:>6} {method:<9}{shape:<8}"
        for size in sizes:
            share, ms = _share(encoded, _faces(count, size, width, height), blur, rounds)
            worst = max(worst, share)
            line += f"{100 * share:>6.1f} ({ms:5.2f})"
        print(line)
    for method in BlurMethod:
        share, ms = _share(encoded, None, BlurOptions(method), rounds)
        worst = max(worst, share)
        print(f"{'whole frame ' + method:<24}{100 * share:>6.1f} ({ms:5.2f})")
    print(f"worst: {100 * worst:.1f} % ({'within' if worst <= TARGET else 'OVER'} the target)\n")


if __name__ == "__main__":
    main()
