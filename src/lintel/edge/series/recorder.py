"""The way into the store: at once, or gathered so that a memory card is written to seldom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from lintel.edge.errors import LintelError, OverloadedError, TooManySeriesError
from lintel.edge.series.clock import Clock
from lintel.edge.series.counts import Batch, Count, add_up, check_name
from lintel.edge.series.store import Retention, SeriesStore

logger = logging.getLogger("lintel.series")

# Some 20 MB: what a flood may take where the disk is full or slow.
MOST_WAITING = 100_000
PRUNE_EVERY_S = 3600.0


class Recorder:
    """Takes counts for the store, and sees to it in the background. Any thread may use it.

    Counts are on the disk when `record` returns, or, where buffered, at most `write_every_s`
    seconds later: that much of them a power cut may lose, and nothing else. Whatever is written
    takes along what waits.

    Args:
        store: Where they are kept.
        clock: The device's.
        retention: How long counts are kept.
        write_every_s: Seconds between two writes of what is buffered.
        max_series: Most series.
        max_future_s: How far ahead of the clock timestamps may be, in seconds.

    Attributes:
        store: To read from.
    """

    def __init__(
        self,
        store: SeriesStore,
        clock: Clock,
        retention: Retention,
        *,
        write_every_s: float,
        max_series: int,
        max_future_s: float,
    ) -> None:
        self.store = store
        self._clock = clock
        self._retention = retention
        self._write_every_s = write_every_s
        self._max_series = max_series
        self._max_future_s = max_future_s
        self._lock = threading.Lock()
        self._waiting: list[Batch] = []
        self._waiting_keys: set[str] = set()
        self._waiting_sums = 0
        self._names: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tend, name="series", daemon=True)

    def start(self) -> None:
        """Begins to write what is buffered, and to delete what is too old."""
        self._thread.start()

    def stop(self) -> None:
        """Writes what is buffered, and closes the store."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._write_waiting()
        self.store.close()

    def record(self, counts: Sequence[Count], key: str = "", *, buffered: bool = False) -> int:
        """Adds counts, all of them or none.

        Args:
            counts: 1 to 10,000 of them; those of one minute add up.
            key: Makes a repeated call harmless: one whose key has been seen within a day changes
                nothing. At most 64 characters; "": none.
            buffered: Return before they are on the disk.

        Returns:
            How many were added: 0 where the key has been seen.

        Raises:
            InvalidArgumentError: A count or the key is wrong; `field` names it by its index.
            TooManySeriesError: They would begin more series than there may be.
            OverloadedError: Too many are waiting to be written.
            LintelError: They cannot be written; see Database.write.
        """
        batch = add_up(counts, key, self._clock.now_s(), self._max_future_s)
        with self._lock:
            self._make_room_for_series({name for name, _ in batch.sums})
            return self._add_to_waiting(batch) if buffered else self._write(batch)

    def delete(self, name: str) -> None:
        """Forgets a series, what is buffered of it too.

        Raises:
            InvalidArgumentError: That is no name.
            SeriesNotFoundError: There is no such series.
        """
        check_name(name, "name")
        with self._lock:
            if self._waiting:
                self._write()
            self._names.discard(name)
            self.store.delete(name)

    def _make_room_for_series(self, names: set[str]) -> None:
        """Refuses to begin more series than there may be, the waiting ones counted."""
        if names <= self._names:
            return
        waiting = {name for batch in self._waiting for name, _ in batch.sums}
        known = self.store.names() | waiting
        if names - known and len(known | names) > self._max_series:
            raise TooManySeriesError(
                f"The device keeps {len(known)} series, and at most {self._max_series};"
                " delete one first.",
                field="counts",
            )
        self._names = known | names

    def _write(self, *batches: Batch) -> int:
        """Writes what waits and what is given; all of it is as before where that fails.

        Returns:
            How many counts of the last batch were added.
        """
        added = self.store.write([*self._waiting, *batches])
        self._waiting, self._waiting_keys, self._waiting_sums = [], set(), 0
        return added[-1] if added else 0

    def _add_to_waiting(self, batch: Batch) -> int:
        if batch.key and (batch.key in self._waiting_keys or self.store.knows(batch.key)):
            return 0
        if self._waiting_sums + len(batch.sums) > MOST_WAITING:
            raise OverloadedError(
                f"More than {MOST_WAITING} counts wait to be written; try again later.",
                retry_after_s=self._write_every_s,
            )
        self._waiting.append(batch)
        self._waiting_keys.add(batch.key)
        self._waiting_sums += len(batch.sums)
        return batch.size

    def _tend(self) -> None:
        pruned_s = time.monotonic()
        while not self._stopped.wait(self._write_every_s):
            self._write_waiting()
            if time.monotonic() - pruned_s >= PRUNE_EVERY_S:
                pruned_s = time.monotonic()
                self._prune()

    def _write_waiting(self) -> None:
        try:
            with self._lock:
                if self._waiting:
                    self._write()
        except LintelError as error:
            logger.error("%d counts could not be written yet: %s", self._waiting_sums, error)

    def _prune(self) -> None:
        try:
            self.store.prune(self._retention)
        except LintelError as error:
            logger.error("Old counts could not be deleted: %s", error)
