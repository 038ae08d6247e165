"""Scores that mean something: the share of faces among what is scored alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from lintel.edge.packages import Calibration, FaceOutput, Package
from lintel.lab.errors import LabError
from lintel.lab.evaluation.figures import ALL, tally_run
from lintel.lab.evaluation.protocol import Protocol
from lintel.lab.evaluation.running import Evaluation, Run, Scene, Sighting
from lintel.lab.metrics import covered_shares, leak_rate

Floats = NDArray[np.float64]

LEAST_SCORES = (0.03, 0.04, 0.05, 0.1, 0.2, 0.3, 0.5)
MARGINS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a least score would mean.

    Attributes:
        least: The least score, calibrated.
        precision: Share of faces among what is scored so or higher; NaN where nothing is.
        recall: Share of the faces that are found so.
        leaks: Share of the faces of which the device's blur covers less than 90 %, for each of
            `MARGINS`.
    """

    least: float
    precision: float
    recall: float
    leaks: tuple[float, ...]


def uncalibrated(package: Package) -> Package:
    """Returns a face model's package whose scores are what the model itself says.

    Those of a cascade are then no shares: see its output.

    Raises:
        LabError: It is no face model.
    """
    output = package.manifest.output
    if not isinstance(output, FaceOutput):
        raise LabError(f"The package {package.name} is no face model.")
    plain = structs.replace(output, calibration=None)
    return replace(package, manifest=structs.replace(package.manifest, output=plain))


def fit_calibration(scores: Floats, hits: NDArray[np.bool_]) -> Calibration:
    """Fits slope and intercept, with the softened targets of J. Platt, 1999, by Newton's method.

    Args:
        scores: Shape (N,), as the model gives them.
        hits: Shape (N,), which were faces.

    Raises:
        LabError: There are not both faces and others among them.
    """
    positives, negatives = int(hits.sum()), int((~hits).sum())
    if not positives or not negatives:
        raise LabError("Scores cannot be calibrated without both faces and false alarms.")
    targets = np.where(hits, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    weights = np.array([0.0, np.log(positives / negatives)])
    for _ in range(50):
        shares = _shares(scores, weights)
        hessian = design.T @ (design * (shares * (1 - shares))[:, None]) + 1e-9 * np.eye(2)
        weights += np.linalg.solve(hessian, design.T @ (targets - shares))
    return Calibration(slope=round(float(weights[0]), 3), intercept=round(float(weights[1]), 3))


def apply_calibration(calibration: Calibration, scores: Floats) -> Floats:
    """Turns the model's own scores (N,) into shares of faces, 0 to 1."""
    return _shares(scores, np.array([calibration.slope, calibration.intercept]))


def rescored(evaluation: Evaluation, score: Callable[[Floats], Floats]) -> Evaluation:
    """Returns an evaluation with other scores for what was found, (N,) from (N,) a picture."""

    def run_of(run: Run) -> Run:
        sightings = []
        for each in run.sightings:
            scores = score(each.ranked.scores.astype(np.float64)).astype(np.float32)
            sightings.append(replace(each, ranked=each.ranked._replace(scores=scores)))
        return replace(run, sightings=tuple(sightings))

    return replace(evaluation, runs=tuple(run_of(run) for run in evaluation.runs))


def choices(evaluation: Evaluation, source: str = ALL) -> tuple[Choice, ...]:
    """Tells what each of `LEAST_SCORES` means for the first detector on a source's pictures."""
    run = evaluation.runs[0]
    counted = tally_run(evaluation, run, source)
    seen = [
        pair
        for pair in zip(evaluation.scenes, run.sightings, strict=True)
        if source in (ALL, pair[0].picture.source)
    ]
    return tuple(
        Choice(
            least,
            _share(counted.hits[counted.scores >= least].sum(), (counted.scores >= least).sum()),
            _share(counted.hits[counted.scores >= least].sum(), counted.faces),
            tuple(_leaks(seen, evaluation.protocol, least, margin) for margin in MARGINS),
        )
        for least in LEAST_SCORES
    )


def _leaks(
    seen: Sequence[tuple[Scene, Sighting]], protocol: Protocol, least: float, margin: float
) -> float:
    blur = replace(protocol.blur, margin=margin)
    return leak_rate(
        covered_shares(
            scene.faces[(scene.sizes >= protocol.smallest) & ~scene.picture.ignored],
            sighting.ranked.boxes[sighting.ranked.scores >= least],
            scene.width,
            scene.height,
            blur,
        )
        for scene, sighting in seen
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _shares(scores: Floats, weights: Floats) -> Floats:
    logits = scores * weights[0] + weights[1]
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))
