"""Keras and what it computes with, started without the lines that nobody asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_GREETINGS = (b"absl::InitializeLog()", b"oneDNN custom operations are on")


def start_keras() -> None:
    """Imports Keras, on TensorFlow where KERAS_BACKEND says nothing else.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_greetings():
        import keras  # noqa: F401, PLC0415 -- takes seconds


@contextmanager
def _without_greetings() -> Iterator[None]:
    """Keeps what TensorFlow greets with, for which it has no setting, off standard error.

    Whatever else is written there in the meantime comes a little later.
    """
    try:
        number = sys.__stderr__.fileno() if sys.__stderr__ else 2
        kept = os.fdopen(os.memfd_create("tensorflow"), "w+b")
        told = os.fdopen(os.dup(number), "wb")
    except OSError:
        # There is none, as for some daemons.
        yield
        return
    with kept, told:
        os.dup2(kept.fileno(), number)
        try:
            yield
        finally:
            os.dup2(told.fileno(), number)
            kept.seek(0)
            told.writelines(line for line in kept if not any(g in line for g in _GREETINGS))
