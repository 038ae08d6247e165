"""The option of commands that write a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_SUFFIXES = (".html", ".htm")


def report_option(explanation: str) -> Callable[[Command], Command]:
    """Makes the option `--report FILE.html`, and refuses what would be opened as something else."""

    def check(_context: click.Context, _option: click.Parameter, file: Path | None) -> Path | None:
        if file is not None and file.suffix.lower() not in _SUFFIXES:
            raise click.BadParameter("What is written is a page: end the file's name in .html.")
        return file

    return click.option(
        "--report",
        type=click.Path(path_type=Path),
        metavar="FILE.html",
        callback=check,
        help=explanation,
    )
