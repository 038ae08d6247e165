"""Figures of classifiers as tables: rows of text, for the terminal and the report alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lintel.edge.packages import MASK_LABELS
from lintel.lab.classification.end_to_end import EndToEnd
from lintel.lab.classification.figures import (
    TWO,
    ClassBalance,
    ClassifierComparison,
    ClassifierFigures,
    Measured,
)
from lintel.lab.metrics import BINS, Comparison, Interval
from lintel.reports import Table


def describe_protocol(smallest: float) -> str:
    """Tells how figures were measured, in a few sentences."""
    return (
        f"Faces count from {smallest:g} pixels on the short side, with the picture's long side at"
        " 640; near-copies of other pictures do not. Of two classes: wrongly worn masks are left"
        " out, and the likelier of the two other classes is taken. Means by class are over the"
        " classes that occur. ECE is the expected calibration error of the class that is told, in"
        f" {BINS} bins equally wide from 0 to 1. Intervals hold 95 % of a bootstrap that draws"
        " groups of pictures; CPU milliseconds a face are of one thread, without decoding."
    )


def figures_table(classifiers: Sequence[ClassifierFigures], question: str) -> Table:
    """Tells what each classifier does on each source, asked for two classes or for three."""
    heads = (
        *("source", "classifier", "faces", "accuracy", "95 % interval"),
        *("macro-P", "macro-R", "macro-F1", "95 % interval", "log loss", "ECE", "CPU ms"),
    )
    by_name = [(each, each.two if question == TWO else each.three) for each in classifiers]
    rows = [
        (source or "-", each.name, *_cells(measured[source]), f"{each.cpu_ms:.2f}")
        for source in by_name[0][1]
        for each, measured in by_name
    ]
    titles = (
        "Of two classes, wrongly worn masks left out" if question == TWO else "Of three classes"
    )
    return Table(titles, heads, tuple(rows))


def class_table(classifiers: Sequence[ClassifierFigures]) -> Table:
    """Tells what each classifier does with each of the three classes."""
    rows = [
        (
            source or "-",
            each.name,
            label,
            str(one.count),
            str(one.told),
            *map(_number, (one.precision, one.recall, one.f1, one.roc_auc)),
            _number(one.average_precision),
        )
        for source in classifiers[0].three
        for each in classifiers
        for label, one in zip(MASK_LABELS, each.three[source].figures.by_class, strict=True)
    ]
    heads = (
        *("source", "classifier", "class", "faces", "told"),
        *("precision", "recall", "F1", "ROC AUC", "AP"),
    )
    return Table("By class, of three", heads, tuple(rows), names=3)


def size_table(classifiers: Sequence[ClassifierFigures]) -> Table:
    """Tells what each classifier does with faces of each size, over all sources."""
    rows = [
        (size, each.name, str(one.count), _number(one.accuracy), _number(one.macro_f1))
        for size in classifiers[0].by_size
        for each in classifiers
        for one in [each.by_size[size]]
    ]
    heads = ("size", "classifier", "faces", "accuracy", "macro-F1")
    return Table("By size of face, at a long side of 640, of three classes", heads, tuple(rows))


def comparison_table(comparisons: Sequence[ClassifierComparison]) -> Table:
    """Tells whether the first classifier differs from the others."""
    rows = [
        (
            each.source or "-",
            each.question,
            f"{each.first} less {each.second}",
            *_difference(each.accuracy),
            *_difference(each.macro_f1),
            f"{each.errors.only_first} : {each.errors.only_second}",
            f"{each.errors.p_value:.4f}",
        )
        for each in comparisons
    ]
    heads = (
        *("source", "of", "classifiers", "accuracy", "95 % interval", "p"),
        *("macro-F1", "95 % interval", "p", "right alone", "McNemar p"),
    )
    title = (
        "Differences, by a paired bootstrap over groups of pictures, and by McNemar's exact test"
        " of the faces that one tells right alone"
    )
    return Table(title, heads, tuple(rows), names=3)


def balance_table(balances: Sequence[ClassBalance]) -> Table:
    """Tells how many faces of each class each split has."""
    rows = []
    for balance in balances:
        test = balance.result
        for split, counts in balance.counts.items():
            total = max(sum(counts), 1)
            cells = [f"{count} ({100 * count / total:.1f} %)" for count in counts]
            rows.append((balance.source or "-", split or "-", *cells, "", "", ""))
        # One test stands for all splits of a source.
        told = "-" if math.isnan(test.p_value) else f"{test.statistic:.2f} ({test.degrees})"
        rows[-1] = (*rows[-1][:-3], told, _number(test.p_value, 4), _number(test.effect, 3))
    heads = ("source", "split", *MASK_LABELS, "chi-square (df)", "p", "Cramér's V")
    return Table("Classes by split, and whether their shares are equal", heads, tuple(rows))


def end_to_end_table(results: Sequence[EndToEnd]) -> Table:
    """Tells what becomes of labelled faces from the picture to the verdict."""
    rows = [
        (
            each.source or "-",
            f"{each.least_score:g}",
            str(each.faces),
            _number(each.found),
            _number(each.right),
            _interval(each.right_interval),
            str(each.all_faces),
            _number(each.right_of_three),
            f"{each.alarms:.2f}",
        )
        for each in results
    ]
    heads = (
        *("source", "score from", "faces of 2 classes", "found", "and right", "95 % interval"),
        *("faces of 3 classes", "found and right", "false faces a picture"),
    )
    return Table("From picture to verdict", heads, tuple(rows), names=1)


def _cells(measured: Measured) -> tuple[str, ...]:
    figures = measured.figures
    return (
        str(figures.count),
        _number(figures.accuracy, 4),
        _interval(measured.accuracy),
        _number(figures.macro_precision),
        _number(figures.macro_recall),
        _number(figures.macro_f1, 4),
        _interval(measured.macro_f1),
        _number(figures.log_loss),
        _number(figures.calibration_error),
    )


def _difference(comparison: Comparison) -> tuple[str, str, str]:
    if math.isnan(comparison.difference):
        return "-", "-", "-"
    return (
        f"{comparison.difference:+.4f}",
        f"{comparison.low:+.3f} to {comparison.high:+.3f}",
        f"{comparison.p_value:.4f}",
    )


def _interval(ends: Interval) -> str:
    return "-" if math.isnan(ends.low) else f"{ends.low:.3f} to {ends.high:.3f}"


def _number(value: float, digits: int = 3) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
