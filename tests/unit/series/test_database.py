"""The file of the store: damaged, foreign, held by others, or out of reach."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from lintel.edge.errors import OverloadedError, StoreUnavailableError
from lintel.edge.series import Count, Resolution, SeriesStore
from lintel.edge.series import database as database_module
from lintel.edge.series.counts import Batch, add_up

MakeCount = Callable[..., Count]
OpenStore = Callable[..., SeriesStore]


@pytest.fixture
def batch(count: MakeCount) -> Batch:
    return add_up([count("2026-07-01T10:00Z")], "", now_s=4e9, max_future_s=0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "series.db"


def fill(store: SeriesStore, count: MakeCount) -> None:
    """Writes so much that the tables take many pages."""
    counts = [
        count(f"2026-06-{day:02}T{hour:02}:00Z") for day in range(1, 30) for hour in range(24)
    ]
    store.write([add_up(counts, "", now_s=4e9, max_future_s=0.0)])
    store.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 4096])
def test_a_file_that_is_no_database_is_set_aside(
    open_store: OpenStore,
    batch: Batch,
    file: Path,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file.write_bytes(content)
    store = open_store()
    assert store.write([batch]) == [1]
    assert [summary.name for summary in store.summaries()] == ["door"]
    assert file.with_name("series.db.damaged-1").read_bytes() == content
    assert "a fresh one is begun" in caplog.text


def test_damage_that_is_found_later_is_no_end_either(
    open_store: OpenStore, count: MakeCount, batch: Batch, file: Path
) -> None:
    store = open_store()
    fill(store, count)
    content = bytearray(file.read_bytes())
    # Everything but the first page, which says that this is a database and what is in it.
    content[1024:] = b"\xff" * (len(content) - 1024)
    file.write_bytes(content)
    assert store.write([batch]) == [1]
    assert store.read("door", Resolution.DAY).values.tolist() == [1]
    assert file.with_name("series.db.damaged-1").exists()


def test_a_file_cut_short_is_no_end_either(
    open_store: OpenStore, count: MakeCount, batch: Batch, file: Path
) -> None:
    store = open_store()
    fill(store, count)
    file.write_bytes(file.read_bytes()[:3000])
    assert store.write([batch]) == [1]
    assert store.read("door", Resolution.DAY).values.tolist() == [1]


def test_only_the_first_damaged_files_are_kept(
    open_store: OpenStore, batch: Batch, file: Path
) -> None:
    for number in range(5):
        file.write_bytes(b"damaged %d" % number * 200)
        store = open_store()
        assert store.write([batch]) == [1]
        store.close()
    kept = sorted(file.parent.glob("series.db.damaged-*"))
    assert [place.read_bytes()[:9] for place in kept] == [b"damaged 0", b"damaged 1", b"damaged 2"]


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 2"])
def test_a_file_of_another_program_or_a_newer_lintel_is_left_alone(
    open_store: OpenStore, batch: Batch, file: Path, pragma: str
) -> None:
    store = open_store()
    store.write([batch])
    store.close()
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA {pragma}")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreUnavailableError, match="another program's"):
        open_store().write([batch])
    assert file.read_bytes() == before
    assert sorted(place.name for place in file.parent.iterdir()) == ["series.db"]


def test_a_place_that_cannot_be_written_is_told_without_its_name(
    open_store: OpenStore, batch: Batch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_bytes(b"a file where the folder should be")
    store = open_store()
    with pytest.raises(StoreUnavailableError) as caught:
        store.write([batch])
    assert str(tmp_path) not in caught.value.message
    assert str(tmp_path) in caplog.text
    (tmp_path / "state").unlink()
    assert store.write([batch]) == [1]


def test_another_process_may_hold_the_file_for_a_moment(
    open_store: OpenStore, batch: Batch, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_LONGEST_WAIT_S", 0.05)
    store = open_store()
    store.open()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OverloadedError) as caught:
        store.write([batch])
    assert caught.value.retry_after_s is not None
    other.execute("COMMIT")
    other.close()
    assert store.write([batch]) == [1]
