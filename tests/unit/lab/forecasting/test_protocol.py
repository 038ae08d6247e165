"""Where the origins of a backtest lie, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lintel.edge.tasks.forecast import RegularSeries
from lintel.lab.errors import LabError
from lintel.lab.forecasting.protocol import (
    Protocol,
    check_protocol,
    describe_protocol,
    windows_of_last,
    with_calibration,
)

MakeSeries = Callable[..., RegularSeries]


def test_the_ends_of_intervals_are_quantiles() -> None:
    protocol = Protocol(horizon=1, windows=5, levels=(80, 95))
    assert protocol.quantile_levels == (0.025, 0.1, 0.9, 0.975)


def test_the_last_window_ends_with_the_series() -> None:
    protocol = Protocol(horizon=3, windows=5, stride=2)
    first = protocol.first_origin(20)
    assert first == 9
    assert protocol.test_plan.origins(20).tolist() == [9, 11, 13, 15, 17]


def test_the_last_values_are_counted_and_not_the_steps(make_series: MakeSeries) -> None:
    values = np.arange(30.0)
    values[[25, 27]] = np.nan
    series = make_series(values)
    # The last five values are those of the steps 23, 24, 26, 28 and 29.
    assert windows_of_last(series, 5, horizon=1, stride=1) == 7
    assert windows_of_last(series, 5, horizon=3, stride=2) == 3


def test_more_values_than_there_are_are_refused(make_series: MakeSeries) -> None:
    with pytest.raises(LabError, match="has 9 values: --last must be at least 1, and less"):
        windows_of_last(make_series(np.arange(9.0)), 9, horizon=1, stride=1)


def test_a_part_shorter_than_the_horizon_is_refused(make_series: MakeSeries) -> None:
    with pytest.raises(LabError, match="span 4 steps, less than the horizon of 5"):
        windows_of_last(make_series(np.arange(9.0)), 4, horizon=5, stride=1)


@pytest.mark.parametrize("windows", [2, 3, 4])
def test_a_few_windows_are_refused_as_they_say_nothing(days: RegularSeries, windows: int) -> None:
    with pytest.raises(LabError, match=f"There are {windows} windows: give 5 or more"):
        check_protocol(Protocol(horizon=1, windows=windows), days)


@pytest.mark.parametrize("windows", [1, 5])
def test_one_origin_is_allowed_and_so_are_five(days: RegularSeries, windows: int) -> None:
    check_protocol(Protocol(horizon=1, windows=windows), days)


def test_windows_without_a_history_are_refused(days: RegularSeries) -> None:
    with pytest.raises(LabError, match="720 steps of the series"):
        check_protocol(Protocol(horizon=24, windows=720), days)


def test_calibration_takes_half_of_what_comes_before() -> None:
    protocol = with_calibration(Protocol(horizon=1, windows=100), 300, None)
    # 200 steps come before, of which 2 must be left.
    assert protocol.calibration == 99


def test_calibration_leaves_room_for_what_has_not_come_to_pass() -> None:
    protocol = with_calibration(Protocol(horizon=24, windows=5), 100_000, None)
    assert protocol.calibration == 500 + 23


def test_more_calibration_than_fits_is_refused() -> None:
    with pytest.raises(LabError, match="room for 198 windows of calibration, not 199"):
        with_calibration(Protocol(horizon=1, windows=100), 300, 199)


def test_a_protocol_tells_what_it_is(days: RegularSeries) -> None:
    told = describe_protocol(Protocol(24, 6, stride=24, refit_every=3, calibration=9), days)
    assert told.startswith("716 values on 720 steps from 1970-01-01 00:00:00")
    assert "6 windows of 24 steps, the first from 1970-01-25 00:00:00 on, 24 steps apart" in told
    assert "anew after every 3 windows" in told


def test_a_single_window_is_told_as_one(days: RegularSeries) -> None:
    told = describe_protocol(Protocol(1, 1), days)
    assert "One window of 1 step, from 1970-01-30 23:00:00 on." in told
    assert "fitted once" in told
