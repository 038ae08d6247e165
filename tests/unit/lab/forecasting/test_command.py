"""`lintel-lab backtest`: what it takes, says and writes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lintel.lab.commands.backtest import backtest
from lintel.lab.errors import LabError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two hundred days."""
    random = np.random.default_rng(8)
    values = 100 + np.cumsum(random.normal(0, 3, 200))
    start = datetime(2024, 1, 1)
    rows = [f"{start + timedelta(days=i):%Y-%m-%d},{v:.2f}" for i, v in enumerate(values)]
    path = tmp_path / "days.csv"
    path.write_text("\n".join(["Date,Value", *rows]))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(backtest, [str(each) for each in arguments])


def test_it_tells_figures_and_writes_a_page_and_csv(file: Path, tmp_path: Path) -> None:
    report, table = tmp_path / "report.html", tmp_path / "forecasts.csv"
    done = run(
        *(file, "--last", "10%", "--models", "drift", "--season", "1", "--levels", "50"),
        *("--report", report, "--csv", table),
    )
    assert done.exit_code == 0, done.output
    assert "20 windows of 1 step, the first from 2024-06-29 on" in done.stdout
    assert "50 % hold" in done.stdout
    assert "drift" in done.stdout
    assert report.read_text().startswith("<!DOCTYPE html>")
    assert table.read_text().splitlines()[1].startswith("naive,2024-06-29,2024-06-29,1,")


def test_months_are_told_as_dates(tmp_path: Path) -> None:
    path = tmp_path / "months.csv"
    path.write_text("\n".join(f"{2000 + i // 12}-{i % 12 + 1:02}-01,{i % 12}" for i in range(120)))
    command = (path, "--last", "24", "--horizon", "12", "--models", "seasonal-naive")
    done = run(*command, "--calibration", "12")
    assert done.exit_code == 0, done.output
    assert "120 values on 120 steps from 2000-01-01 to 2009-12-01" in done.stdout
    assert "the first from 2008-01-01 on" in done.stdout


def test_what_is_known_beforehand_is_taken_from_a_column(file: Path, tmp_path: Path) -> None:
    header, *lines = file.read_text().splitlines()
    thirds = [f"{line},{number % 3}" for number, line in enumerate(lines)]
    file.write_text("\n".join([f"{header},Third", *thirds]))
    report = tmp_path / "report.html"
    command = (file, "--last", "10%", "--models", "xgboost", "--calibration", "40")
    done = run(*command, "--report", report, "--column", "Value", "--regressor", "third")
    assert done.exit_code == 0, done.output
    assert "Third" in report.read_text()


def test_models_without_room_are_passed_over_unless_asked_for(file: Path) -> None:
    done = run(file, "--origins", "5", "--calibration", "120", "--season", "7")
    assert done.exit_code == 0, done.output
    assert done.stderr == (
        "Passed over, as they need more steps before the first forecast: xgboost, combination."
        " Fewer --origins or a smaller --calibration leave more.\n"
    )
    assert "theta" in done.stdout
    assert "xgboost" not in done.stdout


def test_what_is_there_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("mine")
    done = run(file, "--report", report)
    assert "exists; --overwrite replaces it" in str(done.exception)
    assert report.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--last", "20", "--origins", "20"], "--last and --origins contradict each other"),
        (["--last", "many"], "many is neither a number"),
        (["--last", "inf%"], "inf% is neither a number"),
        (["--last", "nan%"], "nan% is neither a number"),
        (["--levels", "80,100"], "whole per cents from 1 to 99"),
        (["--levels", "²"], "whole per cents from 1 to 99"),
        (["--levels", "9" * 5000], "whole per cents from 1 to 99"),
        (["--levels", ""], "whole per cents from 1 to 99"),
        (["--report", "report.pdf"], "What is written is a page: end the file's name in .html."),
        (["--models", ""], "Name a model, or several."),
        (["--models", " , "], "Name a model, or several."),
        (["--horizon", "0"], "0 is not in the range 1<=x<=1000"),
    ],
)
def test_wrong_options_are_told(file: Path, arguments: list[str], told: str) -> None:
    done = run(file, *arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--origins", "4"], "There are 4 windows: give 5 or more"),
        (["--last", "200"], "has 200 values: --last must be at least 1, and less"),
        (["--last", "0%"], "--last must be at least 1"),
        (["--models", "prophet"], "There is no model prophet: choose among naive"),
        (["--models", "xgboost", "--calibration", "120"], "The model xgboost needs 10"),
        (["--calibration", "500"], "room for 168 windows of calibration, not 500"),
    ],
)
def test_what_cannot_be_measured_is_told(file: Path, arguments: list[str], told: str) -> None:
    done = run(file, *arguments)
    assert isinstance(done.exception, LabError)
    assert told in str(done.exception)
