"""What trees go by: the gain of each feature, and what shuffling it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lintel.edge.tasks.forecast import RegularSeries
from lintel.edge.tasks.forecast.trees import FittedTrees
from lintel.lab.forecasting.metrics import Floats

REPEATS = 5
# Shuffling is done on so many examples, evenly spread: more of them say the same.
MOST_EXAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Importance:
    """How much trees go by a feature.

    Attributes:
        feature: Its name.
        gain: Its share of what all splits have gained, where the trees were fitted.
        permutation: By what share the mean absolute error rises where the feature's values are
            shuffled among examples that the trees were not fitted to. L. Breiman, Random Forests,
            2001.
    """

    feature: str
    gain: float
    permutation: float


def measure_importances(
    fitted: FittedTrees,
    series: RegularSeries,
    regressors: Floats,
    start: int,
    names: Sequence[str] = (),
) -> tuple[Importance, ...]:
    """Measures the importances of all features.

    Args:
        fitted: Trees, fitted to steps before `start`.
        series: The whole series.
        regressors: float64 (len(series), R).
        start: First step whose examples are shuffled.
        names: R names of the regressors.

    Returns:
        One a feature, the one with the most gain first; none where no example is unseen.
    """
    from sklearn.inspection import permutation_importance  # noqa: PLC0415 -- slow to import

    examples = fitted.examples(series, regressors)
    unseen = np.flatnonzero(examples.indices >= start)
    if not len(unseen):
        return ()
    chosen = unseen[:: max(1, len(unseen) // MOST_EXAMPLES)]
    features = examples.rows.features[chosen]
    targets = examples.targets(fitted.base)[chosen]
    trees = _Estimator(fitted)
    error = -trees.score(features, targets)
    added = permutation_importance(
        trees,
        features,
        targets,
        scoring=_Estimator.score,
        n_repeats=REPEATS,
        random_state=0,
    ).importances_mean
    gains = fitted.gains()
    # Regressors are the last.
    named = [*list(gains)[: len(gains) - len(names)], *names]
    return tuple(
        sorted(
            (
                Importance(name, gain, float(cost) / (error or 1.0))
                for name, gain, cost in zip(named, gains.values(), added, strict=True)
            ),
            key=lambda each: -each.gain,
        )
    )


class _Estimator:
    """Trees, as scikit-learn takes an estimator; it fits nothing."""

    def __init__(self, fitted: FittedTrees) -> None:
        self._booster = fitted.booster

    def fit(self, _features: Any, _targets: Any) -> _Estimator:
        return self

    def predict(self, features: Any) -> Floats:
        return np.asarray(self._booster.inplace_predict(features), np.float64)

    def score(self, features: Any, targets: Any) -> float:
        """Returns the negative mean absolute error."""
        return -float(np.abs(self.predict(features) - targets).mean())
