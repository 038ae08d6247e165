"""The examination of a device: what it has, what is missing, and how to mend it.

Each check is a name and a function; it changes nothing on the device, and tells what it found in
one sentence, with a hint where something is to be done.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lintel.edge.config import load, parse
from lintel.edge.doctor.addresses import look_at_addresses, look_at_page
from lintel.edge.doctor.attached import look_at_cameras, look_at_models
from lintel.edge.doctor.findings import Check, Finding, Findings, Outcome
from lintel.edge.doctor.resources import (
    available_memory,
    look_at_clock,
    look_at_disk,
    look_at_memory,
)
from lintel.edge.doctor.system import (
    look_at_backends,
    look_at_numpy,
    look_at_processor,
    look_at_python,
    vector_features,
)
from lintel.edge.errors import LintelError

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Findings",
    "Outcome",
    "available_memory",
    "examine",
    "look_at_addresses",
    "look_at_backends",
    "look_at_cameras",
    "look_at_clock",
    "look_at_disk",
    "look_at_memory",
    "look_at_models",
    "look_at_numpy",
    "look_at_page",
    "look_at_processor",
    "look_at_python",
    "vector_features",
]


def examine(path: Path | None = None) -> Iterator[Finding]:
    """Runs every check, one after the other.

    Args:
        path: The settings file; None for the defaults. Where it is wrong, the other checks go by
            the defaults.

    Yields:
        What was found, as it is found.
    """
    try:
        settings = load(path)
        yield Finding("Settings", Outcome.OK, "They are valid.")
    except LintelError as error:
        settings = parse({})
        hint = "Mend the file or the LINTEL_ variable; the rest was checked with the defaults."
        yield Finding("Settings", Outcome.FAILURE, str(error), hint)
    for check in CHECKS:
        try:
            for found in check.look(settings):
                yield Finding(check.name, *found)
        except Exception as error:  # noqa: BLE001 - one check that fails is not to hide the others
            message = f"It could not be looked at ({type(error).__name__})."
            yield Finding(check.name, Outcome.WARNING, message)


CHECKS = (
    Check("Python", look_at_python),
    Check("NumPy", look_at_numpy),
    Check("Backends", look_at_backends),
    Check("Processor", look_at_processor),
    Check("Memory", look_at_memory),
    Check("Disk", look_at_disk),
    Check("Clock", look_at_clock),
    Check("Cameras", look_at_cameras),
    Check("Addresses", look_at_addresses),
    Check("Page", look_at_page),
    Check("Models", look_at_models),
)
"""All checks but that of the settings, which comes before them."""
