"""The models of a backtest, by name."""

from __future__ import annotations

from collections.abc import Sequence

from lintel.edge.tasks.forecast import Forecaster
from lintel.edge.tasks.forecast.combination import Combination
from lintel.edge.tasks.forecast.engine import default_forecasters
from lintel.edge.tasks.forecast.windows import WindowForecaster
from lintel.lab.errors import LabError
from lintel.lab.evaluation import find_package
from lintel.lab.evaluation.detector import open_model

NAIVE = ("naive", "seasonal-naive")
TOGETHER = "+"


def make_forecasters(names: Sequence[str], season_length: int) -> tuple[Forecaster, ...]:
    """Makes models by name; the naive ones are always among them, and first.

    Args:
        names: Those of the device's own models; a model package that forecasts, as
            `lintel.lab.evaluation.find_package` takes it; or several of these with "+" between:
            their median. Empty: the device's own.
        season_length: Of the series; 1: none, and nothing seasonal is made unless named.

    Raises:
        LabError: There is none of that name.
        LintelError: A package is broken, or this machine cannot run it.
    """
    own = {each.name: each for each in default_forecasters()}
    naive = NAIVE if season_length > 1 else NAIVE[:1]
    wanted = names or [name for name in own if name not in NAIVE]
    return tuple(_make(name, own) for name in dict.fromkeys((*naive, *wanted)))


def _make(name: str, own: dict[str, Forecaster]) -> Forecaster:
    if name in own:
        return own[name]
    if TOGETHER in name:
        return Combination.of(*(_make(part, own) for part in name.split(TOGETHER)))
    try:
        package, variant = find_package(name)
    except LabError as error:
        known = ", ".join(own)
        raise LabError(f"There is no model {name}: choose among {known}, or a package.") from error
    return WindowForecaster.from_package(package, open_model(package, variant).pool)
