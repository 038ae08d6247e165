"""The store of series when the power goes, the process is killed, or the disk is full."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lintel.edge.series import Clock, Count, LocalSteps, Resolution, SeriesStore
from lintel.edge.series.counts import add_up

STEPS = LocalSteps(ZoneInfo("Europe/Berlin"))
# 2026-03-29T00:30+01:00, the night in which an hour is missing.
START_US = 1_774_740_600_000_000
MINUTE_US = 60_000_000

# Counts 1 a minute, each in a call of its own, and tells of each that is on the disk.
KEEP_COUNTING = """
import sys
from tests.faults.test_series_store import open_store, write_minute

store = open_store(sys.argv[1])
for number in range(int(sys.argv[2]), 1_000_000):
    write_minute(store, number)
    print(number, flush=True)
"""
# Fills a disk of 256 KiB of its own, in a namespace of its own, and makes room again.
FILL_THE_DISK = """
import json, pathlib, sys
from lintel.edge.errors import DiskFullError
from tests.faults.test_series_store import MINUTE_US, open_store, totals, write_minute

folder = pathlib.Path(sys.argv[1])
ballast = folder / "ballast"
store = open_store(folder / "series.db")
written, refused, number = 0, [], 0
write_minute(store, number)
ballast.write_bytes(b"x" * 65536)
while len(refused) < 5:
    number += 1
    try:
        write_minute(store, number)
        written += 1
    except DiskFullError as error:
        refused.append(error.message)
while_full = totals(store)
ballast.unlink()
write_minute(store, number + 1)
json.dump([written + 1, refused, while_full, totals(store)], sys.stdout)
"""


def open_store(path: Path | str) -> SeriesStore:
    return SeriesStore(Path(path), STEPS, Clock())


def write_minute(store: SeriesStore, number: int) -> None:
    count = Count("door", START_US + number * MINUTE_US, 1.0)
    store.write([add_up([count], f"key-{number}", now_s=4e9, max_future_s=0.0)])


def totals(store: SeriesStore) -> list[float]:
    """Sums over all minutes, hours and days."""
    return [float(store.read("door", resolution).values.sum()) for resolution in Resolution]


def check_sums(store: SeriesStore) -> int:
    """Checks that hours and days are the sums of the minutes; returns how many those are."""
    hours: dict[int, float] = defaultdict(float)
    days: dict[int, float] = defaultdict(float)
    minutes = store.read("door", Resolution.MINUTE).timestamps_us.tolist()
    for start_us in minutes:
        hour, day = STEPS.hour_and_day(start_us // MINUTE_US)
        hours[hour * MINUTE_US] += 1
        days[STEPS.start_of_day_us(day)] += 1
    assert minutes == list(range(START_US, START_US + len(minutes) * MINUTE_US, MINUTE_US))
    for resolution, sums in ((Resolution.HOUR, hours), (Resolution.DAY, days)):
        stretch = store.read("door", resolution)
        kept = zip(stretch.timestamps_us.tolist(), stretch.values.tolist(), strict=True)
        assert dict(kept) == sums
    return len(minutes)


def test_nothing_that_was_told_of_is_lost_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    chance = random.Random(6)  # noqa: S311 - where to stop
    kept = 0
    for _ in range(5):
        command = [sys.executable, "-c", KEEP_COUNTING, str(path), str(kept)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 200))]
            child.kill()
            told = int([*lines, *child.stdout][-1])
        store = open_store(path)
        kept = check_sums(store)
        store.close()
        # The last may have reached the disk and its line not the pipe.
        assert kept in (told + 1, told + 2)
    assert not list(tmp_path.glob("*.damaged*"))


def test_a_log_that_ends_anywhere_leaves_whole_calls(tmp_path: Path) -> None:
    """What a power cut leaves of the log's end is unknown: any part of it, or zeros."""
    path = tmp_path / "series.db"
    store = open_store(path)
    for number in range(40):
        write_minute(store, number)
    log = path.with_name("series.db-wal").read_bytes()
    chance = random.Random(6)  # noqa: S311 - where to stop
    kept = set()
    for number in range(40):
        cut = tmp_path / f"cut-{number}"
        cut.mkdir()
        shutil.copy(path, cut)
        end = chance.randrange(len(log))
        rest = b"\0" * (len(log) - end) if number % 2 else b""
        (cut / "series.db-wal").write_bytes(log[:end] + rest)
        after = open_store(cut / "series.db")
        if after.names():
            kept.add(check_sums(after))
        # It goes on from there.
        write_minute(after, 40)
        after.close()
        assert not list(cut.glob("*.damaged*"))
    store.close()
    assert len(kept) > 10


def test_a_full_disk_refuses_and_keeps_what_it_has(small_disk: Any) -> None:
    command = [*small_disk.command, sys.executable, "-c", FILL_THE_DISK, str(small_disk.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written, refused, while_full, after = json.loads(done.stdout)
    assert set(refused) == {"The disk of the device is full; nothing was changed."}
    assert written > 1
    assert while_full == [written] * 3
    assert after == [written + 1] * 3
