"""What a conversion cost and gained, as one page for people and as JSON for programs."""

from lintel.converters.report.page import Findings, write_report

__all__ = ["Findings", "write_report"]
