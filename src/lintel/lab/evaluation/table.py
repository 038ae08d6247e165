"""Figures as tables: rows of text, for the terminal and the report alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lintel.lab.evaluation.figures import STRICT_OVERLAP, DetectorFigures, Figures, NamedComparison
from lintel.lab.evaluation.protocol import Protocol
from lintel.reports import Table


def describe_protocol(protocol: Protocol) -> str:
    """Tells how figures were measured, in a sentence or two."""
    blur = protocol.blur
    scaled = f"Pictures are scaled to a long side of {protocol.long_side} pixels first. "
    return (
        f"{scaled if protocol.long_side else ''}"
        f"A hit overlaps a face by an intersection over union of {protocol.least_overlap:g} or"
        f" more. With the picture's long side at 640 pixels, faces and unmatched detections of"
        f" less than {protocol.smallest:g} on the short side are ignored. A face leaks where less"
        f" than 90 % of its box is covered where what the detector finds is blurred, from its"
        f" threshold for that on, with the shape {blur.shape} and a margin of {blur.margin:g}."
        " AP is the area under the precision-recall curve, its precision made monotone;"
        " CPU milliseconds a picture are of one thread, without decoding."
    )


def source_table(detectors: Sequence[DetectorFigures], protocol: Protocol) -> Table:
    """Tells what each detector does on each source."""
    rows = [
        (source, detector.name, *_cells(figures), f"{figures.cpu_ms:.1f}")
        for source in _keys([detector.by_source for detector in detectors])
        for detector in detectors
        for figures in [detector.by_source[source]]
    ]
    return Table("By source", ("source", *_heads(protocol), "CPU ms"), tuple(rows))


def size_table(detectors: Sequence[DetectorFigures], protocol: Protocol) -> Table:
    """Tells what each detector does with faces of each size, over all sources."""
    rows = [
        (size, detector.name, *_cells(detector.by_size[size]))
        for size in _keys([detector.by_size for detector in detectors])
        for detector in detectors
    ]
    return Table("By size of face, at a long side of 640", ("size", *_heads(protocol)), tuple(rows))


def comparison_table(comparisons: Sequence[NamedComparison]) -> Table:
    """Tells whether the first detector differs from the others."""
    rows = [
        (
            each.source,
            f"{each.first} less {each.second}",
            f"{each.result.difference:+.3f}",
            f"{each.result.low:+.3f} to {each.result.high:+.3f}",
            f"{each.result.p_value:.4f}",
            _number(each.result.effect, 2),
            str(each.result.groups),
        )
        for each in comparisons
    ]
    return Table(
        "Differences in AP, by a paired bootstrap over groups of pictures",
        ("source", "detectors", "difference", "95 % interval", "p", "effect d", "groups"),
        tuple(rows),
    )


def _heads(protocol: Protocol) -> tuple[str, ...]:
    return (
        "detector",
        "pictures",
        "faces",
        f"AP@{protocol.least_overlap:g}",
        f"AP@{STRICT_OVERLAP:g}",
        "recall at P 0.9",
        "best F1 (at)",
        "P, R at own threshold",
        "leak rate",
    )


def _cells(figures: Figures) -> tuple[str, ...]:
    best = figures.best
    return (
        str(figures.pictures),
        str(figures.faces),
        _number(figures.average_precision),
        _number(figures.average_precision_strict),
        _number(figures.recall_at_90_precision),
        "-" if best is None else f"{best.f1:.3f} ({best.score:.2f})",
        f"{_number(figures.default.precision)}, {_number(figures.default.recall)}",
        "-" if math.isnan(figures.leak_rate) else f"{100 * figures.leak_rate:.1f} %",
    )


def _number(value: float, digits: int = 3) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _keys(tables: Sequence[dict[str, Figures]]) -> list[str]:
    return list(dict.fromkeys(key for table in tables for key in table))
