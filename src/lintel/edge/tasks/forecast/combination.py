"""The median of several forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lintel.edge.tasks.forecast.forecaster import FittedForecaster, Forecaster
from lintel.edge.tasks.forecast.series import Floats, RegularSeries


@dataclass(frozen=True, slots=True)
class Combination:
    """The median, step by step, of what other models forecast.

    No weights are learnt: simple combinations are hard to beat (R. T. Clemen, Combining forecasts:
    a review and annotated bibliography, 1989; F. Petropoulos and I. Svetunkov, A simple
    combination of univariate models, 2020), and of a median one member that goes astray is left
    out.

    Attributes:
        members: The models, at least one.
        name: What requests and results call it.
    """

    members: tuple[Forecaster, ...]
    name: str = "combination"
    requires: ClassVar[str] = ""

    @classmethod
    def of(cls, *members: Forecaster) -> Combination:
        """Returns one that is called after its members, such as xgboost+forecast-lstm."""
        return cls(members, "+".join(each.name for each in members))

    def shortest(self, series: RegularSeries, horizon: int) -> int:
        """See Forecaster."""
        return max(member.shortest(series, horizon) for member in self.members)

    def fit(self, series: RegularSeries, horizon: int, regressors: Floats) -> FittedForecaster:
        """See Forecaster."""
        return FittedCombination(
            [member.fit(series, horizon, regressors) for member in self.members]
        )


@dataclass(frozen=True, slots=True)
class FittedCombination:
    """The median of what fitted models forecast.

    Attributes:
        members: The models.
    """

    members: Sequence[FittedForecaster]

    def predict(self, history: RegularSeries, horizon: int, regressors: Floats) -> Floats:
        """See FittedForecaster."""
        forecasts = [member.predict(history, horizon, regressors) for member in self.members]
        return median(forecasts)

    def refit(self, series: RegularSeries, regressors: Floats) -> FittedForecaster:
        """See FittedForecaster."""
        return FittedCombination([member.refit(series, regressors) for member in self.members])


def median(forecasts: Sequence[Floats]) -> Floats:
    """Returns the median of forecasts of the same steps.

    Args:
        forecasts: float64 arrays of the same shape.
    """
    return np.asarray(np.median(forecasts, axis=0), np.float64)
