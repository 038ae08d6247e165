"""Charts as SVG that stands in a page and takes its colour of text, on light and on dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

P = ParamSpec("P")

# Each is seen on white and on black.
PASSED, FAILED = "#2e9e78", "#d9543f"
# Stands for the page's own colour of text, light or dark, until the SVG is written.
INK = "#010203"


def in_ink(draw: Callable[P, str]) -> Callable[P, str]:
    """Has what a function draws take the page's colour of text."""

    @wraps(draw)
    def drawn(*given: P.args, **named: P.kwargs) -> str:
        import matplotlib  # noqa: PLC0415 -- slow to import

        with matplotlib.rc_context(
            {
                "text.color": INK,
                "axes.labelcolor": INK,
                "axes.edgecolor": INK,
                "xtick.color": INK,
                "ytick.color": INK,
            }
        ):
            return draw(*given, **named)

    return drawn


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Makes an empty figure.

    Args:
        width: Inches.
        height: Inches.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def to_svg(figure: Figure, salt: str) -> str:
    """Writes SVG, the same each time.

    Args:
        figure: What to write.
        salt: Makes ids that no other chart of the page has.
    """
    import matplotlib  # noqa: PLC0415 -- as above

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    # In a page there is no place for the declaration and the document type.
    drawn = text.getvalue().replace(INK, "currentColor")
    return drawn[drawn.index("<svg") :]


@in_ink
def draw_confusion(
    counts: NDArray[np.integer], names: Sequence[str], down: str, across: str, salt: str
) -> str:
    """Draws how often what should be one class is told to be another.

    Args:
        counts: Shape (C, C); a row is a class that should be, a column one that is told.
        names: Of the classes.
        down: What the rows are.
        across: What the columns are.
        salt: As for `to_svg`.

    Returns:
        SVG.
    """
    from matplotlib.colors import to_rgb  # noqa: PLC0415 -- slow to import

    size = len(names)
    figure, axes = new_figure(1.6 + 0.38 * size, 1.4 + 0.36 * size)
    shades = np.zeros((size, size, 4))
    shades[..., :3] = to_rgb(PASSED)
    shades[~np.eye(size, dtype=bool), :3] = to_rgb(FAILED)
    shades[..., 3] = 0.85 * np.sqrt(counts / max(counts.max(), 1))
    axes.imshow(shades)
    for (row, column), value in np.ndenumerate(counts):
        axes.text(column, row, str(value or ""), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(size), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(size), names, fontsize=8)
    axes.set(xlabel=across, ylabel=down)
    return to_svg(figure, f"confusion {salt}")


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
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": INK, "alpha": 0.5},
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
