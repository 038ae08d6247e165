"""What the store keeps: sums by minute, hour and day, that agree whatever happens."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.series.conftest import Time

from lintel.edge.errors import SeriesNotFoundError
from lintel.edge.series import Clock, Count, LocalSteps, Resolution, Retention, SeriesStore
from lintel.edge.series import store as store_module
from lintel.edge.series.counts import Batch, add_up

At = Callable[[str], int]
MakeCount = Callable[..., Count]
OpenStore = Callable[..., SeriesStore]
MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000


def batch(*counts: Count, key: str = "") -> Batch:
    return add_up(counts, key, now_s=4e9, max_future_s=0.0)


def points(store: SeriesStore, resolution: Resolution, name: str = "door") -> dict[int, float]:
    stretch = store.read(name, resolution)
    assert stretch.next_us == 0
    return dict(zip(stretch.timestamps_us.tolist(), stretch.values.tolist(), strict=True))


def test_counts_are_rolled_up(open_store: OpenStore, count: MakeCount, at: At) -> None:
    store = open_store()
    assert store.write(
        [
            batch(count("2026-07-01T10:00:10+02:00", 2), count("2026-07-01T10:00:59+02:00", 3)),
            batch(count("2026-07-01T10:59:00+02:00", 4), count("2026-07-02T00:00:00+02:00", 0)),
        ]
    ) == [2, 2]
    store.write([batch(count("2026-07-01T10:00:30+02:00", 1))])
    assert points(store, Resolution.MINUTE) == {
        at("2026-07-01T10:00:00+02:00"): 6,
        at("2026-07-01T10:59:00+02:00"): 4,
        at("2026-07-02T00:00:00+02:00"): 0,
    }
    assert points(store, Resolution.HOUR) == {
        at("2026-07-01T10:00:00+02:00"): 10,
        at("2026-07-02T00:00:00+02:00"): 0,
    }
    assert points(store, Resolution.DAY) == {
        at("2026-07-01T00:00:00+02:00"): 10,
        at("2026-07-02T00:00:00+02:00"): 0,
    }


@pytest.mark.parametrize(
    ("before", "within", "after", "hours"),
    [
        ("2026-03-28T23:59+01:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", 23),
        ("2026-10-24T23:59+02:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", 25),
    ],
)
def test_a_day_in_which_clocks_are_changed_has_all_its_hours(
    open_store: OpenStore,
    count: MakeCount,
    at: At,
    before: str,
    within: str,
    after: str,
    hours: int,
) -> None:
    store = open_store()
    every_hour = [
        Count("door", at(within) + hour * HOUR_US + 59 * MINUTE_US, 1) for hour in range(hours)
    ]
    store.write([batch(count(before, 100), count(after, 100), *every_hour)])
    assert len(points(store, Resolution.HOUR)) == hours + 2
    assert list(points(store, Resolution.DAY).values()) == [100, hours, 100]


@given(
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
    counts=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(1, 2_000_000_000), st.integers(0, 1000)),
        min_size=1,
        max_size=30,
    ),
)
def test_hours_and_days_are_the_sums_of_their_minutes(
    tmp_path_factory: pytest.TempPathFactory,
    zone: str,
    counts: list[tuple[str, int, int]],
) -> None:
    steps = LocalSteps(ZoneInfo(zone))
    store = SeriesStore(tmp_path_factory.mktemp("store") / "series.db", steps, Clock())
    try:
        for series, second, value in counts:
            store.write([batch(Count(series, second * 1_000_000, value))])
        for series in {series for series, _, _ in counts}:
            hours: dict[int, float] = defaultdict(float)
            days: dict[int, float] = defaultdict(float)
            for start_us, total in points(store, Resolution.MINUTE, series).items():
                hour, day = steps.hour_and_day(start_us // MINUTE_US)
                hours[hour * MINUTE_US] += total
                days[steps.start_of_day_us(day)] += total
            assert points(store, Resolution.HOUR, series) == hours
            assert points(store, Resolution.DAY, series) == days
    finally:
        store.close()


def test_what_is_written_is_there_after_opening_anew(
    open_store: OpenStore, count: MakeCount
) -> None:
    open_store().write([batch(count("2026-07-01T10:00Z"))])
    assert len(points(open_store(), Resolution.MINUTE)) == 1


def test_going_back_in_time_adds_to_old_minutes(
    open_store: OpenStore, count: MakeCount, at: At
) -> None:
    store = open_store()
    for moment in ("2026-07-01T11:00Z", "2026-07-01T09:00Z", "2026-07-01T11:00Z"):
        store.write([batch(count(moment))])
    assert points(store, Resolution.MINUTE) == {
        at("2026-07-01T09:00Z"): 1,
        at("2026-07-01T11:00Z"): 2,
    }


def test_a_repeated_key_changes_nothing(open_store: OpenStore, count: MakeCount) -> None:
    store = open_store()
    once = batch(count("2026-07-01T10:00Z", 5), key="k")
    assert store.write([once, once]) == [1, 0]
    assert store.write([once]) == [0]
    assert store.knows("k")
    assert not store.knows("other")
    assert list(points(store, Resolution.DAY).values()) == [5]


def test_a_stretch_has_its_bounds(open_store: OpenStore, count: MakeCount, at: At) -> None:
    store = open_store()
    store.write([batch(*(count(f"2026-07-01T{hour:02}:30+02:00", hour) for hour in range(24)))])

    def read(resolution: Resolution, start: str, end: str) -> list[float]:
        return list(store.read("door", resolution, at(start), at(end)).values)

    assert read(Resolution.HOUR, "2026-07-01T03:00+02:00", "2026-07-01T05:00+02:00") == [3, 4]
    assert read(Resolution.HOUR, "2026-07-01T03:00:01+02:00", "2026-07-01T05:00:01+02:00") == [4, 5]
    assert read(Resolution.MINUTE, "2026-07-01T03:30+02:00", "2026-07-01T03:31+02:00") == [3]
    assert read(Resolution.DAY, "2026-07-01T00:00+02:00", "2026-07-01T00:01+02:00") == [276]
    assert read(Resolution.DAY, "2026-07-01T00:01+02:00", "2026-07-03T00:00+02:00") == []
    assert len(store.read("door", Resolution.DAY, -(1 << 63), (1 << 63) - 1).values) == 1


def test_a_long_stretch_comes_in_parts(
    open_store: OpenStore, count: MakeCount, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MOST_POINTS", 4)
    store = open_store()
    store.write([batch(*(count(f"2026-07-0{day}T10:00Z", day) for day in range(1, 10)))])
    values: list[float] = []
    start_us, calls = 0, 0
    while start_us or not calls:
        stretch = store.read("door", Resolution.DAY, start_us)
        values += stretch.values.tolist()
        start_us = stretch.next_us
        calls += 1
    assert values == list(range(1, 10))
    assert calls == 3


def test_the_newest_are_those_that_are_over(
    open_store: OpenStore, count: MakeCount, time: Time, at: At
) -> None:
    store = open_store()
    time.set("2026-07-01T12:30:30+02:00")
    moments = ["2026-06-30T12:00+02:00", "2026-07-01T11:59+02:00", "2026-07-01T12:29+02:00"]
    store.write([batch(*(count(moment) for moment in (*moments, "2026-07-01T12:30+02:00")))])

    def newest(resolution: Resolution, most: int) -> list[int]:
        return list(store.newest("door", resolution, most).timestamps_us)

    assert newest(Resolution.MINUTE, 2) == [at(moment) for moment in moments[1:]]
    assert newest(Resolution.HOUR, 9) == [at(moments[0]), at("2026-07-01T11:00+02:00")]
    assert newest(Resolution.DAY, 9) == [at("2026-06-30T00:00+02:00")]


def test_a_series_is_summed_up(open_store: OpenStore, count: MakeCount, at: At) -> None:
    store = open_store()
    store.write([batch(count("2026-07-01T10:10Z", series="b"), count("2026-06-01T10:20Z"))])
    store.write([batch(count("2026-07-01T10:30Z"), count("2026-07-01T10:40Z"))])
    door, b = sorted(store.summaries(), key=lambda summary: summary.name != "door")
    assert [summary.name for summary in store.summaries()] == ["b", "door"]
    assert door.first_us == at("2026-06-01T00:00+02:00")
    assert door.last_us == at("2026-07-01T10:40Z")
    assert (door.minutes, door.hours, door.days) == (3, 2, 2)
    assert (b.minutes, b.hours, b.days) == (1, 1, 1)


def test_a_series_is_forgotten_to_the_last_byte(
    open_store: OpenStore, count: MakeCount, tmp_path: Path
) -> None:
    store = open_store()
    store.write([batch(count("2026-07-01T10:00Z", series="secret-entrance"))])
    store.write([batch(count("2026-07-01T10:00Z"))])
    store.delete("secret-entrance")
    assert [summary.name for summary in store.summaries()] == ["door"]
    written = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert b"secret-entrance" not in written
    assert b"door" in written


def test_a_series_that_is_not_there_is_not_found(open_store: OpenStore) -> None:
    store = open_store()
    for ask in (
        lambda: store.read("door", Resolution.HOUR),
        lambda: store.newest("door", Resolution.HOUR, 1),
        lambda: store.delete("door"),
    ):
        with pytest.raises(SeriesNotFoundError) as caught:
            ask()
        assert caught.value.field == "name"


class TestRetention:
    RETENTION = Retention(minutes_days=14, hours_days=365)

    @pytest.fixture
    def store(self, open_store: OpenStore, count: MakeCount) -> SeriesStore:
        store = open_store()
        moments = ("2024-07-01T10:00Z", "2026-06-01T10:00Z", "2026-06-30T10:00Z")
        store.write([batch(*(count(moment) for moment in moments), key="old")])
        return store

    def kept(self, store: SeriesStore) -> tuple[int, int, int]:
        (summary,) = store.summaries()
        return summary.minutes, summary.hours, summary.days

    def test_minutes_and_hours_go_with_age_and_days_stay(
        self, store: SeriesStore, time: Time, at: At
    ) -> None:
        time.pass_s(3600)
        store.prune(self.RETENTION)
        assert self.kept(store) == (1, 2, 3)
        assert store.knows("old")
        time.pass_s(40 * 86_400)
        store.prune(self.RETENTION)
        assert self.kept(store) == (0, 2, 3)
        assert store.summaries()[0].last_us == at("2026-06-30T12:00+02:00")
        assert not store.knows("old")

    def test_nothing_goes_by_a_clock_that_has_just_jumped(
        self, store: SeriesStore, time: Time
    ) -> None:
        time.pass_s(3600)
        time.set("2036-07-01T10:00Z")
        store.prune(self.RETENTION)
        assert self.kept(store) == (3, 3, 3)
        time.set("2026-07-01T13:00Z")
        store.prune(self.RETENTION)
        assert self.kept(store) == (3, 3, 3)

    def test_keys_are_bounded(
        self, store: SeriesStore, time: Time, count: MakeCount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "MOST_KEYS", 3)
        for number in range(6):
            time.pass_s(1)
            store.write([batch(count("2026-07-01T10:00Z"), key=f"key-{number}")])
        time.pass_s(3600)
        store.prune(self.RETENTION)
        known = [store.knows(f"key-{number}") for number in range(6)]
        assert known[-3:] == [True] * 3
        assert sum(known) <= 4


def test_only_the_owner_may_look(open_store: OpenStore, tmp_path: Path) -> None:
    open_store().open()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
