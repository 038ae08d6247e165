"""Libraries that a device may do without, imported when first needed."""

from __future__ import annotations

import importlib
import importlib.util
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from lintel.edge.errors import ModelUnavailableError

_WARNINGS = threading.Lock()


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


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keeps what a library warns of while it fits out of the device's log.

    A fit that has not converged is judged by its forecasts. Filters of warnings are the whole
    process's: one thread at a time changes them.
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
