"""What may be asked of a forecast."""

from __future__ import annotations

import numpy as np

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tasks.forecast.results import ForecastOptions, Regressor
from lintel.edge.tasks.forecast.series import check_finite

MAXIMUM_POINTS = 100_000
MAXIMUM_HORIZON = 1_000
MAXIMUM_LEVELS = 32
MAXIMUM_REGRESSORS = 32


def check_points(points: int) -> None:
    """Checks how many points a history has.

    Raises:
        InvalidArgumentError: They are too many.
    """
    if points > MAXIMUM_POINTS:
        raise InvalidArgumentError(
            f"The history has {points} points; the limit is {MAXIMUM_POINTS}.",
            field="history.values",
        )


def check_options(options: ForecastOptions, points: int, steps: int) -> None:
    """Checks what is asked of a forecast against the history.

    Args:
        options: What is asked.
        points: Of the history.
        steps: That it spans, those without a value among them.

    Raises:
        InvalidArgumentError: A rule is broken; `field` is the path of the field of a
            ForecastRequest.
    """
    if not 1 <= options.horizon <= MAXIMUM_HORIZON:
        raise InvalidArgumentError(
            f"A forecast has 1 to {MAXIMUM_HORIZON} steps, not {options.horizon}.", field="horizon"
        )
    if options.horizon > steps:
        raise InvalidArgumentError(
            f"The horizon of {options.horizon} steps is longer than the history, which spans "
            f"{steps}.",
            field="horizon",
        )
    _check_levels(options.quantile_levels)
    if len(options.regressors) > MAXIMUM_REGRESSORS:
        raise InvalidArgumentError(
            f"There are {len(options.regressors)} regressors; the limit is {MAXIMUM_REGRESSORS}.",
            field="regressors",
        )
    names: set[str] = set()
    for index, regressor in enumerate(options.regressors):
        try:
            _check_regressor(regressor, names, points, options.horizon)
        except InvalidArgumentError as error:
            raise error.at(f"regressors[{index}]") from None
        names.add(regressor.name)


def _check_levels(levels: tuple[float, ...]) -> None:
    if len(levels) > MAXIMUM_LEVELS:
        raise InvalidArgumentError(
            f"There are {len(levels)} quantile levels; the limit is {MAXIMUM_LEVELS}.",
            field="quantile_levels",
        )
    for index, level in enumerate(levels):
        # What is no number is not between them either.
        if not 0 < level < 1:
            raise InvalidArgumentError(
                f"The quantile level {index} must lie between 0 and 1.",
                field=f"quantile_levels[{index}]",
            )
        if index and level <= levels[index - 1]:
            raise InvalidArgumentError(
                f"The quantile levels must rise: level {index} does not.",
                field=f"quantile_levels[{index}]",
            )


def _check_regressor(regressor: Regressor, names: set[str], points: int, horizon: int) -> None:
    if not regressor.name or regressor.name in names:
        raise InvalidArgumentError(
            "A regressor must have a name of its own: this one has none, or another's.",
            field="name",
        )
    wanted = (
        ("history_values", regressor.history_values, points, "point of the history"),
        ("future_values", regressor.future_values, horizon, "step of the forecast"),
    )
    for field, values, count, what in wanted:
        if np.shape(values) != (count,):
            raise InvalidArgumentError(
                f"A regressor must have one value for every {what}: {count}, not {len(values)}.",
                field=field,
            )
        check_finite(values, field, "value")
