"""A picture in, verdicts out: faces found by a detector, and judged by a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintel.edge.geometry import intersection_over_union
from lintel.edge.packages import MASK_LABELS
from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.classification.classifier import Classifier, Probabilities
from lintel.lab.classification.running import WRONGLY_WORN, judge
from lintel.lab.errors import LabError
from lintel.lab.evaluation import ALL, Detector, Found, Protocol, Scene, match_scene, open_scene
from lintel.lab.metrics import Interval, interval
from lintel.lab.training.faces import LABEL_NAMES

Floats: TypeAlias = NDArray[np.float64]

LEAST_SCORES = (0.04, 0.1, 0.2, 0.3, 0.5)
UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """What becomes of the labelled faces of a source at one threshold of the detector.

    Attributes:
        source: Whose faces, or "all".
        least_score: The threshold.
        faces: Labelled faces whose masks are not worn wrongly.
        found: Share of them that is found.
        right: Share of them that is found and given the right one of the two classes.
        right_interval: Its 95 % interval, by a bootstrap over groups of pictures.
        all_faces: Labelled faces.
        right_of_three: Share of those that is found and given the right one of three classes.
        alarms: Boxes a picture that are no face: a device would judge them all the same.
    """

    source: str
    least_score: float
    faces: int
    found: float
    right: float
    right_interval: Interval
    all_faces: int
    right_of_three: float
    alarms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What becomes of a picture's labelled faces: shape (N,) each but for the source."""

    source: str
    group: str
    truth: NDArray[np.int64]
    found: NDArray[np.bool_]
    two: NDArray[np.bool_]
    three: NDArray[np.bool_]
    alarms: int


def run_end_to_end(
    pictures: Sequence[AnnotatedPicture],
    detector: Detector,
    classifier: Classifier,
    protocol: Protocol,
    *,
    progress: Callable[[int], object] = lambda _done: None,
) -> tuple[EndToEnd, ...]:
    """Finds the faces of pictures and judges them as found.

    Args:
        pictures: Those of sources without labels are passed over.
        detector: Finds faces.
        classifier: Judges them.
        protocol: What a hit is, and which faces count.
        progress: Called after each picture with how many are done.

    Returns:
        What came of it, by source and threshold, the detector's own among them.

    Raises:
        LabError: No face has a label, a picture cannot be read, or a model failed.
    """
    labelled = {
        picture.source
        for picture in pictures
        for label in picture.labels
        if label.lower() in LABEL_NAMES
    }
    if not labelled:
        raise LabError(f"No face has a label of masks: {', '.join(MASK_LABELS)}.")
    thresholds = sorted({*LEAST_SCORES, detector.default_score})
    outcomes: dict[float, list[_Outcome]] = {least: [] for least in thresholds}
    for done, picture in enumerate(pictures, start=1):
        if picture.source in labelled:
            scene, pixels = open_scene(picture)
            found = Found(*detector.detect(pixels, thresholds[0]))
            judged = _judge_hits(classifier, scene, pixels, found, protocol)
            for least in thresholds:
                outcomes[least].append(_outcome(scene, found, judged, least, protocol))
        progress(done)
    sources = [*dict.fromkeys(one.source for one in outcomes[thresholds[0]])]
    return tuple(
        _summarise(source, least, [one for one in outcomes[least] if source in (ALL, one.source)])
        for source in ([*sources, ALL] if len(sources) > 1 else sources)
        for least in thresholds
    )


def _judge_hits(
    classifier: Classifier,
    scene: Scene,
    pixels: NDArray[np.uint8],
    found: Found,
    protocol: Protocol,
) -> Probabilities:
    """Judges what may be a face, (D, 3); what lies on none is not looked at, and has zeros.

    At low thresholds hundreds of boxes lie on walls.
    """
    judged = np.zeros((len(found.boxes), len(MASK_LABELS)))
    overlaps = intersection_over_union(found.boxes, scene.faces)
    near = overlaps.max(axis=1, initial=0) >= protocol.least_overlap - 1e-6
    judged[near] = judge(classifier, pixels, found.boxes[near], scene.picture.path)
    return judged


def _outcome(
    scene: Scene, found: Found, judged: Probabilities, least: float, protocol: Protocol
) -> _Outcome:
    picture = scene.picture
    kept = found.scores >= least
    matching = match_scene(scene, Found(found.boxes[kept], found.scores[kept]), protocol)
    names = [LABEL_NAMES.get(label.lower()) for label in picture.labels]
    truth = np.array(
        [UNLABELLED if name is None else MASK_LABELS.index(name) for name in names], np.int64
    )
    counts = (scene.sizes >= protocol.smallest) & ~picture.ignored & (truth != UNLABELLED)
    taken = np.full(len(truth), -1, np.intp)
    is_matched = matching.faces >= 0
    taken[matching.faces[is_matched]] = np.flatnonzero(is_matched)
    hit = taken >= 0
    rows = np.zeros((len(truth), len(MASK_LABELS)))
    rows[hit] = judged[kept][taken[hit]]
    two = rows.copy()
    two[:, WRONGLY_WORN] = -1
    return _Outcome(
        source=picture.source,
        group=f"{picture.source}/{picture.group or picture.path}",
        truth=truth[counts],
        found=hit[counts],
        two=(hit & (two.argmax(axis=1) == truth))[counts],
        three=(hit & (rows.argmax(axis=1) == truth))[counts],
        alarms=int(matching.false_alarms.sum()),
    )


def _summarise(source: str, least: float, outcomes: Sequence[_Outcome]) -> EndToEnd:
    truth, found, two, three = (
        np.concatenate([getattr(one, name) for one in outcomes])
        for name in ("truth", "found", "two", "three")
    )
    groups = [one.group for one in outcomes for _ in one.truth]
    plain = truth != WRONGLY_WORN
    return EndToEnd(
        source=source,
        least_score=least,
        faces=int(plain.sum()),
        found=_share(found, plain.astype(np.float64)),
        right=_share(two, plain.astype(np.float64)),
        right_interval=interval(lambda weights: _share(two, weights * plain), groups),
        all_faces=len(truth),
        right_of_three=_share(three, np.ones(len(truth))),
        alarms=sum(one.alarms for one in outcomes) / len(outcomes),
    )


def _share(right: NDArray[np.bool_], weights: Floats) -> float:
    total = weights.sum()
    return float(weights @ right / total) if total else float("nan")
