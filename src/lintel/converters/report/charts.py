"""Charts of a report, as SVG that stands in a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lintel.converters.examples import Tensor
from lintel.converters.layers import LayerError
from lintel.converters.metrics import classes
from lintel.converters.verification import Reference, Verification
from lintel.reports import FAILED, INK, PASSED, in_ink, new_figure, place_labels, to_svg
from lintel.reports import draw_confusion as draw_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKER = {"litert": "o", "onnx": "s", "xgboost": "^"}
# Each is seen on white and on black.
_COLOURS = {
    "float32": "#7d8590",
    "float16": "#4c8fd6",
    "dynamic": "#a274d4",
    "int8": "#d9543f",
    "int8-mixed": "#2e9e78",
    "int8-integer": "#d99a2b",
    "int16x8": "#18a3b8",
}
_LEAST_LOST = 1e-4
_MOST_LAYERS = 30
_MOST_CLASSES = 20


@in_ink
def draw_trade(verifications: Sequence[Verification], reference: Reference) -> str:
    """Draws what each variant loses over its latency; the area is the size of its file.

    Returns:
        SVG.
    """
    figure, axes = new_figure(10.4, 5.0)
    shown = [(one, one.measured) for one in verifications if one.measured is not None]
    largest = max((one.conversion.size_bytes for one, _ in shown), default=1)
    areas = [30 + 500 * one.conversion.size_bytes / largest for one, _ in shown]
    for (one, measured), area in zip(shown, areas, strict=True):
        colour = _COLOURS[_kind(one)]
        axes.scatter(
            measured.latency_ms[1],
            max(0.0, 1 - one.kept),
            s=area,
            marker=_MARKER[one.conversion.format],
            facecolor=f"{colour}66" if one.passed else "none",
            edgecolor=colour,
            linewidth=1.5,
        )
    _scale(axes, reference)
    points = [(m.latency_ms[1], max(0.0, 1 - one.kept)) for one, m in shown]
    texts = [f"{one.name}, {_size(one.conversion.size_bytes)}" for one, _ in shown]
    place_labels(axes, points, texts, [np.sqrt(area) / 2 for area in areas])
    return to_svg(figure, "trade")


def _scale(axes: Axes, reference: Reference) -> None:
    """Gives the axes their scales, so that 0.1 % and 10 % are told apart, and draws the gate."""
    from matplotlib.ticker import LogLocator  # noqa: PLC0415 -- slow to import

    axes.axhline(1 - reference.gate, color=FAILED, linewidth=1, linestyle="--")
    axes.set(
        xlabel="latency of one thread, ms",
        ylabel=f"share of the {reference.metric.name} lost",
        xscale="log",
    )
    axes.set_yscale("symlog", linthresh=_LEAST_LOST)
    axes.set_ylim(2.0, -0.6 * _LEAST_LOST)
    shares = {0: "none", 1e-4: "0.01 %", 1e-3: "0.1 %", 0.01: "1 %", 0.1: "10 %", 1: "all"}
    axes.set_yticks(list(shares), list(shares.values()))
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="x", which="minor", labelsize=7)
    axes.grid(alpha=0.2, color=INK)
    axes.annotate(
        f"gate {reference.gate * 100:.4g} %", (1, 1 - reference.gate), (-2, 3),
        xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", fontsize=8, color=FAILED,
    )  # fmt: skip


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _kind(one: Verification) -> str:
    return "int8-mixed" if one.conversion.float_layers else str(one.conversion.precision)


@in_ink
def draw_layers(name: str, layers: Sequence[LayerError]) -> str:
    """Draws the share that each layer loses, the worst on top.

    Returns:
        SVG.
    """
    rows = list(layers)[:_MOST_LAYERS][::-1]
    figure, axes = new_figure(8.2, 0.9 + 0.22 * len(rows))
    shares = [row.lost_share for row in rows]
    axes.barh(range(len(rows)), shares, color=[FAILED if s > 0.01 else PASSED for s in shares])
    labels = [f"{_shortened(row.name)}  {row.operator}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=7.5)
    axes.set(xlabel="share of the values' variance lost", xscale="symlog", ylim=(-0.6, None))
    axes.set_xscale("symlog", linthresh=1e-5)
    axes.set_xlim(0, 1.2)
    return to_svg(figure, f"layers {name}")


def draw_confusion(name: str, source: Tensor, variant: Tensor, names: Sequence[str]) -> str:
    """Draws how often the variant's class is another than the source's, or than the label.

    Args:
        name: Of the variant.
        source: (examples,) class numbers of the rows.
        variant: (examples,) class numbers of the columns.
        names: Of the classes.

    Returns:
        SVG, or "" where there are too many classes to be seen.
    """
    count = len(names)
    if not 2 <= count <= _MOST_CLASSES:
        return ""
    table = np.zeros((count, count), int)
    np.add.at(table, (source.astype(int), variant.astype(int)), 1)
    return draw_counts(table, names, "expected", "variant", name)


@in_ink
def draw_differences(verification: Verification, reference: Reference) -> str:
    """Draws how the differences of output values from the source's are spread.

    Returns:
        SVG.
    """
    figure, axes = new_figure(5.2, 2.9)
    for name, expected in reference.outputs.items():
        difference = verification.outputs[name].astype(np.float64) - expected
        axes.hist(difference.ravel(), bins=61, histtype="step", label=name, linewidth=1.4)
    axes.set(xlabel="difference from the source", ylabel="values", yscale="symlog")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return to_svg(figure, f"differences {verification.name}")


def predicted(outputs: dict[str, Tensor]) -> Tensor:
    """Returns the class of each example, by a classifier's only output."""
    return classes(next(iter(outputs.values())))


def _shortened(name: str) -> str:
    return name if len(name) <= 46 else f"...{name[-43:]}"
