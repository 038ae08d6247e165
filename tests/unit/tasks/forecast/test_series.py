"""Points that are no series are refused by index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forecast_fixtures import MakeRegular

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast import TimeSeries
from lintel.edge.tasks.forecast.series import fill_gaps


def series(times: list[int], values: list[float]) -> TimeSeries:
    return TimeSeries(np.array(times, np.int64), np.array(values, np.float64))


@pytest.mark.parametrize(
    ("times", "values", "field"),
    [
        ([0, 1, 2], [1, 2], "values"),
        ([], [], "values"),
        ([5], [1], "values"),
        ([0, 10, 5], [1, 2, 3], "timestamps_us[2]"),
        ([0, 10, 10], [1, 2, 3], "timestamps_us[2]"),
        ([0, 10, 20], [1, np.nan, 3], "values[1]"),
        ([0, 10, 20], [1, 2, -np.inf], "values[2]"),
        ([-(2**62), 0], [1, 2], "timestamps_us[0]"),
        ([0, 2**62], [1, 2], "timestamps_us[1]"),
    ],
)
def test_the_first_point_at_fault_is_named(
    times: list[int], values: list[float], field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        series(times, values)
    assert refused.value.field == field


def test_a_duplicate_is_told_from_a_step_back() -> None:
    with pytest.raises(InvalidArgumentError, match="timestamp 1 is the same"):
        series([7, 7], [1, 2])
    with pytest.raises(InvalidArgumentError, match="timestamp 1 is earlier"):
        series([7, 6], [1, 2])


def test_a_gap_takes_the_value_of_the_season_before() -> None:
    values = np.array([1, 2, 3, 4, 5, np.nan, 7, np.nan, np.nan, 10])
    assert fill_gaps(values, 3).tolist() == [1, 2, 3, 4, 5, 3, 7, 5, 3, 10]


def test_a_gap_in_the_first_season_takes_the_value_before() -> None:
    assert fill_gaps(np.array([4, np.nan, np.nan, 1]), 3).tolist() == [4, 4, 4, 1]


@given(
    st.lists(st.floats(-10, 10) | st.just(np.nan), min_size=1, max_size=30),
    st.integers(1, 7),
    st.integers(1, 29),
)
def test_filling_looks_at_nothing_later(rest: list[float], season_length: int, known: int) -> None:
    values = np.array([1.0, *rest])
    filled = fill_gaps(values, season_length)
    assert np.isfinite(filled).all()
    assert np.array_equal(fill_gaps(values[:known], season_length), filled[:known])


def test_counts_are_whole_and_not_negative(make_regular: MakeRegular) -> None:
    assert make_regular([0, 3, np.nan, 2]).is_counts
    assert not make_regular([0, 3, 2.5]).is_counts
    assert not make_regular([0, -1, 2]).is_counts
