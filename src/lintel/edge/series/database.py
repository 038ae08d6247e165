"""The file of the store: opened, mended, and its errors told in words that callers may see."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from lintel.edge.errors import (
    DiskFullError,
    LintelError,
    OverloadedError,
    StoreUnavailableError,
)

logger = logging.getLogger("lintel.series")

Result = TypeVar("Result")

# "Lntl" in ASCII; tells the file from those of other programs.
APPLICATION_ID = 0x4C6E746C
SCHEMA_VERSION = 1
# Sums by the start of the step: minutes since 1970 UTC for minutes and hours, days since
# 1970-01-01 of the local date for days. All three are kept, not the minutes alone, as each has an
# age of its own and days do not consist of whole hours where clocks are changed by half an hour.
_SCHEMA = """
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE minutes (series INTEGER, start INTEGER, value REAL NOT NULL,
    PRIMARY KEY (series, start)) WITHOUT ROWID;
CREATE TABLE hours (series INTEGER, start INTEGER, value REAL NOT NULL,
    PRIMARY KEY (series, start)) WITHOUT ROWID;
CREATE TABLE days (series INTEGER, start INTEGER, value REAL NOT NULL,
    PRIMARY KEY (series, start)) WITHOUT ROWID;
CREATE TABLE keys (key TEXT PRIMARY KEY, seen INTEGER NOT NULL) WITHOUT ROWID;
"""
# Pages as small as this are written far more often than read: a minute changes one of each table.
_PAGE_BYTES = 1024
# The log is folded into the file when it has grown so far, and is then cut.
_LOG_PAGES = 2048
# Another process, such as the command line's, may hold the file for a moment.
_LONGEST_WAIT_S = 5.0
_BUSY_RETRY_S = 1.0
# More would fill a card that damages every file.
_DAMAGED_KEPT = 3
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Database:
    """A SQLite file with one connection, that any thread may use, one at a time.

    It is opened at the first use, and again after whatever went wrong. A damaged file is set
    aside and a fresh one begun.

    Args:
        path: The file; its folder is made too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs `work` on one unchanging state of the file. Raises as `write`."""
        return self._run("BEGIN", work)

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs `work` in a transaction: all of it is on the disk when this returns, or nothing.

        Args:
            work: Run again on a fresh file where the file was damaged.

        Raises:
            DiskFullError: The disk is full.
            OverloadedError: Another process held the file for too long.
            StoreUnavailableError: The file cannot be read or written.
            LintelError: Whatever `work` raised.
        """
        return self._run("BEGIN IMMEDIATE", work)

    def fold_log(self) -> None:
        """Folds the log into the file and empties it, so that it holds nothing that was deleted.

        Where another process reads at this moment, that waits for the next time.
        """
        with self._lock, _errors_told():
            if self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file; the next use would open it again."""
        with self._lock:
            self._disconnect()

    def _run(self, begin: str, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._lock, _errors_told():
            try:
                return self._attempt(begin, work)
            except sqlite3.DatabaseError as error:
                if _code(error) not in _DAMAGED:
                    raise
                self._set_aside(error)
                return self._attempt(begin, work)

    def _attempt(self, begin: str, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            connection = self._connection = self._connection or _open(self._path)
            connection.execute(begin)
            result = work(connection)
            connection.execute("COMMIT")
        except LintelError:
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
            raise
        except BaseException:
            # Closing rolls back, and whatever broke is not relied on any further.
            self._disconnect()
            raise
        return result

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Gives a damaged file, and the log that belongs to it, another name.

        The first ones are kept: they hold the most. What is damaged after them is deleted.
        """
        self._disconnect()
        aside = next(
            (
                place
                for number in range(1, _DAMAGED_KEPT + 1)
                if not (place := self._beside(f".damaged-{number}")).exists()
            ),
            None,
        )
        for suffix in ("", "-wal"):
            file = self._beside(suffix)
            if aside is None:
                file.unlink(missing_ok=True)
            elif file.exists():
                file.rename(aside.with_name(aside.name + suffix))
        self._beside("-shm").unlink(missing_ok=True)
        logger.error(
            "The file of series %s was damaged (%s); a fresh one is begun. %s",
            self._path,
            error,
            f"The damaged one is kept as {aside}; `sqlite3 {aside} .recover` may save what is in it"
            if aside
            else "It was deleted, as earlier damaged ones are kept already",
        )

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Logs what went wrong with the file, and tells callers what they may know of it."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code in _BUSY:
            raise OverloadedError(
                "Another program is using the store of series; try again later.",
                retry_after_s=_BUSY_RETRY_S,
            ) from error
        logger.error("The file of series failed: %s", error)
        if code == sqlite3.SQLITE_FULL:
            raise DiskFullError("The disk of the device is full; nothing was changed.") from error
        raise _unavailable() from error
    except OSError as error:
        logger.error("The file of series failed: %s", error)
        raise _unavailable() from error


def _unavailable() -> StoreUnavailableError:
    return StoreUnavailableError(
        "The store of series cannot be read or written; the device's log says more.",
    )


def _open(path: Path) -> sqlite3.Connection:
    """Opens the file, and makes it where it is not there."""
    # What is counted at a door is nobody else's to read.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=_LONGEST_WAIT_S, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    # A transaction that has been told of survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_PAGES * _PAGE_BYTES}")
    # What is deleted is overwritten too.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version")
    )
    is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if is_empty:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif application != APPLICATION_ID or version > SCHEMA_VERSION:
        logger.error("The file of series is another program's, or a newer Lintel's.")
        raise StoreUnavailableError(
            "The file of the setting series.path is another program's, or a newer Lintel's."
        )
    connection.execute("COMMIT")


def _code(error: sqlite3.Error) -> int:
    """Returns SQLite's primary result code, 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
