"""The report of a backtest: one page that needs nothing else, and tables of text."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import BinaryIO

import numpy as np

from lintel.lab.forecasting import charts
from lintel.lab.forecasting.figures import ModelFigures, measure, scales
from lintel.lab.forecasting.protocol import describe_protocol, tell_times
from lintel.lab.forecasting.running import Backtest
from lintel.lab.forecasting.tables import comparison_table, error_table, interval_table
from lintel.reports import Table, render_page

_LIBRARIES = ("lintel", "numpy", "xgboost-cpu", "statsmodels", "ai-edge-litert")


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is told of a backtest, but for the charts.

    Attributes:
        name: Of the series, for people.
        protocol_text: How it was made.
        explanation: What the figures are.
        machine: Processor, system and versions.
        figures: By model, the best first.
        tables: The figures as tables.
    """

    name: str
    protocol_text: str
    explanation: str
    machine: str
    figures: tuple[ModelFigures, ...]
    tables: tuple[Table, ...]


def summarise(backtest: Backtest, name: str) -> Summary:
    """Computes all figures of a backtest.

    Args:
        backtest: What was forecast, and what came.
        name: Of the series, for people.
    """
    figures = measure(backtest)
    # Of a single window nobody can tell what is chance.
    compared = (comparison_table(figures, backtest.reference),) if _has_many(backtest) else ()
    tables = (error_table(figures), *compared, interval_table(figures))
    return Summary(
        name,
        describe_protocol(backtest.protocol, backtest.series),
        _explain(backtest),
        _describe_machine(),
        figures,
        tables,
    )


def _has_many(backtest: Backtest) -> bool:
    return backtest.protocol.windows > 1


def to_text(summary: Summary) -> str:
    """Writes a summary for the terminal."""
    parts = [f"{summary.name}. {summary.protocol_text}", *map(str, summary.tables)]
    return "\n\n".join(parts)


def to_html(backtest: Backtest, summary: Summary) -> str:
    """Writes a page with tables and charts."""
    return render_page(
        "lintel.lab.forecasting",
        "report.html.jinja",
        summary=summary,
        split=charts.draw_split(backtest),
        steps=charts.draw_steps(summary.figures) if backtest.protocol.horizon > 1 else "",
        sections=[
            {
                "model": each.model,
                "forecasts": charts.draw_forecasts(backtest, each.model),
                "residuals": charts.draw_residuals(backtest, each.model)
                if _has_many(backtest)
                else "",
                "importances": charts.draw_importances(backtest.importances[each.model])
                if each.model in backtest.importances
                else "",
            }
            for each in summary.figures
        ],
    )


def write_csv(backtest: Backtest, file: BinaryIO) -> None:
    """Writes every forecast: model,origin,timestamp,step,actual,mean,lo80,hi80,...

    Times are those of the series' zone; what is not known is empty.

    Args:
        backtest: What was forecast, and what came.
        file: Takes bytes.
    """
    ends = [f"{side}{level}" for level in backtest.protocol.levels for side in ("lo", "hi")]
    head = ["model", "origin", "timestamp", "step", "actual", "mean", *ends]
    file.write((",".join(head) + "\n").encode())
    for line in _lines(backtest):
        file.write((line + "\n").encode())


def _lines(backtest: Backtest) -> Iterator[str]:
    result = backtest.result
    times = tell_times(backtest.series)
    for model, forecasts in result.forecasts.items():
        intervals = [
            end for level in backtest.protocol.levels for end in backtest.interval(model, level)
        ]
        for window, origin in enumerate(result.origins):
            for step in range(backtest.protocol.horizon):
                numbers = [each[window, step] for each in (result.actual, forecasts, *intervals)]
                texts = ["" if np.isnan(number) else f"{number:.9g}" for number in numbers]
                yield ",".join([model, times[origin], times[origin + step], str(step + 1), *texts])


def _explain(backtest: Backtest) -> str:
    absolute, squared = scales(backtest)
    season = backtest.series.season_length
    repeated = "the last value" if season == 1 else f"the season of {season} steps"
    return (
        f"MASE and RMSSE are errors over those of repeating {repeated} before the first origin,"
        f" {absolute:.4g} and {squared:.4g}. The reference is the better of the naive models."
        " Intervals are conformal: made of errors that had come by each origin, and widened or"
        " narrowed as they miss or hold. p is that of the test of Diebold and Mariano on absolute"
        " errors, corrected by Harvey, Leybourne and Newbold: how often chance alone would give"
        " such a difference or a larger one. Among several models one is lucky more often than"
        " that."
    )


def _describe_machine() -> str:
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return (
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()};"
        f" {', '.join(versions)}"
    )
