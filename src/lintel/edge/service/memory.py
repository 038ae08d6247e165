"""Keeps the server's resident memory small and steady."""

from __future__ import annotations

import ctypes
import logging
import os

logger = logging.getLogger("lintel.service")

# Numbers and meaning: mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
ARENAS = 2
KEPT_BYTES = 32 << 20


def limit_library_threads() -> None:
    """Keeps OpenCV to the thread that calls it, whenever it is imported.

    Requests run side by side, one a core; more threads within one gain nothing and cost memory.
    """
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")


def tune_allocator() -> None:
    """Tells glibc's allocator what a server of pictures needs; other C libraries are left alone.

    By default every thread may get an arena of its own, each of which keeps what its pictures
    needed; and blocks of the size of a picture are fetched from and given back to the kernel
    each time, which costs page faults (they doubled the time of some decoders).
    """
    library = ctypes.CDLL(None)
    try:
        mallopt = library.mallopt
    except AttributeError:
        logger.debug("this C library has no mallopt")
        return
    mallopt(M_ARENA_MAX, ARENAS)
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
