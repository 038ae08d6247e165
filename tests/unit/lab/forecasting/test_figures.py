"""Figures of a backtest, checked against numbers worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from lintel.edge.tasks.forecast import BacktestResult, RegularSeries
from lintel.lab.forecasting.figures import ModelFigures, measure
from lintel.lab.forecasting.protocol import Protocol
from lintel.lab.forecasting.running import Backtest
from lintel.lab.forecasting.tables import (
    comparison_table,
    error_table,
    interval_table,
    verdict,
)

VALUES = (10.0, 12.0, 11.0, 13.0, 14.0, 12.0, 15.0, 13.0, 16.0)
FIRST = 4
NAIVE = np.array(VALUES[FIRST - 1 : -1])
CONSTANT = np.full(5, 14.0)


@pytest.fixture
def backtest(make_series: Callable[..., RegularSeries]) -> Backtest:
    """Five windows of one step: the last value against 14, with intervals of 14 +- 1 and +- 2."""
    protocol = Protocol(horizon=1, windows=5)
    forecasts = {"naive": NAIVE[:, None], "constant": CONSTANT[:, None]}
    spread = np.array([-2.0, -1.0, 1.0, 2.0])
    return Backtest(
        make_series(VALUES),
        protocol,
        BacktestResult(
            protocol.test_plan,
            protocol.test_plan.origins(len(VALUES)),
            np.array(VALUES[FIRST:])[:, None],
            forecasts,
            {},
            {},
        ),
        {name: forecast[..., None] + spread for name, forecast in forecasts.items()},
    )


@pytest.fixture
def figures(backtest: Backtest) -> dict[str, ModelFigures]:
    return {each.model: each for each in measure(backtest)}


def test_the_best_comes_first(backtest: Backtest) -> None:
    assert [each.model for each in measure(backtest)] == ["constant", "naive"]


def test_errors(figures: dict[str, ModelFigures]) -> None:
    # Off by 1, 2, 3, 2, 3 and by 0, 2, 1, 1, 2.
    assert figures["naive"].mae == pytest.approx(11 / 5)
    assert figures["naive"].rmse == pytest.approx(math.sqrt(27 / 5))
    assert figures["constant"].mae == pytest.approx(6 / 5)
    assert figures["constant"].relative == pytest.approx(6 / 11)
    assert figures["constant"].mae_by_step == pytest.approx((6 / 5,))


def test_errors_are_scaled_by_what_comes_before_the_first_origin(
    figures: dict[str, ModelFigures],
) -> None:
    # The last value was off by 2, 1, 2 there.
    assert figures["naive"].mase == pytest.approx((11 / 5) / (5 / 3))
    assert figures["naive"].rmsse == pytest.approx(math.sqrt(27 / 5) / math.sqrt(3))


def test_the_comparison_is_that_of_diebold_and_mariano(figures: dict[str, ModelFigures]) -> None:
    # Losses differ by -1, 0, -2, -1, -1: mean -1, variance 0.4; corrected by (5 + 1 - 2) / 5.
    statistic = -1 / math.sqrt(0.4 / 5) * math.sqrt(0.8)
    assert figures["constant"].statistic == pytest.approx(statistic)
    assert figures["constant"].p_value == pytest.approx(2 * stats.t.sf(-statistic, 4))
    assert figures["naive"].p_value == 1


def test_intervals(figures: dict[str, ModelFigures]) -> None:
    narrow, wide = figures["constant"].intervals
    # 14, 12, 15, 13, 16 in 13 to 15, and in 12 to 16.
    assert (narrow.level, narrow.coverage, narrow.width) == (80, 3 / 5, 2)
    assert (wide.level, wide.coverage, wide.width) == (95, 1, 4)


def test_tables_say_what_is_significant(
    backtest: Backtest, figures: dict[str, ModelFigures]
) -> None:
    ordered = measure(backtest)
    assert verdict(figures["constant"]) == "significantly better"
    assert verdict(figures["naive"]) == "no significant difference"
    row = comparison_table(ordered, backtest.reference).rows[0]
    assert row == ("constant", "-3.16", "0.0341", "significantly better")
    assert error_table(ordered).rows[0][:2] == ("constant", "1.2")
    assert interval_table(ordered).rows[0][:3] == ("constant", "60.0 %", "2")
