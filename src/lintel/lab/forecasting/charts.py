"""Charts of a backtest, as SVG that stands in a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lintel.edge.tasks.forecast import RegularSeries
from lintel.lab.forecasting import metrics
from lintel.lab.forecasting.figures import ModelFigures
from lintel.lab.forecasting.importances import Importance
from lintel.lab.forecasting.running import Backtest
from lintel.reports import FAILED, INK, PASSED, in_ink, new_figure, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = "#4c8fd6"
_COLOURS = ("#4c8fd6", "#d99a2b", "#2e9e78", "#a274d4", "#d9543f", "#18a3b8", "#7d8590", "#c76b98")
# More points than this are no more than a page has pixels.
_MOST_POINTS = 2000
_MOST_SHOWN_STEPS = 340
_MOST_IMPORTANCES = 15


@in_ink
def draw_split(backtest: Backtest) -> str:
    """Draws the whole series, and which parts of it are for what.

    Returns:
        SVG.
    """
    series, protocol = backtest.series, backtest.protocol
    figure, axes = new_figure(11, 2.9)
    times = _times(series.timestamps_us)
    shown = _thinned(series)
    axes.plot(times[shown], series.values[shown], linewidth=0.7, color=_LINE)
    first = protocol.first_origin(len(series))
    start = max(0, first - backtest.calibration_steps)
    for begin, end, colour, label in (
        (start, first, "#d99a2b", "calibrates the first intervals"),
        (first, len(series) - 1, PASSED, "test"),
    ):
        if end > begin:
            axes.axvspan(times[begin], times[end], color=colour, alpha=0.18, lw=0, label=label)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.margins(x=0.01)
    return to_svg(figure, "split")


@in_ink
def draw_forecasts(backtest: Backtest, name: str) -> str:
    """Draws a model's forecasts with their intervals over what came, at the end of the test.

    Windows that overlap are left out.

    Returns:
        SVG.
    """
    windows = shown_windows(backtest)
    steps = backtest.result.origins[windows][:, None] + np.arange(backtest.protocol.horizon)
    times = _times(backtest.series.timestamps_us[steps.ravel()])
    figure, axes = new_figure(11, 3.4)
    for level in sorted(backtest.protocol.levels, reverse=True):
        low, high = (end[windows].ravel() for end in backtest.interval(name, level))
        axes.fill_between(times, low, high, color=_LINE, alpha=0.2, lw=0, label=f"{level} %")
    actual = backtest.result.actual[windows].ravel()
    forecast = backtest.result.forecasts[name][windows].ravel()
    axes.plot(times, actual, color=INK, linewidth=0.9, marker="o", markersize=1.5, label="came")
    axes.plot(times, forecast, color=_LINE, linewidth=1.3, label=name)
    for begin in times[:: backtest.protocol.horizon] if 1 < len(windows) <= 40 else ():
        if backtest.protocol.horizon > 1:
            axes.axvline(begin, color=INK, alpha=0.15, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper left", bbox_to_anchor=(0, 1.13))
    axes.margins(x=0.01)
    return to_svg(figure, f"forecasts {name}")


@in_ink
def draw_steps(figures: Sequence[ModelFigures]) -> str:
    """Draws how the error of each model grows with the steps ahead.

    Returns:
        SVG.
    """
    figure, axes = new_figure(7.2, 3.4)
    for index, each in enumerate(figures):
        steps = range(1, len(each.mae_by_step) + 1)
        axes.plot(steps, each.mae_by_step, label=each.model, linewidth=1.4, color=_colour(index))
    axes.set(xlabel="steps ahead", ylabel="mean absolute error")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.2, color=INK)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return to_svg(figure, "steps")


@in_ink
def draw_residuals(backtest: Backtest, name: str) -> str:
    """Draws what came less what was forecast: over time, how spread, and how one tells the next.

    Returns:
        SVG.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import

    figure = Figure(figsize=(11, 2.9), layout="constrained")
    over_time, spread, related = figure.subplots(1, 3, width_ratios=(5, 2, 4))
    errors = residuals(backtest, name)
    origins = backtest.result.origins
    over_time.plot(_times(backtest.series.timestamps_us[origins]), errors, lw=0.7, color=_LINE)
    over_time.axhline(0, color=INK, linewidth=0.6)
    over_time.set(title="over time", ylabel="came less forecast")
    over_time.tick_params(axis="x", rotation=30)
    known = errors[~np.isnan(errors)]
    spread.hist(known, bins="auto", color=_LINE)
    spread.axvline(0, color=INK, linewidth=0.6)
    spread.set(title="spread", xlabel="came less forecast")
    _draw_autocorrelation(related, errors, backtest)
    for axes in (over_time, spread, related):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set(fontsize=9)
    return to_svg(figure, f"residuals {name}")


def _draw_autocorrelation(axes: Axes, errors: metrics.Floats, backtest: Backtest) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 -- slow to import

    season = max(1, backtest.series.season_length // backtest.protocol.stride)
    values = metrics.autocorrelation(errors, max(20, 2 * season))[1:]
    lags = np.arange(1, len(values) + 1)
    count = int((~np.isnan(errors)).sum())
    bound = 1.96 / np.sqrt(max(count, 1))
    outside = np.abs(values) > bound
    axes.bar(lags, values, width=0.6, color=np.where(outside, FAILED, PASSED).tolist())
    axes.axhspan(-bound, bound, color=INK, alpha=0.1, lw=0)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(title="autocorrelation", xlabel="windows apart")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


@in_ink
def draw_importances(importances: Sequence[Importance]) -> str:
    """Draws what trees go by: the gain of each feature, and what shuffling it costs.

    Returns:
        SVG.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import

    count = min(_MOST_IMPORTANCES, len(importances))
    figure = Figure(figsize=(11, 0.9 + 0.22 * count), layout="constrained")
    for axes, title, key in zip(
        figure.subplots(1, 2),
        ("share of the gain of all splits", "mean absolute error added by shuffling"),
        ("gain", "permutation"),
        strict=True,
    ):
        rows = sorted(importances, key=lambda each: getattr(each, key))[-count:]
        axes.barh(range(len(rows)), [getattr(row, key) for row in rows], color=_LINE)
        axes.set_yticks(range(len(rows)), [row.feature for row in rows], fontsize=8)
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    return to_svg(figure, "importances")


def residuals(backtest: Backtest, name: str) -> metrics.Floats:
    """Returns what came less what was forecast, of the first step of each window, in order.

    Args:
        backtest: The backtest.
        name: Of the model.

    Returns:
        float64 (windows,), NaN where not known; the errors of one step ahead are those that tell
        whether a model leaves something to be learnt, where those of more steps always hang
        together.
    """
    result = backtest.result
    errors: metrics.Floats = (result.actual - result.forecasts[name])[:, 0]
    return errors


def shown_windows(backtest: Backtest) -> Any:
    """Returns the numbers of the last windows that do not overlap and fill a chart."""
    protocol = backtest.protocol
    apart = -(-protocol.horizon // protocol.stride)
    most = max(1, _MOST_SHOWN_STEPS // protocol.horizon)
    return np.arange(protocol.windows - 1, -1, -apart)[:most][::-1]


def _thinned(series: RegularSeries) -> Any:
    """Returns steps that keep the extremes of each part, where there are too many to draw."""
    if len(series) <= _MOST_POINTS:
        return np.arange(len(series))
    known = np.flatnonzero(~np.isnan(series.values))
    parts = np.array_split(known, min(len(known), _MOST_POINTS // 2))
    extremes = [
        (part[series.values[part].argmin()], part[series.values[part].argmax()]) for part in parts
    ]
    return np.unique(np.array(extremes).ravel())


def _times(timestamps_us: Any) -> Any:
    return timestamps_us.astype("datetime64[us]")


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
