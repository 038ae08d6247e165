"""What probabilities mean, before and after calibration, and what a least one would cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lintel.lab.classification.figures import Answers, answers_of, sources_of
from lintel.lab.classification.running import Classification
from lintel.lab.metrics import BINS, measure_classes
from lintel.reports import Table

LEAST_PROBABILITIES = (0.34, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Surety:
    """What a least probability would mean.

    Attributes:
        least: Of the likeliest class; faces below it are told as unsure.
        unsure: Share of the faces that are.
        accuracy: Share that is right of the others; NaN where there are none.
        errors_kept: Share of all errors that are told all the same; NaN where there are none.
    """

    least: float
    unsure: float
    accuracy: float
    errors_kept: float


def sureties(answers: Answers) -> tuple[Surety, ...]:
    """Tells what each of `LEAST_PROBABILITIES` would mean."""
    confidence, right = answers.probabilities.max(axis=1), answers.right
    found = []
    for least in LEAST_PROBABILITIES:
        sure = confidence >= least
        found.append(
            Surety(
                least,
                float(1 - sure.mean()),
                float(right[sure].mean()) if sure.any() else float("nan"),
                float(sure[~right].mean()) if not right.all() else float("nan"),
            )
        )
    return tuple(found)


def surety_table(source: str, answers: Answers) -> Table:
    """Tells what each of `LEAST_PROBABILITIES` would mean, of a source's faces."""
    rows = [
        (
            f"{one.least:g}",
            f"{100 * one.unsure:.1f} %",
            "-" if math.isnan(one.accuracy) else f"{one.accuracy:.4f}",
            "-" if math.isnan(one.errors_kept) else f"{100 * one.errors_kept:.1f} %",
        )
        for one in sureties(answers)
    ]
    heads = ("min_probability", "unsure", "accuracy of the rest", "errors still told")
    return Table(source or "all", heads, tuple(rows), names=1)


def calibration_table(before: Classification, after: Classification) -> Table:
    """Tells what a calibration changes, by source, of the first classifier."""
    rows = []
    for source in sources_of(before.faces):
        cells = [source or "all", str(len(answers_of(before, before.runs[0], source).truth))]
        for one in (before, after):
            answers = answers_of(one, one.runs[0], source)
            figures = measure_classes(answers.truth, answers.probabilities)
            cells += [f"{figures.log_loss:.4f}", f"{figures.calibration_error:.4f}"]
        rows.append(tuple(cells))
    heads = ("source", "faces", "log loss before", "ECE before", "log loss after", "ECE after")
    title = f"Of three classes; ECE in {BINS} bins equally wide from 0 to 1"
    return Table(title, heads, tuple(rows), names=1)
