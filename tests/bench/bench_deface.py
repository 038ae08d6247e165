"""Blurring pictures by `lintel blur` and by `deface`, at 720p: speed, and what is missed.

Both commands as they come, ONNX Runtime under deface, each on the same one core, in turns, on the
same JPEGs: the masks853 pictures of the val split, scaled to 1280x720. Printed are pictures a
second of processor time, with the start of the process and without it (the time of one picture
taken away), and the median ratio of the pairs. What is missed is read off what the commands
write: a pixel is covered where it changed, in pictures given as PNG, which come back unchanged
where nothing is covered. Faces count from 24 pixels with the long side at 640.

deface runs from an environment of its own, since it asks for another OpenCV:

    python3 -m venv out/deface && out/deface/bin/pip install deface onnx onnxruntime
    python -m tests.bench.bench_deface --deface out/deface/bin/deface [--rounds N] [--pictures N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.support import data_folder, fit

from lintel.edge.images import ImageFormat, decode, encode
from lintel.lab.annotations import AnnotatedPicture, leave_out, read_index
from lintel.lab.evaluation import DEFAULT_PROTOCOL, select_pictures
from lintel.lab.metrics import LEAST_COVER, box_sizes

WIDTH, HEIGHT = 1280, 720
TARGET = 10.0
SHOWN = 0.5
"""A face of which less than this share is covered is missed; less than LEAST_COVER: it leaks."""
Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """A picture at the size of the benchmark, and its faces that count."""

    name: str
    pixels: NDArray[np.uint8]
    boxes: Boxes


def main() -> None:
    """Prints speeds, their ratio, and what either misses."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deface", default=shutil.which("deface"), help="the command to run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=24)
    options = parser.parse_args()
    if not options.deface:
        print("Not run: this benchmark needs deface, see its head.")
        return
    scenes = read_scenes()
    with tempfile.TemporaryDirectory() as folder:
        measure_speed(scenes[: options.pictures], options.deface, options.rounds, Path(folder))
        count_misses(scenes, options.deface, Path(folder))


def read_scenes() -> list[Scene]:
    """Returns the val split's pictures of masks853, at the size of the benchmark."""
    pictures = read_index(data_folder() / "faces" / "index.csv", report=leave_out)
    chosen = select_pictures(pictures, split="val", sources=["masks853"])
    return [make_scene(picture) for picture in chosen]


def make_scene(picture: AnnotatedPicture) -> Scene:
    """Scales a picture to cover the size, as `fit` does, and its boxes with it."""
    source = decode(picture.path.read_bytes(), depth8=True).pixels
    pixels = fit(source, WIDTH, HEIGHT)
    scale = max(WIDTH / picture.width, HEIGHT / picture.height)
    over = np.array([picture.width * scale - WIDTH, picture.height * scale - HEIGHT]) / 2
    boxes = picture.boxes * scale - np.tile(over, 2)
    whole = (boxes >= 0).all(1) & (boxes[:, 2] <= WIDTH) & (boxes[:, 3] <= HEIGHT)
    counted = box_sizes(boxes, WIDTH, HEIGHT) >= DEFAULT_PROTOCOL.smallest
    return Scene(picture.path.stem, pixels.view(np.uint8), boxes[whole & counted])


def measure_speed(scenes: list[Scene], deface: str, rounds: int, folder: Path) -> None:
    """Prints the pictures a processor second of both commands, and the ratio of the pairs."""
    many, one = folder / "many", folder / "one"
    for place, part in ((many, scenes), (one, scenes[:1])):
        place.mkdir()
        for scene in part:
            (place / f"{scene.name}.jpg").write_bytes(encode(scene.pixels, ImageFormat.JPEG))
    lintel_s, deface_s, ratios = [], [], []
    for _ in range(rounds):
        starts = run_lintel(one, folder), run_deface(one, deface)
        times = run_lintel(many, folder), run_deface(many, deface)
        lintel_s.append((times[0], times[0] - starts[0]))
        deface_s.append((times[1], times[1] - starts[1]))
        ratios.append((times[1] / times[0], deface_s[-1][1] / lintel_s[-1][1]))
    print(f"{len(scenes)} pictures of {WIDTH}x{HEIGHT}, one core, median of {rounds} rounds")
    print(f"{'pictures a processor second':<30}{'with the start':>16}{'without':>10}")
    for name, seconds in (("lintel blur", lintel_s), ("deface", deface_s)):
        whole, rest = (statistics.median(column) for column in zip(*seconds, strict=True))
        print(f"{name:<30}{len(scenes) / whole:>16.1f}{(len(scenes) - 1) / rest:>10.1f}")
    whole, rest = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"{'ratio':<30}{whole:>16.1f}{rest:>10.1f}   target >= {TARGET:.0f}\n")


def run_lintel(pictures: Path, folder: Path) -> float:
    """Blurs a folder with the command as it comes; returns its processor seconds."""
    command = str(Path(sys.executable).with_name("lintel"))
    return run([command, "blur", str(pictures), "--out", str(folder / "lintel"), "--overwrite"])


def run_deface(pictures: Path, deface: str) -> float:
    """Blurs a folder with deface; returns its processor seconds. Its results lie beside."""
    for result in pictures.glob("*_anonymized.*"):
        result.unlink()
    return run([deface, "--backend", "onnxrt", *map(str, sorted(pictures.iterdir()))])


def run(command: list[str]) -> float:
    """Runs a command on one core; returns its processor seconds, user and system."""
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        ["taskset", "--cpu-list", str(core), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{errors.decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime


def count_misses(scenes: list[Scene], deface: str, folder: Path) -> None:
    """Prints how many faces either leaves to be seen."""
    pictures = folder / "misses"
    pictures.mkdir()
    for scene in scenes:
        (pictures / f"{scene.name}.png").write_bytes(encode(scene.pixels, ImageFormat.PNG))
    run_lintel(pictures, folder)
    run_deface(pictures, deface)
    faces = sum(len(scene.boxes) for scene in scenes)
    print(f"{faces} faces{'missed':>18}{'leaking':>10}   (less than 50 %, 90 % of the box covered)")
    for name, place in (
        ("lintel blur", "lintel/{}.png"),
        ("deface", "misses/{}_anonymized.png"),
    ):
        shares = np.concatenate(
            [covered(scene, folder / place.format(scene.name)) for scene in scenes]
        )
        missed, leaking = (shares < SHOWN).sum(), (shares < LEAST_COVER).sum()
        print(f"{name:<14}{missed:>14}{leaking:>10}")


def covered(scene: Scene, result: Path) -> NDArray[np.float64]:
    """Returns the share of each face's box that is changed in what a command wrote."""
    after = decode(result.read_bytes(), depth8=True).pixels
    changed = (after != scene.pixels).any(axis=2).astype(np.uint8)
    # Now and then a blurred pixel has the value that it had.
    changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    corners = np.rint(scene.boxes).astype(int)
    return np.array([changed[y1:y2, x1:x2].mean() for x1, y1, x2, y2 in corners])


if __name__ == "__main__":
    main()
