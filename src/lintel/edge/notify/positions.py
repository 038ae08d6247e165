"""How far a destination has got, kept over restarts."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

logger = logging.getLogger("lintel.notify")


class _Kept(Struct, forbid_unknown_fields=True):
    """What the file holds."""

    log: str
    after: int


class Position:
    """The number of the last event that was delivered. Any thread may use it.

    What is not there yet begins with the newest event: nobody asked for what was before. What
    is damaged begins with the oldest that is kept, for better twice than never.

    Args:
        path: The file; None: in memory alone.
        newest: Number of the newest event. Where the file knows a greater one, the log of events
            has begun anew.
    """

    def __init__(self, path: Path | None, newest: int) -> None:
        self._path = path
        self._saving = threading.Lock()
        self._is_failing = False
        kept = self._read()
        if kept is not None and kept.after <= newest:
            self.log, self.after = kept.log, kept.after
        else:
            self.log, self.after = secrets.token_hex(6), newest
        self._saved: int | None = kept.after if kept is not None and kept.log == self.log else None

    def save(self) -> None:
        """Writes the file, where that is not done yet, and logs where that fails."""
        with self._saving:
            after = self.after
            if self._path is None or after == self._saved:
                return
            try:
                _write(self._path, msgspec.json.encode(_Kept(self.log, after)))
            except OSError as error:
                # Once until it works again: lines wear memory cards out.
                if not self._is_failing:
                    logger.error("How far events were delivered is not saved: %s", error.strerror)
                self._is_failing = True
            else:
                self._saved, self._is_failing = after, False

    def _read(self) -> _Kept | None:
        if self._path is None:
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("How far events were delivered cannot be read: %s", error)
            return _Kept(secrets.token_hex(6), 0)


def _write(path: Path, data: bytes) -> None:
    """Replaces a file, all or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
