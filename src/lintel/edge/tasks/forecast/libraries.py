"""Libraries that a device may do without, imported when first needed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from lintel.edge.errors import ModelUnavailableError


def import_library(module: str, model: str) -> ModuleType:
    """Imports what a model needs.

    Args:
        module: Name of the module.
        model: Which model needs it.

    Raises:
        ModelUnavailableError: It is not installed, or does not load.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise ModelUnavailableError(
            f"The model {model} needs a library that is not on this device; Lintel's extra "
            '"forecast" installs it: pip install "lintel[forecast]".'
        ) from error


def has_library(module: str) -> bool:
    """Returns whether a module is installed; it is not imported."""
    return importlib.util.find_spec(module) is not None
