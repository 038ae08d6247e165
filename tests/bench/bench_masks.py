"""What judging masks costs: the network, cutting faces out, and whether batches pay.

The mask package is compared with the same work by MobileNetV2 at 224x224 (of random weights; in
the same runtime, on one thread): each cuts a face of 150 pixels out of a picture of 1280x720,
brings it to its input, and reads three probabilities. The target is a tenth, both in int8.
Cutting out is compared with the plain way of doing the same: copyMakeBorder about the picture's
part, then INTER_AREA. Batches are compared with as many faces one by one, by the processor's time
of one thread, which others on the machine do not change; the network has 160,000 parameters and
sees 128x128 pixels. A and B alternate, and medians are printed.
Run: python -m tests.bench.bench_masks [--rounds N] [--package DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.mask_architectures import convert_reference
from tests.builders import build_onnx, build_tflite, camera_network

from lintel.edge.backends import Session
from lintel.edge.backends.litert import LiteRtSession
from lintel.edge.backends.onnx import OnnxSession
from lintel.edge.tasks.masks import crop_faces
from lintel.lab.classification import open_classifier
from lintel.lab.evaluation import find_package, open_model
from lintel.lab.training.backend import start_keras

TARGET = 0.1
SIDE = 128
MARGIN = 0.2
FACES = (24, 48, 96, 150, 300, 600, 1000)
BATCHES = (2, 3, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--package", default="mask", help="a folder, or a built-in package's name")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    start_keras()
    print_networks(options.package, options.rounds)
    print_crops(options.rounds)
    print_batches(options.rounds)


def print_networks(package: str, rounds: int) -> None:
    """Prints milliseconds a face of the mask package, and their share of those of MobileNetV2."""
    mask = open_classifier(package)
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    pixels = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)
    box = np.array([[600.0, 300.0, 720.0, 450.0]])
    print(f"{mask.name}, a face: CPU milliseconds (of MobileNetV2-224), and their ratio")
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("int8", "float32"):
            reference = str(write_reference(Path(folder), precision))
            other = open_classifier(reference)
            ways = {
                "picture to verdict": (
                    lambda: mask.classify(pixels, box),
                    lambda: other.classify(pixels, box),  # noqa: B023 - called at once
                ),
                "network alone": (network_of(package), network_of(reference)),
            }
            for name, (ours, theirs) in ways.items():
                own, their = compare(rounds, ours, theirs)
                row = f"{own * 1e3:7.3f} ({their * 1e3:.2f}) {own / their:.3f}"
                print(f"  {name}, against {precision:<8}{row}")
    print(f"target: {TARGET}\n")


def network_of(package: str) -> Callable[[], object]:
    """Returns what runs the network of a package once."""
    model = open_model(*find_package(package))
    (taken,) = model.inputs
    feed = {taken.name: np.full(taken.shape, 90, taken.dtype)}

    def run() -> object:
        with model.pool.lease() as session:
            return session.run(feed)

    return run


def write_reference(folder: Path, precision: str) -> Path:
    """Writes MobileNetV2 at 224x224 as a mask package, in float32 or int8."""
    made = convert_reference(folder, precision)
    package = folder / f"mobilenet-{precision}"
    package.mkdir()
    data = made.read_bytes()
    (package / "model.tflite").write_bytes(data)
    (package / "model.toml").write_text(f"""
name = "{package.name}"
version = "1.0.0"
task = "classify-masks"
licence = "none"
[input]
size = [224, 224]
colour = "rgb"
resize = "stretch"
mean = [127.5]
scale = [0.00784313725]
[output]
decoder = "classes"
labels = ["with_mask", "without_mask", "incorrect_mask"]
probabilities = "logits"
activation = "softmax"
[[variant]]
name = "{precision}"
backend = "litert"
precision = "{precision}"
file = "model.tflite"
sha256 = "{hashlib.sha256(data).hexdigest()}"
""")
    return package


def print_crops(rounds: int) -> None:
    """Prints microseconds of both ways, by the face's side, in a picture of 1920x1080."""
    print(f"cutting a face out, {SIDE}x{SIDE}: microseconds (the plain way)")
    noise = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    pixels = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)
    for face in FACES:
        box = np.array([[40.0, 40.0, 40.0 + face, 40.0 + face]])
        ours, plain = compare(
            rounds,
            lambda: crop_faces(pixels, box, (SIDE, SIDE), MARGIN),  # noqa: B023 - called at once
            lambda: plainly(pixels, box[0]),  # noqa: B023 - likewise
        )
        print(f"{face:>6} px {ours * 1e6:8.0f} ({plain * 1e6:.0f})")


def plainly(pixels: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[Any]:
    """Cuts a face out as one would at first."""
    side = round((box[2:] - box[:2]).max() * (1 + 2 * MARGIN))
    left, top = (np.rint((box[:2] + box[2:] - side) / 2)).astype(int).tolist()
    height, width = pixels.shape[:2]
    inside = pixels[max(top, 0) : top + side, max(left, 0) : left + side]
    borders = (
        max(-top, 0),
        max(top + side - height, 0),
        max(-left, 0),
        max(left + side - width, 0),
    )
    square = cv2.copyMakeBorder(inside, *borders, cv2.BORDER_REPLICATE)
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return cv2.resize(square, (SIDE, SIDE), interpolation=method)


def print_batches(rounds: int) -> None:
    """Prints the time of a batch as a share of that of its faces one by one."""
    network = camera_network()
    sessions: dict[str, Session] = {
        "LiteRT": LiteRtSession(build_tflite(network), 1),
        "ONNX Runtime": OnnxSession(build_onnx(network), 1, ("CPUExecutionProvider",)),
    }
    print("\na batch, against its faces one by one (below 1: batches pay)")
    print(f"{'':>14}" + "".join(f"{batch:>7}" for batch in BATCHES) + "  mixed sizes")
    for name, session in sessions.items():
        shares = [share(session, network.inputs(batch), [batch], rounds) for batch in BATCHES]
        mixed = share(session, network.inputs(5), [1, 3, 2, 1, 4, 1, 2, 5], rounds)
        print(f"{name:>14}" + "".join(f"{one:>7.2f}" for one in shares) + f"{mixed:>13.2f}")


def share(session: Session, inputs: NDArray[Any], batches: list[int], rounds: int) -> float:
    """Measures batches against their faces one by one."""

    def together() -> None:
        for batch in batches:
            session.run({"input": inputs[:batch]})

    def apart() -> None:
        for batch in batches:
            for index in range(batch):
                session.run({"input": inputs[index : index + 1]})

    batched, single = compare(rounds, together, apart)
    return batched / single


def compare(
    rounds: int, ours: Callable[[], object], plain: Callable[[], object]
) -> tuple[float, float]:
    """Returns the median seconds of processor time of both, taken in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for place, work in zip(times, (ours, plain), strict=True):
            began = time.process_time()
            work()
            place.append(time.process_time() - began)
    # The first round warms up.
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


if __name__ == "__main__":
    main()
