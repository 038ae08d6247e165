"""Time zones on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def zone_option(explanation: str) -> Callable[[Command], Command]:
    """Makes the option --time-zone; a command gets the zone, or None."""

    def find(
        _context: click.Context, _option: click.Parameter, name: str | None
    ) -> ZoneInfo | None:
        try:
            return ZoneInfo(name) if name else None
        # A folder of the database, a name with "..", and one that is no file at all.
        except (KeyError, ValueError, OSError) as error:
            raise click.BadParameter(
                f"{name} is no time zone; write an IANA name, such as Europe/Lisbon."
            ) from error

    return click.option("--time-zone", metavar="NAME", callback=find, help=explanation)
