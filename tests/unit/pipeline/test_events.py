"""The log of events."""

from __future__ import annotations

import errno
import fcntl
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.pipeline_parts import cut_power

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.pipeline.event_file import RESERVED
from lintel.edge.pipeline.events import EventKind, EventLog
from lintel.edge.pipeline.results import MaskVerdict
from lintel.edge.tasks.masks import MaskState

ENTERED, MISSING = EventKind.PERSON_ENTERED, EventKind.MASK_MISSING
VERDICT = MaskVerdict(MaskState.NOT_WORN, (0.1, 0.8, 0.1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "events.jsonl"


def fill(log: EventLog, count: int) -> None:
    for number in range(count):
        log.append(ENTERED, "door", 1_000_000 + number, track_id=number, place="sill")


def numbers(log: EventLog, after: int) -> list[int]:
    found = []
    while (told := log.next(after, timeout_s=0)) is not None:
        after = told.event.sequence_number
        found.append(after)
    return found


def missed(log: EventLog, known: int) -> int:
    """Returns what is told as missed to somebody who knows the events up to a number."""
    told = log.next(known, timeout_s=0)
    assert told is not None
    return told.missed


class TestNumbers:
    def test_they_grow_by_one_from_one(self) -> None:
        log = EventLog(None, 100)
        assert log.last_sequence_number == 0
        fill(log, 3)
        assert numbers(log, 0) == [1, 2, 3]
        assert log.last_sequence_number == 3

    def test_they_go_on_after_a_restart_and_what_happened_is_still_known(self, path: Path) -> None:
        log = EventLog(path, 100)
        fill(log, 3)
        log.append(MISSING, "door", 5, track_id=4, mask=VERDICT)
        before = log.newest(100)
        log.close()
        again = EventLog(path, 100)
        assert again.newest(100) == before
        assert again.append(ENTERED, "door", 6).sequence_number == 5

    def test_a_power_cut_gives_no_number_twice(self, path: Path) -> None:
        log = EventLog(path, 100)
        fill(log, 2)
        log.save()
        fill(log, 20)
        cut_power(log)
        again = EventLog(path, 100)
        assert numbers(again, 0) == [1, 2]
        following = again.append(ENTERED, "door", 6).sequence_number
        assert 22 < following <= 2 + RESERVED + 1

    def test_so_do_many_power_cuts(self, path: Path) -> None:
        given: list[int] = []
        for _ in range(20):
            log = EventLog(path, 100)
            fill(log, 7)
            given += [event.sequence_number for event in log.newest(7)]
            cut_power(log)
        assert given == sorted(set(given))


class TestPowerCuts:
    def test_numbers_that_were_set_aside_count_as_missed_by_nobody(self, path: Path) -> None:
        log = EventLog(path, 100)
        fill(log, 2)
        log.save()
        cut_power(log)
        again = EventLog(path, 100)
        assert again.count_after(2) == 0
        fill(again, 1)
        assert missed(again, 2) == 0
        assert missed(again, 0) == missed(again, 1) == 0

    def test_nor_where_nothing_ever_happened_before(self, path: Path) -> None:
        cut_power(EventLog(path, 100))
        again = EventLog(path, 100)
        fill(again, 1)
        assert missed(again, 0) == 0

    def test_what_gave_way_to_newer_events_still_does(self, path: Path) -> None:
        log = EventLog(path, 10)
        fill(log, 5)
        log.save()
        # Two power cuts with nothing between them, and a restart like any other.
        cut_power(log)
        cut_power(EventLog(path, 10))
        again = EventLog(path, 10)
        fill(again, 12)
        again.close()
        last = EventLog(path, 10)
        fill(last, 1)
        assert missed(last, 5) == 3
        assert missed(last, 3) == 5

    def test_it_is_remembered_when_the_file_is_written_anew(self, path: Path) -> None:
        log = EventLog(path, 10)
        fill(log, 1)
        log.save()
        cut_power(log)
        again = EventLog(path, 10)
        for _ in range(120):
            fill(again, 10)
            again.save()
        again.close()
        assert missed(EventLog(path, 10), 1) == 1190


class TestBounds:
    def test_the_oldest_go_and_who_missed_them_is_told(self) -> None:
        log = EventLog(None, 10)
        fill(log, 25)
        told = log.next(3, timeout_s=0)
        assert told is not None
        assert (told.event.sequence_number, told.missed) == (16, 12)
        told = log.next(16, timeout_s=0)
        assert told is not None
        assert told.missed == 0

    def test_the_file_stays_small(self, path: Path) -> None:
        log = EventLog(path, 10)
        sizes = []
        for _ in range(60):
            fill(log, 50)
            log.save()
            sizes.append(path.stat().st_size)
        assert max(sizes) < 120 * 1100
        assert min(sizes[1:]) < max(sizes) / 4
        cut_power(log)
        again = EventLog(path, 10)
        assert [event.sequence_number for event in again.newest(10)] == list(range(2991, 3001))

    def test_nothing_new_writes_nothing(self, path: Path) -> None:
        log = EventLog(path, 10)
        fill(log, 1)
        log.save()
        before = path.stat()
        log.save()
        assert path.stat().st_mtime_ns == before.st_mtime_ns


class TestDamage:
    @pytest.mark.parametrize("cut", [1, 10, 60])
    def test_a_torn_end_costs_only_the_last_event(self, path: Path, cut: int) -> None:
        log = EventLog(path, 100)
        fill(log, 5)
        log.save()
        cut_power(log)
        path.write_bytes(path.read_bytes()[:-cut])
        again = EventLog(path, 100)
        assert numbers(again, 0)[:4] == [1, 2, 3, 4]
        again.append(ENTERED, "door", 1)
        again.close()
        assert len(EventLog(path, 100).newest(100)) >= 5

    @pytest.mark.parametrize(
        "content", [b"", b"\0" * 4096, b"\xff\xfe\n{}\n[]", b'{"type":"event","event":[1]}\n']
    )
    def test_rubbish_is_left_out(self, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        log = EventLog(path, 100)
        assert log.append(ENTERED, "door", 1).sequence_number == 1

    def test_a_disk_that_cannot_be_written_to_keeps_nobody_from_knowing(
        self, tmp_path: Path
    ) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("no folder")
        log = EventLog(blocked / "events.jsonl", 10)
        fill(log, 2)
        log.save()
        assert numbers(log, 0) == [1, 2]
        blocked.unlink()
        log.save()
        assert len(EventLog(blocked / "events.jsonl", 10).newest(10)) == 2

    def test_such_a_disk_is_told_of_once_until_it_can(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        blocked = tmp_path / "file"
        blocked.write_text("no folder")
        log = EventLog(blocked / "events.jsonl", 10)
        for _ in range(3):
            fill(log, 1)
            log.save()
        blocked.unlink()
        for _ in range(2):
            fill(log, 1)
            log.save()
        told = [text for text in caplog.messages if " written " in text]
        assert told == [
            "Events could not be written yet: File exists",
            "Events are written again.",
        ]

    def test_no_two_devices_write_it(self, path: Path) -> None:
        log = EventLog(path, 10)
        fill(log, 2)
        log.save()
        with pytest.raises(SettingsInvalidError, match="Another device writes its events to"):
            EventLog(path, 10)
        # A device without cameras shows what there is, and leaves it alone.
        onlooker = EventLog(path, 10, read_only=True)
        fill(log, 1)
        log.save()
        assert numbers(onlooker, 0) == [1, 2]
        onlooker.close()
        log.close()
        assert numbers(EventLog(path, 10), 0) == [1, 2, 3]

    def test_where_there_are_no_locks_it_is_written_all_the_same(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(_descriptor: int, _operation: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", fail)
        log = EventLog(path, 10)
        fill(log, 1)
        log.close()
        assert "cannot be locked: No locks available" in caplog.text
        assert numbers(EventLog(path, 10), 0) == [1]

    def test_a_file_that_cannot_be_read_is_put_aside(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path.parent.mkdir()
        path.write_bytes(b"of another day")

        def fail(_path: Path) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", fail)
            log = EventLog(path, 10)
        fill(log, 1)
        log.close()
        assert path.with_name("events.jsonl.unreadable").read_bytes() == b"of another day"
        assert numbers(EventLog(path, 10), 0) == [1]

    def test_others_may_not_read_it(self, path: Path) -> None:
        EventLog(path, 10).close()
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


class TestWaiting:
    def test_who_waits_gets_what_comes(self) -> None:
        log = EventLog(None, 10)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(log.next, 0, 30)
            log.append(ENTERED, "door", 1)
            told = waiting.result(30)
        assert told is not None
        assert told.event.sequence_number == 1

    def test_a_number_that_was_never_given_stands_for_the_newest(self) -> None:
        log = EventLog(None, 10)
        fill(log, 3)
        assert log.next(900, timeout_s=0) is None
        log.append(ENTERED, "door", 1)
        # Whoever asked before has seen up to the third.
        told = log.next(3, timeout_s=0)
        assert told is not None
        assert told.event.sequence_number == 4

    def test_all_are_let_go_at_the_end(self) -> None:
        log = EventLog(None, 10)
        done = threading.Barrier(5, timeout=30)
        threads = [
            threading.Thread(target=lambda: (log.next(0), done.wait()), daemon=True)
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        log.close()
        done.wait()

    def test_many_writers_give_each_number_once(self, path: Path) -> None:
        log = EventLog(path, 10_000)
        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(fill, log, 200)
            for _ in range(20):
                pool.submit(log.save)
        log.close()
        again = EventLog(path, 10_000)
        assert [event.sequence_number for event in again.newest(9999)] == list(range(1, 801))
