"""What the store of series writes to its disk, and how long a call takes that waits for the disk.

An hour of four doors that are counted every second, the clock made to run: calls that may be
buffered, written together every minute, against the same calls each in a transaction of its own.
Bytes are those that the kernel was made to write (/proc/self/io), what the file system adds for
itself left out; the last line is the file after two weeks of minutes and a year of hours.
Run: python -m tests.bench.bench_series [--folder FOLDER] (on a disk: others write no bytes)
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from lintel.edge.series import Clock, Count, LocalSteps, Recorder, Retention, SeriesStore

DOORS = ("entrance", "kiosk.left", "kiosk.right", "yard")
# 2026-07-01T12:00Z.
START_S = 1_782_907_200
HOUR_S, DAY_S = 3600, 86_400


class RunningTime:
    """A clock that the benchmark moves."""

    def __init__(self) -> None:
        self.now_s = float(START_S)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print(
            f"{'an hour of four doors':36}{'transactions':>13}{'MB written':>12}{'ms a call':>11}"
        )
        rows = {}
        for title, every_s in (("each call at once", 1), ("buffered, every 60 s", 60)):
            written, spent = count_an_hour(folder / f"{every_s}.db", every_s)
            rows[title] = written
            calls = f"{statistics.median(spent) * 1000:11.2f}"
            print(f"{title:36}{HOUR_S // every_s:13}{written / 1e6:12.2f}{calls}")
        once, buffered = rows.values()
        if once:
            print(f"{'buffered over at once':36}{'':13}{buffered / once:12.3f}")
        size = fill(folder / "full.db")
        print(f"two weeks of minutes and a year of hours of one series: {size / 1e6:.1f} MB")


def count_an_hour(path: Path, every_s: int) -> tuple[int, list[float]]:
    """Counts every second; of `every_s` calls, the last waits for the disk.

    Returns:
        Bytes written, and seconds that each waiting call took.
    """
    running = RunningTime()
    spent = []
    with open_recorder(path, running) as recorder:
        recorder.record([Count(door, 0, 0) for door in DOORS])
        before = written_bytes()
        for second in range(1, HOUR_S + 1):
            running.now_s = START_S + second
            counts = [Count(door, 0, 1) for door in DOORS]
            waits = second % every_s == 0
            began = time.perf_counter()
            recorder.record(counts, buffered=not waits)
            if waits:
                spent.append(time.perf_counter() - began)
    return written_bytes() - before, spent


def fill(path: Path) -> int:
    """Returns the bytes of a file with as much of a series as is kept, but one year of hours."""
    running = RunningTime()
    running.now_s = START_S + 365 * DAY_S
    with open_recorder(path, running) as recorder:
        hours = [Count("door", (START_S + hour * HOUR_S) * 1_000_000, 3) for hour in range(8424)]
        last = START_S + 351 * DAY_S
        minutes = [
            Count("door", (last + minute * 60) * 1_000_000, 1) for minute in range(14 * 1440)
        ]
        for start in range(0, len(minutes), 10_000):
            recorder.record(minutes[start : start + 10_000])
        recorder.record(hours)
    return path.stat().st_size


@contextmanager
def open_recorder(path: Path, running: RunningTime) -> Iterator[Recorder]:
    clock = Clock(lambda: running.now_s, time.monotonic)
    store = SeriesStore(path, LocalSteps(ZoneInfo("Europe/Berlin")), clock)
    recorder = Recorder(
        store, clock, Retention(14, 3650), write_every_s=60.0, max_series=8, max_future_s=300.0
    )
    try:
        yield recorder
    finally:
        # Its log is folded into the file, as at every stop of a device.
        recorder.stop()


def written_bytes() -> int:
    """Returns what this process has made the kernel write to disks."""
    found = re.search(r"^write_bytes: (\d+)$", Path("/proc/self/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    main()
