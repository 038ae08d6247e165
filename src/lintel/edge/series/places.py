"""Where this machine keeps its state, and which time zone it is in."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal

from lintel.edge.errors import SettingsInvalidError

logger = logging.getLogger("lintel.series")

FILE_NAME = "series.db"
# What tzlocal calls the rules of /etc/localtime where nothing tells whose they are.
_NAMELESS = "local"


def default_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns where series are kept where no setting says so.

    That is what systemd gives a service with StateDirectory=, and for people the state folder of
    the XDG base directory specification, ~/.local/state by default.

    Args:
        environment: Where both are named.
    """
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / FILE_NAME
    state = Path(environment.get("XDG_STATE_HOME", ""))
    # The specification wants relative ones ignored.
    home = state if state.is_absolute() else Path("~/.local/state").expanduser()
    return home / "lintel" / FILE_NAME


def device_zone(name: str) -> ZoneInfo:
    """Returns the time zone of the device.

    Args:
        name: IANA name, such as "Europe/Lisbon"; empty: that of this machine, or UTC where it
            cannot be told, which is logged.

    Raises:
        SettingsInvalidError: There is no such zone.
    """
    try:
        return ZoneInfo(name) if name else tzlocal.reload_localzone()
    # A folder of the database, a name with "..", and one that is no file at all.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if name:
            raise SettingsInvalidError(
                'The time zone must be an IANA name, such as "Europe/Lisbon".',
                field="series.time_zone",
            ) from error
        logger.warning("The time zone of this machine cannot be told; UTC is taken.")
        return ZoneInfo("UTC")


def zone_name(zone: ZoneInfo) -> str:
    """Returns the IANA name of a zone, "" where the machine has its rules and not its name."""
    return "" if zone.key == _NAMELESS else zone.key
