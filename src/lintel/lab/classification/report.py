"""The report of classifiers: one page that needs nothing else, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lintel.lab.classification.charts import (
    draw_calibration,
    draw_classes,
    draw_errors,
    draw_precision_recall,
    draw_roc,
)
from lintel.lab.classification.end_to_end import EndToEnd
from lintel.lab.classification.figures import (
    THREE,
    TWO,
    ClassBalance,
    ClassifierComparison,
    ClassifierFigures,
    answers_of,
    compare_classifiers,
    measure_balance,
    measure_classifiers,
)
from lintel.lab.classification.gallery import gather_wrong
from lintel.lab.classification.running import Classification
from lintel.lab.classification.table import (
    balance_table,
    class_table,
    comparison_table,
    describe_protocol,
    end_to_end_table,
    figures_table,
    size_table,
)
from lintel.lab.evaluation.report import describe_machine
from lintel.lab.training.faces import Face
from lintel.reports import Table, render_page


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of classifiers, and what is needed to get them again.

    Attributes:
        data: What they were measured on, for people.
        smallest: Least size of the faces that count.
        machine: Processor, system and versions, for times.
        classifiers: The figures.
        comparisons: The first classifier against the others.
        balances: Classes by split.
        end_to_end: What becomes of faces that a detector has to find first; or nothing.
        detector: What exactly that is, or "".
        left_out: What could not be looked at, a sentence each.
    """

    data: str
    smallest: float
    machine: str
    classifiers: tuple[ClassifierFigures, ...]
    comparisons: tuple[ClassifierComparison, ...]
    balances: tuple[ClassBalance, ...]
    end_to_end: tuple[EndToEnd, ...] = ()
    detector: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The figures as tables."""
        tables = [figures_table(self.classifiers, question) for question in (TWO, THREE)]
        tables += [class_table(self.classifiers), size_table(self.classifiers)]
        if self.end_to_end:
            tables.append(end_to_end_table(self.end_to_end))
        if self.comparisons:
            tables.append(comparison_table(self.comparisons))
        return (*tables, balance_table(self.balances))

    @property
    def protocol(self) -> str:
        """How it was measured, in sentences."""
        return describe_protocol(self.smallest)


def summarise(
    classification: Classification,
    data: str,
    smallest: float,
    everything: Sequence[Face],
) -> Summary:
    """Computes all figures of classifiers.

    Args:
        classification: What they made of faces.
        data: What those were, for people.
        smallest: Least size that they were chosen by.
        everything: The faces of all splits that could have been chosen.
    """
    return Summary(
        data,
        smallest,
        describe_machine(),
        measure_classifiers(classification, smallest),
        compare_classifiers(classification),
        measure_balance(everything),
        left_out=classification.left_out,
    )


def to_json(summary: Summary) -> bytes:
    """Writes a summary as JSON; what is not a number is null."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=2)


def to_html(classification: Classification, summary: Summary) -> str:
    """Writes a page: tables, curves, and a gallery of what is told wrong.

    Pictures of the data are embedded in it: it is to be kept as they are.

    Args:
        classification: What classifiers made of faces.
        summary: Its figures.

    Raises:
        LabError: A picture can be read no more.
    """
    return render_page(
        "lintel.lab.classification",
        "report.html.jinja",
        summary=summary,
        questions=[_charts(classification, question) for question in (THREE, TWO)],
        sections=[
            {
                "run": run,
                "confusions": [
                    (
                        question,
                        draw_errors(run.name, answers_of(classification, run, question=question)),
                    )
                    for question in (THREE, TWO)
                ],
                "wrong": gather_wrong(classification, run),
            }
            for run in classification.runs
        ],
    )


def to_text(summary: Summary) -> str:
    """Writes a summary for the terminal."""
    classifiers = [f"{each.name}: {each.details}" for each in summary.classifiers]
    if summary.detector:
        classifiers.append(summary.detector)
    return "\n\n".join(
        [
            f"{summary.data}\n{summary.protocol}",
            "\n".join([*classifiers, *(f"Left out: {one}" for one in summary.left_out)]),
            *map(str, summary.tables),
        ]
    )


def _charts(classification: Classification, question: str) -> dict[str, Any]:
    """Draws the charts of a question: rows of captions and charts."""
    named = [
        (run.name, answers_of(classification, run, question=question))
        for run in classification.runs
    ]
    calibration = [("Calibration", draw_calibration(named))]
    curves = [
        [(f"{noun} of {label}", chart) for label, chart in draw_classes(draw, named)]
        for noun, draw in (("ROC curve", draw_roc), ("Precision", draw_precision_recall))
    ]
    # One class of two says what there is to say.
    rows = [calibration, *curves] if question == THREE else [sum(curves, calibration)]
    return {"name": question, "rows": rows}
