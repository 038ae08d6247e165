"""What judging masks costs besides the network: cutting faces out, and whether batches pay.

Cutting out is compared with the plain way of doing the same: copyMakeBorder about the picture's
part, then INTER_AREA. Batches are compared with as many faces one by one, by the processor's time
of one thread, which others on the machine do not change; the network has 160,000 parameters and
sees 128x128 pixels. A and B alternate, and medians are printed.
Run: python -m tests.bench.bench_masks [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.builders import build_onnx, build_tflite, camera_network

from lintel.edge.backends import Session
from lintel.edge.backends.litert import LiteRtSession
from lintel.edge.backends.onnx import OnnxSession
from lintel.edge.tasks.masks import crop_faces

SIDE = 128
MARGIN = 0.2
FACES = (24, 48, 96, 150, 300, 600, 1000)
BATCHES = (2, 3, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    print_crops(rounds)
    print_batches(rounds)


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
