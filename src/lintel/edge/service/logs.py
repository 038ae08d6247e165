"""Logs: one line an event on standard error, for people or for programs."""

from __future__ import annotations

import logging
import sys

from lintel.edge.config import Log

# What every log record has; the rest was given as `extra`.
PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class TextFormatter(logging.Formatter):
    """`time LEVEL message key=value ...`, for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Puts what was given as `extra` behind the message."""
        pairs = (f"{key}={value}" for key, value in vars(record).items() if key not in PLAIN)
        return " ".join([super().formatMessage(record), *pairs])


def configure(settings: Log) -> None:
    """Sends the logs of Lintel to standard error.

    Args:
        settings: Level and format.
    """
    handler = logging.StreamHandler(sys.stderr)
    if settings.format == "json":
        from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415 - not needed for text

        handler.setFormatter(
            JsonFormatter(
                "{asctime}{levelname}{name}{message}",
                style="{",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            )
        )
    else:
        handler.setFormatter(TextFormatter())
    root = logging.getLogger("lintel")
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    root.propagate = False
