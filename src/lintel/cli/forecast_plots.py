"""Pictures of forecasts: the history's end, the forecast, and its bands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lintel.cli.extras import require
from lintel.cli.files import FileFailedError, whole_file
from lintel.cli.forecast_results import ForecastResult
from lintel.cli.names import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".png", ".svg")
_DAY_US = 86_400_000_000
# So much of the history stands before the forecast, as a multiple of it, within bounds that show
# a season.
_HISTORY_SHARE = 3
_LEAST_HISTORY, _MOST_HISTORY = 60, 2000
_WIDTH, _HEIGHT, _DOTS_PER_INCH = 9.0, 4.5, 150
_HISTORY_COLOUR, _FORECAST_COLOUR = "#444444", "#0a6ebd"
# Shares of the colour in bands, the rest is white.
_PALEST, _FULLEST = 0.05, 0.45


class PlotTexts(NamedTuple):
    """What stands in a picture.

    Attributes:
        title: What is forecast.
        values: What the values are.
    """

    title: str
    values: str


def check_plot(target: Path) -> None:
    """Tells early what would keep a picture from being drawn.

    Raises:
        FileFailedError: Its name ends in no known format.
        ExtraMissingError: The library that draws is not installed.
    """
    if target.suffix.lower() not in FORMATS:
        raise FileFailedError(f"{shown(str(target))} must end in {' or '.join(FORMATS)}.")
    require("matplotlib", "plot", "Plots")


def draw_forecast(
    target: Path,
    history: tuple[Sequence[int], Sequence[float]],
    result: ForecastResult,
    texts: PlotTexts,
    zone: tzinfo,
    *,
    overwrite: bool,
) -> None:
    """Draws a forecast after the end of its history.

    Args:
        target: A PNG or SVG file.
        history: Timestamps in microseconds since 1970 UTC, and values.
        result: The forecast.
        texts: What stands in the picture.
        zone: Whose times the axis shows.
        overwrite: Take the place of a file that is there.

    Raises:
        FileFailedError: The file cannot be written.
    """
    import matplotlib  # noqa: PLC0415 - slow to import
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    _plot(axes, history, result)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.set(title=texts.title, ylabel=texts.values)
    axes.margins(x=0.01)
    figure.legend(loc="outside lower center", frameon=False, ncols=4, fontsize=9)
    drawn = io.BytesIO()
    kind = target.suffix.lower().removeprefix(".")
    with matplotlib.rc_context({"svg.hashsalt": "lintel"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(drawn, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
    with whole_file(target, overwrite=overwrite) as file:
        file.write(drawn.getvalue())


def _plot(
    axes: Axes, history: tuple[Sequence[int], Sequence[float]], result: ForecastResult
) -> None:
    """Draws the lines and the bands."""
    shown_points = min(max(_HISTORY_SHARE * len(result.mean), _LEAST_HISTORY), _MOST_HISTORY)
    # What matplotlib counts in too: days since 1970 UTC.
    past = [timestamp_us / _DAY_US for timestamp_us in history[0][-shown_points:]]
    values = list(history[1][-shown_points:])
    future = [timestamp_us / _DAY_US for timestamp_us in result.timestamps_us]
    axes.plot(past, values, color=_HISTORY_COLOUR, linewidth=1.2, label="history")
    # From wide and pale to narrow and full, each over the one before.
    for place, (level, bounds) in enumerate(sorted(result.intervals.items(), reverse=True)):
        shade = _PALEST + (_FULLEST - _PALEST) * (place + 1) / len(result.intervals)
        tint = _tint(_FORECAST_COLOUR, shade)
        axes.fill_between(future, *bounds, color=tint, linewidth=0, label=f"{level:g} %")
    # The line goes on from the last value that is known.
    axes.plot(
        [past[-1], *future],
        [values[-1], *result.mean],
        color=_FORECAST_COLOUR,
        linewidth=1.6,
        label=f"forecast ({result.model})",
    )


def _tint(colour: str, share: float) -> tuple[float, float, float]:
    """Mixes a colour with white."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415 - slow to import

    red, green, blue = (1 + share * (part - 1) for part in to_rgb(colour))
    return red, green, blue
