"""Charts of a report, as SVG that stands in a page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from lintel.converters.examples import Tensor
from lintel.converters.layers import LayerError
from lintel.converters.metrics import classes
from lintel.converters.verification import Reference, Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

P = ParamSpec("P")

PASSED, FAILED = "#2e9e78", "#d9543f"
_MARKER = {"litert": "o", "onnx": "s"}
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
# Stands for the page's own colour of text, light or dark, until the SVG is written.
_INK = "#010203"
_LEAST_LOST = 1e-4
_MOST_LAYERS = 30
_MOST_CLASSES = 20


def _in_ink(draw: Callable[P, str]) -> Callable[P, str]:
    """Has what a function draws take the page's colour of text."""

    @wraps(draw)
    def drawn(*given: P.args, **named: P.kwargs) -> str:
        import matplotlib  # noqa: PLC0415 -- slow to import

        with matplotlib.rc_context(
            {
                "text.color": _INK,
                "axes.labelcolor": _INK,
                "axes.edgecolor": _INK,
                "xtick.color": _INK,
                "ytick.color": _INK,
            }
        ):
            return draw(*given, **named)

    return drawn


@_in_ink
def draw_trade(verifications: Sequence[Verification], reference: Reference) -> str:
    """Draws what each variant loses over its latency; the area is the size of its file.

    Returns:
        SVG.
    """
    figure, axes = _new_figure(10.4, 5.0)
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
    return _to_svg(figure, "trade")


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
    axes.grid(alpha=0.2, color=_INK)
    axes.annotate(
        f"gate {reference.gate * 100:.4g} %", (1, 1 - reference.gate), (-2, 3),
        xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", fontsize=8, color=FAILED,
    )  # fmt: skip


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    radii: Sequence[float],
) -> list[Annotation]:
    """Writes a label beside each point where no other one is, with a line to the point.

    Args:
        axes: Their scales and limits are set.
        points: (x, y) in the units of the axes.
        texts: One a point.
        radii: Of the points' marks, in points of print.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("The axes belong to no figure.")
    # Only then is it known where things are.
    figure.draw_without_rendering()
    dots = figure.dpi / 72
    taken = [
        _around(axes.transData.transform(point), radius * dots)
        for point, radius in zip(points, radii, strict=True)
    ]
    frame = axes.get_window_extent()
    made = []
    for point, text, radius in zip(points, texts, radii, strict=True):
        label = axes.annotate(
            text, point, (0, 0), textcoords="offset points", fontsize=8, va="center"
        )
        for step, dy, side in _PLACES:
            dx = side * (radius + 4 + step)
            label.set(position=(dx, dy), ha="left" if side > 0 else "right")
            box = label.get_window_extent()
            is_inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if is_inside and not any(box.overlaps(other) for other in taken):
                break
        if abs(dy) > 12:
            axes.annotate(
                "", point, (dx, dy), textcoords="offset points",
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": _INK, "alpha": 0.5},
            )  # fmt: skip
        taken.append(label.get_window_extent())
        made.append(label)
    return made


# Where a label may be, nearest first: how far to the side and up, and to which side.
_PLACES = [
    (step, sign * 11 * step / 4, side)
    for step in range(0, 72, 4)
    for sign in (1, -1)
    for side in (1, -1)
]


def _around(centre: Any, reach: float) -> Bbox:
    from matplotlib.transforms import Bbox  # noqa: PLC0415 -- slow to import

    return Bbox.from_bounds(centre[0] - reach, centre[1] - reach, 2 * reach, 2 * reach)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _kind(one: Verification) -> str:
    return "int8-mixed" if one.conversion.float_layers else str(one.conversion.precision)


@_in_ink
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


@_in_ink
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
    from matplotlib.colors import to_rgb  # noqa: PLC0415 -- slow to import

    figure, axes = _new_figure(1.6 + 0.38 * count, 1.4 + 0.36 * count)
    shades = np.zeros((count, count, 4))
    shades[..., :3] = to_rgb(PASSED)
    shades[~np.eye(count, dtype=bool), :3] = to_rgb(FAILED)
    shades[..., 3] = 0.85 * np.sqrt(table / max(table.max(), 1))
    axes.imshow(shades)
    for (row, column), value in np.ndenumerate(table):
        axes.text(column, row, str(value or ""), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(count), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(count), names, fontsize=8)
    axes.set(xlabel="variant", ylabel="expected")
    return _to_svg(figure, "confusion")


@_in_ink
def draw_differences(verification: Verification, reference: Reference) -> str:
    """Draws how the differences of output values from the source's are spread.

    Returns:
        SVG.
    """
    figure, axes = _new_figure(5.2, 2.9)
    for name, expected in reference.outputs.items():
        difference = verification.outputs[name].astype(np.float64) - expected
        axes.hist(difference.ravel(), bins=61, histtype="step", label=name, linewidth=1.4)
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
    drawn = text.getvalue().replace(_INK, "currentColor")
    return drawn[drawn.index("<svg") :]
