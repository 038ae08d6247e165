"""Fits the calibration of face-haar, and prints what its manifest and card say of it.

    python models/face-haar/calibrate.py [LINTEL_DATA]

Only the `val` split is looked at. A detection is a hit where it overlaps a face by an IoU of 0.4
or more; with the picture's long side at 640 pixels, faces and detections of less than 24 pixels
are neither hits nor misses. Near-copies and bare crops are left out.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from lintel.edge.backends import SessionPool, open_session
from lintel.edge.config import ModelSettings
from lintel.edge.geometry import intersection_over_union
from lintel.edge.images import decode
from lintel.edge.packages import Calibration, CascadeOutput, builtin_packages, load_package
from lintel.edge.tasks.faces import FaceDetector

REPOSITORY = Path(__file__).resolve().parents[2]
LONG_SIDE = 640
SMALLEST_FACE = 24
LEAST_OVERLAP = 0.4

Floats = NDArray[np.float64]


@dataclass
class Scene:
    """A picture and its faces, float64 (N, 4) in its pixels."""

    source: str
    width: int
    height: int
    boxes: list[list[float]] = field(default_factory=list)

    def is_large(self, boxes: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Tells which boxes count."""
        scale = LONG_SIDE / max(self.width, self.height)
        return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1) * scale >= SMALLEST_FACE)


@dataclass
class Tally:
    """Detections that count, and how many faces there were."""

    scores: list[float] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    faces: int = 0


def read_scenes(folder: Path) -> dict[str, Scene]:
    """Reads the `val` pictures of the index, by path."""
    scenes: dict[str, Scene] = {}
    left_out: set[str] = set()
    with (folder / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] != "val" or row["duplicate_of"]:
                continue
            if row["whole_frame"] == "1":
                left_out.add(row["image"])
            scene = scenes.setdefault(
                row["image"], Scene(row["source"], int(row["width"]), int(row["height"]))
            )
            if row["x_min"]:
                scene.boxes.append([float(row[k]) for k in ("x_min", "y_min", "x_max", "y_max")])
    return {image: scene for image, scene in scenes.items() if image not in left_out}


def open_uncalibrated() -> FaceDetector:
    """Opens face-haar with a calibration that can be undone: slope 1, intercept 0."""
    package = load_package(next(path for path in builtin_packages() if path.name == "face-haar"))
    manifest = package.manifest
    if not isinstance(manifest.output, CascadeOutput):
        raise SystemExit("face-haar is a cascade no more.")
    output = structs.replace(manifest.output, calibration=Calibration(slope=1, intercept=0))
    package = replace(package, manifest=structs.replace(manifest, output=output))
    variant = package.manifest.variants[0]
    return FaceDetector(
        package, SessionPool(lambda: open_session(package, variant, ModelSettings()), 1)
    )


def count(scene: Scene, boxes: NDArray[np.float32], scores: NDArray[np.float32], to: Tally) -> None:
    """Matches detections, best first, with the faces of a scene, and adds to a tally."""
    faces = np.array(scene.boxes, np.float32).reshape(-1, 4)
    large = scene.is_large(faces)
    to.faces += int(large.sum())
    overlaps = intersection_over_union(boxes, faces)
    counts = scene.is_large(boxes)
    for index in np.argsort(-scores, kind="stable"):
        # A face that counts is preferred to one that does not.
        ranks = overlaps[index] + large
        ranks[overlaps[index] < LEAST_OVERLAP] = -1
        best = int(ranks.argmax()) if len(ranks) else -1
        is_hit = best >= 0 and ranks[best] >= 0
        if is_hit:
            overlaps[:, best] = 0
        if large[best] if is_hit else counts[index]:
            to.scores.append(float(scores[index]))
            to.hits.append(bool(is_hit))


def fit(scores: Floats, hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Fits slope and intercept by Newton's method, with Platt's (1999) softened targets."""
    positives, negatives = hits.sum(), (~hits).sum()
    targets = np.where(hits, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    weights = np.zeros(2)
    for _ in range(50):
        probabilities = 1 / (1 + np.exp(-design @ weights))
        curvature = probabilities * (1 - probabilities)
        hessian = design.T @ (design * curvature[:, None]) + 1e-9 * np.eye(2)
        weights += np.linalg.solve(hessian, design.T @ (targets - probabilities))
    return float(weights[0]), float(weights[1])


def average_precision(tally: Tally) -> float:
    """Area under the curve of precision, made monotone, over recall."""
    order = np.argsort(-np.array(tally.scores), kind="stable")
    hits = np.array(tally.hits)[order].cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.concatenate([[0], hits / tally.faces])
    return float(np.sum(np.diff(recall) * precision))


def main() -> None:
    """Prints the calibration, and average precision and precision by source."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("LINTEL_DATA", ""))
    folder = (data if data.parts else REPOSITORY.parent / "shared" / "data") / "faces"
    detector = open_uncalibrated()
    tallies: dict[str, Tally] = defaultdict(Tally)
    for image, scene in read_scenes(folder).items():
        found = detector.detect(decode((folder / image).read_bytes(), depth8=True), min_score=0)
        raw = np.log(found.scores / (1 - found.scores))
        for name in ("all", scene.source):
            count(scene, found.boxes, raw, tallies[name])
    everything = tallies["all"]
    slope, intercept = fit(np.array(everything.scores), np.array(everything.hits))
    sys.stdout.write(f"calibration = {{ slope = {slope:.3f}, intercept = {intercept:.3f} }}\n")
    sys.stdout.write(
        "source     faces  AP@0.4  at a score of: recall/precision; near 0.5: precision\n"
    )
    for name, tally in sorted(tallies.items()):
        hits = np.array(tally.hits)
        scores = 1 / (1 + np.exp(-(np.array(tally.scores) * slope + intercept)))
        columns = [f"{name:9s} {tally.faces:6d} {average_precision(tally):7.3f} "]
        for least in (0.1, 0.2, 0.3, 0.5):
            kept = hits[scores >= least]
            columns.append(f" {least}: {kept.sum() / tally.faces:.2f}/{kept.mean():.2f}")
        near = hits[abs(scores - 0.5) < 0.15]
        sys.stdout.write("".join(columns) + f"  {near.mean():.2f}\n")


if __name__ == "__main__":
    main()
