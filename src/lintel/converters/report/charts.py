"""Charts of a report, as SVG that stands in a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lintel.converters.examples import Tensor
from lintel.converters.layers import LayerError
from lintel.converters.metrics import classes
from lintel.converters.verification import Reference, Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PASSED, FAILED = "#2a7f62", "#c44536"
_MARKER = {"litert": "o", "onnx": "s"}
_COLOURS = {
    "float32": "#444444",
    "float16": "#7a7a7a",
    "dynamic": "#8c6bb1",
    "int8": "#c44536",
    "int8-mixed": "#2a7f62",
    "int8-integer": "#d9a441",
    "int16x8": "#3a6ea5",
}
_MOST_LAYERS = 30
_MOST_CLASSES = 20


def draw_trade(verifications: Sequence[Verification], reference: Reference) -> str:
    """Draws what each variant keeps over its latency; the area is the size of its file.

    Returns:
        SVG.
    """
    figure, axes = _new_figure(9.2, 4.4)
    shown = [one for one in verifications if one.measured is not None]
    largest = max((one.conversion.size_bytes for one in shown), default=1)
    for one in shown:
        colour = _COLOURS[_kind(one)]
        axes.scatter(
            one.measured.latency_ms[1] if one.measured else 0.0,
            one.kept,
            s=30 + 500 * one.conversion.size_bytes / largest,
            marker=_MARKER[one.conversion.format],
            facecolor=f"{colour}66" if one.passed else "none",
            edgecolor=colour,
            linewidth=1.5,
        )
    for kind in dict.fromkeys(_kind(one) for one in shown):
        axes.scatter([], [], color=_COLOURS[kind], label=kind)
    for form, marker in _MARKER.items():
        axes.scatter([], [], marker=marker, facecolor="none", edgecolor="#555", label=form)
    axes.axhline(reference.gate, color="#333", linewidth=1, linestyle="--", label="gate")
    axes.set(
        xlabel="latency of one thread, ms", ylabel=f"{reference.metric.name} kept", xscale="log"
    )
    axes.margins(x=0.12, y=0.2)
    axes.grid(alpha=0.25)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
    return _to_svg(figure, "trade")


def _kind(one: Verification) -> str:
    return "int8-mixed" if one.conversion.float_layers else str(one.conversion.precision)


def draw_layers(name: str, layers: Sequence[LayerError]) -> str:
    """Draws the share that each layer loses, the worst on top.

    Returns:
        SVG.
    """
    rows = list(layers)[:_MOST_LAYERS][::-1]
    figure, axes = _new_figure(8.2, 0.9 + 0.22 * len(rows))
    shares = [row.lost_share for row in rows]
    axes.barh(range(len(rows)), shares, color=[FAILED if s > 0.01 else PASSED for s in shares])
    labels = [f"{_shortened(row.name)}  {row.operator}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=7.5)
    axes.set(xlabel="share of the values' variance lost", xscale="symlog", ylim=(-0.6, None))
    axes.set_xscale("symlog", linthresh=1e-5)
    axes.set_xlim(0, 1.2)
    return _to_svg(figure, f"layers {name}")


def draw_confusion(source: Tensor, variant: Tensor, names: Sequence[str]) -> str:
    """Draws how often the variant's class is another than the source's, or than the label.

    Args:
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
    figure, axes = _new_figure(1.8 + 0.45 * count, 1.5 + 0.42 * count)
    axes.imshow(table, cmap="Greens")
    for (row, column), value in np.ndenumerate(table):
        dark = value > table.max() / 2
        colour = "white" if dark else "#222"
        axes.text(column, row, str(value), ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(count), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(count), names, fontsize=8)
    axes.set(xlabel="variant", ylabel="expected")
    return _to_svg(figure, "confusion")


def draw_differences(verification: Verification, reference: Reference) -> str:
    """Draws how the differences of output values from the source's are spread.

    Returns:
        SVG.
    """
    figure, axes = _new_figure(5.2, 2.9)
    for name, expected in reference.outputs.items():
        difference = verification.outputs[name].astype(np.float64) - expected
        axes.hist(difference.ravel(), bins=61, histtype="step", label=name)
    axes.set(xlabel="difference from the source", ylabel="values", yscale="symlog")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return _to_svg(figure, f"differences {verification.name}")


def predicted(outputs: dict[str, Tensor]) -> Tensor:
    """Returns the class of each example, by a classifier's only output."""
    return classes(next(iter(outputs.values())))


def _shortened(name: str) -> str:
    return name if len(name) <= 46 else f"...{name[-43:]}"


def _new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _to_svg(figure: Figure, salt: str) -> str:
    """Writes SVG whose ids are its own among the charts of a page, and the same each time."""
    import matplotlib  # noqa: PLC0415 -- as above

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    # In a page there is no place for the declaration and the document type.
    return text.getvalue()[text.getvalue().index("<svg") :]
