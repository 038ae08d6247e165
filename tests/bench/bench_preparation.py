"""What finding faces costs besides the network: preparing pictures, and reading boxes.

Preparation is compared with the plain way of doing the same: OpenCV's INTER_AREA, copyMakeBorder
and NumPy arithmetic on the whole tensor. Reading is decoding, calibration and suppression, of
8,400 anchors where a family has that many at 640x640; each face has 15 boxes that must go.
One thread; A and B alternate, and medians are printed.
Run: python -m tests.bench.bench_preparation [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lintel.edge.backends import SessionPool, Tensor, TensorSpec
from lintel.edge.images import Picture
from lintel.edge.packages import Input, Package, parse_manifest
from lintel.edge.tasks.faces import FaceDetector, prepare

PICTURES = ((640, 480), (800, 600), (1280, 720), (1920, 1080), (4000, 3000))
SIDES = (320, 640)
TARGET_MS = 0.3
BOXES_A_FACE = 15
FORMS: dict[str, dict[str, Any]] = {
    "NHWC, 0 to 255": {"layout": "NHWC"},
    "NHWC, -1 to 1": {"layout": "NHWC", "mean": (127.5,), "scale": (1 / 127.5,)},
    "NCHW, -1 to 1": {"layout": "NCHW", "mean": (127.5,), "scale": (1 / 127.5,)},
    "NHWC, by channel": {"layout": "NHWC", "mean": (104.0, 117.0, 123.0)},
}
OUTPUTS = {
    "yunet, end to end": 'decoder = "yunet"\nscores = ["scores"]\nboxes = ["boxes"]',
    "yunet, 9 outputs": 'decoder = "yunet"\nscores = ["c8", "c16", "c32"]\n'
    'objectness = ["o8", "o16", "o32"]\nboxes = ["b8", "b16", "b32"]',
    "yolov8": 'decoder = "yolov8"\npredictions = "all"',
    "scrfd (16,800)": 'decoder = "scrfd"\nscores = ["s"]\nboxes = ["d"]',
    "centerface (25,600)": 'decoder = "centerface"\nheatmap = "h"\nscale = "s"\noffset = "o"',
}


def main() -> None:
    """Prints a table of preparation and one of reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    print_preparation(rounds)
    print_reading(rounds)


def print_preparation(rounds: int) -> None:
    """Prints milliseconds of both ways, by picture and by form."""
    print("preparation of RGB float32: milliseconds (the plain way)")
    print(f"{'picture':>11}{'input':>6}" + "".join(f"{name:>20}" for name in FORMS))
    chance = np.random.default_rng(0)
    for width, height in PICTURES:
        pixels = chance.integers(0, 256, (height, width, 3)).astype(np.uint8)
        picture = Picture(pixels, width, height, None, None)
        for side in SIDES:
            line = f"{f'{width}x{height}':>11}{side:>6}"
            for keys in FORMS.values():
                expected = Input(colour="rgb", resize="letterbox", size=(side, side), **keys)
                ours, plain = compare(
                    rounds,
                    lambda: prepare(picture, expected),  # noqa: B023 - called at once
                    lambda: plainly(pixels, expected),  # noqa: B023 - likewise
                )
                line += f"{f'{ours:.2f} ({plain:.2f})':>20}"
            print(line)


def plainly(pixels: NDArray[np.uint8], expected: Input) -> Tensor:
    """Prepares a picture as one would at first."""
    assert expected.size is not None
    height, width = pixels.shape[:2]
    ratio = min(expected.size[0] / width, expected.size[1] / height)
    size = (round(width * ratio), round(height * ratio))
    if size != (width, height):
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).view(np.uint8)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB).view(np.uint8)
    right, below = expected.size[0] - size[0], expected.size[1] - size[1]
    fill = (114, 114, 114)
    pixels = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=fill).view(
        np.uint8
    )
    mean, scale = (np.array(each, np.float32) for each in (expected.mean, expected.scale))
    values: Tensor = (pixels.astype(np.float32) - mean) * scale
    if expected.layout == "NCHW":
        values = np.ascontiguousarray(values.transpose(2, 0, 1))
    return values[None]


def print_reading(rounds: int) -> None:
    """Prints milliseconds of reading, by family and number of faces."""
    counts = (0, 1, 5, 20)
    print(f"\nreading at 640x640: milliseconds (target {TARGET_MS}, at 5 faces and 8,400 anchors)")
    print(f"{'faces':>20}" + "".join(f"{count:>8}" for count in counts))
    picture = Picture(np.zeros((640, 640, 3), np.uint8), 640, 640, None, None)
    for name, output in OUTPUTS.items():
        line = f"{name:>20}"
        for count in counts:
            results = answer(name, count)
            detector = open_detector(output, results)
            expected = Input(
                colour="rgb", resize="letterbox", size=(640, 640), layout=layout_of(name)
            )
            prepared = prepare(picture, expected)
            (cost,) = compare(rounds, lambda: detector.read(results, prepared, picture))  # noqa: B023 - called at once
            line += f"{cost:>8.2f}"
        print(line)


def answer(name: str, faces: int) -> dict[str, Tensor]:
    """Draws the outputs of a family: faces of 60 pixels, each with its heap of boxes."""
    chance = np.random.default_rng(0)
    strides, anchors = ((4,), 1) if "centerface" in name else ((8, 16, 32), 1 + ("scrfd" in name))
    cells, stride = grid(strides, anchors)
    places = chance.choice(len(cells), faces * BOXES_A_FACE, replace=False)
    scores = chance.uniform(0, 0.1, (1, len(cells), 1)).astype(np.float32)
    scores[0, places, 0] = chance.uniform(0.6, 0.9, len(places))
    # Boxes about one middle, whatever the cell that they come from.
    middles = np.repeat(chance.uniform(50, 590, (faces, 2)), BOXES_A_FACE, axis=0)
    middles += chance.normal(0, 2, middles.shape)
    boxes = np.zeros((1, len(cells), 4), np.float32)
    cells, stride = cells[places], stride[places]
    sizes = np.full_like(cells, 60)
    if name == "yolov8":
        boxes[0, places] = np.hstack([middles, sizes])
        return {"all": np.ascontiguousarray(np.concatenate([boxes, scores], 2).transpose(0, 2, 1))}
    if "scrfd" in name:
        corners = np.hstack([cells - (middles - 30) / stride, (middles + 30) / stride - cells])
        boxes[0, places] = corners
        return {"s": scores, "d": boxes}
    boxes[0, places] = np.hstack([middles / stride - cells, np.log(sizes / stride)])
    if "centerface" in name:
        boxes[..., :2] -= 0.5
        maps = boxes.reshape(1, 160, 160, 4).transpose(0, 3, 1, 2)
        heatmap = scores.reshape(1, 1, 160, 160)
        # Along y, then along x.
        return {"h": heatmap, "s": maps[:, [3, 2]], "o": maps[:, [1, 0]]}
    if "end to end" in name:
        return {"scores": scores, "boxes": boxes}
    parts = {"c": scores, "o": np.ones_like(scores), "b": boxes}
    return {
        f"{key}{each}": part
        for key, values in parts.items()
        for each, part in zip(strides, np.split(values, [6400, 8000], axis=1), strict=True)
    }


def grid(strides: tuple[int, ...], anchors: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns column and row of every anchor at 640x640, (N, 2), and its stride, (N, 1)."""
    cells, steps = [], []
    for stride in strides:
        rows, columns = np.mgrid[: 640 // stride, : 640 // stride]
        level = np.stack([columns.ravel(), rows.ravel()], 1).repeat(anchors, axis=0)
        cells.append(level.astype(float))
        steps.append(np.full((len(level), 1), float(stride)))
    return np.concatenate(cells), np.concatenate(steps)


def layout_of(name: str) -> str:
    """Returns the order of axes that a family has here."""
    return "NCHW" if "centerface" in name else "NHWC"


class Answer:
    """A session that stands for one whose outputs are at hand."""

    def __init__(self, layout: str, results: dict[str, Tensor]) -> None:
        shape = (1, 640, 640, 3) if layout == "NHWC" else (1, 3, 640, 640)
        self.inputs = (TensorSpec("picture", np.dtype(np.float32), shape),)
        self.outputs = tuple(TensorSpec(k, v.dtype, v.shape) for k, v in results.items())
        self.results = results

    def run(self, _feeds: object) -> dict[str, Tensor]:
        """Returns the outputs."""
        return dict(self.results)


def open_detector(output: str, results: dict[str, Tensor]) -> FaceDetector:
    """Opens a detector over outputs that are at hand."""
    layout = "NCHW" if "centerface" in output else "NHWC"
    text = (
        'name = "bench"\nversion = "1.0.0"\ntask = "detect-faces"\nlicence = "CC0-1.0"\n'
        f'[input]\nsize = [640, 640]\ncolour = "rgb"\nresize = "letterbox"\nlayout = "{layout}"\n'
        f'[output]\n{output}\n[[variant]]\nname = "a"\nbackend = "onnx"\nfile = "a"\n'
        f'sha256 = "{"0" * 64}"\n'
    )
    package = Package(Path(), parse_manifest(text.encode()))
    return FaceDetector(package, SessionPool(lambda: Answer(layout, results), 1))


def compare(rounds: int, *ways: Callable[[], object]) -> list[float]:
    """Returns the median milliseconds of each way; they take turns."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for taken, way in zip(times, ways, strict=True):
            began = time.perf_counter()
            way()
            taken.append((time.perf_counter() - began) * 1e3)
    return [statistics.median(taken) for taken in times]


if __name__ == "__main__":
    main()
