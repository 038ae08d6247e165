"""The report of an evaluation: one page that needs nothing else, and the same as JSON."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

import msgspec

from lintel.lab.evaluation.charts import draw_curves, draw_scores
from lintel.lab.evaluation.figures import (
    DetectorFigures,
    NamedComparison,
    compare_all,
    measure_all,
    sources_of,
)
from lintel.lab.evaluation.gallery import make_gallery
from lintel.lab.evaluation.protocol import Protocol
from lintel.lab.evaluation.running import Evaluation
from lintel.lab.evaluation.table import (
    comparison_table,
    describe_protocol,
    size_table,
    source_table,
)
from lintel.reports import Table, render_page


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of an evaluation, and what is needed to get them again.

    Attributes:
        data: What it was measured on, for people.
        protocol: How.
        machine: Processor, system and versions, for times.
        detectors: The figures.
        comparisons: The first detector against the others.
    """

    data: str
    protocol: Protocol
    machine: str
    detectors: tuple[DetectorFigures, ...]
    comparisons: tuple[NamedComparison, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The figures as tables."""
        tables = (
            source_table(self.detectors, self.protocol),
            size_table(self.detectors, self.protocol),
        )
        return (*tables, comparison_table(self.comparisons)) if self.comparisons else tables


def summarise(evaluation: Evaluation, data: str) -> Summary:
    """Computes all figures of an evaluation.

    Args:
        evaluation: What detectors made of pictures.
        data: What those were, for people.
    """
    return Summary(
        data,
        evaluation.protocol,
        describe_machine(),
        measure_all(evaluation),
        compare_all(evaluation),
    )


def describe_machine() -> str:
    """Tells processor, system and versions, for people."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("lintel", "numpy", "onnxruntime", "ai-edge-litert", "opencv-python-headless")
    )
    return (
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}; {versions}"
    )


def to_json(summary: Summary) -> bytes:
    """Writes a summary as JSON; what is not a number is null."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=2)


def to_html(evaluation: Evaluation, summary: Summary) -> str:
    """Writes a page: tables, curves, scores, and galleries of misses and false alarms.

    Pictures of the data are embedded in it: it is to be kept as they are.

    Args:
        evaluation: What detectors made of pictures.
        summary: Its figures.

    Raises:
        LabError: A picture can be read no more.
    """
    return render_page(
        "lintel.lab.evaluation",
        "report.html.jinja",
        summary=summary,
        protocol=describe_protocol(summary.protocol),
        curves=[(source, draw_curves(evaluation, source)) for source in sources_of(evaluation)],
        sections=[
            {
                "detector": run,
                "scores": draw_scores(evaluation, run),
                "gallery": make_gallery(evaluation, run),
            }
            for run in evaluation.runs
        ],
    )


def to_text(summary: Summary) -> str:
    """Writes a summary for the terminal."""
    detectors = [
        f"{each.name}: {each.details}; own threshold {each.default_score:g}"
        for each in summary.detectors
    ]
    return "\n\n".join(
        [
            f"{summary.data}\n{describe_protocol(summary.protocol)}",
            "\n".join(detectors),
            *map(str, summary.tables),
        ]
    )
