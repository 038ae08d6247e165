"""What the reports of converters and lab share: charts, tables, and the page that they stand in."""

from lintel.reports.charts import (
    FAILED,
    INK,
    PASSED,
    draw_confusion,
    in_ink,
    new_figure,
    place_labels,
    to_svg,
)
from lintel.reports.page import render_page
from lintel.reports.table import Table

__all__ = [
    "FAILED",
    "INK",
    "PASSED",
    "Table",
    "draw_confusion",
    "in_ink",
    "new_figure",
    "place_labels",
    "render_page",
    "to_svg",
]
