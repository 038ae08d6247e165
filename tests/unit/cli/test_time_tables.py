"""Series in text files: read whatever separates their cells, and refused by the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.cli.files import FileFailedError
from lintel.cli.time_tables import KnownStep, TimeTable, read_time_table
from lintel.cli.times import TimeStyle

BERLIN = ZoneInfo("Europe/Berlin")
DAY_US = 86_400_000_000
Read = Callable[..., TimeTable]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as if it were a file."""

    def read_text(
        text: str | bytes, zone: tzinfo = UTC, column: str = "", regressors: Sequence[str] = ()
    ) -> TimeTable:
        path = tmp_path / "prices.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_time_table(path, zone, column, regressors)

    return read_text


def moments(table: TimeTable) -> list[str]:
    return [
        datetime.fromtimestamp(timestamp_us / 1e6, UTC).isoformat(" ", "minutes")
        for timestamp_us in table.timestamps_us
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Date,Close\n2026-07-01,1.5\n2026-07-02,2\n",
        "Date,Close\r\n2026-07-01,1.5\r\n\r\n2026-07-02,2",
        "\ufeffDate,Close\n2026-07-01,1.5\n2026-07-02,2\n",
        "2026-07-01,1.5\n2026-07-02,2\n",
        "2026-07-01;1,5\n2026-07-02;2\n",
        "Date\tClose\n2026-07-01\t1.5\n2026-07-02\t2\n",
        "Date Close\n2026-07-01   1.5\n2026-07-02     2\n",
        "2026-07-01 1.5\n2026-07-02 2\n",
        "1.5 2026-07-01\n2 2026-07-02\n",
        '"Date","Close"\n"2026-07-01","1.5"\n"2026-07-02","2"\n',
        "Price,Day\n1.5,2026-07-01\n2,2026-07-02\n",
    ],
)
def test_cells_may_be_separated_in_many_ways(read: Read, text: str) -> None:
    table = read(text)
    assert moments(table) == ["2026-07-01 00:00+00:00", "2026-07-02 00:00+00:00"]
    assert table.values == [1.5, 2.0]
    assert table.style is TimeStyle.DATE


def test_months_may_be_written_without_a_day(read: Read) -> None:
    table = read("Month,Value\n2026-07,1.5\n2026-08,2\n")
    assert moments(table) == ["2026-07-01 00:00+00:00", "2026-08-01 00:00+00:00"]
    assert table.style is TimeStyle.DATE


def test_the_column_is_found_or_named(read: Read) -> None:
    text = "Date,Open,High,Close\n2026-07-01,1,2,3\n2026-07-02,4,5,6\n"
    assert (read(text).values, read(text).column) == ([3, 6], "Close")
    assert read(text, column="Open").values == [1, 4]
    assert read(text, column="high").values == [2, 5]
    with pytest.raises(FileFailedError, match="has no column Low; it has Open, High, Close"):
        read(text, column="Low")
    with pytest.raises(FileFailedError, match="columns Open, High: choose one with --column"):
        read("Date,Open,High\n2026-07-01,1,2\n")
    with pytest.raises(FileFailedError, match="no header, and so no column Open"):
        read("2026-07-01,1\n", column="Open")
    with pytest.raises(FileFailedError, match="3 columns and no header"):
        read("2026-07-01,1,2\n")


@pytest.mark.parametrize(
    "text",
    [
        "Holiday,Date,Visitors\n0,2026-07-01,5\n1,2026-07-02,6\n",
        "Holiday;Noted;Visitors\n0;2026-07-01;5\n1;2026-07-02;6\n",
        "Noted,Date,Visitors\n2026-08-01,2026-07-01,5\n2026-08-01,2026-07-02,6\n",
    ],
)
def test_the_times_are_found_by_what_they_are_then_by_name(read: Read, text: str) -> None:
    table = read(text, column="Visitors")
    assert moments(table) == ["2026-07-01 00:00+00:00", "2026-07-02 00:00+00:00"]
    assert table.values == [5, 6]


@pytest.mark.parametrize(
    ("header", "column", "regressors"),
    [
        ("Date,Rain,Rain,Visitors", "Rain", []),
        ("Date,Rain,Rain,Visitors", "rain", []),
        ("Date,Rain,Rain,Visitors", "Visitors", ["Rain"]),
        ("Date,Rain,Rain,Close", "Rain", ["Close"]),
        ("Date,Close,Close,Close", "", []),
    ],
)
def test_a_column_that_is_there_twice_is_refused(
    read: Read, header: str, column: str, regressors: list[str]
) -> None:
    twice = "Close" if "Rain" not in header else "Rain"
    with pytest.raises(FileFailedError, match=f"has [23] columns {twice}: which one is meant"):
        read(f"{header}\n2026-07-01,1,2,3\n", column=column, regressors=regressors)


def test_a_column_that_is_not_asked_for_may_be_there_twice(read: Read) -> None:
    text = "Date,Note,Note,Visitors\n2026-07-01,a,b,3\n"
    assert read(text, column="Visitors").values == [3]


def test_times_are_of_the_zone_that_is_given(read: Read) -> None:
    text = "2026-07-01 00:00,1\n2026-07-01 01:00,2\n"
    assert moments(read(text))[0] == "2026-07-01 00:00+00:00"
    assert moments(read(text, BERLIN))[0] == "2026-06-30 22:00+00:00"
    assert moments(read("2026-07-01 00:00 1\n2026-07-01 01:00 2\n", BERLIN)) == moments(
        read(text, BERLIN)
    )
    assert moments(read("2026-07-01,1\n2026-07-02,2\n", BERLIN))[0] == "2026-06-30 22:00+00:00"
    told = read("2026-07-01T00:00:00Z,1\n2026-07-01T03:00+02:00,2\n", BERLIN)
    assert moments(told) == ["2026-07-01 00:00+00:00", "2026-07-01 01:00+00:00"]
    assert told.style is TimeStyle.OFFSET


def test_an_hour_that_clocks_show_twice_is_two_hours(read: Read) -> None:
    text = "".join(f"2026-10-25 {hour:02}:00,1\n" for hour in (1, 2, 2, 3))
    timestamps_us = read(text, BERLIN).timestamps_us
    steps = {later - earlier for earlier, later in pairwise(timestamps_us)}
    assert steps == {3_600_000_000}


@pytest.mark.parametrize("doubled", ["02:00,\n02:00,4", "02:00,3\n02:00,"])
def test_a_gap_in_such_an_hour_is_an_hour_too(read: Read, doubled: str) -> None:
    lines = ["01:00,2", *doubled.splitlines(), "03:00,5"]
    table = read("Time,Value\n" + "".join(f"2026-10-25 {line}\n" for line in lines), BERLIN)
    # 01:00, 02:00 twice and 03:00 begin at 23, 0, 1 and 2 of UTC.
    hours = {2.0: "23:00", 3.0: "00:00", 4.0: "01:00", 5.0: "02:00"}
    assert [moment[11:16] for moment in moments(table)] == [hours[each] for each in table.values]


def test_what_has_no_value_is_a_gap(read: Read) -> None:
    table = read("Date,Value\n2026-07-01,1\n2026-07-02,\n2026-07-03,null\n2026-07-04,4\n")
    assert (table.values, table.gaps, table.lines) == ([1, 4], 2, [2, 5])


def test_a_separator_at_the_end_of_a_line_tells_nothing(read: Read) -> None:
    assert read("Date,Value\n2026-07-01,1,\n2026-07-02,2\n").values == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "prices.txt has no lines to read."),
        ("Date,Value\n", "prices.txt has no values."),
        ("alone\n", "line 1: a line has a time and a number"),
        ("Date,Value\n\n2026-07-01,1\nyesterday,2\n", "line 4: yesterday is no time"),
        ("Date,Value\n2026-13-01,1\n", "line 2: 2026-13-01 is no time"),
        ("Date,Value\n07/01/2026,1\n", "line 2: 07/01/2026 is no time; write it as 2026-07-01"),
        ("Date,Value\n20260701,1\n", "line 2: 20260701 is no time"),
        ("Date,Value\n2026-07-01,many\n", "line 2: many is no number"),
        ("Date,Value\n2026-07-01,inf\n", "line 2: inf is no number"),
        ('Date,Value\n2026-07-01,"1,5"\n', "line 2: 1,5 is no number"),
        ("Date,Value\n2026-07-01\n", "line 2: it has 1 cells, too few."),
        (
            "Date,Value\n2026-07-01,1\n2026-07-02,1,5\n",
            "line 3: it has 3 cells, and the first line 2; with decimal commas, separate by"
            " semicolons.",
        ),
        ("2026-07-01,1\n2026-07-02,1,5\n", "line 2: it has 3 cells, and the first line 2;"),
        ("Date;Value\n2026-07-01;1;5\n", "line 2: it has 3 cells, and the first line 2."),
        ("Date,Value\n2026-07-01,1,,\n", "line 2: it has 4 cells, and the first line 2;"),
        (
            "Date,Value\n2026-07-02,1\n2026-07-01,2\n",
            "line 3: its time is earlier than that of line 2; times must rise.",
        ),
        (
            "Date,Value\n2026-07-01,1\n2026-07-02,1\n2026-07-02,2\n",
            "line 4: its time is the same as that of line 3; times must rise.",
        ),
        (
            "Date,Value\n2026-07-01,1\n2026-07-03,\n2026-07-02,2\n",
            "line 4: its time is earlier than that of line 3; times must rise.",
        ),
        (b"\xff\xfe\x00", "it is no text in UTF-8"),
        ("Date,Value\n2026-07-01,\x1b[31m\n", r"line 2: \x1b[31m is no number"),
        ("a,b\n" + "x" * 200_000 + ",1", "line 2: it is no table of text: field larger than"),
        (
            'Date,Value,Note\n\n2026-07-01,1,x\n2026-07-02,2,"5 inch\n2026-07-03,3,x\n',
            "line 4: it is no table of text: unexpected end of data; is a quote not closed?",
        ),
        (
            'Date,Value,Note\n2026-07-01,1,"5 inch\n2026-07-02,2,"x"\n',
            "line 2: it is no table of text: ',' expected after '\"'; is a quote not closed?",
        ),
        (
            'Date,Value,Note\n2026-07-01,1,"a\nb"\n2026-07-02,many,x\n',
            "line 4: many is no number",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_line(read: Read, text: str | bytes, message: str) -> None:
    with pytest.raises(FileFailedError) as caught:
        read(text)
    assert message in str(caught.value)


def test_a_time_that_clocks_never_showed_is_named(read: Read) -> None:
    with pytest.raises(FileFailedError, match="line 1: clocks in Europe/Berlin never showed"):
        read("2026-03-29 02:30,1\n", BERLIN)
    # Days in which clocks skip midnight are days like others.
    assert read("2018-11-03,1\n2018-11-04,1\n", ZoneInfo("America/Sao_Paulo")).gaps == 0


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01", "9999-12-31 23:30", "1899-12-31", "2200-01-01", "9999-12-31T23:59-10:00"],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles"])
def test_a_year_that_no_series_reaches_is_named(read: Read, moment: str, zone: str) -> None:
    with pytest.raises(FileFailedError, match=f"line 1: {moment} is not in the years 1900 to 2199"):
        read(f"{moment},1\n", ZoneInfo(zone))
    assert read("1900-01-01,1\n2199-12-31,2\n", ZoneInfo(zone)).values == [1, 2]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFailedError, match=r"nowhere\.csv cannot be read: No such file"):
        read_time_table(tmp_path / "nowhere.csv", UTC)


@given(
    style=st.sampled_from(list(TimeStyle)),
    numbers=st.lists(st.integers(0, 20_000), min_size=1, max_size=5, unique=True).map(sorted),
    minute=st.integers(0, 1439),
)
def test_times_are_written_as_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, style: TimeStyle, numbers: list[int], minute: int
) -> None:
    offset_us = 0 if style is TimeStyle.DATE else minute * 60_000_000
    timestamps_us = [number * DAY_US + offset_us for number in numbers]
    path = tmp_path_factory.mktemp("table") / "series.csv"
    path.write_text("".join(f"{style.write(moment, UTC)},1\n" for moment in timestamps_us))
    table = read_time_table(path, UTC)
    assert table.timestamps_us == timestamps_us
    assert table.style is style


class TestRegressors:
    TEXT = """Date,Visitors,Holiday,Rain
2026-07-01,5,0,1.5
2026-07-02,,0,
2026-07-03,7,1,2
2026-07-04,,1,3
2026-07-05,,0,4
"""

    def test_they_are_known_at_values_and_after_the_last(self, read: Read) -> None:
        table = read(self.TEXT, column="Visitors", regressors=["holiday", "Rain"])
        assert table.regressors == {"Holiday": [0, 1], "Rain": [1.5, 2]}
        last = table.timestamps_us[-1]
        assert table.future == [
            KnownStep(last + DAY_US, 5, {"Holiday": 1, "Rain": 3}),
            KnownStep(last + 2 * DAY_US, 6, {"Holiday": 0, "Rain": 4}),
        ]
        # The line between two values is a gap; those after the last are not.
        assert table.gaps == 1

    def test_after_the_last_value_an_hour_may_be_shown_twice(self, read: Read) -> None:
        lines = ["01:00,2,0", "02:00,,0", "02:00,,1", "03:00,,0"]
        text = "Time,Visitors,Rain\n" + "".join(f"2026-10-25 {line}\n" for line in lines)
        table = read(text, BERLIN, regressors=["Rain"])
        last = table.timestamps_us[-1]
        hours = [(step.timestamp_us - last) // 3_600_000_000 for step in table.future]
        assert hours == [1, 2, 3]

    def test_nothing_is_known_where_none_is_asked_for(self, read: Read) -> None:
        table = read(self.TEXT, column="Visitors")
        assert (table.regressors, table.future, table.gaps) == ({}, [], 3)

    def test_the_values_are_the_column_that_is_left(self, read: Read) -> None:
        assert read(self.TEXT, regressors=["Holiday", "Rain"]).column == "Visitors"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (TEXT.replace("7,1,2", "7,1,"), "line 4: the regressor Rain has no number"),
            (TEXT.replace(",1,3", ",,3"), "line 5: the regressor Holiday has no number"),
            (TEXT.replace(",1,3", ",wet,3"), "line 5: wet is no number"),
            (TEXT.replace("07-05", "07-04"), "line 6: its time is the same as that of line 5"),
            (TEXT.replace("Rain", "Sun"), "has no column Rain; it has Visitors, Holiday, Sun"),
            ("2026-07-01 5\n", "has no header, and so no column Visitors"),
        ],
    )
    def test_what_is_wrong_is_named(self, read: Read, text: str, message: str) -> None:
        with pytest.raises(FileFailedError, match=message):
            read(text, column="Visitors", regressors=["Holiday", "Rain"])

    def test_one_column_is_left_for_the_values(self, read: Read) -> None:
        message = "--regressor names Close, and no column is left for the values"
        with pytest.raises(FileFailedError, match=message):
            read("Date,Close\n2026-07-01,1\n", regressors=["Close"])

    def test_the_values_cannot_be_one_of_them(self, read: Read) -> None:
        with pytest.raises(FileFailedError, match="Rain cannot be both the values and a regressor"):
            read(self.TEXT, column="Rain", regressors=["rain"])
