"""The commands on series, on this machine and through a server."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from tests.unit.cli.conftest import Run

from lintel.edge.service import DeviceServer

SERIES = """\
[series]
path = "{path}"
time_zone = "Europe/Berlin"
"""


@pytest.fixture(params=["local", "server"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, start_device: Callable[..., DeviceServer]
) -> list[str]:
    """The options of a device in Berlin: this machine, and a server."""
    if request.param == "local":
        config = tmp_path / "lintel.toml"
        config.write_text(SERIES.format(path=tmp_path / "series.db"))
        return ["--config", str(config)]
    return ["--server", start_device({"series": {"time_zone": "Europe/Berlin"}}).addresses[0]]


@pytest.fixture
def counts_file(tmp_path: Path) -> Path:
    """Counts of three days, one an hour, 0 to 71."""
    start = datetime(2026, 7, 1, tzinfo=UTC)
    lines = [f"{start + timedelta(hours=hour):%Y-%m-%d %H:%M},{hour}" for hour in range(72)]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["Date,Count", *lines]))
    return path


def test_a_series_from_its_first_count_to_its_end(run: Run, place: list[str]) -> None:
    assert run("series", "list", *place).out == "No series are kept yet.\n"
    assert run("series", "record", "door", "3", *place).out == "1 count recorded in door.\n"
    run("series", "record", "door", "2.5", "--at", "2026-07-01T12:00+02:00", *place)
    run("series", "record", "door", "1", "--at", "2026-07-01 10:00:30", *place)
    exported = run("series", "export", "door", "--csv", "-", "--end", "2026-07-02", *place).out
    assert exported == "timestamp,value\n2026-07-01T12:00+02:00,3.5\n"
    listed = run("series", "list", "--csv", "-", *place).out.splitlines()
    assert listed[0] == "series,first,last,minutes,hours,days"
    assert listed[1].startswith("door,2026-06-30T22:00+00:00,")
    assert listed[1].endswith(",2,2,2")
    assert "door" in run("series", "list", *place).out
    assert run("series", "delete", "door", "--yes", *place).out == "door is deleted.\n"
    ended = run("series", "delete", "door", "--yes", *place)
    assert (ended.status, ended.err) == (2, "Error: The device keeps no series of that name.\n")


def test_a_file_is_recorded_once(run: Run, place: list[str], counts_file: Path) -> None:
    record = ("series", "record", "door", "--file", counts_file, *place)
    assert run(*record).out == "72 counts recorded in door.\n"
    assert run(*record).out == ("0 counts recorded in door.\n72 counts had been recorded before.\n")
    days = run("series", "export", "door", "--csv", "-", "--resolution", "day", *place).out
    assert days == (
        "timestamp,value\n2026-07-01,231\n2026-07-02,804\n2026-07-03,1380\n2026-07-04,141\n"
    )


def test_a_file_is_recorded_by_the_clocks_of_a_zone(
    run: Run, place: list[str], counts_file: Path
) -> None:
    run("series", "record", "door", "--file", counts_file, "--time-zone", "Europe/Berlin", *place)
    days = run("series", "export", "door", "--csv", "-", "--resolution", "day", *place).out
    assert days == "timestamp,value\n2026-07-01,276\n2026-07-02,852\n2026-07-03,1428\n"


def test_a_series_is_exported_as_parquet(
    run: Run, place: list[str], counts_file: Path, tmp_path: Path
) -> None:
    run("series", "record", "door", "--file", counts_file, *place)
    target = tmp_path / "door.parquet"
    export = ("series", "export", "door", "--parquet", target, *place)
    assert run(*export).status == 0
    table = pyarrow.parquet.read_table(target)
    assert str(table.schema.field("timestamp").type) == "timestamp[us, tz=Europe/Berlin]"
    assert table["value"].to_pylist() == list(range(72))
    first = table["timestamp"].to_pylist()[0]
    assert first == datetime(2026, 7, 1, tzinfo=UTC)
    ended = run(*export)
    assert (ended.status, "--overwrite replaces it" in ended.err) == (2, True)
    assert run(*export, "--overwrite").status == 0


def test_without_pyarrow_the_extra_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = run("series", "export", "door", "--parquet", tmp_path / "door.parquet")
    assert ended.status == 2
    assert ended.err == (
        "Error: Parquet files need pyarrow, which is not installed:"
        " pip install 'lintel[parquet]'.\n"
    )


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 130), ("", 130)])
def test_what_is_deleted_is_asked_for(
    run: Run, place: list[str], monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    run("series", "record", "door", "1", *place)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    ended = run("series", "delete", "door", *place)
    assert ended.status == status
    assert "Delete the series door for good?" in ended.err
    assert ("door" in run("series", "list", *place).out) == bool(status)
    assert ("Nothing was deleted." in ended.err) == (answer == "n\n")
    assert ("Interrupted." in ended.err) == (answer == "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("record", "door"), "Give either a COUNT or a --file."),
        (("record", "door", "1", "--file", "x.csv"), "Give either a COUNT or a --file."),
        (("record", "door", "1", "--column", "Close"), "--column is for a --file."),
        (("record", "door", "--file", "x", "--at", "2026-07-01"), "--at is for a COUNT"),
        (
            ("record", "door", "1", "--at", "noon"),
            "Invalid value for --at: noon is no time; write it as 2026-07-01",
        ),
        (("record", "door", "1", "--time-zone", "Berlin"), "Berlin is no time zone; write an IANA"),
        (("record", "Door", "1"), "The name of a series has 1 to 64"),
        (("record", "door", "--file", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("record", "door", "--", "-1"), "A count must be a number from 0 to 1e+12."),
        (("record", "door", "1", "--at", "2999-01-01"), "ahead of the device's clock"),
        (("export", "door"), "Give either --csv or --parquet."),
        (("export", "door", "--csv", "-", "--parquet", "x"), "Give either --csv or --parquet."),
        (("export", "door", "--csv", "-", "--start", "noon"), "for --start: noon is no time"),
        (("export", "door", "--csv", "-", "--end", "noon"), "for --end: noon is no time"),
        (
            ("export", "door", "--csv", "-", "--start", "2026-01-02", "--end", "2026-01-01"),
            "--end must be later than --start.",
        ),
        (("export", "door", "--csv", "-"), "The device keeps no series of that name."),
    ],
)
def test_what_is_wrong_is_told(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ended = run("series", *arguments)
    assert ended.status == 2
    assert message in ended.err


def test_a_device_that_keeps_none_says_so(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "lintel.toml"
    config.write_text('[series]\npath = ""\n')
    ended = run("series", "list", "--config", config)
    assert ended.err == ("Error: This device keeps no series: its setting series.path is empty.\n")


def test_a_time_zone_that_is_none_is_found_by_the_check(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "lintel.toml"
    config.write_text('[series]\ntime_zone = "Berlin"\n')
    ended = run("config", "check", "--config", config)
    assert ended.status == 2
    assert "must be an IANA name" in ended.err
