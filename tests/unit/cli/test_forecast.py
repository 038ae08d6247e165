"""The command forecast, in this process and through a server."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image
from tests.unit.cli.conftest import Run

from lintel.edge.service import DeviceServer

NAIVE = ("--model", "naive")


@pytest.fixture(params=["local", "server"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, start_device: Callable[..., DeviceServer]
) -> list[str]:
    """The options of a device in Berlin: this machine, and a server."""
    if request.param == "local":
        config = tmp_path / "lintel.toml"
        config.write_text(
            f"[series]\npath = '{tmp_path / 'series.db'}'\ntime_zone = 'Europe/Berlin'\n"
        )
        return ["--config", str(config)]
    return ["--server", start_device({"series": {"time_zone": "Europe/Berlin"}}).addresses[0]]


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """Prices on the working days of ten weeks, from Monday 2026-03-02 on."""
    days = [datetime(2026, 3, 2) + timedelta(days=day) for day in range(70) if day % 7 < 5]
    lines = [f"{day:%Y-%m-%d},{100 + number}" for number, day in enumerate(days)]
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(["Date,Close", *lines]))
    return path


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """Counts of a week by the hour, over the night in which clocks are changed."""
    lines = []
    for hour in range(168):
        moment = datetime(2026, 3, 25, tzinfo=UTC) + timedelta(hours=hour)
        lines.append(f"{moment:%Y-%m-%d %H:%M} {moment.hour}")
    path = tmp_path / "hours.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """Makes a file of ten years, by the last days of their months; one of them has no value."""
    firsts = [date(2015 + month // 12, month % 12 + 1, 1) for month in range(1, 121)]
    ends = [first - timedelta(days=1) for first in firsts]
    lines = [f"{end},{100 + end.year + 20 * (end.month in {7, 8, 12})}" for end in ends]
    lines[40] = f"{ends[40]},"
    path = tmp_path / "months.csv"
    path.write_text("\n".join(["Month,Sold", *lines]))
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_forecast_becomes_csv_and_a_picture(
    run: Run, place: list[str], prices: Path, tmp_path: Path
) -> None:
    out, plot = tmp_path / "out.csv", tmp_path / "out.png"
    command = ("forecast", prices, "--horizon", "7", "--csv", out, "--plot", plot, *NAIVE, *place)
    ended = run(*command)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("Model naive: asked for.")
    assert out.read_text().partition("\n")[0] == "timestamp,mean,lo80,hi80,lo95,hi95"
    steps = rows(out.read_text())
    # Friday was the last: Monday to Friday, Monday, Tuesday.
    assert [step["timestamp"] for step in steps] == [
        *(f"2026-05-{day}" for day in (11, 12, 13, 14, 15, 18, 19)),
    ]
    for step in steps:
        assert float(step["mean"]) == 149
        bounds = [float(step[name]) for name in ("lo95", "lo80", "mean", "hi80", "hi95")]
        assert bounds[0] <= bounds[1] <= bounds[3] <= bounds[4]
    with Image.open(plot) as image:
        assert image.format == "PNG"
        assert image.width > 1000
    again = run(*command)
    assert again.status == 2
    assert "--overwrite replaces it" in again.err
    assert run(*command, "--overwrite").status == 0


def test_people_get_a_table(run: Run, place: list[str], prices: Path) -> None:
    command = ("forecast", prices, "--horizon", "2", "--levels", "50", *NAIVE, *place)
    lines = run(*command).out.splitlines()
    assert lines[0].split() == ["time", "forecast", "50", "%"]
    assert lines[2].split()[:2] == ["2026-05-11", "149.0"]
    assert any(line.startswith("Model naive: ") for line in lines)
    assert any("x naive" in line for line in lines)


def test_programs_get_nothing_but_csv(run: Run, place: list[str], prices: Path) -> None:
    ended = run("forecast", prices, "--horizon", "1", "--csv", "-", *NAIVE, *place)
    assert len(rows(ended.out)) == 1
    assert len(ended.out.splitlines()) == 2
    assert ended.err.startswith("Model naive: ")


def test_ends_of_months_are_forecast(run: Run, place: list[str], months: Path) -> None:
    ended = run("forecast", months, "--horizon", "14", "--csv", "-", *place)
    assert ended.status == 0
    steps = rows(ended.out)
    # The file ends in December 2024.
    assert [step["timestamp"] for step in steps[:4]] == [
        *("2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30")
    ]
    assert steps[-1]["timestamp"] == "2026-02-28"
    means = [float(step["mean"]) for step in steps]
    # Julys stand out: the season is the year.
    assert means[6] - means[5] == pytest.approx(20, abs=3)


def test_months_of_a_zone_are_dates_in_the_table(run: Run, months: Path) -> None:
    command = ("forecast", months, "--horizon", "1", "--time-zone", "Europe/Berlin", *NAIVE)
    assert run(*command).out.splitlines()[2].split()[0] == "2025-01-31"


def test_moments_of_utc_may_be_months_of_a_zone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "moments.csv"
    firsts = [datetime(2025, month, 1, tzinfo=ZoneInfo("Europe/Berlin")) for month in range(1, 13)]
    path.write_text("\n".join(f"{each.astimezone(UTC).isoformat()},1" for each in firsts))
    command = ("forecast", path, "--horizon", "5", "--csv", "-", *NAIVE)
    ended = run(*command, "--time-zone", "Europe/Berlin")
    times = [step["timestamp"] for step in rows(ended.out)]
    assert (times[0], times[4]) == ("2026-01-01T00:00+01:00", "2026-05-01T00:00+02:00")


def test_a_month_that_is_wrong_is_told_by_its_line_and_in_days(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "months.csv"
    path.write_text("\n".join(f"2026-{month:02}-{1 + (month == 4):02},1" for month in range(1, 9)))
    ended = run("forecast", path, "--horizon", "1")
    assert ended.status == 2
    assert "months.csv, line 4: The timestamps must lie on regular steps" in ended.err
    assert "is 32 days after the one before it, where most are 31 days." in ended.err


def test_both_places_answer_alike(
    run: Run, start_device: Callable[..., DeviceServer], hours: Path
) -> None:
    command = ("forecast", hours, "--horizon", "5", "--csv", "-", "--model", "seasonal-naive")
    here = run(*command)
    there = run(*command, "--server", start_device().addresses[0])
    assert (here.status, here.out, here.err) == there


def test_times_are_written_as_the_file_has_them(run: Run, hours: Path) -> None:
    command = ("forecast", hours, "--horizon", "2", "--csv", "-", *NAIVE)
    assert [row["timestamp"] for row in rows(run(*command).out)] == [
        "2026-04-01 00:00",
        "2026-04-01 01:00",
    ]
    told = hours.with_name("told.txt")
    # Hours of UTC, told by the clocks of a zone that changes them.
    told.write_text(
        "\n".join(
            line.replace(" ", "T", 1).replace(" ", "Z,") for line in hours.read_text().split("\n")
        )
    )
    in_berlin = run("forecast", told, *command[2:], "--time-zone", "Europe/Berlin").out
    assert [row["timestamp"] for row in rows(in_berlin)] == [
        "2026-04-01T02:00+02:00",
        "2026-04-01T03:00+02:00",
    ]


def test_a_series_that_is_kept_is_forecast(
    run: Run, place: list[str], hours: Path, tmp_path: Path
) -> None:
    run("series", "record", "door", "--file", hours, *place)
    plot = tmp_path / "door.svg"
    ended = run(
        "forecast",
        "--series",
        "door",
        "--horizon",
        "2",
        "--csv",
        "-",
        "--plot",
        plot,
        *NAIVE,
        *place,
    )
    assert ended.status == 0, ended.err
    assert [row["timestamp"] for row in rows(ended.out)] == [
        "2026-04-01T02:00+02:00",
        "2026-04-01T03:00+02:00",
    ]
    drawn = plot.read_text()
    assert drawn.startswith("<?xml")
    assert "</svg>" in drawn
    command = ("forecast", "--series", "door", "--resolution", "day", "--horizon", "1", *NAIVE)
    days = run(*command, "--csv", "-", *place)
    # The last day, of which two hours are known, is over: it was long ago.
    assert [row["timestamp"] for row in rows(days.out)] == ["2026-04-02"]


def test_lines_without_a_value_are_told(run: Run, prices: Path) -> None:
    prices.write_text(prices.read_text().replace("2026-03-10,106", "2026-03-10,"))
    ended = run("forecast", prices, "--horizon", "1", "--csv", "-", *NAIVE)
    assert ended.err.startswith(f"{prices}: 1 line without a value left out.\n")


def test_a_point_that_is_not_accepted_is_told_by_its_line(
    run: Run, place: list[str], prices: Path
) -> None:
    lines = prices.read_text().splitlines()
    # Half a day between two others.
    lines.insert(20, lines[20].split(",")[0] + " 00:00:00.5,1")
    lines[21] = lines[21].replace(",", " 12:00:00,")
    prices.write_text("\n".join(lines))
    ended = run("forecast", prices, "--horizon", "1", *NAIVE, *place)
    assert ended.status == 2
    assert ended.err.startswith(f"Error: {prices}, line ")
    assert "regular steps" in ended.err


@pytest.fixture
def holidays(tmp_path: Path) -> Path:
    """Visitors of 140 days, a hundred more on holidays, and what the next ten days are."""
    random = np.random.default_rng(4)
    lines = ["Date,Visitors,Holiday"]
    for day in range(150):
        holiday = int(random.random() < 0.2)
        visitors = "" if day >= 140 else round(50 + 100 * holiday + random.normal(0, 3), 1)
        lines.append(f"{datetime(2026, 3, 2) + timedelta(days=day):%Y-%m-%d},{visitors},{holiday}")
    path = tmp_path / "visitors.csv"
    path.write_text("\n".join(lines))
    return path


class TestRegressors:
    def test_a_forecast_goes_by_them(self, run: Run, place: list[str], holidays: Path) -> None:
        command = ("forecast", holidays, "--horizon", "10", "--model", "xgboost", "--csv", "-")
        ended = run(*command, "--regressor", "Holiday", *place)
        assert (ended.status, "left out" in ended.err) == (0, False), ended.err
        known = [line.endswith(",1") for line in holidays.read_text().splitlines()[-10:]]
        assert any(known)
        for step, holiday in zip(rows(ended.out), known, strict=True):
            assert float(step["mean"]) == pytest.approx(150 if holiday else 50, abs=25)

    def test_a_model_that_does_not_go_by_them_is_told(self, run: Run, holidays: Path) -> None:
        command = ("forecast", holidays, "--horizon", "2", "--csv", "-", "--regressor", "Holiday")
        assert "The model naive does not go by regressors." in run(*command, *NAIVE).err

    def test_they_must_reach_as_far_as_the_forecast(self, run: Run, holidays: Path) -> None:
        ended = run("forecast", holidays, "--horizon", "11", "--regressor", "Holiday", *NAIVE)
        assert ended.status == 2
        assert (
            "has 10 lines after the last value: regressors must be known for each of 11 steps"
            in (ended.err)
        )

    def test_they_must_be_of_the_steps_to_come(self, run: Run, holidays: Path) -> None:
        text = holidays.read_text()
        holidays.write_text(
            "\n".join(line for line in text.splitlines() if "2026-07-21" not in line)
        )
        ended = run("forecast", holidays, "--horizon", "5", "--regressor", "Holiday", *NAIVE)
        assert ended.status == 2
        assert "line 143: after the last value lines must be of the steps to forecast, here" in (
            ended.err
        )
        assert "here 2026-07-21." in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prices.csv",), "Missing option '--horizon'"),
        (("--horizon", "1"), "Give either a FILE or a --series."),
        (("prices.csv", "--series", "door", "--horizon", "1"), "Give either a FILE or a --series."),
        (("--series", "door", "--horizon", "1", "--column", "x"), "--column is for a FILE."),
        (("--series", "door", "--horizon", "1", "--regressor", "x"), "--regressor is for a FILE."),
        (
            ("prices.csv", "--horizon", "1", "--resolution", "day"),
            "--resolution is for a --series: a file has steps of its own.",
        ),
        (("--series", "door", "--horizon", "1"), "The device keeps no series of that name."),
        (("prices.csv", "--horizon", "0"), "0 is not in the range 1<=x<=1000"),
        (("prices.csv", "--horizon", "51"), "longer than the history, which spans 50"),
        (("prices.csv", "--horizon", "1", "--levels", "80,abc"), "80,abc is no list of numbers"),
        (("prices.csv", "--horizon", "1", "--levels", "80,100"), "percentages between 0 and 100"),
        (("prices.csv", "--horizon", "1", "--levels", "nan"), "percentages between 0 and 100"),
        (("prices.csv", "--horizon", "1", "--plot", "x.gif"), "x.gif must end in .png or .svg"),
        (
            ("prices.csv", "--horizon", "1", "--model", "oracle"),
            "There is no such model; there are",
        ),
        (("prices.csv", "--horizon", "1", "--season", "40"), "too few for a season of 40"),
        (("prices.csv", "--horizon", "1", "--time-zone", "Mars/Base"), "Mars/Base is no time zone"),
        (("nowhere.csv", "--horizon", "1"), "nowhere.csv cannot be read"),
    ],
)
def test_what_is_wrong_is_told(
    run: Run,
    prices: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(prices.parent)
    monkeypatch.setenv("XDG_STATE_HOME", str(prices.parent))
    ended = run("forecast", *arguments)
    assert ended.status == 2
    assert message in ended.err


def test_without_matplotlib_the_extra_is_named(
    run: Run, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = run("forecast", prices, "--horizon", "1", "--plot", tmp_path / "out.png")
    assert (ended.status, ended.err) == (
        2,
        "Error: Plots need matplotlib, which is not installed: pip install 'lintel[plot]'.\n",
    )
