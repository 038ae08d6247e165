"""Fits the calibration of face-haar, and prints what its manifest and card say of it.

    python models/face-haar/calibrate.py [LINTEL_DATA]

Only the `val` split is looked at, by the protocol of `lintel-lab evaluate`: a hit overlaps a face
by an IoU of 0.4 or more; with the picture's long side at 640 pixels, faces and detections of less
than 24 pixels are neither hits nor misses; near-copies and bare crops are left out.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from lintel.edge.packages import Calibration, CascadeOutput, builtin_packages, load_package
from lintel.lab.annotations import leave_out, read_index
from lintel.lab.evaluation import (
    PackageDetector,
    evaluate,
    select_pictures,
    sources_of,
    tally_run,
)
from lintel.lab.metrics import Tally, average_precision

REPOSITORY = Path(__file__).resolve().parents[2]

Floats = NDArray[np.float64]


def open_uncalibrated() -> PackageDetector:
    """Opens face-haar with a calibration that can be undone: slope 1, intercept 0."""
    package = load_package(next(path for path in builtin_packages() if path.name == "face-haar"))
    manifest = package.manifest
    if not isinstance(manifest.output, CascadeOutput):
        raise SystemExit("face-haar is a cascade no more.")
    output = structs.replace(manifest.output, calibration=Calibration(slope=1, intercept=0))
    return PackageDetector(replace(package, manifest=structs.replace(manifest, output=output)))


def raw_scores(counted: Tally) -> Floats:
    """Undoes that calibration."""
    return np.asarray(np.log(counted.scores / (1 - counted.scores)))


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


def describe(name: str, counted: Tally, slope: float, intercept: float) -> str:
    """Returns the row of a source, its detections scored with the calibration."""
    scores = 1 / (1 + np.exp(-(raw_scores(counted) * slope + intercept)))
    columns = [f"{name:9s} {counted.faces:6d} {average_precision(counted):7.3f} "]
    for least in (0.1, 0.2, 0.3, 0.5):
        kept = counted.hits[scores >= least]
        columns.append(f" {least}: {kept.sum() / counted.faces:.2f}/{kept.mean():.2f}")
    near = counted.hits[abs(scores - 0.5) < 0.15]
    return "".join(columns) + f"  {near.mean():.2f}\n"


def main() -> None:
    """Prints the calibration, and average precision and precision by source."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("LINTEL_DATA", ""))
    folder = (data if data.parts else REPOSITORY.parent / "shared" / "data") / "faces"
    pictures = select_pictures(read_index(folder / "index.csv", report=leave_out), split="val")
    evaluation = evaluate(pictures, [open_uncalibrated()])
    run = evaluation.runs[0]
    everything = tally_run(evaluation, run)
    slope, intercept = fit(raw_scores(everything), everything.hits)
    sys.stdout.write(f"calibration = {{ slope = {slope:.3f}, intercept = {intercept:.3f} }}\n")
    sys.stdout.write(
        "source     faces  AP@0.4  at a score of: recall/precision; near 0.5: precision\n"
    )
    for source in sources_of(evaluation):
        counted = tally_run(evaluation, run, source)
        sys.stdout.write(describe(source, counted, slope, intercept))


if __name__ == "__main__":
    main()
