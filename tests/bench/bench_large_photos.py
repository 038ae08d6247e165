"""Faces that are small in large photos: how many stay bare, and what it costs to find them.

Photos are put together of the pictures of masks853, as they are, so that faces have the sizes that
they have there however large the photo is. Each is looked at as a whole, and in parts too, as the
device does from `faces.parts_from` on; a face is bare where less than half of it is covered by the
default blur.
Run: LINTEL_DATA=FOLDER python -m tests.bench.bench_large_photos [--split SPLIT]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.support import data_folder

from lintel.edge.config import Settings
from lintel.edge.images import Picture
from lintel.edge.runtime import Runtime
from lintel.lab.annotations import AnnotatedPicture, leave_out, read_index
from lintel.lab.evaluation import DEFAULT_PROTOCOL, select_pictures
from lintel.lab.metrics import covered_shares

SIZES = ((2560, 1920), (4000, 3000), (8000, 5000))
SIDES = ((20, 40), (40, 80), (80, 10_000))
FILL = 128
ROUNDS = 3


def main() -> None:
    """Prints a row for each size of photo, and way of looking."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test")
    everything = read_index(data_folder() / "faces" / "index.csv", report=leave_out)
    pictures = select_pictures(everything, split=parser.parse_args().split, sources=["masks853"])
    settings = Settings()
    runtime = Runtime(settings, workers=1)
    detector = runtime.face_detector()
    cv2.setNumThreads(1)
    print(f"{'photo':12}{'looked at':12}{'bare, by pixels of the short side':36}{'CPU ms':>8}")
    for width, height in SIZES:
        photo, faces = put_together(itertools.cycle(pictures), len(pictures), width, height)
        for name, look in (("whole", detector.detect), ("in parts", detector.detect_closely)):
            times = []
            for _ in range(ROUNDS):
                began = time.process_time()
                found = look(photo, settings.blur.min_score)
                times.append(time.process_time() - began)
            covered = covered_shares(faces, found.boxes, width, height, DEFAULT_PROTOCOL.blur)
            print(f"{f'{width}x{height}':12}{name:12}{bare(faces, covered):36}", end="")
            print(f"{min(times) * 1000:8.0f}")


def put_together(
    pictures: Iterator[AnnotatedPicture], most: int, width: int, height: int
) -> tuple[Picture, NDArray[np.float32]]:
    """Makes a photo of as many pictures as fit, each once; returns it and its faces."""
    pixels = np.full((height, width, 3), FILL, np.uint8)
    faces: list[NDArray[np.float32]] = []
    x = y = row = 0
    for picture in itertools.islice(pictures, most):
        part = cv2.imread(str(picture.path))
        if part is None:
            raise SystemExit(f"{picture.path} cannot be read.")
        if x + part.shape[1] > width:
            x, y, row = 0, y + row, 0
        if y + part.shape[0] > height:
            break
        pixels[y : y + part.shape[0], x : x + part.shape[1]] = part
        faces.append(picture.boxes[~picture.ignored] + np.array([x, y, x, y], np.float32))
        x, row = x + part.shape[1], max(row, part.shape[0])
    return Picture(pixels, width, height, None, None), np.concatenate(faces)


def bare(faces: NDArray[np.float32], covered: Sequence[float] | NDArray[np.float64]) -> str:
    """Tells of faces of each size how many are bare."""
    sides = (faces[:, 2:] - faces[:, :2]).min(axis=1)
    told = []
    for least, below in SIDES:
        of_size = (sides >= least) & (sides < below)
        share = f"{int((np.asarray(covered)[of_size] < 0.5).sum())}/{int(of_size.sum())}"
        told.append(f"{least}+: {share}")
    return "  ".join(told)


if __name__ == "__main__":
    main()
