"""The report: a page that needs nothing else, and every forecast as CSV."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest

from lintel.edge.tasks.forecast import Naive, RegularSeries, SeasonalNaive
from lintel.edge.tasks.forecast.trees import Trees
from lintel.lab.forecasting import report
from lintel.lab.forecasting.charts import residuals, shown_windows
from lintel.lab.forecasting.protocol import Protocol
from lintel.lab.forecasting.running import Backtest, run_backtest


@pytest.fixture(scope="module")
def backtest(days: RegularSeries) -> Backtest:
    protocol = Protocol(horizon=6, windows=12, stride=4, calibration=20)
    models = (Naive(), SeasonalNaive(), Trees(threads=1))
    return run_backtest(days.head(400), models, protocol)


@pytest.fixture(scope="module")
def page(backtest: Backtest) -> str:
    return report.to_html(backtest, report.summarise(backtest, "<doors>.csv"))


def test_the_page_has_a_part_a_model_with_plots(page: str) -> None:
    for model in ("naive", "seasonal-naive", "xgboost"):
        assert f"<h2>{model}</h2>" in page
    # The split, the error by step; forecasts and residuals of three; importances of one.
    assert page.count("<svg") == 2 + 2 * 3 + 1
    assert "What the trees go by" in page


def test_the_page_is_whole_and_escapes_names(page: str) -> None:
    assert "&lt;doors&gt;.csv" in page
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert "prefers-color-scheme: dark" in page
    assert "currentColor" in page
    assert "#010203" not in page


def test_the_page_tells_the_protocol_and_the_reference(page: str) -> None:
    assert "12 windows of 6 steps" in page
    assert "Whether models differ from seasonal-naive by more than chance" in page


def test_of_a_single_window_nothing_is_told_of_chance(days: RegularSeries) -> None:
    once = run_backtest(days.head(400), (Naive(), SeasonalNaive()), Protocol(6, windows=1))
    summary = report.summarise(once, "doors.csv")
    assert "more than chance" not in report.to_text(summary)
    page = report.to_html(once, summary)
    assert "Residuals" not in page
    # The split, the error by step; forecasts of two.
    assert page.count("<svg") == 2 + 2


def test_text_has_the_same_figures(backtest: Backtest) -> None:
    summary = report.summarise(backtest, "doors.csv")
    text = report.to_text(summary)
    assert text.startswith("doors.csv. ")
    for figures in summary.figures:
        assert f"{figures.mae:.4g}" in text


def test_csv_has_every_forecast(backtest: Backtest) -> None:
    file = io.BytesIO()
    report.write_csv(backtest, file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert list(rows[0]) == [
        *("model", "origin", "timestamp", "step", "actual", "mean"),
        *("lo80", "hi80", "lo95", "hi95"),
    ]
    assert len(rows) == 3 * 12 * 6
    row = rows[7]
    assert (row["model"], row["step"]) == ("naive", "2")
    # The second window of 6 steps, 4 after the first: 400 - 6 - 11 * 4 + 4 steps are known.
    assert row["origin"] == "1970-01-15 18:00:00"
    assert row["timestamp"] == "1970-01-15 19:00:00"
    low, mean, high = (float(row[name]) for name in ("lo80", "mean", "hi80"))
    assert float(row["lo95"]) <= low <= mean <= high <= float(row["hi95"])


def test_what_is_not_known_is_empty_in_csv(days: RegularSeries) -> None:
    protocol = Protocol(horizon=1, windows=8)
    # Steps 333 and 334 have no value.
    backtest = run_backtest(days.head(337), [Naive()], protocol)
    file = io.BytesIO()
    report.write_csv(backtest, file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert [row["actual"] == "" for row in rows] == [False] * 4 + [True] * 2 + [False] * 2
    assert rows[0]["lo80"] == ""


def test_residuals_are_of_the_first_step(backtest: Backtest) -> None:
    result = backtest.result
    expected = result.actual[:, 0] - result.forecasts["naive"][:, 0]
    assert np.array_equal(residuals(backtest, "naive"), expected, equal_nan=True)


def test_windows_that_are_drawn_do_not_overlap(backtest: Backtest) -> None:
    origins = backtest.result.origins[shown_windows(backtest)]
    assert np.diff(origins).min() >= 6
    assert origins[-1] == backtest.result.origins[-1]
