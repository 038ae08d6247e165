"""Charts of classifiers, as SVG that stands in a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lintel.edge.packages import MASK_LABELS
from lintel.lab.classification.figures import Answers
from lintel.lab.metrics import class_precision_recall_curve, reliability_bins, roc_curve
from lintel.reports import INK, draw_confusion, in_ink, new_figure, to_svg

Named = Sequence[tuple[str, Answers]]
# Below it a share of errors is drawn as if it were none: an axis of logarithms has no 0.
_FEWEST = 5e-4


@in_ink
def draw_roc(named: Named, place: int) -> str:
    """Draws the ROC curves of a class against the others, a line a classifier.

    Args:
        named: Classifiers' names and answers, to the same question.
        place: The class, by number.

    Returns:
        SVG, or "" where the class does not occur or nothing else does.
    """
    figure, axes = new_figure(4.0, 3.4)
    for name, answers in named:
        belongs = answers.truth == place
        if belongs.all() or not belongs.any():
            return ""
        x, y = roc_curve(belongs, answers.probabilities[:, place])
        # Errors are few: a logarithm shows them apart.
        axes.step(np.maximum(x, _FEWEST), y, where="post", label=name, linewidth=1.5)
    axes.set(
        xlabel="share of the others that is told to be so",
        ylabel="share of the class that is told",
        xscale="log",
        xlim=(_FEWEST, 1),
        ylim=(0, 1.02),
    )
    axes.set_xticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
    axes.grid(alpha=0.2, color=INK)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    return to_svg(figure, f"roc {place} {len(named[0][1].labels)}")


@in_ink
def draw_precision_recall(named: Named, place: int) -> str:
    """Draws precision over recall of a class; the arguments are those of `draw_roc`."""
    figure, axes = new_figure(4.0, 3.4)
    for name, answers in named:
        belongs = answers.truth == place
        if belongs.all() or not belongs.any():
            return ""
        precision, recall = class_precision_recall_curve(belongs, answers.probabilities[:, place])
        axes.step(recall, precision, where="post", label=name, linewidth=1.5)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    axes.grid(alpha=0.2, color=INK)
    axes.legend(loc="lower left", frameon=False, fontsize=8)
    return to_svg(figure, f"precision {place} {len(named[0][1].labels)}")


@in_ink
def draw_calibration(named: Named) -> str:
    """Draws the share that is right over the probability that was told, a line a classifier.

    The area of a mark is how often so much was told.

    Returns:
        SVG.
    """
    figure, axes = new_figure(4.4, 3.4)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", alpha=0.6)
    for name, answers in named:
        bins = reliability_bins(answers.truth, answers.probabilities)
        if not bins:
            continue
        x, y = [one.confidence for one in bins], [one.accuracy for one in bins]
        areas = [8 + 160 * one.count / len(answers.truth) for one in bins]
        line = axes.plot(x, y, linewidth=1.2, label=name)[0]
        axes.scatter(x, y, s=areas, color=line.get_color(), alpha=0.8, clip_on=False)
    axes.set(
        xlabel="probability of what is told", ylabel="share that is right",
        xlim=(1 / len(MASK_LABELS) - 0.05, 1.005), ylim=(0, 1.02),
    )  # fmt: skip
    axes.grid(alpha=0.2, color=INK)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    return to_svg(figure, f"calibration {len(named[0][1].labels)}")


def draw_errors(name: str, answers: Answers) -> str:
    """Draws which classes a classifier takes for which.

    Returns:
        SVG.
    """
    size = len(answers.labels)
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (answers.truth, answers.told), 1)
    return draw_confusion(counts, answers.labels, "labelled", "told", f"{name} {size}")


def draw_classes(draw: Callable[[Named, int], str], named: Named) -> list[tuple[str, str]]:
    """Draws a chart of each class.

    Args:
        draw: `draw_roc` or `draw_precision_recall`.
        named: As they take it.

    Returns:
        The classes and their charts; those of classes that do not occur are left out.
    """
    labels = named[0][1].labels
    # Of two classes the one is the other's mirror image.
    places = range(len(labels)) if len(labels) > 2 else range(1)
    charts = [(labels[place], draw(named, place)) for place in places]
    return [(label, chart) for label, chart in charts if chart]
