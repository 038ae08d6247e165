"""Libraries that come with the system and not from PyPI: GStreamer's and the Raspberry Pi's."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from lintel.edge.cameras.faults import CameraFailedError, Fault

# Debian's and Raspberry Pi OS's, of the system's own Python.
_SYSTEM_FOLDER = Path("/usr/lib/python3/dist-packages")


def system_module(name: str) -> ModuleType:
    """Imports a module of the system's, from within a virtual environment too.

    The system's folder goes behind all others, so that nothing of this environment gives way to
    an older copy.

    Args:
        name: Of the module.

    Raises:
        CameraFailedError: It is not installed, or for another version of Python.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        if str(_SYSTEM_FOLDER) not in sys.path and _SYSTEM_FOLDER.is_dir():
            sys.path.append(str(_SYSTEM_FOLDER))
            importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CameraFailedError(Fault.LIBRARY_MISSING) from error
