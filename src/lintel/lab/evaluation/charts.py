"""Charts of an evaluation, as SVG that stands in a page."""

from __future__ import annotations

import numpy as np

from lintel.lab.evaluation.figures import ALL, own_point, tally_run
from lintel.lab.evaluation.running import Evaluation, Run
from lintel.lab.metrics import precision_recall_curve
from lintel.reports import FAILED, INK, PASSED, in_ink, new_figure, to_svg


@in_ink
def draw_curves(evaluation: Evaluation, source: str = ALL) -> str:
    """Draws precision over recall, a line a detector; a dot is its own threshold.

    Returns:
        SVG.
    """
    figure, axes = new_figure(6.4, 4.2)
    for run in evaluation.runs:
        curve = precision_recall_curve(tally_run(evaluation, run, source))
        line = axes.plot(curve.recall, curve.precision, label=run.name, linewidth=1.5)[0]
        own = own_point(evaluation, run, source)
        axes.plot(own.recall, own.precision, "o", color=line.get_color(), markersize=5)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    axes.grid(alpha=0.2, color=INK)
    axes.legend(loc="lower left", frameon=False, fontsize=9)
    return to_svg(figure, f"curves {source}")


@in_ink
def draw_scores(evaluation: Evaluation, run: Run) -> str:
    """Draws how the scores of hits and of false alarms are spread; a line is the own threshold.

    Returns:
        SVG.
    """
    counted = tally_run(evaluation, run)
    figure, axes = new_figure(4.6, 2.6)
    edges = np.linspace(0, max(1.0, float(counted.scores.max(initial=0))), 41)
    groups = [counted.scores[counted.hits], counted.scores[~counted.hits]]
    axes.hist(
        groups,
        bins=edges.tolist(),
        stacked=True,
        color=[PASSED, FAILED],
        label=["hits", "false alarms"],
    )
    axes.axvline(run.default_score, color=INK, linewidth=1, linestyle="--")
    axes.set(xlabel="score", ylabel="detections", yscale="symlog")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    return to_svg(figure, f"scores {run.name}")
