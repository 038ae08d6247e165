"""Figures of a backtest as tables: rows of text, for the terminal and the report alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lintel.lab.forecasting.figures import ModelFigures
from lintel.reports import Table

SIGNIFICANT = 0.05


def error_table(figures: Sequence[ModelFigures]) -> Table:
    """Tells how far each model is off."""
    rows = [
        (
            each.model,
            *(_number(value) for value in (each.mae, each.rmse)),
            *(_thousandths(value) for value in (each.mase, each.rmsse)),
            f"{each.smape:.2f}",
            _thousandths(each.relative),
        )
        for each in figures
    ]
    heads = ("model", "MAE", "RMSE", "MASE", "RMSSE", "sMAPE, %", "of the reference's MAE")
    return Table("Errors", heads, tuple(rows), names=1)


def comparison_table(figures: Sequence[ModelFigures], reference: str) -> Table:
    """Tells whether models differ from the reference by more than chance."""
    rows = [
        (each.model, f"{each.statistic:+.2f}", _p_value(each.p_value), verdict(each))
        for each in figures
        if each.model != reference
    ]
    return Table(
        f"Whether models differ from {reference} by more than chance",
        ("model", "statistic", "p", "verdict"),
        tuple(rows),
        names=1,
    )


def interval_table(figures: Sequence[ModelFigures]) -> Table:
    """Tells how far the intervals can be trusted."""
    rows = [
        (
            each.model,
            *(
                text
                for one in each.intervals
                for text in (_share(one.coverage), _number(one.width))
            ),
            _number(each.pinball),
        )
        for each in figures
    ]
    levels = [one.level for one in figures[0].intervals] if figures else []
    heads = [head for level in levels for head in (f"{level} % hold", f"{level} % width")]
    return Table(
        "Intervals: the share of what came that they hold, and their mean width",
        ("model", *heads, "pinball loss"),
        tuple(rows),
        names=1,
    )


def verdict(figures: ModelFigures) -> str:
    """Says in a word or two what a comparison with the reference came to."""
    if not figures.p_value < SIGNIFICANT:
        return "no significant difference"
    return "significantly better" if figures.statistic < 0 else "significantly worse"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _thousandths(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
