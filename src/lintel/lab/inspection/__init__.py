"""Data looked at before training: what there is, what is wrong, and what it looks like."""

from lintel.lab.inspection.copies import CopyPair, Thumbnails, find_copies
from lintel.lab.inspection.findings import Count, Finding, Inspection, inspect_pictures
from lintel.lab.inspection.report import render_report, to_json

__all__ = [
    "CopyPair",
    "Count",
    "Finding",
    "Inspection",
    "Thumbnails",
    "find_copies",
    "inspect_pictures",
    "render_report",
    "to_json",
]
