"""Figures of an evaluation: by source, by size, and of one detector against another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lintel.lab.evaluation.detector import Found
from lintel.lab.evaluation.protocol import Protocol
from lintel.lab.evaluation.running import Evaluation, Run, Scene, Sighting
from lintel.lab.metrics import (
    Comparison,
    Matching,
    OperatingPoint,
    SizeBin,
    Tally,
    average_precision,
    best_f1,
    box_sizes,
    compare_average_precision,
    leak_rate,
    match_detections,
    operating_point,
    precision_recall_curve,
    recall_at_precision,
    size_bins,
    tally,
)

ALL = "all"
STRICT_OVERLAP = 0.5
LEAST_PRECISION = 0.9


@dataclass(frozen=True, slots=True)
class Figures:
    """What a detector is worth on some pictures; NaN where there is nothing to tell.

    Attributes:
        pictures: How many.
        faces: How many count.
        average_precision: At the protocol's overlap: the area under the curve.
        average_precision_coco: The same by COCO's 101 points.
        average_precision_strict: The area at an overlap of 0.5.
        recall_at_90_precision: The highest recall of a threshold with a precision of 0.9.
        best: Where F1 is highest; None where nothing was found.
        default: At the detector's own threshold.
        leak_rate: Share of the faces of which less than 90 % is covered by the blur.
        cpu_ms: Mean CPU time a picture at that threshold, one thread, decoding left out.
    """

    pictures: int
    faces: int
    average_precision: float
    average_precision_coco: float
    average_precision_strict: float
    recall_at_90_precision: float
    best: OperatingPoint | None
    default: OperatingPoint
    leak_rate: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class DetectorFigures:
    """All figures of a detector.

    Attributes:
        name: Of the detector.
        details: What exactly it is.
        default_score: Its own threshold.
        by_source: By the data set; and "all" where there are several.
        by_size: By the size of faces, over all pictures. CPU time is not told apart by it.
    """

    name: str
    details: str
    default_score: float
    by_source: dict[str, Figures]
    by_size: dict[str, Figures]


@dataclass(frozen=True, slots=True)
class NamedComparison:
    """Two detectors on the pictures of a source, by average precision at the protocol's overlap.

    Attributes:
        first: Name of one.
        second: Name of the other.
        source: Whose pictures, or "all".
        result: The first against the second.
    """

    first: str
    second: str
    source: str
    result: Comparison


def match_scene(
    scene: Scene,
    found: Found,
    protocol: Protocol,
    *,
    least_overlap: float | None = None,
    size_bin: SizeBin | None = None,
) -> Matching:
    """Matches what a detector found in a picture, as the protocol says.

    Args:
        scene: The picture.
        found: What was found.
        protocol: How to match.
        least_overlap: Instead of the protocol's.
        size_bin: Only faces, and detections that match nothing, of these sizes count. Default:
            all from the protocol's smallest on.
    """
    counted = size_bin or _all_sizes(protocol)
    return match_detections(
        scene.faces,
        found.boxes,
        found.scores,
        least_overlap or protocol.least_overlap,
        ignored_truth=~counted.holds(scene.sizes),
        regions=scene.picture.ignored,
        ignored_boxes=~counted.holds(box_sizes(found.boxes, scene.width, scene.height)),
    )


def tally_run(
    evaluation: Evaluation,
    run: Run,
    source: str = ALL,
    *,
    shown: bool = False,
    least_overlap: float | None = None,
    size_bin: SizeBin | None = None,
) -> Tally:
    """Gathers what a detector found in the pictures of a source.

    Args:
        evaluation: What it was measured in.
        run: What it made of the pictures.
        source: Whose pictures, or "all".
        shown: Only what it finds at its own threshold.
        least_overlap: As in `match_scene`.
        size_bin: As in `match_scene`.
    """
    return tally(
        [
            match_scene(
                scene,
                sighting.shown if shown else sighting.ranked,
                evaluation.protocol,
                least_overlap=least_overlap,
                size_bin=size_bin,
            )
            for scene, sighting in _of_source(evaluation, run, source)
        ]
    )


def own_point(
    evaluation: Evaluation, run: Run, source: str = ALL, size_bin: SizeBin | None = None
) -> OperatingPoint:
    """Tells what a detector does at its own threshold; the arguments are those of `measure`."""
    counted = tally_run(evaluation, run, source, shown=True, size_bin=size_bin)
    point = operating_point(precision_recall_curve(counted), -np.inf)
    return point._replace(score=run.default_score)


def sources_of(evaluation: Evaluation) -> tuple[str, ...]:
    """Names the sources of the pictures, and "all" where there are several."""
    names = tuple(dict.fromkeys(scene.picture.source for scene in evaluation.scenes))
    return (*names, ALL) if len(names) > 1 else names


def measure(
    evaluation: Evaluation, run: Run, source: str = ALL, size_bin: SizeBin | None = None
) -> Figures:
    """Computes the figures of a detector.

    Args:
        evaluation: What it was measured in.
        run: What it made of the pictures.
        source: Whose pictures, or "all".
        size_bin: Which sizes of faces. Default: all from the protocol's smallest on.
    """
    counted = tally_run(evaluation, run, source, size_bin=size_bin)
    strict = tally_run(evaluation, run, source, least_overlap=STRICT_OVERLAP, size_bin=size_bin)
    curve = precision_recall_curve(counted)
    sizes = size_bin or _all_sizes(evaluation.protocol)
    seen = list(_of_source(evaluation, run, source))
    return Figures(
        pictures=len(seen),
        faces=counted.faces,
        average_precision=average_precision(counted),
        average_precision_coco=average_precision(counted, "coco101"),
        average_precision_strict=average_precision(strict),
        recall_at_90_precision=recall_at_precision(curve, LEAST_PRECISION),
        best=best_f1(curve),
        default=own_point(evaluation, run, source, size_bin),
        leak_rate=leak_rate(
            sighting.covered[sizes.holds(scene.sizes) & ~scene.picture.ignored]
            for scene, sighting in seen
        ),
        cpu_ms=1000 * float(np.mean([sighting.cpu_s for _, sighting in seen])),
    )


def measure_all(evaluation: Evaluation) -> tuple[DetectorFigures, ...]:
    """Computes all figures of all detectors, by source and by size."""
    return tuple(
        DetectorFigures(
            name=run.name,
            details=run.details,
            default_score=run.default_score,
            by_source={
                source: measure(evaluation, run, source) for source in sources_of(evaluation)
            },
            by_size={
                size_bin.name: measure(evaluation, run, size_bin=size_bin)
                for size_bin in size_bins(evaluation.protocol.smallest)
            },
        )
        for run in evaluation.runs
    )


def compare_all(evaluation: Evaluation) -> tuple[NamedComparison, ...]:
    """Compares the first detector with each of the others, by source."""
    if not evaluation.runs:
        return ()
    first, *others = evaluation.runs
    return tuple(
        NamedComparison(first.name, other.name, source, _compare(evaluation, first, other, source))
        for source in sources_of(evaluation)
        for other in others
    )


def _all_sizes(protocol: Protocol) -> SizeBin:
    return SizeBin("", protocol.smallest, np.inf)


def _compare(evaluation: Evaluation, first: Run, second: Run, source: str) -> Comparison:
    groups = [
        # Groups are told apart within a source; a picture without one is its own.
        (scene.picture.source, scene.picture.group or str(scene.picture.path))
        for scene, _ in _of_source(evaluation, first, source)
    ]
    return compare_average_precision(
        tally_run(evaluation, first, source), tally_run(evaluation, second, source), groups
    )


def _of_source(evaluation: Evaluation, run: Run, source: str) -> Iterable[tuple[Scene, Sighting]]:
    return (
        (scene, sighting)
        for scene, sighting in zip(evaluation.scenes, run.sightings, strict=True)
        if source in (ALL, scene.picture.source)
    )
