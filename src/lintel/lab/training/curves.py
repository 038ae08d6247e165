"""Curves of accuracy and loss over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lintel.cli.files import whole_file

if TYPE_CHECKING:
    from lintel.lab.training.training import Epoch


def draw_curves(histories: Mapping[str, Sequence[Epoch]], target: Path) -> None:
    """Draws accuracy and loss over epochs: solid on the val split, dotted on what was shown.

    Args:
        histories: By name; empty ones are left out.
        target: A PNG file, replaced if it is there.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import

    figure = Figure(figsize=(13, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, history in histories.items():
        if not history:
            continue
        epochs = [epoch.epoch for epoch in history]
        marker = "o" if len(history) == 1 else None
        for axes, shown, judged in (
            (left, [e.accuracy for e in history], [e.val.accuracy for e in history]),
            (right, [e.loss for e in history], [e.val.loss for e in history]),
        ):
            line = axes.plot(epochs, judged, label=name, linewidth=1.5, marker=marker)[0]
            axes.plot(epochs, shown, color=line.get_color(), linestyle=":", linewidth=1)
    for axes, title in ((left, "accuracy"), (right, "loss")):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    if left.lines:
        # Beside the curves: on them it hides what a sweep of ten is looked at for.
        handles, names = left.get_legend_handles_labels()
        title = "solid: val\ndotted: as shown in training"
        figure.legend(
            handles, names, loc="outside right upper", frameon=False, fontsize=9, title=title
        )
    with whole_file(target, overwrite=True) as file:
        figure.savefig(file, format="png", dpi=110)
