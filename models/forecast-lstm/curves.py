"""Pictures of a training: the loss over rising rates, and the error over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rates import Search


def draw_search(search: Search, target: Path) -> None:
    """Draws the loss over the learning rate, and the rate that was chosen.

    Args:
        search: What was seen.
        target: A PNG file, replaced if it is there.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(search.rates, search.losses, linewidth=0.6, alpha=0.5, label="of the batch")
    axes.plot(search.rates, search.smoothed, linewidth=1.8, label="smoothed")
    axes.axvline(search.chosen, linestyle="--", linewidth=1.2, color="#d9543f")
    axes.annotate(
        f"chosen: {search.chosen:.2g}", (search.chosen, 1), (4, -4),
        xycoords=("data", "axes fraction"), textcoords="offset points", va="top", color="#d9543f",
    )  # fmt: skip
    axes.set(
        xscale="log",
        xlabel="learning rate",
        ylabel="loss",
        ylim=(0, 2 * float(search.smoothed[0])),
        title="Loss while the learning rate rises",
    )
    _finish(figure, target)


def draw_curves(rows: Sequence[dict[str, float]], target: Path, *, learnt: bool) -> None:
    """Draws the loss, and the error on the newest windows, over epochs.

    Args:
        rows: One an epoch, with epoch, loss, val_loss, val_mae_first and val_mae.
        target: A PNG file, replaced if it is there.
        learnt: Whether the newest windows were learnt from too, and not apart.
    """
    newest = "newest, learnt from too" if learnt else "newest, apart"
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for axes, names, title in (
        (left, {"loss": "learnt from", "val_loss": newest}, "loss, in deviations of the window"),
        (
            right,
            {"val_mae_first": "one step ahead", "val_mae": "all steps"},
            "mean absolute error, newest windows",
        ),
    ):
        for name, label in names.items():
            axes.plot(epochs, [row[name] for row in rows], marker="o", markersize=3, label=label)
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, target)


def _finish(figure: Figure, target: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(target, dpi=110)
