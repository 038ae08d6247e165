"""What is installed on demand, and what to do where it is not."""

from __future__ import annotations

import importlib.util

import click

from lintel.terminal import COULD_NOT


class ExtraMissingError(click.ClickException):
    """A library that a command was asked to use is not installed."""

    exit_code = COULD_NOT


def require(module: str, extra: str, purpose: str) -> None:
    """Tells early that a library is not installed.

    Args:
        module: The library.
        extra: Of this distribution; it brings the library.
        purpose: What needs it, such as "Plots".

    Raises:
        ExtraMissingError: It is not.
    """
    if importlib.util.find_spec(module) is None:
        raise ExtraMissingError(
            f"{purpose} need {module}, which is not installed: pip install 'lintel[{extra}]'."
        )
