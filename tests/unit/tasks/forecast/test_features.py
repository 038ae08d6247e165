"""What trees see: nothing of what is to come, and the same at any level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.forecast_fixtures import Floats, MakeRegular

from lintel.edge.tasks.forecast.features import FeatureMaker, History, Rows

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.poisson(20, 600).astype(np.float64)
VALUES[RANDOM.integers(24, 600, 20)] = np.nan


@pytest.fixture(scope="module")
def maker(make_regular: MakeRegular) -> FeatureMaker:
    return FeatureMaker.for_series(make_regular(VALUES), 0)


def rows(maker: FeatureMaker, values: Floats, origins: list[int], steps: list[int]) -> Rows:
    where = np.array(origins) + np.array(steps) - 1
    beside = maker.calendar_features(where)
    return maker.rows(History(values, 0), np.array(origins), np.array(steps), beside)


def test_every_feature_has_its_own_name(maker: FeatureMaker) -> None:
    made = rows(maker, VALUES, [400], [1])
    assert made.features.shape == (1, len(maker.names))
    assert len(set(maker.names)) == len(maker.names)


def test_features_are_what_their_names_say(maker: FeatureMaker) -> None:
    values = np.arange(600.0)
    made = rows(maker, values, [400], [3])
    named = dict(zip(maker.names, made.features[0].tolist(), strict=True))
    level, scale = made.level[0], made.scale[0]
    assert level == pytest.approx(values[232:400].mean())
    seen = {name: value * scale + level for name, value in named.items()}
    # Step 402 is forecast at 400.
    assert named["step"] == 3
    assert seen["value 1 before"] == pytest.approx(399)
    assert named["last difference"] * scale == pytest.approx(1, rel=1e-3)
    assert seen["mean of 3"] == pytest.approx(398)
    assert seen["1 x 24 before"] == pytest.approx(402 - 24)
    assert seen["2 x 168 before"] == pytest.approx(402 - 336)
    assert seen["24 + 1 before"] == pytest.approx(402 - 25)
    assert seen["24 - 1 before"] == pytest.approx(402 - 23)
    assert seen["mean at 24"] == pytest.approx(402 - 60)
    # Of a line every value is 60 above the mean of the four a day apart before it.
    assert named["deviation 1 at 24"] * scale == pytest.approx(60, rel=1e-3)
    assert seen["carried at 24"] == pytest.approx(402, rel=1e-3)
    assert named["difference to 24 before"] * scale == pytest.approx(24, rel=1e-3)
    # A Saturday: 6, 7, 13 and 14 days before were of weekends too, and others before the series.
    assert seen["mean of like days"] == pytest.approx(402 - 10 * 24)
    assert named["hour"] == pytest.approx(402 % 24 / 24)
    # Step 0 of the calendar is the first hour of 1970, on a Thursday.
    assert named["weekday"] == (402 // 24 + 3) % 7


def test_beyond_a_season_older_ones_are_looked_at(maker: FeatureMaker) -> None:
    made = rows(maker, np.arange(600.0), [400], [30])
    named = dict(zip(maker.names, made.features[0].tolist(), strict=True))
    assert named["1 x 24 before"] * made.scale[0] + made.level[0] == pytest.approx(429 - 48)
    assert named["24 - 1 before"] * made.scale[0] + made.level[0] == pytest.approx(429 - 47)


def test_working_days_are_like_the_ten_before_them_that_are_known(maker: FeatureMaker) -> None:
    monday, tuesday = 18 * 24 + 18, 19 * 24 + 18
    made = rows(maker, np.arange(600.0), [400, 400], [monday - 399, tuesday - 399])
    seen = made.features[:, maker.names.index("mean of like days")] * made.scale + made.level
    assert seen[0] == pytest.approx(monday - 24 * np.mean([3, 4, 5, 6, 7, 10, 11, 12, 13, 14]))
    # The Monday before it is still to come.
    assert seen[1] == pytest.approx(tuesday - 24 * np.mean([4, 5, 6, 7, 8, 11, 12, 13, 14]))


def test_days_and_series_without_a_day_have_no_like_days(make_regular: MakeRegular) -> None:
    maker = FeatureMaker.for_series(make_regular(VALUES, season_length=168), 0)
    assert "mean of like days" not in maker.names


@given(st.integers(1, 499), st.integers(1, 400), st.sampled_from([np.nan, 1e12, -1e12]))
def test_nothing_at_or_after_the_origin_is_seen(
    make_regular: MakeRegular, origin: int, step: int, poison: float
) -> None:
    maker = FeatureMaker.for_series(make_regular(VALUES), 0)
    poisoned = VALUES.copy()
    poisoned[origin:] = poison
    for one, other in zip(
        rows(maker, VALUES, [origin], [step]), rows(maker, poisoned, [origin], [step]), strict=True
    ):
        assert np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("length", [100, 460, 600])
def test_what_lies_before_the_look_back_makes_no_difference(
    make_regular: MakeRegular, length: int
) -> None:
    series = make_regular(np.random.default_rng(0).normal(size=length))
    maker = FeatureMaker.for_series(series, 0)
    whole = History(series.values, 0)
    newest = History(series.values[-maker.lookback :], 0)
    for step in (1, 5, 24):
        beside = maker.calendar_features(np.array([series.first + length + step - 1]))
        one, other = (
            maker.rows(known, np.array([known.length]), np.array([step]), beside)
            for known in (whole, newest)
        )
        np.testing.assert_allclose(one.features, other.features, rtol=1e-5, atol=1e-6)


def test_a_series_twice_as_high_looks_the_same(make_regular: MakeRegular) -> None:
    one, two = (FeatureMaker.for_series(make_regular(each), 0) for each in (VALUES, 2 * VALUES))
    first, second = rows(one, VALUES, [400], [5]), rows(two, 2 * VALUES, [400], [5])
    np.testing.assert_allclose(first.features, second.features, rtol=1e-5)
    np.testing.assert_allclose(2 * first.scale, second.scale)


def test_a_history_that_grows_is_the_same_as_one_that_has(maker: FeatureMaker) -> None:
    growing = History(VALUES[:450], 150)
    filled = np.where(np.isnan(VALUES), 7.0, VALUES)
    for value in filled[450:]:
        growing.append(float(value))
    whole = History(np.concatenate([VALUES[:450], filled[450:]]), 0)
    where, steps = np.array([600]), np.array([1])
    beside = maker.calendar_features(where)
    one, other = (
        each.features
        for each in (
            maker.rows(growing, where, steps, beside),
            maker.rows(whole, where, steps, beside),
        )
    )
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_seasons_that_are_looked_at(make_regular: MakeRegular) -> None:
    assert FeatureMaker.for_series(make_regular(VALUES[:500]), 0).periods == (24,)
    assert FeatureMaker.for_series(make_regular(VALUES), 0).periods == (24, 168)
    assert FeatureMaker.for_series(make_regular(VALUES[:40]), 0).periods == ()
