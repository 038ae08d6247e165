"""OpenCV, imported when it is first needed: it costs more memory than the rest of this room."""

from __future__ import annotations

import functools
from types import ModuleType


@functools.cache
def opencv() -> ModuleType:
    """Imports OpenCV and keeps it from writing to standard error.

    Its codecs log a paragraph on every damaged picture; our errors say as much.
    """
    import cv2  # noqa: PLC0415 - ordinary JPEG pictures, and an idle device, do without it

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
