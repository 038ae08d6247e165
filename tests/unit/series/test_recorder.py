"""Counts go to the disk at once, or together with others within a bounded time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from tests.unit.series.conftest import Time

from lintel.edge.errors import (
    ClockNotSetError,
    DiskFullError,
    InvalidArgumentError,
    OverloadedError,
    SeriesNotFoundError,
    TooManySeriesError,
)
from lintel.edge.series import Clock, Count, Recorder, Resolution, Retention, SeriesStore
from lintel.edge.series import recorder as recorder_module

MakeCount = Callable[..., Count]
OpenStore = Callable[..., SeriesStore]
MOMENT = "2026-07-01T10:00Z"


def total(store: SeriesStore, name: str = "door") -> float:
    return float(store.read(name, Resolution.DAY).values.sum())


def test_counts_are_on_the_disk_when_the_call_returns(
    recorder: Recorder, open_store: OpenStore, count: MakeCount
) -> None:
    assert recorder.record([count(MOMENT, 2), count(MOMENT, 3)]) == 2
    assert total(open_store()) == 5


def test_buffered_counts_are_written_together(
    recorder: Recorder, open_store: OpenStore, count: MakeCount
) -> None:
    recorder.record([count(MOMENT)])
    for _ in range(4):
        assert recorder.record([count(MOMENT)], buffered=True) == 1
    assert total(open_store()) == 1
    recorder.stop()
    assert total(open_store()) == 5


def test_what_is_written_at_once_takes_along_what_waits(
    recorder: Recorder, open_store: OpenStore, count: MakeCount
) -> None:
    recorder.record([count(MOMENT)], buffered=True)
    recorder.record([count(MOMENT)])
    assert total(open_store()) == 2


def test_the_thread_writes_what_waits(
    open_store: OpenStore, clock: Clock, count: MakeCount, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    written = threading.Event()
    write = store.write

    def write_and_tell(batches: object) -> list[int]:
        added = write(batches)
        written.set()
        return added

    monkeypatch.setattr(store, "write", write_and_tell)
    recorder = Recorder(
        store, clock, Retention(14, 3650), write_every_s=0.01, max_series=3, max_future_s=300.0
    )
    recorder.start()
    recorder.record([count(MOMENT)], buffered=True)
    assert written.wait(30)
    recorder.stop()
    assert total(open_store()) == 1


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize("first_buffered", [False, True])
def test_a_repeated_call_changes_nothing(
    recorder: Recorder,
    open_store: OpenStore,
    count: MakeCount,
    first_buffered: bool,
    buffered: bool,
) -> None:
    assert recorder.record([count(MOMENT)], "key", buffered=first_buffered) == 1
    assert recorder.record([count(MOMENT)], "key", buffered=buffered) == 0
    recorder.stop()
    assert total(open_store()) == 1


@pytest.mark.parametrize("buffered", [False, True])
def test_of_a_call_with_an_error_nothing_is_kept(
    recorder: Recorder, count: MakeCount, buffered: bool
) -> None:
    with pytest.raises(InvalidArgumentError):
        recorder.record([count(MOMENT), count(MOMENT, -1)], buffered=buffered)
    recorder.stop()
    assert recorder.store.summaries() == []


@pytest.mark.parametrize("buffered", [False, True])
def test_there_are_no_more_series_than_there_may_be(
    recorder: Recorder, count: MakeCount, buffered: bool
) -> None:
    for name in "abc":
        recorder.record([count(MOMENT, series=name)], buffered=buffered)
    with pytest.raises(TooManySeriesError, match="at most 3"):
        recorder.record([count(MOMENT, series="d")], buffered=buffered)
    recorder.record([count(MOMENT, series="c")], buffered=buffered)
    recorder.delete("a")
    recorder.record([count(MOMENT, series="d")], buffered=buffered)
    recorder.stop()
    assert [summary.name for summary in recorder.store.summaries()] == ["b", "c", "d"]


def test_a_series_is_forgotten_with_what_waits_of_it(recorder: Recorder, count: MakeCount) -> None:
    recorder.record([count(MOMENT)], buffered=True)
    recorder.delete("door")
    recorder.stop()
    assert recorder.store.summaries() == []
    with pytest.raises(SeriesNotFoundError):
        recorder.delete("door")
    with pytest.raises(InvalidArgumentError) as caught:
        recorder.delete("No name")
    assert caught.value.field == "name"


def test_while_the_clock_is_not_set_nothing_is_counted(
    recorder: Recorder, time: Time, count: MakeCount
) -> None:
    time.set("1970-01-01T00:01:00Z")
    with pytest.raises(ClockNotSetError):
        recorder.record([Count("door", 0, 1.0)])


def test_what_cannot_be_written_waits_and_is_bounded(
    recorder: Recorder,
    open_store: OpenStore,
    count: MakeCount,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 2)
    write = recorder.store.write

    def fail(batches: object) -> list[int]:
        raise DiskFullError("The disk of the device is full; nothing was changed.")

    monkeypatch.setattr(recorder.store, "write", fail)
    recorder.record([count(MOMENT)], buffered=True)
    with pytest.raises(DiskFullError):
        recorder.record([count(MOMENT, 100)])
    recorder.record([count(MOMENT)], buffered=True)
    with pytest.raises(OverloadedError, match="wait to be written"):
        recorder.record([count(MOMENT)], buffered=True)
    recorder.stop()
    assert "2 counts could not be written" in caplog.text
    monkeypatch.setattr(recorder.store, "write", write)
    recorder.stop()
    assert total(open_store()) == 2


def test_many_threads_count_without_losing_any(recorder: Recorder, count: MakeCount) -> None:
    def work(buffered: bool) -> None:
        for _ in range(50):
            recorder.record([count(MOMENT)], buffered=buffered)

    threads = [threading.Thread(target=work, args=[number % 2 == 0]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.stop()
    assert total(recorder.store) == 200
