"""The median of several forecasts."""

from __future__ import annotations

import numpy as np
from tests.forecast_fixtures import MakeRegular

from lintel.edge.tasks.forecast import Combination, Drift, Naive, SeasonalNaive

NONE = np.empty((0, 0))


def test_it_is_the_median_step_by_step(make_regular: MakeRegular) -> None:
    series = make_regular([1.0, 5.0, 2.0, 4.0], season_length=2)
    members = (Naive(), Drift(), SeasonalNaive())
    forecasts = [each.fit(series, 3, NONE).predict(series, 3, NONE) for each in members]
    combined = Combination(members).fit(series, 3, NONE).predict(series, 3, NONE)
    assert combined.tolist() == np.median(forecasts, axis=0).tolist() == [4, 4, 4]


def test_it_needs_what_its_most_demanding_member_needs(make_regular: MakeRegular) -> None:
    series = make_regular(np.arange(30.0), season_length=7)
    assert Combination((Naive(), SeasonalNaive())).shortest(series, 1) == 14
