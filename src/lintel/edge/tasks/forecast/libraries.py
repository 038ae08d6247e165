"""Libraries that a device may do without, imported when first needed."""

from __future__ import annotations

import importlib
import importlib.util
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from lintel.edge.errors import InferenceFailedError, ModelUnavailableError

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
        raise _missing(model) from error


def check_library(module: str, model: str) -> None:
    """Checks that what a model needs is installed; it is not imported.

    Args:
        module: Name of the module; empty: nothing is needed.
        model: Which model needs it.

    Raises:
        ModelUnavailableError: It is not.
    """
    if module and not has_library(module):
        raise _missing(model)


def _missing(model: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model} needs a library that is not on this device; Lintel's extra "
        '"forecast" installs it: pip install "lintel[forecast]".'
    )


def has_library(module: str) -> bool:
    """Returns whether a module is installed; it is not imported."""
    return importlib.util.find_spec(module) is not None


@contextmanager
def fitting(model: str) -> Iterator[None]:
    """Surrounds what a library does to fit a model.

    What it warns of is kept out of the device's log: a fit that has not converged is judged by its
    forecasts. Filters of warnings are the whole process's, so that one model is fitted at a time.

    Args:
        model: Which model is fitted.

    Raises:
        InferenceFailedError: The library cannot fit it to this series.
    """
    try:
        with _WARNINGS, warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    # The errors of NumPy's linear algebra and of XGBoost are among them.
    except (ValueError, ArithmeticError, IndexError) as error:
        raise InferenceFailedError(f"The model {model} cannot be fitted to this series.") from error
