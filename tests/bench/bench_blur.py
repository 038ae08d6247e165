"""The share of blur in JPEG-in to JPEG-out, by size, number and treatment of the faces.

Decoding, blurring and encoding of real pictures on one thread, each step timed in processor time,
one after the other; printed is the median share of blur in their sum, over all pictures and
rounds, without any detection: the hardest accounting. Below each table stands the largest share
with the default face model in the sum too, as a device has it.
Run: python -m tests.bench.bench_blur [--rounds N] [--pictures N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.support import camera_pictures

from lintel.edge.config import Settings
from lintel.edge.images import ImageFormat, decode, encode
from lintel.edge.runtime import Runtime
from lintel.edge.tasks.blur import BlurMethod, BlurOptions, BlurShape, blur_regions, blur_whole

TARGET = 0.10
FRAMES = ((1280, 720), (1920, 1080))
Pixels = NDArray[np.uint8]


def main() -> None:
    """Prints one table a frame size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=8)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for width, height in FRAMES:
        encoded = camera_pictures(width, height, options.pictures)
        print_table(encoded, width, height, options.rounds)


def print_table(encoded: list[bytes], width: int, height: int, rounds: int) -> None:
    """Prints the shares of all treatments in frames of one size."""
    sizes = [24, 120, 360, height]
    print(f"{width}x{height}: share of blur in JPEG to JPEG, % (blur in ms)")
    heads = "".join(f"{f'{size} px':>15}" for size in sizes)
    print(f"{'faces':>6} {'method':<9}{'shape':<8}{heads}")
    costs: dict[int, list[tuple[float, float]]] = {1: [], 5: []}
    for count, method, shape in product((1, 5), BlurMethod, BlurShape):
        line = f"{count:>6} {method:<9}{shape:<8}"
        for size in sizes:
            boxes, options = faces(count, size, width, height), BlurOptions(method, shape)
            cost = measure(encoded, rounds, lambda pixels: blur_regions(pixels, boxes, options))  # noqa: B023 - called at once
            costs[count].append(cost)
            line += written(*cost)
        print(line)
    for method in BlurMethod:
        cost = measure(encoded, rounds, lambda pixels: blur_whole(pixels, method))  # noqa: B023 - likewise
        costs[1].append(cost)
        print(f"{'whole frame ' + method:<24}{written(*cost)}")
    detection = detection_ms(encoded)
    print(
        f"{'largest share, %':<24}{'without detection':>20}{f'with {detection:.1f} ms of it':>24}"
    )
    for count, pairs in costs.items():
        plain = max(blur / (rest + blur) for blur, rest in pairs)
        found = max(blur / (rest + blur + detection) for blur, rest in pairs)
        name = "one face, whole frame" if count == 1 else f"{count} faces"
        print(f"{name:<24}{100 * plain:>20.1f}{100 * found:>24.1f}")
    print(f"target of the share: {100 * TARGET:.0f} %\n")


def faces(count: int, size: int, width: int, height: int) -> NDArray[np.float32]:
    """Boxes of `size` pixels height and 0.8 of that width, evenly across the frame."""
    x = (np.arange(count) + 0.5) * width / count
    y = np.full(count, height / 2)
    corners = [x - 0.4 * size, y - 0.5 * size, x + 0.4 * size, y + 0.5 * size]
    return np.stack(corners, 1).astype(np.float32)


def measure(
    encoded: list[bytes], rounds: int, cover: Callable[[Pixels], None]
) -> tuple[float, float]:
    """Median milliseconds of blur, and of decoding and encoding together."""
    times = list(timed(encoded * rounds, cover))
    share = statistics.median(blur / (blur + rest) for blur, rest in times)
    blur = statistics.median(blur for blur, _ in times)
    # So that the two give the median share, which varies less than each of them.
    return blur, blur / share - blur


def timed(encoded: list[bytes], cover: Callable[[Pixels], None]) -> Iterator[tuple[float, float]]:
    """Yields the milliseconds of blur, and of the rest, of each picture."""
    for data in encoded:
        begun = time.thread_time()
        pixels = decode(data, depth8=True).pixels.view(np.uint8)
        decoded = time.thread_time()
        cover(pixels)
        blurred = time.thread_time()
        encode(pixels, ImageFormat.JPEG)
        ended = time.thread_time()
        yield 1000 * (blurred - decoded), 1000 * (decoded - begun + ended - blurred)


def written(blur: float, rest: float) -> str:
    """Writes a cell of the table."""
    return f"{100 * blur / (blur + rest):>7.1f} ({blur:5.2f})"


def detection_ms(encoded: list[bytes]) -> float:
    """Median milliseconds that the default face model takes for a picture, on one thread."""
    runtime = Runtime(Settings(), 1)
    detector = runtime.face_detector()
    times: list[float] = []
    for data in encoded * 2:
        picture = decode(data, depth8=True)
        begun = time.process_time()
        detector.detect(picture)
        times.append(1000 * (time.process_time() - begun))
    runtime.close()
    return statistics.median(times)


if __name__ == "__main__":
    main()
