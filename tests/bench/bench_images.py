"""What header checks, limits and orientation cost on top of bare libjpeg-turbo.

Real pictures, scaled to the frame, on one thread. Every round times the bare
`simplejpeg.decode_jpeg` and ours one after the other on the same bytes; printed are the median
of the bare decode and, as a multiple of it, the median of the ratios of each round.
Run: python -m tests.bench.bench_images [--rounds N] [--pictures N]
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import simplejpeg
from PIL import Image

from lintel.edge.images import decode, read_header

FRAMES = ((640, 480), (1280, 720), (1920, 1080))
DATA = Path(__file__).resolve().parents[2] / "../shared/data"
SIDEWAYS = 6


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pictures", type=int, default=8)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    columns = ["frame", "bare ms", "header", "decode", "sideways", "long_side=640", "320", "160"]
    print("  ".join(f"{column:>13}" for column in columns))
    for width, height in FRAMES:
        pairs = list(_pictures(width, height, options.pictures))
        print(_row(pairs, f"{width}x{height}", options.rounds))


def _row(pairs: list[tuple[bytes, bytes]], frame: str, rounds: int) -> str:
    bare: list[float] = []
    ratios: list[list[float]] = [[] for _ in range(6)]
    for upright, sideways in pairs * rounds:
        works: list[Callable[[], object]] = [
            partial(read_header, upright),
            partial(decode, upright),
            partial(decode, sideways),
            partial(decode, upright, long_side=640),
            partial(decode, upright, long_side=320),
            partial(decode, upright, long_side=160),
        ]
        for work, column in zip(works, ratios, strict=True):
            reference = _seconds(partial(simplejpeg.decode_jpeg, upright, "BGR"))
            bare.append(reference)
            column.append(_seconds(work) / reference)
    numbers = [statistics.median(bare) * 1e3, *map(statistics.median, ratios)]
    return "  ".join(f"{cell:>13}" for cell in [frame, *(f"{n:.3f}" for n in numbers)])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _pictures(width: int, height: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    """JPEGs of real pictures cut to the frame, and the same marked as lying on their side."""
    root = Path(os.environ.get("LINTEL_DATA", DATA)) / "faces" / "images"
    paths = sorted(root.glob("masks853_*.jpg"))
    if not paths:
        raise SystemExit("LINTEL_DATA names no folder with faces/images.")
    exif = Image.Exif()
    exif[0x0112] = SIDEWAYS
    for path in paths[:: max(len(paths) // count, 1)][:count]:
        with Image.open(path) as image:
            scale = max(width / image.width, height / image.height) * 1.001
            size = round(image.width * scale), round(image.height * scale)
            frame = image.convert("RGB").resize(size).crop((0, 0, width, height))
        yield _encode(frame), _encode(frame, exif=exif)


def _encode(frame: Image.Image, **options: Image.Exif) -> bytes:
    file = io.BytesIO()
    frame.save(file, "JPEG", quality=85, **options)
    return file.getvalue()


if __name__ == "__main__":
    main()
